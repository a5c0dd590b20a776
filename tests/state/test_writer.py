from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tomo.errors import StateError
from tomo.model.snapshot import Snapshot
from tomo.model.urn import Urn
from tomo.model.values import Secret
from tomo.secrets.passphrase import PassphraseManagers
from tomo.state import codec
from tomo.state.backend import FileBackend

Fleet = Callable[[int], Snapshot]


def on_disk(path: Path) -> int:
    return len(json.loads(path.read_bytes())["checkpoint"]["latest"].get("resources", []))


def stack_file(backend: FileBackend) -> Path:
    return Path(backend.location) / ".pulumi" / "stacks" / "shop" / "dev.json"


def test_a_saved_snapshot_is_loaded_again(
    backend: FileBackend, fleet: Fleet, managers: PassphraseManagers
) -> None:
    writer = backend.writer("shop", "dev", None)

    writer.save(fleet(3))

    stored = backend.load("shop", "dev", managers)
    assert stored.snapshot.resources == fleet(3).resources
    assert stored.digest == writer.digest
    assert stored.time == "2023-11-14T22:13:20.12345679Z"


def test_the_file_is_one_line_private_and_named_as_pulumi_names_it(
    backend: FileBackend, fleet: Fleet
) -> None:
    backend.writer("shop", "dev", None).save(fleet(1))

    path = stack_file(backend)
    assert b"\n" not in path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_bytes())["checkpoint"]["stack"] == "organization/shop/dev"
    assert (Path(backend.location) / ".pulumi" / "meta.yaml").read_text() == "version: 1\n"


def test_the_content_before_the_last_write_is_kept(backend: FileBackend, fleet: Fleet) -> None:
    writer = backend.writer("shop", "dev", None)
    for count in (1, 2, 3):
        writer.save(fleet(count))

    path = stack_file(backend)
    assert on_disk(path) == 5
    assert on_disk(Path(f"{path}.bak")) == 4
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["dev.json", "dev.json.bak"]


def test_a_file_that_a_person_opened_to_others_keeps_its_mode(backend: FileBackend, fleet: Fleet) -> None:
    writer = backend.writer("shop", "dev", None)
    writer.save(fleet(1))
    stack_file(backend).chmod(0o640)

    writer.save(fleet(2))

    assert stat.S_IMODE(stack_file(backend).stat().st_mode) == 0o640


def test_an_invalid_snapshot_is_never_written(backend: FileBackend, fleet: Fleet) -> None:
    writer = backend.writer("shop", "dev", None)
    writer.save(fleet(1))
    before = stack_file(backend).read_bytes()
    *others, last = fleet(1).resources
    lost = Urn("urn:pulumi:dev::shop::a:b:C::lost")

    with pytest.raises(StateError, match="a:b:C::lost") as caught:
        writer.save(Snapshot((*others, replace(last, dependencies=(lost,)))))

    assert stack_file(backend).read_bytes() == before
    assert caught.value.hint
    writer.save(fleet(2))
    assert on_disk(stack_file(backend)) == 4


@pytest.fixture
def tiny_disk(backend: FileBackend, fleet: Fleet) -> Iterator[None]:
    """A limit on file sizes: the system's own way to fail a write in its middle."""
    import resource
    import signal

    backend.writer("shop", "dev", None).save(fleet(1))
    old_limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    old_handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, old_limit[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, old_limit)
    signal.signal(signal.SIGXFSZ, old_handler)


@pytest.mark.usefixtures("tiny_disk")
def test_a_full_disk_leaves_the_state_as_it_was(backend: FileBackend, fleet: Fleet) -> None:
    path = stack_file(backend)
    before = path.read_bytes()

    with pytest.raises(StateError, match="can't write") as caught:
        backend.writer("shop", "dev", None).save(fleet(200))

    assert path.read_bytes() == before
    assert "df -h" in caught.value.hint
    assert [entry.name for entry in path.parent.iterdir()] == ["dev.json"]


def test_a_path_that_cannot_be_made_is_a_clear_error(tmp_path: Path, fleet: Fleet) -> None:
    (tmp_path / "store").write_text("a file, not a folder")

    with pytest.raises(StateError, match="store"):
        FileBackend(tmp_path / "store").writer("shop", "dev", None).save(fleet(1))


def test_a_compressed_form_becomes_a_backup(
    backend: FileBackend, fleet: Fleet, managers: PassphraseManagers
) -> None:
    import gzip

    backend.writer("shop", "dev", None).save(fleet(1))
    plain = stack_file(backend)
    packed = Path(f"{plain}.gz")
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()

    loaded = backend.load("shop", "dev", managers)
    backend.writer("shop", "dev", None).save(fleet(2))

    assert loaded.snapshot.resources == fleet(1).resources
    assert on_disk(plain) == 4
    assert not packed.exists()
    assert Path(f"{packed}.bak").exists()


def test_two_thousand_saves_encode_each_entry_once(fleet: Fleet) -> None:
    # Counted, not timed: what was encoded for an earlier save is not encoded again.
    sealed: list[str] = []

    def seal(secret: Secret) -> dict[str, str]:
        sealed.append(str(secret.reveal()))
        return {"ciphertext": "v1:a:b"}

    entries = fleet(50).resources
    growing = [replace(entries[-1], inputs={"password": Secret(f"p{n}")}) for n in range(2000)]
    encoder = codec.SnapshotEncoder(None, seal=seal)

    for count in range(2000):
        encoder.checkpoint(Snapshot((*entries, *growing[max(0, count - 20) : count])), stack="s", time="")

    assert len(sealed) == len(set(sealed)) == 1999
