"""A proposed change that waits for a person: what it is, what it would bring, and what became of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeAlias

from tomo.errors import ProposalClosed
from tomo.frozen import frozen
from tomo.model.finding import Finding, Judgement

Json: TypeAlias = object
"""None, bool, int, float, str, list or dict."""


class ProposalState(StrEnum):
    """Where a proposal stands. Only the first two are open."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"
    APPLIED = "applied"
    FAILED = "failed"
    STALE = "stale"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"

    @property
    def is_open(self) -> bool:
        """Whether something can still become of it."""
        return bool(NEXT[self])


class ProposalKind(StrEnum):
    """What a proposal is about."""

    FLEET = "fleet"
    """A fleet file, with the plan that follows from it."""
    COMMAND = "command"
    """One command on one server, once."""
    SETTINGS = "settings"
    """A setting of a stack, or how long the audit record is kept."""
    DATA = "data"
    """Backups of a fleet's apps: one to make, to verify, to put back."""
    CATALOG = "catalog"
    """A repository of catalogs, or what somebody thinks of an app."""
    PEOPLE = "people"
    """Who works with this installation, and in which role."""


_ID: Final = re.compile("p-[a-z0-9]{8}")
_CLOSED: Final[frozenset[ProposalState]] = frozenset()
_ENDS: Final = frozenset(
    {ProposalState.REJECTED, ProposalState.STALE, ProposalState.EXPIRED, ProposalState.SUPERSEDED}
)
NEXT: Final[Mapping[ProposalState, frozenset[ProposalState]]] = MappingProxyType(
    {
        ProposalState.PROPOSED: _ENDS | {ProposalState.APPROVED},
        ProposalState.APPROVED: _ENDS | {ProposalState.APPLIED, ProposalState.FAILED},
        ProposalState.REJECTED: _CLOSED,
        ProposalState.APPLIED: _CLOSED,
        ProposalState.FAILED: _CLOSED,
        ProposalState.STALE: _CLOSED,
        ProposalState.EXPIRED: _CLOSED,
        ProposalState.SUPERSEDED: _CLOSED,
    }
)
"""What may follow each state; everything else is refused."""


_TOLD: Final[Mapping[ProposalState, str]] = MappingProxyType(
    {
        ProposalState.PROPOSED: "is not approved yet",
        ProposalState.APPROVED: "was approved by `{actor}`{note}",
        ProposalState.REJECTED: "was rejected by `{actor}`{note}",
        ProposalState.APPLIED: "was applied by `{actor}`",
        ProposalState.FAILED: "was applied by `{actor}` and failed{note}",
        ProposalState.STALE: "is stale{note}",
        ProposalState.EXPIRED: "has expired",
        ProposalState.SUPERSEDED: "was superseded{note}",
    }
)


@frozen
class Transition:
    """One step of a proposal's life. `time` is seconds since 1970, `actor` who did it, `note` why."""

    state: ProposalState
    time: int
    actor: str
    note: str = ""


@frozen
class BaseDigests:
    """What a proposal starts from; SHA-256 in hex, `""` where there was nothing.

    `fleet` is that of the fleet file, `state` of the state file, `config` of the stack's config file, and
    `after` that of the fleet file as it is proposed. `other` is that of what is changed without a plan.
    """

    fleet: str = ""
    state: str = ""
    config: str = ""
    after: str = ""
    other: str = ""


class Outage(StrEnum):
    """Why a container does not serve."""

    REPLACED = "replaced"
    """Stopped until the new one is well."""
    STOPPED = "stopped"
    """Stays on its host and no longer runs."""
    REMOVED = "removed"
    """Goes for good."""


@frozen(order=True)
class Downtime:
    """A container that will not serve, for a while or for good. `app` is `""` where it is of none."""

    host: str
    app: str
    container: str
    outage: Outage


@frozen(order=True)
class Exposed:
    """A port that becomes reachable; `reach` says from where."""

    host: str
    address: str
    port: int
    protocol: str
    container: str
    reach: str


@frozen
class Review:
    """What a person should know before agreeing.

    `counts` are steps by Pulumi's names for them, `data_removed` the volumes that go with their data.
    `new_hosts` are those that whoever agrees accepts: address, login and host keys; they were not dialled.
    `not_looked` are others that did not answer, each with the reason, `errors` why it can't be applied.
    `secret_uses` are secrets that are set and would go where they did not go before.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    judgement: Judgement = Judgement()
    exposure: tuple[Exposed, ...] = ()
    downtime: tuple[Downtime, ...] = ()
    data_removed: tuple[str, ...] = ()
    new_secrets: tuple[str, ...] = ()
    new_hosts: tuple[str, ...] = ()
    not_looked: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    secret_uses: tuple[str, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the policies found, the strictest first."""
        return self.judgement.findings


@frozen
class Output:
    """What a proposed command left: remote text, capped and with known secrets taken out."""

    exit_code: int
    stdout: str
    stderr: str
    cut: bool = False


@frozen
class Proposal:
    """A proposed change. Times are seconds since 1970.

    `assistant` is the client that made it, `""` for a person's own; `person` is whom it acts for, `account`
    that person's account on the machine. `place` is the fleet file or folder. `change` is the typed change as
    JSON. `digest` names what people agree to: the plan, or the change itself where there is no plan, and
    `stack_id` is what an approval must be for. `begun` is when it began to be applied, 0 before,
    and `begun_by` the process, as JSON.
    """

    id: str
    kind: ProposalKind
    title: str
    why: str
    assistant: str
    person: str
    account: str
    surface: str
    created: int
    expires: int
    change: Mapping[str, Json]
    digest: str
    transitions: tuple[Transition, ...]
    project: str = ""
    stack: str = ""
    stack_id: str = ""
    place: str = ""
    base: BaseDigests = BaseDigests()
    review: Review = Review()
    replaces: str = ""
    begun: int = 0
    begun_by: str = ""
    output: Output | None = None

    @property
    def state(self) -> ProposalState:
        """Where it stands."""
        return self.transitions[-1].state

    @property
    def by_assistant(self) -> bool:
        """Whether an assistant made it."""
        return bool(self.assistant)

    @property
    def object(self) -> str:
        """What it is about, as the audit record names it."""
        return f"{self.project}/{self.stack}" if self.stack else self.kind.value


def is_proposal_id(text: str) -> bool:
    """Whether a text has the form of a proposal's id."""
    return _ID.fullmatch(text) is not None


def require_next(proposal: Proposal, wanted: ProposalState) -> None:
    """Raises ProposalClosed where that state can't follow on the one it has, or it is being applied."""
    if wanted not in NEXT[proposal.state]:
        raise refused_as(proposal, f"it can't become `{wanted}`")
    if proposal.begun and wanted not in {ProposalState.APPLIED, ProposalState.FAILED}:
        raise ProposalClosed(
            f"the proposal `{proposal.id}` is being applied, so it can't become `{wanted}`",
            hint=f"see what becomes of it: `tomo proposals show {proposal.id}`",
        )


def refused_as(proposal: Proposal, what: str) -> ProposalClosed:
    """The refusal of a proposal for the state that it is in."""
    last = proposal.transitions[-1]
    told = _TOLD[last.state].format(actor=last.actor, note=f" ({last.note})" if last.note else "")
    return ProposalClosed(
        f"the proposal `{proposal.id}` {told}, so {what}",
        hint=f"see all of it: `tomo proposals show {proposal.id}`",
    )
