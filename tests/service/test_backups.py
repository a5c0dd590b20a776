from __future__ import annotations

import io
import re
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.worlds import World
from tomo.backup.sealing import identities_in, opened
from tomo.errors import UsageError
from tomo.service.backups.cases import Backups
from tomo.service.backups.listing import listed_backups
from tomo.service.backups.requests import CreateBackupRequest, CreatedBackups, ListBackupsRequest


@pytest.fixture
def key(world: World) -> Path:
    """The identity's file; the fleet is backed up for it, beside its file."""
    import pyrage

    pair = pyrage.x25519.Identity.generate()
    file = world.folder.parent / "backup.key"
    file.write_text(f"# created by a test\n{pair}\n")
    world.edit("servers:\n", f"backup:\n  to: backups\n  recipients: [{pair.to_public()}]\nservers:\n")
    return file


def data(world: World) -> Any:
    return world.nas.docker.volume_files("web-data")


def create(world: World, *names: str) -> CreatedBackups:
    return Backups(world.doors).create(CreateBackupRequest(world.place, names))


def contents(world: World, key: Path, name: str) -> dict[str, bytes]:
    with (
        (world.folder / "backups" / f"{name}.tar.zst.age").open("rb") as file,
        opened(file, identities_in(key), name) as plain,
    ):
        raw = io.BytesIO(plain.read())
    with tarfile.open(fileobj=raw) as archive:
        return {
            member.name: (archive.extractfile(member) or io.BytesIO()).read()
            for member in archive
            if member.isreg()
        }


def test_an_apps_volumes_and_the_installation_are_sealed_beside_the_fleet(world: World, key: Path) -> None:
    world.apply()
    data(world).write("/notes.txt", b"remember the milk")

    made = create(world)

    assert [each.instance for each in made.made] == ["web@nas", "fleet"]
    assert contents(world, key, made.made[0].name)["volumes/data/notes.txt"] == b"remember the milk"
    installation = contents(world, key, made.made[1].name)
    assert installation["fleet/fleet.yaml"] == world.file.read_bytes()
    assert installation["state/.pulumi/stacks/tomo/home.json"] == world.state.read_bytes()
    listed = listed_backups(world.doors, ListBackupsRequest(world.place))
    assert {each.name: each for each in listed} == {each.name: each for each in made.made}


def test_a_backup_leaves_nothing_behind_on_the_host(world: World, key: Path) -> None:
    world.apply()
    docker = world.nas.docker
    before = docker.image_names, docker.volume_names, docker.container_names

    create(world, "web")

    assert (docker.image_names, docker.volume_names, docker.container_names) == before
    assert world.plan().has_changes is False


def test_an_app_that_stops_for_its_backup_runs_again(world: World, key: Path) -> None:
    world.edit("      volumes: {data: {}}", "      volumes: {data: {}}\n      backup: {stop: true}")
    world.apply()
    world.nas.docker.calls.clear()

    made = create(world, "web")

    assert made.failed == ()
    paths = [call.path.split("/", 2)[2] for call in world.nas.docker.writes if "/web/" in call.path]
    assert paths == ["containers/web/stop", "containers/web/start"]
    assert made.made[0].stopped is True


def test_a_backup_that_fails_starts_the_app_again_and_leaves_no_archive(world: World, key: Path) -> None:
    world.edit("      volumes: {data: {}}", "      volumes: {data: {}}\n      backup: {stop: true}")
    world.apply()
    world.nas.docker.fail_next("GET", r"/archive", 500, "input/output error")

    made = create(world, "web")

    assert [each.error.code for each in made.failed] == ["docker"]
    assert world.nas.docker.inspect("web")["State"]["Running"] is True
    assert not (world.folder / "backups").exists() or list((world.folder / "backups").iterdir()) == []


def test_commands_of_the_app_run_before_and_after_the_copy(world: World, key: Path) -> None:
    block = "backup: {pre: [[sh, -c, 'echo dump > /tmp/dump']], post: [[sh, -c, 'echo gone > /tmp/dump']]}"
    world.edit("      volumes: {data: {}}", f"      volumes: {{data: {{}}}}\n      {block}")
    world.apply()
    world.nas.docker.calls.clear()

    create(world, "web")

    paths = [call.path for call in world.nas.docker.calls if re.search("/exec/.*/start|/archive", call.path)]
    assert [path.rsplit("/", 1)[1] for path in paths] == ["start", "archive", "start"]
    assert world.nas.docker.file_in("web", "/tmp/dump") == b"gone\n"


def test_a_command_that_fails_is_told_and_what_follows_it_is_done_all_the_same(
    world: World, key: Path
) -> None:
    block = "backup: {pre: [['false']], post: [[sh, -c, 'echo done > /tmp/after']]}"
    world.edit("      volumes: {data: {}}", f"      volumes: {{data: {{}}}}\n      {block}")
    world.apply()

    made = create(world, "web")

    assert "`false`" in made.failed[0].error.message
    assert world.nas.docker.file_in("web", "/tmp/after") == b"done\n"


def test_patterns_and_flags_leave_out_what_needs_no_backup(world: World, key: Path) -> None:
    world.edit("      volumes: {data: {}}", "      volumes: {data: {exclude: [cache, '*.tmp']}}")
    world.apply()
    for path in ("/cache/big", "/deep/cache/big", "/x.tmp", "/kept"):
        data(world).write(path, b"1")

    made = create(world, "web")

    names = contents(world, key, made.made[0].name)
    assert [name for name in names if name.startswith("volumes/")] == ["volumes/data/kept"]


def test_an_app_left_out_by_the_fleet_can_not_be_named(world: World, key: Path) -> None:
    world.edit("    server: nas\n", "    server: nas\n    backup: false\n")
    world.apply()

    with pytest.raises(UsageError) as caught:
        create(world, "web")

    assert "nothing to back up" in caught.value.message
    assert [each.instance for each in create(world).made] == ["fleet"]


def test_a_fleet_that_says_nothing_of_backups_is_told_what_to_write(world: World) -> None:
    with pytest.raises(UsageError) as caught:
        create(world)

    assert "backup: {to: FOLDER" in caught.value.hint
