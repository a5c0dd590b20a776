"""What only the fake can do: break things by hand, pull from a registry in memory, answer odd clients."""

from __future__ import annotations

import http.client
import json
import threading
import time
from pathlib import Path
from typing import Any

import docker.errors
import pytest

from tomo.testing.clock import ManualClock
from tomo.testing.fake_docker import FakeDocker, FakeRegistry, ImageDefinition, exits, unhealthy
from tomo.testing.registry import catalog_image_names


def run(sdk: Any, name: str, image: str = "nginx:1.27", **host: Any) -> str:
    sdk.pull(image)
    config = sdk.create_host_config(**host)
    key = sdk.create_container(image, name=name, host_config=config)["Id"]
    sdk.start(key)
    return key


def test_a_pull_shows_layers_and_leaves_tag_and_digest(docker: FakeDocker, sdk: Any) -> None:
    lines = list(sdk.pull("nginx", "1.27", stream=True, decode=True))

    image = sdk.inspect_image("nginx:1.27")
    digest = lines[-2]["status"].removeprefix("Digest: ")
    assert lines[0] == {"status": "Pulling from library/nginx", "id": "1.27"}
    assert lines[-1]["status"] == "Status: Downloaded newer image for nginx:1.27"
    assert (image["RepoTags"], image["RepoDigests"]) == (["nginx:1.27"], [f"nginx@{digest}"])
    assert "Image is up to date" in list(sdk.pull("nginx", "1.27", stream=True, decode=True))[-1]["status"]


def test_a_pull_by_digest_finds_the_same_image(docker: FakeDocker, sdk: Any) -> None:
    sdk.pull("nginx:1.27")
    digest = sdk.inspect_image("nginx:1.27")["RepoDigests"][0]

    sdk.remove_image("nginx:1.27")
    sdk.pull(digest)

    assert sdk.inspect_image(digest)["RepoTags"] == []


def test_an_image_nobody_published_is_a_manifest_unknown(sdk: Any) -> None:
    with pytest.raises(docker.errors.NotFound, match="manifest unknown"):
        sdk.pull("nginx:9.99")


def test_a_private_repository_needs_its_login(docker: FakeDocker, sdk: Any) -> None:
    docker.registry.add(ImageDefinition("registry.example:5000/team/app:1"))
    docker.registry.require_login("registry.example:5000/team/app", "ada", "secret")

    with pytest.raises(docker_error(), match="pull access denied"):
        sdk.pull("registry.example:5000/team/app:1")
    sdk.pull("registry.example:5000/team/app:1", auth_config={"username": "ada", "password": "secret"})

    assert docker.image_names == ["registry.example:5000/team/app:1"]


def docker_error() -> type[Exception]:
    return docker.errors.APIError


def test_a_registry_that_accepts_all_makes_up_any_image() -> None:
    fake = FakeDocker(FakeRegistry(accept_all=True))

    fake.run_by_hand("any", "ghcr.io/some/thing:3")

    assert fake.inspect("any")["Config"]["Image"] == "ghcr.io/some/thing:3"


def test_an_image_can_say_that_its_containers_end_or_ail(docker: FakeDocker) -> None:
    docker.registry.add(ImageDefinition("bad:1", behaviour=exits(2, stderr="no config\n")))
    check = {"Test": ["CMD", "probe"]}
    docker.registry.add(ImageDefinition("ill:1", {"Healthcheck": check}, unhealthy("refused")))

    docker.run_by_hand("bad", "bad:1")
    docker.run_by_hand("ill", "ill:1")
    docker.set_health("ill", "unhealthy", "refused")

    assert docker.inspect("bad")["State"]["ExitCode"] == 2
    assert docker.inspect("ill")["State"]["Health"]["Log"][-1]["Output"] == "refused"


def test_the_catalogs_images_are_known(tmp_path: Path) -> None:
    text = 'services:\n  web:\n    image: nginx:1.27  # pinned\n  db:\n    image: "postgres:17"\n    images: {arm64: x}\n'
    (tmp_path / "app.yaml").write_text(text)

    assert list(catalog_image_names([tmp_path])) == ["nginx:1.27", "postgres:17"]


def test_a_container_replaced_by_hand_keeps_networks_aliases_and_mounts(docker: FakeDocker, sdk: Any) -> None:
    sdk.create_network("net")
    run(sdk, "app", network_mode="net", binds=["data:/data"])
    docker.disconnect_by_hand("net", "app")
    sdk.connect_container_to_network("app", "net", aliases=["web"])

    docker.replace_by_hand("app", Env=["X=other"])

    new = docker.inspect("app")
    assert new["NetworkSettings"]["Networks"]["net"]["Aliases"] == ["web", new["Id"][:12]]
    assert [mount["Name"] for mount in new["Mounts"]] == ["data"]


