"""Which of a stack's resources a command is about."""

from __future__ import annotations

from tomo.frozen import frozen


@frozen
class Selection:
    """What a person named; nothing named means everything.

    Each is a URN, or a pattern in which `*` stands for anything but a `:` and `**` for anything at all.
    Targets and excludes don't go together.
    """

    targets: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    target_dependents: bool = False
    exclude_dependents: bool = False

    @property
    def is_partial(self) -> bool:
        """Whether it leaves anything out."""
        return bool(self.targets or self.excludes)
