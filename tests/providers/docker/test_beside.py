"""A process that ends at any instant while two containers run side by side: one serves, before and after."""

from __future__ import annotations

from typing import Any

import pytest

from tests.providers.docker.test_lost import URN, Doomed, host, provider
from tomo.errors import HostError
from tomo.model.provider import CreateRequest, Former, ReadRequest, RecoverRequest, RecoverStatus, SwapRequest
from tomo.providers.docker import execs
from tomo.resources.swapping import hindrances, starts_first
from tomo.testing.fake_host import FakeHost

__all__ = ["host"]

LABELS = [{"label": "tomo.proxy", "value": "proxy"}, {"label": "tomo.update", "value": "start-first"}]
OLD = {"image": "app:1", "name": "web", "envs": ["A=1"], "labels": LABELS}
NEW = {**OLD, "envs": ["A=2"]}
INSTANTS = range(1, 34)


def interrupted(host: FakeHost, instant: int, *, carried_out: bool) -> tuple[Any, bool]:
    """A replacement during which the connection is lost; the old container and whether it failed."""
    host.docker.run_by_hand("proxy", "app:1")
    old = provider(host).create(CreateRequest(URN, OLD))
    runner = provider(Doomed(host, instant, carried_out=carried_out))
    try:
        runner.swap(SwapRequest(URN, old.id, OLD, old.outputs, NEW))
    except HostError:
        return old, True
    return old, False


def asked(old: Any, *, act: bool, known: tuple[str, ...] = ()) -> RecoverRequest:
    former = Former(old.id, OLD, old.outputs)
    return RecoverRequest(URN, NEW, former, known_ids=frozenset((old.id, *known)), act=act)


@pytest.mark.parametrize("carried_out", [False, True])
@pytest.mark.parametrize("instant", INSTANTS)
def test_one_of_the_two_runs_at_any_instant(host: FakeHost, instant: int, carried_out: bool) -> None:
    interrupted(host, instant, carried_out=carried_out)

    states = [
        host.docker.inspect(name)["State"]["Running"]
        for name in host.docker.container_names
        if name != "proxy"
    ]

    assert any(states)


@pytest.mark.parametrize("carried_out", [False, True])
@pytest.mark.parametrize("instant", INSTANTS)
def test_an_interrupted_replacement_is_ended_or_undone(
    host: FakeHost, instant: int, carried_out: bool
) -> None:
    old, failed = interrupted(host, instant, carried_out=carried_out)
    if not failed:
        return
    again = provider(host)
    writes = len(host.docker.writes)
    foreseen = again.recover(asked(old, act=False))
    assert len(host.docker.writes) == writes

    found = again.recover(asked(old, act=True))

    assert found.status == foreseen.status
    assert host.docker.container_names == ["proxy", "web"]
    serving = host.docker.inspect("web")
    assert serving["State"]["Running"]
    assert serving["Id"] == (found.id if found.status is RecoverStatus.MADE else old.id)
    assert again.recover(asked(old, act=True, known=(found.id,))).status is RecoverStatus.NOTHING


@pytest.mark.parametrize("carried_out", [False, True])
@pytest.mark.parametrize("instant", INSTANTS)
def test_the_same_replacement_can_be_finished(host: FakeHost, instant: int, carried_out: bool) -> None:
    old, failed = interrupted(host, instant, carried_out=carried_out)
    if not failed:
        return
    again = provider(host)

    seen = again.read([ReadRequest(URN, old.id, OLD, old.outputs)])[0]
    swapped = again.swap(SwapRequest(URN, seen.id, seen.inputs, seen.outputs, NEW))

    assert host.docker.container_names == ["proxy", "web"]
    assert host.docker.inspect("web")["State"]["Running"]
    assert again.read([ReadRequest(URN, swapped.id, NEW, swapped.outputs)])[0].drift == ()


def test_every_instant_was_tried(host: FakeHost) -> None:
    _, failed = interrupted(host, max(INSTANTS), carried_out=False)

    assert not failed


# --- deciding ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("added", "why"),
    [
        ({"ports": [{"internal": 80, "external": 8080}]}, "publishes port 8080"),
        ({"volumes": [{"containerPath": "/data", "volumeName": "data"}]}, "writes to `data`"),
        ({"volumes": [{"containerPath": "/data", "hostPath": "/srv"}]}, "writes to `/srv`"),
        ({"mounts": [{"target": "/f", "type": "bind", "source": "/srv/f"}]}, "writes to `/srv/f`"),
    ],
)
def test_what_two_can_not_both_have_means_to_stop_first(added: dict[str, Any], why: str) -> None:
    with_it = {**NEW, **added}

    assert list(hindrances(with_it)) == [why]
    assert not starts_first(OLD, with_it)
    assert not starts_first(with_it, NEW)


@pytest.mark.parametrize(
    "added",
    [
        {"ports": [{"internal": 80}]},
        {"volumes": [{"containerPath": "/data", "volumeName": "data", "readOnly": True}]},
        {"mounts": [{"target": "/tmp", "type": "tmpfs"}]},
    ],
)
def test_what_two_can_both_have_is_no_hindrance(added: dict[str, Any]) -> None:
    assert starts_first({**OLD, **added}, {**NEW, **added})


@pytest.mark.parametrize("missing", [0, 1])
def test_it_takes_a_proxy_and_an_app_that_says_so(missing: int) -> None:
    labels = [LABELS[1 - missing]]

    assert not starts_first({**OLD, "labels": labels}, NEW)


def test_addresses_are_compared_as_the_kernel_writes_them() -> None:
    assert execs.kernel_form("172.18.0.3") == "030012AC"
    assert execs.kernel_form("fd00::1") == "000000FD000000000000000001000000"
