"""Volumes read and written as tar, on a real daemon and on the fake one."""

from __future__ import annotations

import io
import json
import tarfile
import uuid
from collections.abc import Iterator

import pytest

from tomo.backup.streams import Pulled
from tomo.backup.tar import TreeDigest, members, restored_entries, volume_entries
from tomo.errors import DockerError
from tomo.model.connection import Connection
from tomo.providers.docker.daemon import Daemon
from tomo.providers.docker.volume_data import (
    VolumeData,
    make_volume,
    remove_volume,
    users_of,
    volume_data,
    volume_of,
)


@pytest.fixture
def daemon(docker_connection: Connection) -> Iterator[Daemon]:
    made = Daemon(docker_connection, "bench")
    yield made
    made.close()


@pytest.fixture
def volume(daemon: Daemon) -> Iterator[str]:
    name = f"tomo-test-{uuid.uuid4().hex[:8]}"
    make_volume(daemon, name)
    yield name
    remove_volume(daemon, name)


def packed(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"volumes/v/{name}")
            entry.size, entry.mode = len(content), 0o640
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def put(data: VolumeData, volume: str, **files: bytes) -> None:
    entries = members(io.BytesIO(packed(**files)), "x")
    data.write(volume, restored_entries(entries, "below", TreeDigest()))


def files_in(data: VolumeData, volume: str, folder: str) -> dict[str, tuple[int, bytes]]:
    raw = b"".join(data.read(volume, folder))
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        return {
            member.name: (member.mode & 0o7777, (archive.extractfile(member) or io.BytesIO()).read())
            for member in archive
            if member.isreg()
        }


def test_what_is_written_to_a_volume_is_read_of_it(daemon: Daemon, volume: str) -> None:
    with volume_data(daemon, [volume], read_only=False) as data:
        put(data, volume, a=b"one", b=b"x" * 300_000)

        found = files_in(data, volume, "below")

    assert found == {"below/a": (0o640, b"one"), "below/b": (0o640, b"x" * 300_000)}


def test_names_in_the_tar_of_a_volume_begin_with_the_volumes_own(daemon: Daemon, volume: str) -> None:
    with volume_data(daemon, [volume], read_only=False) as data:
        put(data, volume, a=b"one")
        digest = TreeDigest()

        raw = b"".join(volume_entries(Pulled(data.read(volume)), "v", ["bin", "dev", "etc"], digest))

    with tarfile.open(fileobj=io.BytesIO(raw + bytes(1024))) as archive:
        assert {"volumes/v", "volumes/v/below", "volumes/v/below/a"} <= set(archive.getnames())
    assert digest.size == 3


def test_nothing_is_left_on_the_host_but_the_volume(daemon: Daemon, volume: str) -> None:
    with volume_data(daemon, [volume]) as data:
        during = users_of(daemon, volume)
        b"".join(data.read(volume))

    filters = {"filters": json.dumps({"label": ["tomo.backup"]}), "all": "1"}
    assert [state for _, state in during] == ["created"]
    assert users_of(daemon, volume) == []
    assert daemon.get("/containers/json", "listing", filters).json() == []
    assert volume_of(daemon, volume) is not None


def test_a_folder_that_is_not_there_is_told(daemon: Daemon, volume: str) -> None:
    with volume_data(daemon, [volume]) as data, pytest.raises(DockerError):
        b"".join(data.read(volume, "nowhere"))


def test_a_tar_that_breaks_off_is_refused(daemon: Daemon, volume: str) -> None:
    with volume_data(daemon, [volume], read_only=False) as data, pytest.raises(DockerError):
        data.write(volume, iter([b"this is no tar at all" * 100]))
