"""Which images may go: by their use, their age and the fleet, as Docker's own answers tell."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from tomo.errors import DockerUnavailable
from tomo.providers.dynamic.pruning import prunable

NOW = datetime(2026, 11, 21, tzinfo=UTC).timestamp()
OLD, NEW = "2026-10-01T00:00:00.123456789Z", "2026-11-20T12:00:00Z"
POLICY = {"images": "unused", "olderThan": "7d", "keep": ["shop:2", "pinned:1@sha256:" + "9" * 64]}


def id_of(letter: str) -> str:
    return f"sha256:{letter * 64}"


class Docker:
    """A host whose Docker answers each GET from a table."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers = dict(answers)
        self.waiting = b""

    def open_docker(self) -> Docker:
        return self

    def sendall(self, data: bytes) -> None:
        for line in data.split(b"\r\n"):
            if line.startswith(b"GET "):
                path = line.split(b" ")[1].decode()
                status, body = self.answers.get(path, (404, {"message": "no such image"}))
                text = json.dumps(body).encode()
                self.waiting += b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(text), text)

    def recv(self, size: int) -> bytes:
        data, self.waiting = self.waiting[:size], self.waiting[size:]
        return data

    def settimeout(self, _seconds: float | None) -> None:
        pass

    def close(self) -> None:
        pass


def docker(*images: tuple[str, list[str], str], used: str = "", digests: list[str] | None = None) -> Docker:
    listed = [
        {"Id": id_of(letter), "RepoTags": tags, "RepoDigests": digests, "Size": 5_000_000}
        for letter, tags, _ in images
    ]
    answers: dict[str, Any] = {
        "/images/json": (200, listed),
        "/containers/json?all=1": (200, [{"ImageID": id_of(letter)} for letter in used]),
    }
    for letter, _, since in images:
        path = f"/images/sha256%3A{letter * 64}/json"
        answers[path] = (200, {"Created": OLD, "Metadata": {"LastTagTime": since}})
    return Docker(answers)


def found(host: Any, policy: Any = POLICY) -> str:
    return prunable(host, policy, NOW)


def names(text: str) -> list[str]:
    return [each.split(" ")[0] for each in text.split("; ")] if text else []


def test_an_image_without_a_container_goes_with_its_size_and_id() -> None:
    host = docker(("a", ["old:1"], OLD), ("b", ["used:1"], OLD), used="b")

    assert found(host) == f"old:1 5.0MB {id_of('a')}"


@pytest.mark.parametrize("tag", ["shop:2", "docker.io/library/shop:2", "pinned:1"])
def test_what_the_fleet_declares_stays(tag: str) -> None:
    assert found(docker(("a", [tag, "other:1"], OLD))) == ""


def test_what_the_fleet_declares_by_digest_stays() -> None:
    host = docker(("a", [], OLD), digests=["pinned@sha256:" + "9" * 64])

    assert found(host) == ""


@pytest.mark.parametrize(
    ("since", "goes"),
    [(OLD, True), (NEW, False), ("0001-01-01T00:00:00Z", True), ("2026-11-14T00:00:00+00:00", True)],
)
def test_only_what_has_been_there_long_enough_goes(since: str, goes: bool) -> None:
    assert bool(found(docker(("a", ["old:1"], since)))) is goes


def test_dangling_means_without_a_name() -> None:
    host = docker(("a", ["old:1"], OLD), ("b", ["<none>:<none>"], OLD), ("c", [], OLD))

    assert names(found(host, {**POLICY, "images": "dangling"})) == ["untagged", "untagged"]


def test_a_hostile_name_or_id_never_gets_into_the_list() -> None:
    host = docker(("a", ["x; sha256:" + "f" * 64], OLD), ("b", ["\x1b[2J:1"], OLD))
    host.answers["/images/json"][1].append({"Id": "sha256:$(id)", "RepoTags": ["y:1"]})

    assert names(found(host)) == ["untagged", "untagged"]


def test_where_docker_does_not_answer_whole_nothing_goes() -> None:
    refusing = docker(("a", ["old:1"], OLD))
    refusing.answers["/containers/json?all=1"] = (500, {"message": "x"})

    class Absent:
        def open_docker(self) -> Any:
            raise DockerUnavailable("no Docker", host="h")

    assert found(refusing) == ""
    assert found(docker(("a", ["old:1"], OLD)), None) == ""
    assert found(Absent()) == ""
