from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tomo.backup.manifest import Manifest
from tomo.backup.restic import Repository, Restic
from tomo.errors import BackupError, NotSupported
from tomo.model.values import Secret

MANIFEST = Manifest("web@nas-20261121T212234Z-1f3c", "home", "web", "nas", "2026-11-21T21:22:34Z")

pytestmark = pytest.mark.slow


@pytest.fixture
def repository(tmp_path: Path) -> Restic:
    if shutil.which("restic") is None:
        pytest.skip("there is no restic; scripts/debian-packages restic installs it")
    return of(tmp_path, "a password")


def of(folder: Path, password: str) -> Restic:
    variables = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    return Restic(Repository(str(folder / "repository"), Secret(password)), variables)


def test_a_snapshot_gives_back_what_went_in_and_none_is_left_of_what_broke(
    repository: Restic, tmp_path: Path
) -> None:
    def broken() -> Iterator[bytes]:
        yield b"y" * 500_000
        raise BackupError("the host is gone", hint="")

    assert repository.manifests() == []
    made = repository.backup(MANIFEST, iter([b"x" * 1_000_000, b"end"]))
    with pytest.raises(BackupError, match="the host is gone"):
        repository.backup(replace(MANIFEST, name="web@nas-20261121T212235Z-1f3d"), broken())

    listed = repository.manifests()
    with repository.reading(listed[0]) as source:
        content = source.read()

    assert [each.name for each in listed] == [MANIFEST.name]
    assert listed[0].snapshot.startswith(made.snapshot)
    assert content == b"x" * 1_000_000 + b"end"
    with pytest.raises(BackupError, match="password does not open"):
        of(tmp_path, "another").manifests()
    repository.forget([made.snapshot])
    assert repository.manifests() == []


def test_a_machine_without_restic_is_told_how_to_get_it(tmp_path: Path) -> None:
    made = Restic(Repository(str(tmp_path), Secret("x")), {"PATH": str(tmp_path)})

    with pytest.raises(NotSupported) as caught:
        made.manifests()

    assert "apt-get install restic" in caught.value.hint
