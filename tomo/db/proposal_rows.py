"""A proposal as a row of its table, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import orjson
from sqlalchemy import Row

from tomo.errors import DatabaseError
from tomo.model.finding import Finding, Judgement, Level, Quorum
from tomo.model.proposal import (
    BaseDigests,
    Downtime,
    Exposed,
    Outage,
    Output,
    Proposal,
    ProposalKind,
    Review,
    Transition,
)
from tomo.model.urn import Urn

_AS_THEY_ARE: Final = (
    "id",
    "title",
    "why",
    "assistant",
    "person",
    "account",
    "surface",
    "created",
    "expires",
    "digest",
    "project",
    "stack",
    "stack_id",
    "place",
    "replaces",
    "begun",
    "begun_by",
)


def row_of(proposal: Proposal) -> dict[str, object]:
    """The values of a proposal's row."""
    return {
        **{name: getattr(proposal, name) for name in _AS_THEY_ARE},
        "kind": proposal.kind.value,
        "state": proposal.state.value,
        "change": _text(dict(proposal.change)),
        "base": _text(asdict(proposal.base)),
        "review": _text(asdict(proposal.review)),
        "output": _text(asdict(proposal.output)) if proposal.output else "",
    }


def proposal_of(row: Row[Any], life: Sequence[Transition]) -> Proposal:
    """The proposal of a row; raises DatabaseError for one that no version of Tomo has written."""
    values = row._mapping  # noqa: SLF001  # SQLAlchemy's own, documented name
    try:
        return Proposal(
            **{name: values[name] for name in _AS_THEY_ARE},
            kind=ProposalKind(row.kind),
            change=orjson.loads(row.change),
            base=BaseDigests(**orjson.loads(row.base)),
            review=_review(orjson.loads(row.review)),
            output=Output(**orjson.loads(row.output)) if row.output else None,
            transitions=tuple(life),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DatabaseError(
            f"the proposal `{values['id']}` was changed in the database and can't be read",
            hint="have it proposed anew; `tomo audit list` says who proposed it",
        ) from error


def _text(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def _review(written: Mapping[str, Any]) -> Review:
    judged = written["judgement"]
    findings = tuple(map(_finding, judged["findings"]))
    return Review(
        dict(written["counts"]),
        Judgement(judged["source"], judged["digest"], findings),
        tuple(Exposed(**each) for each in written["exposure"]),
        tuple(Downtime(**{**each, "outage": Outage(each["outage"])}) for each in written["downtime"]),
        tuple(written["data_removed"]),
        tuple(written["new_secrets"]),
        tuple(written["new_hosts"]),
        tuple(written["not_looked"]),
        tuple(written["errors"]),
        tuple(written.get("secret_uses", ())),
    )


def _finding(written: Mapping[str, Any]) -> Finding:
    quorum = Quorum(**written["quorum"]) if written["quorum"] is not None else None
    told = {"level": Level(written["level"]), "resource": Urn(written["resource"]), "quorum": quorum}
    return Finding(**{**written, **told})
