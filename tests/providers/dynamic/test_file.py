"""`File`: really written, below a folder of the test's own."""

from __future__ import annotations

import base64
import hashlib
import pickle
from pathlib import Path
from typing import Any

import pytest

from tomo.errors import HostError, HostUnreachable
from tomo.model.provider import (
    CheckRequest,
    CreateRequest,
    DeleteRequest,
    DiffRequest,
    ReadRequest,
    ReadStatus,
    UpdateRequest,
)
from tomo.model.urn import Urn
from tomo.model.values import UNKNOWN, Secret, Unknown
from tomo.providers.dynamic.file import File, FileProvider
from tomo.resources.tokens import FILE, FILE_PROVIDER

URN = Urn.make("home", "tomo", None, FILE, "conf")


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Any]:
    return {"host": "192.0.2.1", "path": str(tmp_path / "etc/app.conf"), "content": "a=1\n", "mode": "0600"}


def create(hosts: Any, inputs: dict[str, Any], **more: Any) -> Any:
    return File(hosts).create(CreateRequest(URN, inputs, **more))


def test_a_file_is_written_with_its_mode(hosts: Any, inputs: dict[str, Any]) -> None:
    made = create(hosts, inputs)

    path = Path(inputs["path"])
    assert path.read_text() == "a=1\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert made.id == inputs["path"]
    assert made.outputs["sha256"] == hashlib.sha256(b"a=1\n").hexdigest()
    assert made.outputs["created"] is True


def test_a_secret_content_makes_its_digest_secret_too(hosts: Any, inputs: dict[str, Any]) -> None:
    made = create(hosts, inputs, secret_keys=frozenset({"content"}))

    assert isinstance(made.outputs["content"], Secret)
    assert isinstance(made.outputs["sha256"], Secret)


@pytest.mark.parametrize("content", ["$(touch x)", "'\"`\n", "\x1b[0m\t", "é ü", ""])
def test_hostile_contents_arrive_as_they_are(hosts: Any, inputs: dict[str, Any], content: str) -> None:
    create(hosts, {**inputs, "content": content})

    assert Path(inputs["path"]).read_text() == content


def test_someone_elses_file_is_not_overwritten(hosts: Any, inputs: dict[str, Any], tmp_path: Path) -> None:
    Path(inputs["path"]).parent.mkdir()
    Path(inputs["path"]).write_text("theirs")

    with pytest.raises(HostError, match="a file that Tomo did not make") as caught:
        create(hosts, inputs)
    with pytest.raises(HostError, match="a folder that Tomo did not make"):
        create(hosts, {**inputs, "path": str(tmp_path)})

    assert Path(inputs["path"]).read_text() == "theirs"
    assert caught.value.hint


def test_an_equal_file_is_taken_as_it_is_and_stays_when_deleted(hosts: Any, inputs: dict[str, Any]) -> None:
    Path(inputs["path"]).parent.mkdir()
    Path(inputs["path"]).write_text("a=1\n")

    made = create(hosts, inputs)
    File(hosts).delete(DeleteRequest(URN, made.id, inputs, made.outputs))

    assert made.outputs["created"] is False
    assert Path(inputs["path"]).exists()


def test_a_write_that_was_cut_off_is_finished(hosts: Any, inputs: dict[str, Any]) -> None:
    Path(inputs["path"]).parent.mkdir()
    Path(inputs["path"]).write_text("a=")

    assert create(hosts, inputs).outputs["created"] is True


def test_delete_takes_away_what_create_made_and_may_be_repeated(hosts: Any, inputs: dict[str, Any]) -> None:
    made = create(hosts, inputs)
    request = DeleteRequest(URN, made.id, inputs, made.outputs)

    File(hosts).delete(request)
    File(hosts).delete(request)

    assert not Path(inputs["path"]).exists()


def test_a_folder_in_the_files_place_is_never_deleted(hosts: Any, inputs: dict[str, Any]) -> None:
    Path(inputs["path"]).mkdir(parents=True)

    with pytest.raises(HostError, match="is a folder now"):
        File(hosts).delete(DeleteRequest(URN, "x", inputs, {**inputs, "created": True}))


def test_an_update_writes_in_place(hosts: Any, inputs: dict[str, Any]) -> None:
    made = create(hosts, inputs)
    inode = Path(inputs["path"]).stat().st_ino

    outputs = (
        File(hosts)
        .update(UpdateRequest(URN, made.id, inputs, made.outputs, {**inputs, "content": "b"}))
        .outputs
    )

    assert Path(inputs["path"]).read_text() == "b"
    assert Path(inputs["path"]).stat().st_ino == inode
    assert outputs["sha256"] == hashlib.sha256(b"b").hexdigest()


def test_previews_know_the_digest_and_write_nothing(hosts: Any, inputs: dict[str, Any]) -> None:
    made = create(hosts, inputs, preview=True)
    unknown = create(hosts, {**inputs, "content": UNKNOWN}, preview=True)

    assert made.outputs["sha256"] == hashlib.sha256(b"a=1\n").hexdigest()
    assert isinstance(unknown.outputs["sha256"], Unknown)
    assert hosts.asked() == []


def test_all_files_of_a_host_are_looked_at_in_one_round_trip(
    hosts: Any, inputs: dict[str, Any], tmp_path: Path
) -> None:
    many = [{**inputs, "path": str(tmp_path / str(n))} for n in range(20)]
    for each in many[1:]:
        create(hosts, each)
    hosts.hosts[0].asked.clear()

    results = File(hosts).read([ReadRequest(URN, each["path"], each, each) for each in many])

    assert len(hosts.asked()) == 1
    assert [result.status for result in results] == [ReadStatus.GONE] + [ReadStatus.FOUND] * 19
    assert results[1].inputs == many[1]


def test_an_edited_file_shows_as_drift_without_showing_its_content(
    hosts: Any, inputs: dict[str, Any]
) -> None:
    create(hosts, inputs)
    Path(inputs["path"]).write_text("hunter2")
    Path(inputs["path"]).chmod(0o644)

    [result] = File(hosts).read([ReadRequest(URN, "x", inputs, inputs)])

    assert "hunter2" not in str(result)
    assert result.inputs["content"].startswith("[edited on the host, SHA-256 ")
    assert result.inputs["mode"] == "0644"


def test_an_unreachable_host_keeps_its_files_state(make_hosts: Any, inputs: dict[str, Any]) -> None:
    hosts = make_hosts(failures=[HostUnreachable("no answer", host="h")])

    results = File(hosts).read([ReadRequest(URN, "x", inputs, inputs)] * 2)

    assert {result.status for result in results} == {ReadStatus.UNREACHABLE}


def test_another_path_replaces_and_other_changes_update(inputs: dict[str, Any]) -> None:
    moved = File(None).diff(DiffRequest(URN, "x", inputs, {}, {**inputs, "path": "/b"}))
    edited = File(None).diff(DiffRequest(URN, "x", inputs, {}, {**inputs, "content": "c"}))

    assert (moved.replaces, moved.replace_keys) == (True, ("path",))
    assert (edited.changed, edited.replaces) == (True, False)


def test_inputs_are_checked_by_name() -> None:
    wrong = {"hots": "x", "path": "../etc", "content": 5, "mode": "rw"}

    failures = File(None).check(CheckRequest(URN, {}, wrong)).failures

    assert [each.property for each in failures] == ["hots", "host", "path", "content", "mode"]


def test_the_state_names_a_class_and_carries_no_code() -> None:
    assert isinstance(pickle.loads(base64.b64decode(FILE_PROVIDER)), FileProvider)
