from __future__ import annotations

import io
import tarfile
import time
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard

from tests.databases import put_database
from tests.worlds import World
from tomo.backup.archive import ArchiveSource, PlainFile, archive_chunks
from tomo.backup.manifest import Manifest
from tomo.backup.sealing import compressed
from tomo.errors import BackupDamaged, BackupKeyRefused, UsageError
from tomo.model.people import Role
from tomo.service.backups.moving import ExportRequest, ImportBundleRequest, Moving
from tomo.service.deployments import Deployments
from tomo.service.people import AddUserRequest, Identities
from tomo.service.runs import PlanRequest
from tomo.service.wiring import Doors
from tomo.service.workspace import Place


@pytest.fixture
def elsewhere(world: World) -> tuple[Path, Doors]:
    """Another machine of the same person: an empty folder, an empty home, the same servers."""
    home = world.folder.parent / "other-home"
    folder = world.folder.parent / "other"
    folder.mkdir()
    return folder, replace(world.doors, settings=replace(world.settings, home=home))


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, str]:
    """A file with an age identity, and its public half."""
    import pyrage

    made = pyrage.x25519.Identity.generate()
    file = tmp_path / "backup.key"
    file.write_text(f"{made}\n")
    return file, str(made.to_public())


def add_admin(doors: Doors) -> None:
    people = Identities(doors, time.time)
    people.add(AddUserRequest("mia", Role.ADMIN, "mia", code=people.first_code()))


def export(world: World, file: Path, *recipients: str, plain: bool = False) -> None:
    Moving(world.doors).export(ExportRequest(world.place, file, recipients, plain))


def test_an_installation_that_is_moved_has_nothing_to_apply(
    world: World, elsewhere: tuple[Path, Doors], pair: tuple[Path, str], tmp_path: Path
) -> None:
    folder, doors = elsewhere
    world.apply()
    put_database(world.settings.data_folder)
    put_database(doors.settings.data_folder)
    add_admin(world.doors)
    export(world, tmp_path / "bundle", pair[1])

    done = Moving(doors).import_bundle(ImportBundleRequest(folder, tmp_path / "bundle", (pair[0],)))

    shown = Deployments(doors).plan(PlanRequest(Place(folder)))
    assert (shown.has_changes, shown.exit_code) == (False, 0)
    assert (folder / "fleet.yaml").read_bytes() == world.file.read_bytes()
    assert [user.name for user in Identities(doors, time.time).list()] == ["mia"]
    assert done.rows > 0
    assert [path.name for path in folder.iterdir() if path.name.startswith(".tomo")] == []


def test_nothing_is_written_over_neither_by_an_export_nor_by_an_import(
    world: World, elsewhere: tuple[Path, Doors], tmp_path: Path
) -> None:
    folder, doors = elsewhere
    world.apply()
    export(world, tmp_path / "bundle", plain=True)
    (folder / "fleet.yaml").write_text("mine")

    with pytest.raises(UsageError):
        export(world, tmp_path / "bundle", plain=True)
    with pytest.raises(UsageError):
        Moving(doors).import_bundle(ImportBundleRequest(folder, tmp_path / "bundle"))

    assert [path.name for path in folder.iterdir()] == ["fleet.yaml"]
    assert (folder / "fleet.yaml").read_text() == "mine"


def test_a_database_with_people_in_it_is_not_mixed_with_another(
    world: World, elsewhere: tuple[Path, Doors], tmp_path: Path
) -> None:
    folder, doors = elsewhere
    world.apply()
    for each in (world.doors, doors):
        put_database(each.settings.data_folder)
        add_admin(each)
    export(world, tmp_path / "bundle", plain=True)

    with pytest.raises(UsageError) as caught:
        Moving(doors).import_bundle(ImportBundleRequest(folder, tmp_path / "bundle"))
    done = Moving(doors).import_bundle(ImportBundleRequest(folder, tmp_path / "bundle", database=False))

    assert "--without-database" in caught.value.hint
    assert done.rows == 0


def test_an_export_for_nobody_is_refused(world: World, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        export(world, tmp_path / "bundle")

    assert "--recipient" in caught.value.hint
    assert not (tmp_path / "bundle").exists()


def test_a_wrong_key_imports_nothing(
    world: World, elsewhere: tuple[Path, Doors], pair: tuple[Path, str], tmp_path: Path
) -> None:
    import pyrage

    folder, doors = elsewhere
    other = tmp_path / "other.key"
    other.write_text(str(pyrage.x25519.Identity.generate()))
    export(world, tmp_path / "bundle", pair[1])

    with pytest.raises(BackupKeyRefused):
        Moving(doors).import_bundle(ImportBundleRequest(folder, tmp_path / "bundle", (other,)))

    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "name",
    ["fleet/../../evil", "fleet//etc/passwd", "state/elsewhere", "state/.pulumi/../x", "fleet/.git/config"],
)
def test_a_bundle_that_reaches_out_of_its_folder_is_refused(
    name: str, elsewhere: tuple[Path, Doors], tmp_path: Path
) -> None:
    folder, doors = elsewhere
    manifest = Manifest("fleet-20261121T000000Z-0000", "home", "fleet", "", "2026-11-21T00:00:00Z")
    files = [PlainFile("fleet/fleet.yaml", b"fleet: home"), PlainFile(name, b"evil")]
    chunks = archive_chunks(ArchiveSource(manifest, files), {})
    (tmp_path / "bundle").write_bytes(b"".join(compressed(chunks)))

    with pytest.raises(BackupDamaged):
        Moving(doors).import_bundle(ImportBundleRequest(folder, tmp_path / "bundle"))

    assert list(folder.iterdir()) == []
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", b"\x28\xb5\x2f\xfdnonsense", b"age-encryption.org/v1\n"]
)
def test_what_is_no_bundle_is_told(
    content: bytes, elsewhere: tuple[Path, Doors], pair: tuple[Path, str], tmp_path: Path
) -> None:
    folder, doors = elsewhere
    (tmp_path / "bundle").write_bytes(content)

    with pytest.raises(BackupDamaged):
        Moving(doors).import_bundle(ImportBundleRequest(folder, tmp_path / "bundle", (pair[0],)))

    assert list(folder.iterdir()) == []


def test_an_open_bundle_is_a_tar_that_anybody_reads(world: World, tmp_path: Path) -> None:
    world.apply()
    export(world, tmp_path / "bundle", plain=True)

    raw = zstandard.ZstdDecompressor().stream_reader((tmp_path / "bundle").read_bytes()).read()

    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        names = archive.getnames()
    assert {"manifest.json", "fleet/fleet.yaml", "fleet/Pulumi.home.yaml", "digests.json"} <= set(names)
    assert (tmp_path / "bundle").stat().st_mode & 0o777 == 0o600
