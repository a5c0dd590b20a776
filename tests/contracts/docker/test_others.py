"""Images, networks and volumes on a real daemon and on the fake one."""

from __future__ import annotations

from typing import Any

import pytest

from tomo.errors import DockerError, ImageNotFound, NameTaken
from tomo.model.diff import DiffKind
from tomo.model.provider import ReadStatus

# --- images ------------------------------------------------------------------------------------------


def test_an_image_that_the_host_has_is_taken_without_a_pull(bench: Any) -> None:
    name = bench.another_image("web")

    inputs, made = bench.create("RemoteImage", {"name": name, "keepLocally": True})

    assert made.id == made.outputs["imageId"] + name
    assert bench.read("RemoteImage", made.id, inputs, made.outputs).inputs == inputs
    assert not any("pulling" in said for said in bench.said)


def test_an_image_that_nobody_has_is_told_by_name(bench: Any) -> None:
    name = "localhost:1/tomo-test/none:1"

    with pytest.raises((ImageNotFound, DockerError), match="none:1"):
        bench.create("RemoteImage", {"name": name})


def test_a_moved_tag_is_drift_and_is_put_back_without_touching_containers(bench: Any) -> None:
    name = bench.another_image("web", "2")
    inputs, made = bench.create("RemoteImage", {"name": name, "keepLocally": True})
    _, user = bench.container("c", image=made.outputs["imageId"])
    bench.add_image(name, "3")

    seen = bench.read("RemoteImage", made.id, inputs, made.outputs)
    updated = bench.update("RemoteImage", made.id, seen.inputs, seen.outputs, inputs)

    assert [(d.path, d.kind, d.drift) for d in seen.drift] == [("imageId", DiffKind.UPDATE, True)]
    assert seen.outputs["imageId"] == made.outputs["imageId"] == updated.outputs["imageId"]
    assert bench.read("RemoteImage", made.id, inputs, updated.outputs).drift == ()
    assert bench.inspect(user.id)["State"]["Running"]


def test_a_removed_image_is_gone(bench: Any) -> None:
    name = bench.another_image("web")
    inputs, made = bench.create("RemoteImage", {"name": name})
    bench.by_hand("DELETE", f"/images/{name}", force="1")

    assert bench.read("RemoteImage", made.id, inputs, made.outputs).status is ReadStatus.GONE


def test_deleting_removes_an_image_unless_it_is_kept(bench: Any) -> None:
    kept, removed = bench.another_image("kept", "4"), bench.another_image("removed", "5")
    keep_inputs, keep = bench.create("RemoteImage", {"name": kept, "keepLocally": True})
    inputs, made = bench.create("RemoteImage", {"name": removed})

    bench.delete("RemoteImage", keep.id, keep_inputs, keep.outputs)
    bench.delete("RemoteImage", made.id, inputs, made.outputs)
    bench.delete("RemoteImage", made.id, inputs, made.outputs)

    assert bench.read("RemoteImage", keep.id, keep_inputs, keep.outputs).status is ReadStatus.FOUND
    assert bench.read("RemoteImage", made.id, inputs, made.outputs).status is ReadStatus.GONE


def test_a_tag_names_an_image_anew(bench: Any) -> None:
    target = f"{bench.prefix}/tagged:2"

    inputs, made = bench.create("Tag", {"sourceImage": bench.image, "targetImage": target})

    assert bench.read("Tag", made.id, inputs, made.outputs).status is ReadStatus.FOUND
    found = bench.provider.invoke(
        "docker:index/getRemoteImage:getRemoteImage", {"name": target}, preview=False
    )
    assert found.outputs["id"] == made.outputs["sourceImageId"]


# --- networks ----------------------------------------------------------------------------------------


def test_a_network_is_seen_as_it_was_asked_for(bench: Any) -> None:
    wanted = {
        "name": bench.name("net"),
        "internal": True,
        "labels": [{"label": "b", "value": "2"}, {"label": "a", "value": "1"}],
        "ipamConfigs": [{"subnet": "10.123.45.0/24", "gateway": "10.123.45.9"}],
        "options": {"com.docker.network.bridge.enable_icc": "false"},
    }

    inputs, made = bench.create("Network", wanted)

    seen = bench.read("Network", made.id, inputs, made.outputs)
    assert (seen.inputs, seen.drift) == (inputs, ())
    assert seen.outputs == made.outputs
    imported = bench.read("Network", made.id)
    assert not bench.diff("Network", imported.inputs, inputs, imported.outputs).changed


