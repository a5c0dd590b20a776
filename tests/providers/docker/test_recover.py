"""A process that ends at any instant of a creation: what it made is found again by its name, or undone."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from tests.providers.docker.test_lost import INSTANTS, NEW, OLD, URN, Doomed, host, interrupted, provider
from tomo.errors import HostError, HostUnreachable
from tomo.model.provider import CreateRequest, Former, RecoverRequest, RecoverStatus, SwapRequest
from tomo.model.urn import Urn
from tomo.providers.docker.container import parked_name
from tomo.testing.fake_host import FakeHost

__all__ = ["host"]

NETWORK = Urn.make("dev", "p", None, "docker:index/network:Network", "net")
VOLUME = Urn.make("dev", "p", None, "docker:index/volume:Volume", "data")
IMAGE = Urn.make("dev", "p", None, "docker:index/remoteImage:RemoteImage", "image")


def running(host: FakeHost, name: str) -> str:
    found = host.docker.inspect(name)
    assert found["State"]["Running"]
    return str(found["Id"])


def asked(old: Any, *, act: bool, known: tuple[str, ...] = ()) -> RecoverRequest:
    former = Former(old.id, OLD, old.outputs)
    return RecoverRequest(URN, NEW, former, known_ids=frozenset((old.id, *known)), act=act)


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
    assert host.docker.container_names == ["web"]
    if found.status is RecoverStatus.MADE:
        assert found.former_gone
        assert running(host, "web") == found.id != old.id
    else:
        now = again.read([_read(old)])[0]
        assert now.id == old.id
        assert host.docker.inspect("web")["Id"] == old.id
    assert again.recover(asked(old, act=True, known=(found.id,))).status is RecoverStatus.NOTHING


def _read(old: Any) -> Any:
    from tomo.model.provider import ReadRequest

    return ReadRequest(URN, old.id, OLD, old.outputs)


@pytest.mark.parametrize("carried_out", [False, True])
@pytest.mark.parametrize("instant", INSTANTS)
def test_an_interrupted_creation_is_found_or_undone_and_can_be_repeated(
    host: FakeHost, instant: int, carried_out: bool
) -> None:
    with suppress(HostError):
        provider(Doomed(host, instant, carried_out=carried_out)).create(CreateRequest(URN, OLD))
    again = provider(host)

    found = again.recover(RecoverRequest(URN, OLD, act=True))

    if found.status is RecoverStatus.MADE:
        assert running(host, "web") == found.id
        assert found.outputs["id"] == found.id
    else:
        assert host.docker.container_names == []
        again.create(CreateRequest(URN, OLD))
        assert running(host, "web")


def test_the_parked_name_is_that_of_the_swap(host: FakeHost) -> None:
    old = provider(host).create(CreateRequest(URN, OLD))
    request = SwapRequest(URN, old.id, OLD, old.outputs, NEW)

    assert provider(host).parked_as(request) == parked_name("web", old.id)


def test_another_container_of_the_name_is_left_alone(host: FakeHost) -> None:
    theirs = host.docker.run_by_hand("web", "app:1", Env=["B=1"])

    found = provider(host).recover(RecoverRequest(URN, OLD, act=True))

    assert found.status is RecoverStatus.NOTHING
    assert "left alone" in found.told
    assert running(host, "web") == theirs


def test_a_container_of_another_resource_is_not_taken(host: FakeHost) -> None:
    other = provider(host).create(CreateRequest(URN, OLD))

    found = provider(host).recover(RecoverRequest(URN, OLD, known_ids=frozenset({other.id}), act=True))

    assert found.status is RecoverStatus.NOTHING
    assert running(host, "web") == other.id


@pytest.mark.parametrize(
    ("urn", "inputs", "others"),
    [
        (
            NETWORK,
            {"name": "net", "ipamDriver": "default"},
            {"name": "net", "ipamDriver": "default", "internal": True},
        ),
        (VOLUME, {"name": "data"}, {"name": "data", "driverOpts": {"type": "tmpfs"}}),
    ],
)
def test_networks_and_volumes_are_found_where_they_are_as_intended(
    host: FakeHost, urn: Urn, inputs: dict[str, Any], others: dict[str, Any]
) -> None:
    runner = provider(host)
    before = runner.recover(RecoverRequest(urn, inputs, act=True))
    made = runner.create(CreateRequest(urn, inputs))

    found = runner.recover(RecoverRequest(urn, inputs, act=True))
    different = runner.recover(RecoverRequest(urn, others, act=True))
    known = runner.recover(RecoverRequest(urn, inputs, known_ids=frozenset({made.id}), act=True))

    assert before.status is RecoverStatus.NOTHING
    assert (found.status, found.id, found.outputs) == (RecoverStatus.MADE, made.id, made.outputs)
    assert different.status is known.status is RecoverStatus.NOTHING


def test_pulling_an_image_again_makes_nothing_twice(host: FakeHost) -> None:
    found = provider(host).recover(RecoverRequest(IMAGE, {"name": "app:1"}, act=True))

    assert found.status is RecoverStatus.NOTHING


def test_a_silent_host_is_an_error_not_an_answer(host: FakeHost) -> None:
    doomed = Doomed(host, 1, carried_out=False)
    doomed.dead = True

    with pytest.raises(HostUnreachable):
        provider(doomed).recover(RecoverRequest(URN, OLD, act=True))
