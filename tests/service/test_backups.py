from __future__ import annotations

import io
import re
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.worlds import World
from tomo.backup.keep import Judged, Keep
from tomo.backup.sealing import identities_in, opened
from tomo.errors import (
    ApprovalMissing,
    BackupDamaged,
    BackupError,
    BackupKeyRefused,
    HostError,
    PolicyDenied,
    UsageError,
)
from tomo.service.backups.cases import Backups
from tomo.service.backups.listing import listed_backups
from tomo.service.backups.requests import (
    CreateBackupRequest,
    CreatedBackups,
    ListBackupsRequest,
    PruneBackupsRequest,
    RestoreBackupRequest,
    RestoredBackup,
    RestorePlan,
    VerifyBackupRequest,
)


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


# --- putting back -------------------------------------------------------------------------------------


def restore(world: World, backup: str, key: Path, **options: Any) -> RestoredBackup:
    asked = {"confirm": lambda _plan: True, "identities": (key,), **options}
    return Backups(world.doors).restore(RestoreBackupRequest(world.place, backup, **asked))


def test_a_restore_puts_the_data_back_and_backs_up_what_was_there(world: World, key: Path) -> None:
    world.apply()
    data(world).write("/notes.txt", b"remember the milk", 0o640)
    made = create(world, "web").made[0]
    data(world).write("/notes.txt", b"garbage")
    data(world).write("/virus", b"x")

    done = restore(world, "web", key)

    assert data(world).read("/notes.txt") == b"remember the milk"
    assert data(world).get("/virus") is None
    assert [name for name in data(world).children("/") if name.startswith(".tomo")] == []
    assert world.nas.docker.inspect("web")["State"]["Running"] is True
    assert contents(world, key, done.before)["volumes/data/virus"] == b"x"
    assert done.plan.manifest.name == made.name
    assert world.plan().has_changes is False


def test_what_a_restore_replaced_is_not_the_newest_backup_of_its_app(world: World, key: Path) -> None:
    world.apply()
    made = create(world, "web").made[0]

    first, second = restore(world, "web", key), restore(world, "web", key)
    back = restore(world, first.before, key)

    assert [each.plan.manifest.name for each in (first, second)] == [made.name, made.name]
    assert back.plan.manifest.reason == "before-restore"


def test_a_restore_says_what_it_overwrites_and_does_nothing_without_consent(world: World, key: Path) -> None:
    world.apply()
    create(world, "web")
    data(world).write("/new", b"x")
    world.nas.docker.calls.clear()
    seen: list[RestorePlan] = []

    done = restore(world, "web", key, confirm=seen.append)

    assert done.declined
    assert [each.docker_name for each in seen[0].overwrites] == ["web-data"]
    assert seen[0].stops == ("web",)
    assert [call for call in world.nas.docker.writes if "/web/" in call.path] == []


def test_a_restore_that_fails_on_the_way_leaves_the_old_data_and_the_app_running(
    world: World, key: Path
) -> None:
    world.apply()
    create(world, "web")
    data(world).write("/only", b"here")
    world.nas.docker.fail_next("PUT", "/archive", 500, "no space left on device")

    with pytest.raises(HostError):
        restore(world, "web", key, first=False)

    assert data(world).read("/only") == b"here"
    assert [name for name in data(world).children("/") if name.startswith(".tomo")] == []
    assert world.nas.docker.inspect("web")["State"]["Running"] is True


def test_an_app_that_does_not_start_with_the_restored_data_gets_its_old_data_back(
    world: World, key: Path
) -> None:
    world.apply()
    create(world, "web")
    data(world).write("/only", b"here")
    world.nas.docker.fail_next("POST", "/web/start", 500, "cannot start")

    with pytest.raises(BackupError):
        restore(world, "web", key, first=False)

    assert data(world).read("/only") == b"here"
    assert world.nas.docker.inspect("web")["State"]["Running"] is True


def test_a_wrong_key_is_told_before_anything_stops(world: World, key: Path) -> None:
    import pyrage

    world.apply()
    create(world, "web")
    other = world.folder.parent / "other.key"
    other.write_text(str(pyrage.x25519.Identity.generate()))
    world.nas.docker.calls.clear()

    with pytest.raises(BackupKeyRefused):
        restore(world, "web", other)

    assert [call for call in world.nas.docker.writes if "/web/" in call.path] == []


