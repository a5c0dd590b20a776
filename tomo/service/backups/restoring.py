"""Puts a backup's volumes in the place of an app's own.

New data is unpacked beside the old in the same volume, read back and compared, and only then takes its place,
by renames. The old data goes when the app runs again; until then every failure puts it back.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from tomo.backup.manifest import FLEET, Manifest, VolumeDigest
from tomo.backup.tar import TreeDigest, restored_entries
from tomo.errors import BackupDamaged, BackupError, NotSupported, TomoError, UsageError
from tomo.model.connection import CommandResult, Connection
from tomo.providers.docker.daemon import Daemon
from tomo.providers.docker.running import runs, stop_container
from tomo.providers.docker.volume_data import users_of, volume_data
from tomo.resources.scripts import volume_swap_script
from tomo.service.backups.making import require_volume
from tomo.service.backups.opening import OpenBackup
from tomo.service.backups.quiet import start, stopped
from tomo.service.backups.requests import Overwritten, RestorePlan
from tomo.service.backups.targets import Target
from tomo.service.backups.verifying import digest_of, volume_parts
from tomo.spec.near import did_you_mean
from tomo.spec.shown import shown

_NO_ROOT, _LEFT = 3, 4


def restore_plan(
    manifest: Manifest, target: Target, volumes: tuple[str, ...], daemon: Daemon, *, first: bool
) -> RestorePlan:
    """What a restore would do; raises BackupError, UsageError for what can't be."""
    named = {each.name: each for each in target.every_volume}
    held = [each.name for each in manifest.volumes]
    for name in volumes:
        if name not in held:
            raise UsageError(
                f"`{manifest.name}` has no volume `{shown(name)}`",
                hint=did_you_mean(name, held, "leave it out"),
            )
    wanted = volumes or tuple(held)
    for name in wanted:
        if name not in named:
            raise BackupError(
                f"`{target.app}` has no volume `{name}` any more, which `{manifest.name}` holds",
                hint="choose others with `--volume NAME`, or open the archive by hand: docs/backup.md",
            )
        require_volume(daemon, target, named[name].docker_name)
        _refuse_shared(daemon, target, named[name].docker_name)
    return RestorePlan(
        manifest,
        target.instance,
        tuple(Overwritten(name, named[name].docker_name) for name in wanted),
        tuple(name for name in target.containers if runs(daemon, name)),
        first,
    )


def require_of_an_app(manifest: Manifest) -> None:
    """Raises UsageError for the backup of an installation, which is moved another way."""
    if manifest.app == FLEET and not manifest.server:
        raise UsageError(
            f"`{manifest.name}` is of the installation itself, not of an app",
            hint="put it into an empty folder: `tomo import --bundle FILE --identity KEY`",
        )


def require_of_installation(manifest: Manifest) -> None:
    """Raises UsageError for the backup of an app, which is restored another way."""
    if manifest.app != FLEET or manifest.server:
        raise UsageError(
            f"`{manifest.name}` is of the app `{manifest.app}`, not of an installation",
            hint=f"restore it: `tomo backup restore {manifest.name}`",
        )


def _refuse_shared(daemon: Daemon, target: Target, volume: str) -> None:
    others = [
        name
        for name, state in users_of(daemon, volume)
        if name not in target.containers and state in {"running", "paused", "restarting"}
    ]
    if others:
        raise BackupError(
            f"another container uses `{volume}` too: {', '.join(f'`{name}`' for name in others)}",
            hint=f"stop it first: `docker stop {others[0]}`",
        )


