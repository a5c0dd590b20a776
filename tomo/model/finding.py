"""What policies say about a plan: findings, and who has to agree."""

from __future__ import annotations

from enum import StrEnum

from tomo.frozen import frozen
from tomo.model.urn import Urn


class Level(StrEnum):
    """What follows from a finding; from the mildest to the strictest."""

    OFF = "off"
    WARN = "warn"
    REQUIRE_APPROVAL = "require_approval"
    DENY = "deny"

    @property
    def weight(self) -> int:
        """How strict it is; 0 is the mildest."""
        return list(Level).index(self)


@frozen
class Quorum:
    """Who has to agree: how many people, and of which role; `""` is any that may approve.

    `distinct_person` leaves out the person that the plan is for.
    """

    approvers: int = 1
    role: str = ""
    distinct_person: bool = False

    def __str__(self) -> str:
        people = "1 approval" if self.approvers == 1 else f"{self.approvers} approvals"
        role = f" of the role `{self.role}`" if self.role else ""
        return f"{people}{role}{' by somebody else' if self.distinct_person else ''}"


@frozen
class Finding:
    """One thing that a rule found. `field` is Pulumi's property path, `""` for the resource as a whole.

    `quorum` is who has to agree at the level `require_approval`; `auto_approved` names the class of harmless
    changes that makes it needless.
    """

    level: Level
    rule: str
    resource: Urn
    field: str
    message: str
    hint: str = ""
    host: str = ""
    quorum: Quorum | None = None
    auto_approved: str = ""

    @property
    def awaits_approval(self) -> bool:
        """Whether people have to agree before an apply."""
        return self.level is Level.REQUIRE_APPROVAL and not self.auto_approved


@frozen
class Judgement:
    """What the policies in force say about a plan.

    `source` names their file, `""` for the set that is built in; `digest` is SHA-256 in hex of what they say.
    """

    source: str = ""
    digest: str = ""
    findings: tuple[Finding, ...] = ()

    @property
    def denied(self) -> tuple[Finding, ...]:
        """What stands against an apply, whoever agrees."""
        return tuple(finding for finding in self.findings if finding.level is Level.DENY)

    @property
    def awaiting(self) -> tuple[Finding, ...]:
        """What people have to agree to before an apply."""
        return tuple(finding for finding in self.findings if finding.awaits_approval)
