"""What an import finds is compared in meaning with what is wanted; only real differences are left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.contracts.docker.test_containers import made_wide
from tomo.model.provider import ReadRequest, ReadResult, ReadStatus


def imported(bench: Any, kind: str, id_: str, wanted: Mapping[str, Any]) -> tuple[ReadResult, list[str]]:
    """What was found, and in which inputs it is not as wanted."""
    [found] = bench.provider.read([ReadRequest(bench.urn(kind), id_, wanted=wanted)])
    if found.status is not ReadStatus.FOUND:
        return found, []
    checked = bench.checked(kind, wanted, found.inputs)
    diff = bench.diff(kind, found.inputs, checked, found.outputs, found.id)
    return found, [each.path for each in diff.properties]


def test_a_wide_container_is_found_as_it_is_wanted(bench: Any) -> None:
    inputs, made = made_wide(bench)
    wanted = {**inputs, "wait": True, "waitTimeout": 90, "destroyGraceSeconds": 20}

    found, differing = imported(bench, "Container", made.id, wanted)

    assert differing == []
    assert found.id == made.id
    assert set(found.outputs) == set(made.outputs)


def test_a_container_may_be_imported_by_its_name(bench: Any) -> None:
    id_ = bench.run_by_hand(bench.name("c"))

    found, differing = imported(
        bench, "Container", bench.name("c"), {"name": bench.name("c"), "image": bench.image}
    )

    assert (found.id, differing) == (id_, [])


def test_mounts_mean_the_same_in_either_of_dockers_two_lists(bench: Any) -> None:
    bench.create("Volume", {"name": bench.name("data")})
    mounts = [
        {"Type": "volume", "Source": bench.name("data"), "Target": "/data", "VolumeOptions": {}},
        {"Type": "bind", "Source": "/tmp", "Target": "/host", "ReadOnly": True},
    ]
    id_ = bench.run_by_hand(bench.name("c"), HostConfig={"Mounts": mounts, "Binds": ["/etc:/conf:rw"]})
    wanted = {
        "name": bench.name("c"),
        "image": bench.image,
        "volumes": [
            {"containerPath": "/data", "volumeName": bench.name("data")},
            {"containerPath": "/host", "hostPath": "/tmp", "readOnly": True},
        ],
        "mounts": [{"target": "/conf", "type": "bind", "source": "/etc"}],
    }

    _, differing = imported(bench, "Container", id_, wanted)

    assert differing == []


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        ({"envs": ["A=2"]}, "envs[0]"),
        ({}, "envs[0]"),
        ({"envs": ["A=1"], "uploads": [{"file": "/f", "content": "x"}]}, "uploads[0]"),
        ({"envs": ["A=1"], "user": "7"}, "user"),
        ({"envs": ["A=1"], "restart": "always"}, "restart"),
    ],
)
def test_what_is_otherwise_is_named(bench: Any, wanted: Mapping[str, Any], path: str) -> None:
    id_ = bench.run_by_hand(bench.name("c"), Env=["A=1"])

    _, differing = imported(
        bench, "Container", id_, {"name": bench.name("c"), "image": bench.image, **wanted}
    )

    assert differing == [path]


def test_a_stopped_container_that_must_run_is_told(bench: Any) -> None:
    id_ = bench.run_by_hand(bench.name("c"))
    bench.by_hand("POST", f"/containers/{id_}/kill")

    _, differing = imported(bench, "Container", id_, {"name": bench.name("c"), "image": bench.image})

    assert differing == ["mustRun"]


def test_a_networks_addresses_are_dockers_own_choice(bench: Any) -> None:
    body = {"Name": bench.name("net"), "Labels": {"com.docker.compose.network": "default"}}
    made = bench.by_hand("POST", "/networks/create", body)

    found, differing = imported(bench, "Network", bench.name("net"), {"name": bench.name("net")})
    _, internal = imported(bench, "Network", made["Id"], {"name": bench.name("net"), "internal": True})

    assert (found.id, differing) == (made["Id"], ["labels[0]"])
    assert "internal" in internal


def test_a_volume_is_found_by_its_name(bench: Any) -> None:
    bench.by_hand("POST", "/volumes/create", {"Name": bench.name("data")})

    _, differing = imported(bench, "Volume", bench.name("data"), {"name": bench.name("data")})
    gone, _ = imported(bench, "Volume", bench.name("none"), {"name": bench.name("none")})

    assert (differing, gone.status) == ([], ReadStatus.GONE)


def test_an_image_is_found_by_its_name_and_only_as_the_image_it_was(bench: Any) -> None:
    name = bench.another_image("app")
    wanted = {"name": name, "keepLocally": True}
    found, differing = imported(bench, "RemoteImage", name, wanted)
    bench.add_image(name, "3")

    moved, _ = imported(bench, "RemoteImage", found.id, wanted)

    assert (differing, found.id) == ([], f"{found.outputs['imageId']}{name}")
    assert moved.status is ReadStatus.GONE


@pytest.mark.parametrize("kind", ["Tag", "Image", "RegistryImage"])
def test_what_cannot_be_read_is_told_as_such(bench: Any, kind: str) -> None:
    [found] = bench.provider.read([ReadRequest(bench.urn(kind), "a:1")])

    assert found.status is ReadStatus.UNSUPPORTED