@dataclass(slots=True)
class Restoring:
    """One restore on one server; `id` marks what is made for it there."""

    target: Target
    plan: RestorePlan
    connection: Connection
    daemon: Daemon
    tell: Callable[[str], None]
    id: str = field(default_factory=lambda: secrets.token_hex(4))
    swapped: bool = False

    def require_ready(self) -> None:
        """Raises BackupError, before anything is stopped, where the volumes can't be written as root."""
        for each in self.plan.overwrites:
            folder = self._folder(each)
            ran = self._run("ready", folder, check=False)
            if ran.exit_code == _NO_ROOT:
                raise BackupError(
                    f"restoring needs root on `{self.target.server}`, whose login is another one",
                    hint="write `become: sudo` for the server, where sudo asks no password",
                )
            if ran.exit_code == _LEFT:
                raise BackupError(
                    f"a restore of `{each.docker_name}` was interrupted before: its old data is in "
                    f"`{ran.text.strip()}` on `{self.target.server}`",
                    hint="look which of the two is wanted, and move the other away",
                )
            if ran.exit_code:
                raise BackupError(
                    f"`{folder}` on `{self.target.server}` can't be used", hint="see the cause on the host",
                    detail=ran.stderr.decode("utf-8", "replace")[-2000:],
                )  # fmt: skip

    def restore(self, backup: OpenBackup, before: Callable[[], None]) -> None:
        """Does it; `before` is called when the app has stopped. On any failure the old data is back."""
        try:
            with stopped(self.daemon, self.target, self.tell):
                self._replaced(backup, before)
            self._require_running()
        except BaseException as error:
            if self.swapped:
                self._take_back(error)
            raise
        for each in self.plan.overwrites:
            self._run("clean", self._folder(each))

    def _replaced(self, backup: OpenBackup, before: Callable[[], None]) -> None:
        try:
            before()
            self._unpack(backup)
            for each in self.plan.overwrites:
                self.tell(f"{self.target.instance}: putting {each.name} in place")
                self._run("swap", self._folder(each))
            self.swapped = True
        except BaseException as error:
            self._undo(error)
            raise

    def _take_back(self, error: BaseException) -> None:
        """Puts the old data back with the app stopped, and starts it again."""
        with suppress(TomoError):
            for name in reversed(self.plan.stops):
                stop_container(self.daemon, name)
        self._undo(error)
        with suppress(TomoError):
            start(self.daemon, self.target, self.plan.stops, self.tell)

    def _undo(self, error: BaseException) -> None:
        try:
            for each in self.plan.overwrites:
                self._run("undo", self._folder(each))
            self.swapped = False
        except TomoError as another:
            if isinstance(error, TomoError):
                error.detail = "\n".join(filter(None, [error.detail, another.message]))
                error.hint = (
                    f"the old data is whole, in the folder `.tomo-before-{self.id}` of each volume where it "
                    "was moved; see docs/backup.md"
                )

    def _unpack(self, backup: OpenBackup) -> None:
        wanted = {each.name: each.docker_name for each in self.plan.overwrites}
        digests: dict[str, VolumeDigest] = {}
        with volume_data(self.daemon, list(wanted.values()), read_only=False) as data:
            for part in volume_parts(backup):
                if part.name not in wanted:
                    continue
                self.tell(f"{self.target.instance}: unpacking {part.name}")
                folder = f".tomo-restore-{self.id}"
                set_ids: list[tuple[str, int]] = []
                entries = restored_entries(part.members, folder, TreeDigest(), set_ids)
                data.write(wanted[part.name], entries)
                self._set_modes(wanted[part.name], folder, set_ids)
                digests[part.name] = digest_of(data, wanted[part.name], folder)
        self._require_same(digests, backup.archive.digests)
        if seal := backup.seal():
            raise BackupDamaged(
                f"`{self.plan.manifest.name}` is not the file that was written: {seal}",
                hint="choose another one: `tomo backup list`",
            )

    def _set_modes(self, volume: str, folder: str, modes: list[tuple[str, int]]) -> None:
        where = self._folder(Overwritten("", volume))
        for name, mode in modes:
            self.connection.run(["chmod", f"{mode:o}", "--", f"{where}/{folder}/{name}"])

    def _require_same(self, found: Mapping[str, VolumeDigest], expected: Mapping[str, VolumeDigest]) -> None:
        for each in self.plan.overwrites:
            if each.name not in found or found[each.name] != expected.get(each.name):
                raise BackupDamaged(
                    f"what was unpacked of `{each.name}` on `{self.target.server}` is not what was backed up",
                    hint="check the disk there, or choose another backup: `tomo backup list`",
                )

    def _require_running(self) -> None:
        failed = [name for name in self.plan.stops if not runs(self.daemon, name)]
        if failed:
            raise BackupError(
                f"{', '.join(f'`{name}`' for name in failed)} ended at once with the restored data",
                hint=f"see why: `docker logs {failed[0]}`; the data before is in place again",
            )

    def _run(self, act: str, folder: str, *, check: bool = True) -> CommandResult:
        argv = ["sh", "-c", volume_swap_script(), "sh", act, folder, self.id]
        ran = self.connection.run(argv, check=False)
        if check and ran.exit_code:
            raise BackupError(
                f"`{folder}` on `{self.target.server}` could not be changed (exit code {ran.exit_code})",
                hint="see the cause on the host, and restore again",
                detail=ran.stderr.decode("utf-8", "replace")[-2000:],
            )
        return ran

    def _folder(self, each: Overwritten) -> str:
        found = require_volume(self.daemon, self.target, each.docker_name)
        folder = found.get("Mountpoint")
        if found.get("Driver") != "local" or not isinstance(folder, str) or not folder.startswith("/"):
            raise NotSupported(
                f"the volume `{each.docker_name}` is of the driver `{found.get('Driver')}`, and only "
                "those of `local` can be restored",
                hint="open the archive by hand: docs/backup.md",
            )
        return folder