def test_health_follows_the_clock_that_is_given() -> None:
    clock = ManualClock()
    registry = FakeRegistry([ImageDefinition("app:1", {"Healthcheck": {"Test": ["CMD", "probe"]}})])
    docker = FakeDocker(registry, clock=clock, healthy_after=5)
    docker.run_by_hand("app", "app:1")

    before = docker.inspect("app")["State"]["Health"]["Status"]
    clock.advance(5)

    assert (before, docker.inspect("app")["State"]["Health"]["Status"]) == ("starting", "healthy")


def test_things_broken_by_hand_show_in_inspect(docker: FakeDocker, sdk: Any) -> None:
    sdk.create_network("net")
    for name in ("gone", "halted", "frozen", "other", "alone"):
        run(sdk, name, restart_policy={"Name": "always"})
    sdk.connect_container_to_network("alone", "net")
    old_id = docker.inspect("other")["Id"]

    docker.remove_by_hand("gone")
    docker.stop_by_hand("halted")
    docker.pause_by_hand("frozen")
    docker.edit_restart_by_hand("halted", "no")
    docker.replace_by_hand("other", Env=["X=other"])
    docker.disconnect_by_hand("net", "alone")
    docker.retag_by_hand("nginx:1.27")

    assert docker.container_names == ["alone", "frozen", "halted", "other"]
    assert docker.inspect("halted")["State"]["Status"] == "exited"
    assert docker.inspect("halted")["HostConfig"]["RestartPolicy"]["Name"] == "no"
    assert docker.inspect("frozen")["State"]["Paused"]
    assert docker.inspect("other")["Id"] != old_id
    assert docker.inspect("other")["Config"]["Env"][0] == "X=other"
    assert list(docker.inspect("alone")["NetworkSettings"]["Networks"]) == ["bridge"]
    assert sdk.inspect_image("nginx:1.27")["Id"] != docker.inspect("alone")["Image"]


def test_a_volume_keeps_its_files_when_its_container_goes(docker: FakeDocker, sdk: Any) -> None:
    run(sdk, "db", binds=["data:/var/lib/db"])
    docker.volume_files("data").write("/dump", b"rows")

    docker.remove_by_hand("db")
    run(sdk, "db", binds=["data:/srv"])

    assert docker.file_in("db", "/srv/dump") == b"rows"
    docker.remove_volume_by_hand("data")
    assert (docker.volume_names, docker.container_names) == ([], [])


def test_a_daemon_that_comes_back_starts_what_its_policies_say(docker: FakeDocker, sdk: Any) -> None:
    run(sdk, "always", restart_policy={"Name": "always"})
    run(sdk, "never")
    run(sdk, "stopped", restart_policy={"Name": "unless-stopped"})
    sdk.stop("stopped")

    docker.stop_daemon()
    with pytest.raises(ConnectionRefusedError):
        docker.open()
    docker.start_daemon()

    states = {name: docker.inspect(name)["State"]["Status"] for name in docker.container_names}
    assert states == {"always": "running", "never": "exited", "stopped": "exited"}


def test_a_port_that_a_process_of_the_host_has_is_refused_until_it_is_free(
    docker: FakeDocker, sdk: Any
) -> None:
    docker.occupy_port(8080)
    sdk.pull("nginx:1.27")
    host = sdk.create_host_config(port_bindings={80: ("127.0.0.1", 8080)})
    key = sdk.create_container("nginx:1.27", name="web", ports=[80], host_config=host)["Id"]

    with pytest.raises(docker_error(), match=r"127\.0\.0\.1:8080: bind: address already in use"):
        sdk.start(key)
    docker.vacate_port(8080)
    sdk.start(key)

    assert docker.inspect("web")["State"]["Running"]


def test_a_full_disk_and_an_injected_refusal_reach_the_client(docker: FakeDocker, sdk: Any) -> None:
    docker.fill_disk()
    with pytest.raises(docker_error(), match="no space left on device"):
        sdk.pull("nginx:1.27")
    docker.fill_disk(full=False)

    docker.fail_next("POST", "^/images/create", 500, "toomanyrequests: slow down")
    with pytest.raises(docker_error(), match="toomanyrequests"):
        sdk.pull("nginx:1.27")

    sdk.pull("nginx:1.27")
    assert docker.image_names == ["nginx:1.27"]


