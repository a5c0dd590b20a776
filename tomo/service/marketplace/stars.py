"""What a rating may be."""

from __future__ import annotations

from typing import Final

from tomo.errors import UsageError
from tomo.spec.shown import CONTROL

MOST_STARS: Final = 5
_LONGEST: Final = 500


def require_rating(stars: int, note: str) -> None:
    """Raises UsageError for stars or words that no rating has."""
    if not 1 <= stars <= MOST_STARS:
        raise UsageError(f"`{stars}` stars can't be given", hint=f"1 to {MOST_STARS}")
    if len(note) > _LONGEST or CONTROL.search(note) or "\n" in note:
        raise UsageError("the note isn't one line of plain text", hint=f"up to {_LONGEST} characters")