def test_a_damaged_archive_leaves_everything_as_it_is(world: World, key: Path) -> None:
    world.apply()
    data(world).write("/notes.txt", b"x" * 200_000)
    made = create(world, "web").made[0]
    file = world.folder / "backups" / f"{made.name}.tar.zst.age"
    raw = bytearray(file.read_bytes())
    raw[-40] ^= 1
    file.write_bytes(bytes(raw))
    data(world).write("/only", b"here")

    with pytest.raises(BackupDamaged):
        restore(world, "web", key, first=False)

    assert data(world).read("/only") == b"here"
    assert world.nas.docker.inspect("web")["State"]["Running"] is True


def test_where_approvals_are_on_a_restore_waits_for_a_person(world: World, key: Path) -> None:
    world.apply()
    create(world, "web")
    approvers = world.folder.parent / "approvers"
    approvers.write_text("a@example.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0\n")
    doors = replace(world.doors, settings=replace(world.settings, approvers=approvers))

    with pytest.raises(ApprovalMissing) as caught:
        Backups(doors).restore(RestoreBackupRequest(world.place, "web", lambda _plan: True, (key,)))

    assert "--propose" in caught.value.hint


def test_a_policy_against_data_removal_holds_for_restores(world: World, key: Path) -> None:
    world.apply()
    create(world, "web")
    (world.folder / "tomo-policy.yaml").write_text("schema: tomo.policy/v1\nrules: {data-removal: deny}\n")

    with pytest.raises(PolicyDenied):
        restore(world, "web", key)


def test_a_login_without_root_is_told_before_anything_stops(world: World, key: Path) -> None:
    world.apply()
    create(world, "web")
    world.edit("    user: root\n", "    user: someone\n")

    with pytest.raises(BackupError) as caught:
        restore(world, "web", key)

    assert "become: sudo" in caught.value.hint


# --- verifying and thinning out -----------------------------------------------------------------------


def test_a_whole_backup_is_verified_and_its_scratch_volume_is_gone(world: World, key: Path) -> None:
    world.apply()
    data(world).write("/notes.txt", b"remember the milk")
    create(world, "web")

    found = Backups(world.doors).verify(VerifyBackupRequest(world.place, "web", (key,)))

    assert found.is_whole
    assert [(each.name, each.is_same) for each in found.volumes] == [("data", True)]
    assert world.nas.docker.volume_names == ["web-data"]


def test_a_backup_that_is_put_back_otherwise_is_not_whole(world: World, key: Path) -> None:
    world.apply()
    made = create(world, "web").made[0]
    sidecar = world.folder / "backups" / f"{made.name}.json"
    sidecar.write_text(sidecar.read_text().replace(made.sha256, "0" * 64))

    found = Backups(world.doors).verify(VerifyBackupRequest(world.place, "web", (key,)))

    assert not found.is_whole
    assert "its digest is" in found.seal


def test_pruning_shows_what_goes_and_keeps_the_newest(world: World, key: Path) -> None:
    world.apply()
    times = iter([1_700_000_000.0 + 3600 * hour for hour in range(3)])
    backups = Backups(world.doors, lambda: next(times))
    names = [backups.create(CreateBackupRequest(world.place, ("web",))).made[0].name for _ in range(3)]
    seen: list[tuple[Judged, ...]] = []

    def confirm(shown: tuple[Judged, ...]) -> bool:
        seen.append(shown)
        return True

    done = Backups(world.doors).prune(PruneBackupsRequest(world.place, confirm, keep=Keep(last=1)))

    assert done.done
    assert [(each.manifest.name, each.goes) for each in seen[0]] == [
        (names[2], False), (names[1], True), (names[0], True),
    ]  # fmt: skip
    left = listed_backups(world.doors, ListBackupsRequest(world.place))
    assert [each.name for each in left] == [names[2]]
    assert len(list((world.folder / "backups").iterdir())) == 2


def test_a_backup_that_is_stopped_by_hand_starts_the_app_again_and_leaves_no_archive(
    world: World, key: Path
) -> None:
    world.apply()

    def tell(line: str) -> None:
        if line.endswith("volume data"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Backups(world.doors).create(CreateBackupRequest(world.place, ("web",), tell=tell))

    assert world.nas.docker.inspect("web")["State"]["Running"] is True
    assert list((world.folder / "backups").iterdir()) == []
    assert world.nas.docker.container_names == ["web"]
