"""What Tomo relies on in a Docker Engine; runs on the fake and, marked `docker`, on a real dockerd."""

from __future__ import annotations

import io
import tarfile
from typing import Any


def tar_of(files: dict[str, bytes], mode: int = 0o640) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def unpacked(chunks: Any, name: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
        return archive.extractfile(name).read()


def test_a_command_that_ends_leaves_its_exit_code_and_both_logs(engine: Any) -> None:
    key = engine.run("ends", Cmd=["/bin/sh", "-c", "echo out; echo err >&2; exit 3"])

    status, waited = engine.call("POST", f"/containers/{key}/wait")

    assert (status, waited["StatusCode"]) == (200, 3)
    assert engine.inspect("ends")["State"]["Status"] == "exited"
    assert engine.sdk.logs(key, stdout=True, stderr=False) == b"out\n"
    assert engine.sdk.logs(key, stdout=False, stderr=True) == b"err\n"


def test_a_container_that_fails_its_check_becomes_unhealthy_and_says_why(engine: Any) -> None:
    check = {"Test": ["CMD-SHELL", "echo no answer; exit 1"], "Interval": 100_000_000, "Retries": 1}
    engine.run("ill", Healthcheck=check)

    health = wait_for_health(engine, "ill")

    assert health["Status"] == "unhealthy"
    assert health["Log"][-1]["ExitCode"] == 1
    assert health["Log"][-1]["Output"] == "no answer\n"


def test_a_container_that_passes_its_check_becomes_healthy(engine: Any) -> None:
    engine.run("well", Healthcheck={"Test": ["CMD", "/bin/true"], "Interval": 100_000_000})

    health = wait_for_health(engine, "well")

    assert (health["Status"], health["FailingStreak"]) == ("healthy", 0)


def wait_for_health(engine: Any, suffix: str) -> Any:
    # A poll of the daemon itself: `docker wait` knows exits only.
    for _ in range(20_000):
        health = engine.inspect(suffix)["State"]["Health"]
        if health["Status"] != "starting":
            return health
    raise AssertionError("the health check never ended")


def test_a_renamed_container_frees_its_name_and_can_take_it_back(engine: Any) -> None:
    old = engine.run("app")
    engine.call("POST", f"/containers/{old}/rename?name={engine.name('parked')}")

    new = engine.run("app")
    engine.sdk.remove_container(new, v=True, force=True)
    status, _ = engine.call("POST", f"/containers/{old}/rename?name={engine.name('app')}")

    assert status == 204
    assert engine.inspect("app")["Id"] == old


def test_files_put_into_a_container_that_never_ran_are_read_back(engine: Any) -> None:
    key = engine.create("files")

    status, _ = engine.call(
        "PUT", f"/containers/{key}/archive?path=/", data=tar_of({"etc/app/a.conf": b"abc"})
    )
    chunks, stat = engine.sdk.get_archive(key, "/etc/app/a.conf")

    assert status == 200
    assert (stat["name"], stat["size"], stat["mode"]) == ("a.conf", 3, 0o640)
    assert unpacked(chunks, "a.conf") == b"abc"


def test_anonymous_volumes_go_with_their_container_and_named_ones_stay(engine: Any) -> None:
    named = engine.name("data")
    key = engine.run("app", HostConfig={"Binds": [f"{named}:/data"]})
    mounts = {mount["Destination"]: mount["Name"] for mount in engine.inspect("app")["Mounts"]}

    engine.sdk.remove_container(key, v=True, force=True)

    names = {volume["Name"] for volume in engine.sdk.volumes()["Volumes"] or []}
    assert mounts["/data"] == named
    assert named in names
    assert mounts["/from-image"] not in names


def test_a_published_port_is_shown_and_free_again_after_the_stop(engine: Any) -> None:
    port = str(engine.port())
    host = {"PortBindings": {"7777/tcp": [{"HostIp": "127.0.0.1", "HostPort": port}]}}
    first = engine.run("first", HostConfig=host)
    shown = engine.inspect("first")["NetworkSettings"]["Ports"]

    engine.call("POST", f"/containers/{first}/stop?t=0")
    engine.run("second", HostConfig=host)

    assert shown == {"7777/tcp": [{"HostIp": "127.0.0.1", "HostPort": port}]}
    assert engine.inspect("first")["NetworkSettings"]["Ports"] == {}


def test_a_start_without_its_network_fails_and_leaves_the_reason(engine: Any) -> None:
    key = engine.create("lost", HostConfig={"NetworkMode": engine.name("gone")})

    status, answer = engine.call("POST", f"/containers/{key}/start")

    state = engine.inspect("lost")["State"]
    assert (status, answer["message"]) == (404, f"network {engine.name('gone')} not found")
    assert (state["Status"], state["ExitCode"], state["Error"]) == ("created", 128, answer["message"])


def test_a_container_that_keeps_ending_is_started_again(engine: Any) -> None:
    engine.run(
        "loop",
        Cmd=["/bin/false"],
        HostConfig={"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 2}},
    )

    for _ in range(20_000):
        seen = engine.inspect("loop")
        if seen["State"]["Status"] == "exited":
            break

    assert (seen["RestartCount"], seen["State"]["ExitCode"]) == (2, 1)


def test_an_image_in_use_is_kept_and_one_with_two_tags_loses_one(engine: Any) -> None:
    engine.run("user")
    other = f"{engine.name('image')}:2"
    engine.sdk.tag(engine.image, engine.name("image"), "2")

    untagged = engine.call("DELETE", f"/images/{other}")
    refused = engine.call("DELETE", f"/images/{engine.image}")

    assert untagged == (200, [{"Untagged": other}])
    assert refused[0] == 409
    assert "(must force) - container" in refused[1]["message"]


def test_an_exec_answers_with_its_output_and_exit_code(engine: Any) -> None:
    engine.run("box")
    created = engine.sdk.exec_create(engine.name("box"), ["/bin/sh", "-c", "echo hi; exit 4"])

    output = engine.sdk.exec_start(created["Id"])

    assert output == b"hi\n"
    assert engine.sdk.exec_inspect(created["Id"])["ExitCode"] == 4


def test_a_network_with_someone_in_it_cannot_be_removed(engine: Any) -> None:
    name = engine.name("net")
    engine.sdk.create_network(name)
    key = engine.run("member", HostConfig={"NetworkMode": name})

    refused = engine.call("DELETE", f"/networks/{name}")
    engine.sdk.remove_container(key, v=True, force=True)
    removed = engine.call("DELETE", f"/networks/{name}")

    assert refused[0] == 403
    assert "has active endpoints" in refused[1]["message"]
    assert removed[0] == 204


def test_an_image_is_built_from_a_context(engine: Any) -> None:
    name = f"{engine.name('built')}:1"
    dockerfile = f"FROM {engine.image}\nENV MADE=yes\nCOPY page.html /www/\nEXPOSE 80\n"
    context = tar_of({"Dockerfile": dockerfile.encode(), "page.html": b"<p>"})
    request = {"data": context, "headers": {"Content-Type": "application/x-tar"}}

    status, _ = engine.call("POST", f"/build?t={name}", **request)
    config = engine.call("GET", f"/images/{name}/json")[1]["Config"]
    key = engine.create("from-built", Image=name)
    chunks, _ = engine.sdk.get_archive(key, "/www/page.html")
    engine.sdk.remove_container(key, v=True)
    engine.sdk.remove_image(name)

    assert status == 200
    assert [entry for entry in config["Env"] if not entry.startswith("PATH=")] == ["FROM_IMAGE=1", "MADE=yes"]
    assert config["ExposedPorts"] == {"7777/tcp": {}, "80/tcp": {}}
    assert unpacked(chunks, "page.html") == b"<p>"
