"""Which containers a plan interrupts, and what it says of that."""

from __future__ import annotations

from typing import Any

import pytest

from tomo.model.plan import Plan
from tomo.model.resource import ResourceState
from tomo.model.step import Op, Step
from tomo.model.urn import Urn
from tomo.resources import tokens
from tomo.service.interruptions import interruption_notes, interruptions

LABELS = [
    {"label": tokens.PROXY_LABEL, "value": "tomo-proxy"},
    {"label": tokens.UPDATE_LABEL, "value": "start-first"},
]


def container(name: str, **inputs: Any) -> ResourceState:
    urn = Urn.make("home", "tomo", None, tokens.CONTAINER, f"{name}@nas")
    return ResourceState(urn=urn, custom=True, type=urn.type, inputs={"name": name, **inputs})


def replaced(name: str, *, swap: bool = True, **inputs: Any) -> Step:
    old, new = container(name, **inputs), container(name, **inputs)
    return Step(Op.REPLACE, old.urn, old, new, swap=swap)


def plan(*steps: Step) -> Plan:
    return Plan("home", "tomo", steps)


@pytest.mark.parametrize(
    ("inputs", "why"),
    [
        ({}, "is behind no proxy"),
        ({"labels": LABELS[:1]}, "is not said to bear a second one beside it"),
        ({"labels": LABELS, "ports": [{"internal": 80, "external": 8080}]}, "publishes port 8080"),
        ({"labels": LABELS, "volumes": [{"volumeName": "data", "containerPath": "/d"}]}, "writes to `data`"),
    ],
)
def test_one_that_stops_first_is_told_with_the_reason(inputs: dict[str, Any], why: str) -> None:
    [found] = interruptions(plan(replaced("wiki", **inputs)), {})

    assert found.why == why
    assert found.behind_proxy is bool(inputs)


def test_one_that_starts_first_is_not_told() -> None:
    found = interruptions(plan(replaced("wiki", labels=LABELS)), {})

    assert found == []


def test_an_engine_that_does_not_swap_stops_every_one_first() -> None:
    [found] = interruptions(plan(replaced("wiki", labels=LABELS, swap=False)), {})

    assert (found.container, found.why) == ("wiki", "is deleted before it is made anew")


def test_one_that_ends_by_itself_serves_nobody() -> None:
    found = interruptions(plan(replaced("job", mustRun=False)), {})

    assert found == []


def test_of_many_the_first_ones_are_told_and_how_many_more() -> None:
    steps = [replaced(f"app{number}") for number in range(9)]

    told = interruption_notes(plan(*steps), {steps[0].urn: "nas"})

    assert len(told) == 6
    assert told[0] == "`app1` stops before its new container is well: it is behind no proxy"
    assert told[-1] == "so do 4 more containers"
