"""How often somebody may fail: by the name that is tried, known or not, and by the address it comes from."""

from __future__ import annotations

from typing import Final

from tomo.errors import TooManyAttempts
from tomo.frozen import frozen
from tomo.model.people import Attempts


@frozen
class Limit:
    """`free` failures cost nothing; then each doubles the wait, from `first` seconds up to `longest`.

    They are forgotten after `forgotten` seconds without one.
    """

    free: int
    first: int
    longest: int
    forgotten: int

    def wait(self, attempts: Attempts, now: int) -> int:
        """The seconds that are left to wait; 0 for none."""
        if attempts.failures < self.free or now - attempts.last >= self.forgotten:
            return 0
        doubled = self.first << min(attempts.failures - self.free, 16)
        return max(0, attempts.last + min(doubled, self.longest) - now)

    def failed(self, attempts: Attempts, now: int) -> Attempts:
        """One failure more."""
        old = now - attempts.last >= self.forgotten
        return Attempts(1 if old else attempts.failures + 1, now)


BY_NAME: Final = Limit(free=5, first=60, longest=3600, forgotten=86_400)
BY_ADDRESS: Final = Limit(free=20, first=60, longest=3600, forgotten=3600)


def require_not_limited(limit: Limit, attempts: Attempts, now: int) -> None:
    """Raises TooManyAttempts with the seconds to wait; says the same of names that don't exist."""
    if seconds := limit.wait(attempts, now):
        raise TooManyAttempts(
            "too many attempts failed", hint=f"try again in {seconds} seconds", seconds=seconds
        )
