"""What became of one app of another catalog, as told to the person who imports it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Ledger:
    """What was mapped, generated and dropped, and what needs a grant or a person; each line once."""

    mapped: list[str] = field(default_factory=list)
    generated: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    needs_grant: list[str] = field(default_factory=list)
    needs_person: list[str] = field(default_factory=list)
    _told: set[tuple[str, str]] = field(default_factory=set, repr=False)

    def mapping(self, line: str) -> None:
        """Something became something else."""
        self._once("mapped", self.mapped, line)

    def generating(self, line: str) -> None:
        """A secret is made in place of what stood there."""
        self._once("generated", self.generated, line)

    def dropping(self, line: str) -> None:
        """Something has no place and was left out."""
        self._once("dropped", self.dropped, line)

    def person(self, line: str) -> None:
        """Something that a person has to look at or do."""
        self._once("needs_person", self.needs_person, line)

    def _once(self, kind: str, lines: list[str], line: str) -> None:
        if (kind, line) not in self._told:
            self._told.add((kind, line))
            lines.append(line)
