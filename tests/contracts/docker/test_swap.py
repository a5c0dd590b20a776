"""Replacing a container on a real daemon and on the fake one: the old one serves until the new one is well."""

from __future__ import annotations

from typing import Any

import pytest

from tomo.errors import Cancelled, ContainerExited, ContainerUnhealthy, ImageNotFound, NameTaken, PortTaken
from tomo.model.diff import DiffKind
from tomo.model.provider import ReadStatus
from tomo.providers.docker.container import candidate_name, parked_name

HEALTHY = {"tests": ["CMD", "/bin/busybox", "true"], "interval": "100ms"}
ILL = {"tests": ["CMD-SHELL", "echo still ill; exit 1"], "interval": "100ms", "retries": 1}


def names(bench: Any) -> list[str]:
    found = bench.hand.get("/containers/json", "listing", {"all": "1"}).json()
    mine = [name.lstrip("/") for entry in found for name in entry["Names"]]
    return sorted(name for name in mine if name.startswith(bench.prefix))


def serves(bench: Any, id_: str, name: str) -> bool:
    found = bench.inspect(id_)
    return found is not None and found["State"]["Running"] and found["Name"] == f"/{name}"


def test_the_new_one_takes_name_and_ports_of_the_old_one(bench: Any) -> None:
    ports = [{"internal": 80, "external": bench.port()}]
    inputs, made = bench.container("c", ports=ports, envs=["A=1"], healthcheck=HEALTHY)
    wanted = bench.checked("Container", {**inputs, "envs": ["A=2"]}, inputs)

    swapped = bench.swap(made.id, inputs, made.outputs, wanted)

    assert swapped.id != made.id
    assert names(bench) == [bench.name("c")]
    assert bench.inspect(swapped.id)["State"]["Health"]["Status"] == "healthy"
    assert bench.read("Container", swapped.id, wanted, swapped.outputs).inputs == wanted
    assert any("stopping the old" in said for said in bench.said)


def test_one_that_exits_is_removed_and_the_old_one_runs_again(bench: Any) -> None:
    inputs, made = bench.container("c")
    wanted = bench.checked("Container", {**inputs, "command": ["/bin/sh", "-c", "echo oops; exit 4"]}, inputs)

    with pytest.raises(ContainerExited) as raised:
        bench.swap(made.id, inputs, made.outputs, wanted)

    assert "exit code 4" in raised.value.message
    assert "oops" in raised.value.detail
    assert "runs again" in raised.value.detail
    assert names(bench) == [bench.name("c")]
    assert serves(bench, made.id, bench.name("c"))


def test_one_that_is_not_healthy_is_removed_although_nobody_asked_to_wait(bench: Any) -> None:
    inputs, made = bench.container("c", healthcheck=HEALTHY)
    wanted = bench.checked("Container", {**inputs, "healthcheck": ILL, "envs": ["A=2"]}, inputs)

    with pytest.raises(ContainerUnhealthy) as raised:
        bench.swap(made.id, inputs, made.outputs, wanted)

    assert "still ill" in raised.value.detail
    assert serves(bench, made.id, bench.name("c"))
    assert names(bench) == [bench.name("c")]


def test_a_missing_image_does_not_even_stop_the_old_one(bench: Any) -> None:
    inputs, made = bench.container("c")
    started = bench.inspect(made.id)["State"]["StartedAt"]

    with pytest.raises(ImageNotFound):
        bench.swap(made.id, inputs, made.outputs, {**inputs, "image": "tomo-test/nothing:1"})

    assert serves(bench, made.id, bench.name("c"))
    assert bench.inspect(made.id)["State"]["StartedAt"] == started


def test_a_taken_port_brings_the_old_one_back(bench: Any) -> None:
    port = bench.port()
    bench.container("other", ports=[{"internal": 80, "external": port}])
    inputs, made = bench.container("c")
    wanted = bench.checked("Container", {**inputs, "ports": [{"internal": 80, "external": port}]}, inputs)

    with pytest.raises(PortTaken):
        bench.swap(made.id, inputs, made.outputs, wanted)

    assert serves(bench, made.id, bench.name("c"))


