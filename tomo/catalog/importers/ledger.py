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

    def mapping(self, line: str) -> None:
        """Something became something else."""
        _once(self.mapped, line)

    def generating(self, line: str) -> None:
        """A secret is made in place of what stood there."""
        _once(self.generated, line)

    def dropping(self, line: str) -> None:
        """Something has no place and was left out."""
        _once(self.dropped, line)

    def person(self, line: str) -> None:
        """Something that a person has to look at or do."""
        _once(self.needs_person, line)


def _once(lines: list[str], line: str) -> None:
    if line not in lines:
        lines.append(line)