def test_pipelined_requests_are_answered_in_order_on_one_stream(docker: FakeDocker) -> None:
    docker.run_by_hand("web", "nginx:1.27")
    stream = docker.open()
    paths = ["/v1.41/containers/web/json", "/_ping", "/v1.41/containers/none/json"]
    stream.sendall(b"".join(f"GET {path} HTTP/1.1\r\nHost: d\r\n\r\n".encode() for path in paths))

    reader = stream.makefile("rb")
    answers = []
    for _ in paths:
        answer = http.client.HTTPResponse(Replay(reader))
        answer.begin()
        answers.append((answer.status, answer.read()))

    assert [status for status, _ in answers] == [200, 200, 404]
    assert json.loads(answers[0][1])["Name"] == "/web"
    assert answers[1][1] == b"OK"


class Replay:
    """A socket whose file is one that is read already."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader

    def makefile(self, _mode: str) -> Any:
        reader = self._reader
        return type(
            "Kept",
            (),
            {
                "readline": reader.readline,
                "read": reader.read,
                "readinto": reader.readinto,
                "close": lambda _self: None,
                "flush": lambda _self: None,
                "closed": False,
            },
        )()


def test_a_chunked_request_that_comes_byte_by_byte_is_understood(docker: FakeDocker) -> None:
    body = json.dumps({"Name": "data"}).encode()
    head = b"POST /volumes/create HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    stream = docker.open()

    for byte in (
        head + b"5\r\n" + body[:5] + b"\r\n" + f"{len(body) - 5:x}\r\n".encode() + body[5:] + b"\r\n0\r\n\r\n"
    ):
        stream.sendall(bytes([byte]))

    assert stream.recv(20).startswith(b"HTTP/1.1 201 Created")
    assert docker.volume_names == ["data"]


def test_waiting_ends_when_another_thread_stops_the_container(docker: FakeDocker, sdk: Any) -> None:
    key = run(sdk, "app")
    stopper = threading.Timer(0.05, docker.stop_by_hand, ("app", 9))
    stopper.start()

    answer = sdk.wait(key)

    stopper.join()
    assert answer["StatusCode"] == 9


def test_a_stream_of_a_stopped_daemon_has_ended(docker: FakeDocker) -> None:
    stream = docker.open()

    docker.stop_daemon()

    assert stream.recv(10) == b""
    with pytest.raises(BrokenPipeError):
        stream.sendall(b"GET /_ping HTTP/1.1\r\n\r\n")


def test_reading_without_a_request_times_out_at_once(docker: FakeDocker) -> None:
    with pytest.raises(TimeoutError):
        docker.open().recv(1)


def test_what_the_double_leaves_out_is_refused_by_name(docker: FakeDocker, sdk: Any) -> None:
    run(sdk, "app")

    with pytest.raises(docker_error(), match="FakeDocker does not serve GET /containers/app/top"):
        sdk.top("app")


def test_a_push_publishes_under_the_new_name(docker: FakeDocker, sdk: Any) -> None:
    sdk.pull("nginx:1.27")
    sdk.tag("nginx:1.27", "registry.example:5000/mine", "1")

    sdk.push("registry.example:5000/mine", "1")

    digest = sdk.inspect_distribution("registry.example:5000/mine:1")["Descriptor"]["digest"]
    assert f"registry.example:5000/mine@{digest}" in sdk.inspect_image("nginx:1.27")["RepoDigests"]


def test_networks_get_pools_one_after_the_other(sdk: Any) -> None:
    for number in range(3):
        sdk.create_network(f"n{number}")

    subnets = [sdk.inspect_network(f"n{number}")["IPAM"]["Config"][0]["Subnet"] for number in range(3)]

    assert subnets == ["172.18.0.0/16", "172.19.0.0/16", "172.20.0.0/16"]


def test_the_events_so_far_can_be_read(docker: FakeDocker, sdk: Any) -> None:
    run(sdk, "app")

    events = list(sdk.events(since=1, until=int(time.time()) + 1, decode=True))

    assert [event["Action"] for event in events if event["Type"] == "container"] == ["create", "start"]


def test_calls_are_kept_so_that_a_test_can_tell_a_look_from_a_change(docker: FakeDocker, sdk: Any) -> None:
    run(sdk, "app")
    before = len(docker.writes)

    sdk.containers(all=True)
    sdk.inspect_container("app")

    assert len(docker.writes) == before


def test_a_hundred_containers_take_well_under_a_second(docker: FakeDocker, sdk: Any) -> None:
    started = time.perf_counter()

    for number in range(100):
        docker.run_by_hand(f"c{number}", "nginx:1.27")
    listed = sdk.containers(all=True)

    assert len(listed) == 100
    assert time.perf_counter() - started < 1


def test_the_ids_of_two_daemons_differ_and_those_of_one_repeat() -> None:
    ids = [FakeDocker(FakeRegistry(names=["a:1"]), seed=seed).run_by_hand("web", "a:1") for seed in "aab"]

    assert ids[0] == ids[1] != ids[2]
