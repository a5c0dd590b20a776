from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tomo.errors import NotSupported, StackNotFound, StateCorrupt, StateError, UsageError
from tomo.model.snapshot import Snapshot
from tomo.secrets.passphrase import PassphraseManagers
from tomo.state.backend import FileBackend, StackName, directory_of
from tomo.state.history import HistoryEntry

Fleet = Callable[[int], Snapshot]


def put(backend: FileBackend, relative: str, content: bytes) -> Path:
    path = Path(backend.location) / ".pulumi" / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


# --- addresses ---


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("file:///srv/state", "/srv/state"),
        ("file://~", "/home/kim"),
        ("file://~/state", "/home/kim/state"),
        ("file://.", "/work/project"),
        ("file://./state", "/work/project/state"),
        ("file://state", "/work/project/state"),
        ("file://../state", "/work/state"),
        ("file:///srv/with%20space", "/srv/with space"),
        ("file:///srv/state?no_tmp_dir=true", "/srv/state"),
    ],
)
def test_file_addresses_name_the_directory_that_pulumi_would_use(url: str, expected: str) -> None:
    assert directory_of(url, base=Path("/work/project"), home=Path("/home/kim")) == Path(expected)


@pytest.mark.parametrize(
    "url", ["s3://bucket", "ssh://host/dir", "https://api.pulumi.com", "file:///a?region=x"]
)
def test_other_addresses_are_refused_by_name(url: str) -> None:
    with pytest.raises(NotSupported):
        FileBackend.from_url(url, base=Path(), home=Path())


def test_a_bare_path_is_answered_with_the_address_to_write() -> None:
    with pytest.raises(UsageError) as caught:
        directory_of("/srv/state", base=Path(), home=Path())

    assert "file:///srv/state" in caught.value.hint


# --- stores that others wrote ---


def test_a_store_written_by_hand_is_loaded(
    backend: FileBackend, golden: bytes, managers: PassphraseManagers
) -> None:
    put(backend, "meta.yaml", b"version: 1\n")
    put(backend, "stacks/golden/golden.json", golden)
    put(backend, "stacks/golden/golden.json.attrs", b"{}")

    stored = backend.load("golden", "golden", managers)

    assert len(stored.snapshot.resources) == 9
    assert stored.writer == "v3.250.0"
    assert stored.salt.startswith("v1:iidoP0YpTW0=")
    assert stored.seals is not None
    assert backend.stacks() == [StackName("golden", "golden")]


def test_a_key_is_wanted_only_for_a_state_that_holds_a_secret(
    backend: FileBackend, golden: bytes, managers: PassphraseManagers
) -> None:
    document = json.loads(golden)
    document["checkpoint"]["latest"]["resources"] = []
    put(backend, "stacks/golden/golden.json", golden)
    put(backend, "stacks/golden/empty.json", json.dumps(document).encode())

    secret, plain = (backend.load("golden", name, managers) for name in ("golden", "empty"))

    assert secret.sealed_salt == secret.salt == plain.salt
    assert plain.sealed_salt == ""


def test_a_store_needs_no_meta_file(
    backend: FileBackend, golden: bytes, managers: PassphraseManagers
) -> None:
    put(backend, "stacks/golden/golden.json", golden)

    assert backend.load("golden", "golden", managers).snapshot.resources


def test_compression_is_told_by_content(
    backend: FileBackend, golden: bytes, managers: PassphraseManagers
) -> None:
    put(backend, "stacks/golden/golden.json", gzip.compress(golden))

    assert len(backend.load("golden", "golden", managers).snapshot.resources) == 9


def test_zstd_is_refused_by_name(backend: FileBackend, managers: PassphraseManagers) -> None:
    put(backend, "stacks/golden/golden.json.zst", b"\x28\xb5\x2f\xfd....")

    with pytest.raises((NotSupported, StateCorrupt), match="zstd"):
        backend.load("golden", "golden", managers)


@pytest.mark.parametrize("meta", [b"version: 0\n", None])
def test_the_old_flat_layout_is_refused(
    backend: FileBackend, meta: bytes | None, managers: PassphraseManagers
) -> None:
    if meta is not None:
        put(backend, "meta.yaml", meta)
    put(backend, "stacks/dev.json", b"{}")

    with pytest.raises(NotSupported, match="old layout"):
        backend.load("shop", "dev", managers)


def test_a_newer_layout_is_refused(backend: FileBackend) -> None:
    put(backend, "meta.yaml", b"version: 2\n")

    with pytest.raises(NotSupported, match="layout `2`"):
        backend.stacks()


def test_a_damaged_meta_file_is_named(backend: FileBackend) -> None:
    put(backend, "meta.yaml", b"\0\0\0")

    with pytest.raises(StateCorrupt, match=r"meta\.yaml"):
        backend.stacks()


# --- stacks ---


def test_a_missing_stack_is_named_with_those_there_are(
    backend: FileBackend, fleet: Fleet, managers: PassphraseManagers
) -> None:
    backend.writer("shop", "dev", None).save(fleet(1))

    with pytest.raises(StackNotFound, match="there are: dev") as caught:
        backend.load("shop", "prod", managers)

    assert "--stack prod" in caught.value.hint


def test_stacks_are_listed_by_project(backend: FileBackend, fleet: Fleet) -> None:
    for project, stack in (("shop", "prod"), ("shop", "dev"), ("blog", "dev")):
        backend.writer(project, stack, None).save(fleet(1))
        backend.writer(project, stack, None).save(fleet(2))

    assert backend.stacks("shop") == [StackName("shop", "dev"), StackName("shop", "prod")]
    assert len(backend.stacks()) == 3
    assert backend.exists("blog", "dev")
    assert not backend.exists("blog", "prod")