def test_a_stopped_run_brings_the_old_one_back(bench: Any) -> None:
    inputs, made = bench.container("c", healthcheck=HEALTHY)
    slow = {"tests": ["CMD", "/bin/busybox", "false"], "interval": "30s", "startPeriod": "60s"}
    wanted = bench.checked("Container", {**inputs, "healthcheck": slow, "envs": ["A=2"]}, inputs)
    bench.provider.cancel()

    with pytest.raises(Cancelled):
        bench.swap(made.id, inputs, made.outputs, wanted)

    assert serves(bench, made.id, bench.name("c"))
    assert names(bench) == [bench.name("c")]


def interrupt(bench: Any, made: Any, *, successor: bool) -> str:
    """Leaves what a crash in the middle of a swap leaves."""
    parked = parked_name(bench.name("c"), made.id)
    bench.by_hand("POST", f"/containers/{made.id}/rename", name=parked)
    bench.by_hand("POST", f"/containers/{made.id}/stop", t="0")
    if successor:
        body = {"Image": bench.image, "Env": ["A=2"]}
        bench.by_hand("POST", "/containers/create", body, name=bench.name("c"))
    return parked


@pytest.mark.parametrize("successor", [False, True])
def test_a_look_after_a_crash_sees_the_parked_one_and_an_update_brings_it_back(
    bench: Any, successor: bool
) -> None:
    inputs, made = bench.container("c", envs=["A=1"])
    parked = interrupt(bench, made, successor=successor)

    seen = bench.read("Container", made.id, inputs, made.outputs)
    bench.update("Container", made.id, seen.inputs, seen.outputs, inputs)

    named = next(diff for diff in seen.drift if diff.path == "id")
    assert seen.status is ReadStatus.FOUND
    assert seen.inputs["name"] == bench.name("c")
    assert (named.kind, parked in named.why) == (DiffKind.UPDATE, True)
    assert serves(bench, made.id, bench.name("c"))
    assert names(bench) == [bench.name("c")]


@pytest.mark.parametrize("successor", [False, True])
def test_the_same_replacement_is_finished_after_a_crash(bench: Any, successor: bool) -> None:
    inputs, made = bench.container("c", envs=["A=1"])
    interrupt(bench, made, successor=successor)
    wanted = bench.checked("Container", {**inputs, "envs": ["A=2"]}, inputs)

    swapped = bench.swap(made.id, inputs, made.outputs, wanted)

    assert serves(bench, swapped.id, bench.name("c"))
    assert names(bench) == [bench.name("c")]


def test_a_crashed_replacement_that_fails_again_still_brings_the_old_one_back(bench: Any) -> None:
    inputs, made = bench.container("c")
    interrupt(bench, made, successor=True)
    wanted = bench.checked("Container", {**inputs, "command": ["/bin/false"]}, inputs)

    with pytest.raises(ContainerExited):
        bench.swap(made.id, inputs, made.outputs, wanted)

    assert serves(bench, made.id, bench.name("c"))


def test_a_new_name_that_a_foreign_container_has_is_refused_before_anything_happens(bench: Any) -> None:
    foreign = bench.run_by_hand(bench.name("other"))
    inputs, made = bench.container("c")

    with pytest.raises(NameTaken):
        bench.swap(made.id, inputs, made.outputs, {**inputs, "name": bench.name("other")})

    assert serves(bench, made.id, bench.name("c"))
    assert serves(bench, foreign, bench.name("other"))


def test_one_replaced_by_hand_is_replaced_in_turn(bench: Any) -> None:
    inputs, made = bench.container("c", envs=["A=1"])
    bench.by_hand("DELETE", f"/containers/{made.id}", force="1")
    bench.run_by_hand(bench.name("c"), Env=["A=2"], StopSignal="SIGKILL")
    seen = bench.read("Container", made.id, inputs, made.outputs)

    swapped = bench.swap(seen.id, seen.inputs, seen.outputs, inputs)

    assert bench.read("Container", swapped.id, inputs, swapped.outputs).drift == ()


