"""Proposals for tests that need some to be there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tomo.model.finding import Finding, Judgement, Level, Quorum
from tomo.model.proposal import (
    BaseDigests,
    Downtime,
    Exposed,
    Outage,
    Proposal,
    ProposalKind,
    ProposalState,
    Review,
    Transition,
)
from tomo.model.urn import Urn

NOW = 1_790_000_000
DAY = 86_400


def proposal(id_: str = "p-abcd1234", **changed: Any) -> Proposal:
    """A proposal with something in every field."""
    finding = Finding(
        Level.REQUIRE_APPROVAL,
        "public-port",
        Urn("urn:pulumi:home::tomo::docker:index/container:Container::web"),
        "ports[0]",
        "`web` is reachable from everywhere",
        quorum=Quorum(2, "admin", distinct_person=True),
    )
    review = Review(
        {"create": 2, "same": 3},
        Judgement("tomo-policy.yaml", "ab" * 32, (finding,)),
        (Exposed("nas", "0.0.0.0", 80, "tcp", "web", "every network of the host"),),
        (Downtime("nas", "web", "web", Outage.REPLACED),),
        ("data of nas",),
        ("web-TOKEN",),
        ("pi root@192.0.2.11:22 SHA256:x",),
        ("attic: it does not answer",),
        ("an error",),
    )
    made = Proposal(
        id_,
        ProposalKind.FLEET,
        "add the app web on nas",
        "somebody asked for it",
        "claude 1.0",
        "kim",
        "kim@desk",
        "mcp",
        NOW,
        NOW + DAY,
        {"kind": "install-app", "servers": ["nas"]},
        "sha256:" + "cd" * 32,
        (Transition(ProposalState.PROPOSED, NOW, "claude 1.0 for kim"),),
        "tomo",
        "home",
        "a-stack",
        "fleet.yaml",
        BaseDigests("1", "2", "3", "4", "5"),
        review,
    )
    return replace(made, **changed)


def step(state: ProposalState, note: str = "") -> Transition:
    """A step of a proposal's life."""
    return Transition(state, NOW + 1, "kim", note)