def test_a_removed_stack_leaves_its_last_state_beside_it(backend: FileBackend, fleet: Fleet) -> None:
    backend.writer("shop", "dev", None).save(fleet(1))
    content = backend.raw("shop", "dev")

    backend.remove("shop", "dev")

    assert not backend.exists("shop", "dev")
    assert backend.storage.read(backend.backups("shop", "dev")[0]) == content
    with pytest.raises(StackNotFound):
        backend.remove("shop", "dev")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../../etc/passwd", "a b", "x" * 101, "a\n", "ä"])
def test_a_name_can_never_leave_the_store(
    backend: FileBackend, name: str, managers: PassphraseManagers
) -> None:
    for act in (
        lambda: backend.load("shop", name, managers),
        lambda: backend.load(name, "dev", managers),
        lambda: backend.writer("shop", name, None),
        lambda: backend.unlock("shop", name),
        lambda: backend.remove(name, "dev"),
        lambda: backend.versions("shop", name),
    ):
        with pytest.raises(UsageError):
            act()


# --- damage ---


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\0" * 4096,
        b"<html>",
        b'{"version":3,"checkpoint":{"latest":{"resources":[{}]}}}',
        b"\x1f\x8b123",
    ],
)
def test_a_corrupt_file_is_left_alone_and_its_copies_are_named(
    backend: FileBackend, fleet: Fleet, managers: PassphraseManagers, content: bytes
) -> None:
    writer = backend.writer("shop", "dev", None)
    writer.save(fleet(1))
    writer.save(fleet(2))
    backend.record("shop", "dev", HistoryEntry("update", "succeeded", 1, 2))
    path = put(backend, "stacks/shop/dev.json", content)

    with pytest.raises(StateCorrupt) as caught:
        backend.load("shop", "dev", managers)

    assert caught.value.where == str(path)
    assert "left as it is" in caught.value.message
    assert "/backups/shop/dev/dev." in caught.value.hint  # as the last run left it
    assert "backups/shop/dev/dev." in caught.value.detail
    assert path.read_bytes() == content


def test_a_state_that_breaks_the_rules_is_refused(
    backend: FileBackend, fleet: Fleet, managers: PassphraseManagers
) -> None:
    backend.writer("shop", "dev", None).save(fleet(2))
    document = json.loads(backend.raw("shop", "dev"))
    document["checkpoint"]["latest"]["resources"].pop(1)
    put(backend, "stacks/shop/dev.json", json.dumps(document).encode())

    with pytest.raises(StateCorrupt, match="needs the provider"):
        backend.load("shop", "dev", managers)


def test_a_state_that_cannot_be_opened_is_an_error_of_ours(
    backend: FileBackend, managers: PassphraseManagers
) -> None:
    (Path(backend.location) / ".pulumi" / "stacks" / "shop" / "dev.json").mkdir(parents=True)

    with pytest.raises(StateError, match="can't read"):
        backend.load("shop", "dev", managers)


# --- history ---


def test_each_operation_leaves_a_pair_and_a_backup(backend: FileBackend, fleet: Fleet) -> None:
    backend.writer("shop", "dev", None).save(fleet(1))
    content = backend.raw("shop", "dev")
    first = HistoryEntry("update", "succeeded", 10, 20, {"create": 3}, "first", {"git.head": "abc"})
    second = HistoryEntry("destroy", "failed", 30, 40)

    backend.record("shop", "dev", first)
    backend.record("shop", "dev", second)
    backend.writer("shop", "dev", None).save(fleet(2))

    folder = Path(backend.location) / ".pulumi" / "history" / "shop" / "dev"
    names = sorted(path.name.split(".", 1)[1] for path in folder.iterdir())
    assert names == ["checkpoint.json"] * 2 + ["history.json"] * 2
    versions = backend.versions("shop", "dev")
    assert [(version.number, version.entry) for version in versions] == [(2, second), (1, first)]
    assert [backend.storage.read(version.checkpoint) for version in versions] == [content] * 2
    assert [backend.storage.read(path) for path in backend.backups("shop", "dev")] == [content] * 3


def test_a_history_entry_has_the_cli_s_fields(backend: FileBackend) -> None:
    backend.record("shop", "dev", HistoryEntry("update", "succeeded", 10, 20, {"create": 7}))

    (path,) = (Path(backend.location) / ".pulumi" / "history" / "shop" / "dev").iterdir()
    assert json.loads(path.read_bytes()) == {
        "kind": "update", "startTime": 10, "message": "", "environment": {}, "config": {}, "version": 0,
        "result": "succeeded", "endTime": 20, "resourceChanges": {"create": 7},
    }  # fmt: skip


def test_a_damaged_history_entry_is_named(backend: FileBackend) -> None:
    put(backend, "history/shop/dev/dev-1.history.json", b"{")

    with pytest.raises(StateError, match=r"dev-1\.history\.json"):
        backend.versions("shop", "dev")


def test_editing_the_state_in_place_does_not_touch_its_backups(backend: FileBackend, fleet: Fleet) -> None:
    backend.writer("shop", "dev", None).save(fleet(1))
    content = backend.raw("shop", "dev")
    backend.record("shop", "dev", HistoryEntry("update", "succeeded", 1, 2))

    put(backend, "stacks/shop/dev.json", b"edited")

    assert backend.storage.read(backend.backups("shop", "dev")[0]) == content