def test_a_network_removed_and_made_anew_by_hand_is_recognised(bench: Any) -> None:
    inputs, made = bench.create("Network", {"name": bench.name("net")})
    bench.by_hand("DELETE", f"/networks/{made.id}")
    gone = bench.read("Network", made.id, inputs, made.outputs)
    anew = bench.by_hand("POST", "/networks/create", {"Name": bench.name("net"), "Internal": True})

    seen = bench.read("Network", made.id, inputs, made.outputs)

    assert gone.status is ReadStatus.GONE
    assert (seen.id, seen.inputs["internal"]) == (anew["Id"], True)
    assert seen.drift[-1].kind is DiffKind.UPDATE_REPLACE


def test_a_network_name_that_is_taken_stops_with_a_hint(bench: Any) -> None:
    bench.by_hand("POST", "/networks/create", {"Name": bench.name("net")})

    with pytest.raises(NameTaken, match="net"):
        bench.create("Network", {"name": bench.name("net")})


def test_a_network_in_use_is_not_removed_and_its_users_are_named(bench: Any) -> None:
    inputs, made = bench.create("Network", {"name": bench.name("net")})
    bench.container("c", networksAdvanced=[{"name": bench.name("net")}])
    bench.hurry()

    with pytest.raises(DockerError, match=bench.name("c")):
        bench.delete("Network", made.id, inputs, made.outputs)


def test_a_removed_network_may_be_deleted_again(bench: Any) -> None:
    inputs, made = bench.create("Network", {"name": bench.name("net")})

    bench.delete("Network", made.id, inputs)
    bench.delete("Network", made.id, inputs)

    found = bench.read("Network", made.id, inputs, made.outputs)
    assert found.status is ReadStatus.GONE


def test_get_network_tells_what_is_there(bench: Any) -> None:
    _, made = bench.create("Network", {"name": bench.name("net")})

    found = bench.provider.invoke(
        "docker:index/getNetwork:getNetwork", {"name": bench.name("net")}, preview=False
    )

    assert (found.outputs["id"], found.outputs["driver"]) == (made.id, "bridge")


# --- volumes -----------------------------------------------------------------------------------------


def test_a_volume_is_seen_as_it_was_asked_for(bench: Any) -> None:
    wanted = {"name": bench.name("data"), "labels": [{"label": "a", "value": "1"}]}

    inputs, made = bench.create("Volume", wanted)

    seen = bench.read("Volume", made.id, inputs, made.outputs)
    assert (made.id, seen.inputs, seen.outputs) == (bench.name("data"), inputs, made.outputs)


def test_a_kept_volume_is_used_again_with_its_data(bench: Any) -> None:
    bench.by_hand("POST", "/volumes/create", {"Name": bench.name("data")})

    _, made = bench.create("Volume", {"name": bench.name("data")})

    assert made.id == bench.name("data")
    assert any("with its data" in said for said in bench.said)


def test_a_volume_with_other_settings_is_not_taken(bench: Any) -> None:
    bench.by_hand("POST", "/volumes/create", {"Name": bench.name("data"), "Labels": {"whose": "another's"}})

    with pytest.raises(NameTaken, match="data"):
        bench.create("Volume", {"name": bench.name("data")})


def test_a_removed_volume_is_gone_and_deleting_it_is_fine(bench: Any) -> None:
    inputs, made = bench.create("Volume", {"name": bench.name("data")})

    bench.by_hand("DELETE", f"/volumes/{bench.name('data')}")

    assert bench.read("Volume", made.id, inputs, made.outputs).status is ReadStatus.GONE
    bench.delete("Volume", made.id, inputs)


def test_a_volume_in_use_is_not_removed_and_its_users_are_named(bench: Any) -> None:
    inputs, made = bench.create("Volume", {"name": bench.name("data")})
    bench.container("c", volumes=[{"containerPath": "/data", "volumeName": bench.name("data")}])
    bench.hurry()

    with pytest.raises(DockerError, match=bench.name("c")):
        bench.delete("Volume", made.id, inputs)


def test_logs_are_read_by_a_function(bench: Any) -> None:
    bench.container("c", command=["/bin/sh", "-c", "echo one; echo two"], mustRun=False, attach=True)

    found = bench.provider.invoke("docker:index/getLogs:getLogs", {"name": bench.name("c")}, preview=False)

    assert found.outputs["logsListStrings"] == ["one", "two"]