def test_a_second_container_with_data_keeps_its_volume(bench: Any) -> None:
    bench.create("Volume", {"name": bench.name("data")})
    volumes = [{"containerPath": "/data", "volumeName": bench.name("data")}]
    inputs, made = bench.container("c", volumes=volumes)
    wanted = bench.checked("Container", {**inputs, "envs": ["A=2"]}, inputs)

    swapped = bench.swap(made.id, inputs, made.outputs, wanted)

    mounts = bench.inspect(swapped.id)["Mounts"]
    assert bench.name("data") in [mount.get("Name") for mount in mounts]


# --- behind a proxy ------------------------------------------------------------------------------------


def labels(bench: Any) -> list[dict[str, str]]:
    """What an app's container has where two of it may run, and its proxy runs."""
    bench.run_by_hand(bench.name("proxy"))
    told = {"tomo.proxy": bench.name("proxy"), "tomo.update": "start-first"}
    return [{"label": label, "value": value} for label, value in told.items()]


def test_behind_a_proxy_the_new_one_is_well_before_the_old_one_stops(bench: Any) -> None:
    inputs, made = bench.container("c", labels=labels(bench), envs=["A=1"], healthcheck=HEALTHY)
    wanted = bench.checked("Container", {**inputs, "envs": ["A=2"]}, inputs)

    swapped = bench.swap(made.id, inputs, made.outputs, wanted)

    told = [said.split(" `")[0] for said in bench.said]
    assert told.index("waiting for") < told.index("stopping the old")
    assert names(bench) == [bench.name("c"), bench.name("proxy")]
    assert serves(bench, swapped.id, bench.name("c"))
    assert bench.inspect(made.id) is None
    assert bench.read("Container", swapped.id, wanted, swapped.outputs).drift == ()


@pytest.mark.parametrize("change", [{"healthcheck": ILL}, {"command": ["/bin/sh", "-c", "exit 4"]}])
def test_behind_a_proxy_one_that_is_not_well_costs_the_old_one_nothing(
    bench: Any, change: dict[str, Any]
) -> None:
    inputs, made = bench.container("c", labels=labels(bench), healthcheck=HEALTHY)
    started = bench.inspect(made.id)["State"]["StartedAt"]
    wanted = bench.checked("Container", {**inputs, **change}, inputs)

    with pytest.raises((ContainerUnhealthy, ContainerExited)) as raised:
        bench.swap(made.id, inputs, made.outputs, wanted)

    assert "served all the time" in raised.value.detail
    assert names(bench) == [bench.name("c"), bench.name("proxy")]
    assert serves(bench, made.id, bench.name("c"))
    assert bench.inspect(made.id)["State"]["StartedAt"] == started


def test_behind_a_proxy_a_published_port_still_means_to_stop_first(bench: Any) -> None:
    ports = [{"internal": 80, "external": bench.port()}]
    inputs, made = bench.container("c", labels=labels(bench), ports=ports, healthcheck=HEALTHY)
    wanted = bench.checked("Container", {**inputs, "envs": ["A=2"]}, inputs)

    swapped = bench.swap(made.id, inputs, made.outputs, wanted)

    told = [said.split(" `")[0] for said in bench.said]
    assert told.index("stopping the old") < told.index("waiting for")
    assert serves(bench, swapped.id, bench.name("c"))


def test_behind_a_proxy_that_is_gone_the_container_is_replaced_all_the_same(bench: Any) -> None:
    inputs, made = bench.container("c", labels=labels(bench), healthcheck=HEALTHY)
    bench.by_hand("DELETE", f"/containers/{bench.name('proxy')}", force="1")
    wanted = bench.checked("Container", {**inputs, "envs": ["A=2"]}, inputs)

    swapped = bench.swap(made.id, inputs, made.outputs, wanted)

    assert names(bench) == [bench.name("c")]
    assert serves(bench, swapped.id, bench.name("c"))


def test_what_was_being_tried_when_a_run_was_cut_off_makes_way(bench: Any) -> None:
    inputs, made = bench.container("c", labels=labels(bench), healthcheck=HEALTHY)
    bench.run_by_hand(candidate_name(bench.name("c"), made.id))
    wanted = bench.checked("Container", {**inputs, "envs": ["A=2"]}, inputs)

    swapped = bench.swap(made.id, inputs, made.outputs, wanted)

    assert names(bench) == [bench.name("c"), bench.name("proxy")]
    assert serves(bench, swapped.id, bench.name("c"))
