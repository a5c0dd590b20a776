"""What a plan opens: ports, and names that a proxy serves."""

from __future__ import annotations

import json

import pytest

from tomo.model.plan import Plan
from tomo.model.resource import ResourceState
from tomo.model.step import Op, Step
from tomo.model.urn import Urn
from tomo.resources import tokens
from tomo.service.exposure import newly_open

PROXY = Urn.make("home", "tomo", None, tokens.APP, "tomo-proxy@nas")
OTHER = Urn.make("home", "tomo", None, tokens.APP, "wiki@nas")


def reload(names: dict[str, str], *, parent: Urn = PROXY, reach: str = "0.0.0.0") -> ResourceState:
    routes = [
        {"name": name, "app": "wiki", "container": "wiki", "url": url, "reach": reach}
        for name, url in names.items()
    ]
    urn = Urn.make("home", "tomo", parent, tokens.REMOTE_COMMAND, "tomo-proxy-reload@nas")
    environment = {tokens.ROUTES_VARIABLE: json.dumps(routes)}
    return ResourceState(
        urn=urn, custom=True, type=urn.type, parent=parent, inputs={"environment": environment}
    )


def opened(before: ResourceState | None, after: ResourceState) -> list[tuple[str, int, str, str]]:
    step = Step(Op.UPDATE if before else Op.CREATE, after.urn, before, after)
    found = newly_open(Plan("home", "tomo", (step,)), {})
    assert {each.host for each in found} <= {"nas"}
    return [(each.address, each.port, each.protocol, each.reach) for each in found]


@pytest.mark.parametrize(
    ("reach", "told"),
    [
        ("0.0.0.0", "every network of the host"),
        ("127.0.0.1", "the host itself"),
        ("192.168.1.2", "the network of 192.168.1.2"),
    ],
)
def test_a_name_is_told_with_its_reach(reach: str, told: str) -> None:
    found = opened(None, reload({"a.org": "https://a.org"}, reach=reach))

    assert found == [("a.org", 443, "https", told)]


def test_only_names_that_were_not_served_before_are_told() -> None:
    before = reload({"a.org": "https://a.org:8443"})
    after = reload({"a.org": "https://a.org:8443", "b.org": "http://b.org"})

    found = opened(before, after)

    assert found == [("b.org", 80, "http", "every network of the host")]


def test_a_command_of_somebody_else_opens_nothing() -> None:
    found = opened(None, reload({"a.org": "https://a.org"}, parent=OTHER))

    assert found == []
