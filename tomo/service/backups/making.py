"""Makes backups: of an app's volumes, and of the installation itself."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from tomo.backup.archive import ArchiveSource, PlainFile, VolumeSource, archive_chunks
from tomo.backup.destination import put_manifest
from tomo.backup.manifest import ASKED, FLEET, SUFFIX, Manifest, VolumeDigest, archive_name
from tomo.backup.sealing import sealed
from tomo.backup.streams import Counted
from tomo.errors import BackupError, UsageError
from tomo.model.connection import Connections
from tomo.model.values import Value
from tomo.providers.docker.daemon import Daemon
from tomo.providers.docker.volume_data import VolumeData, volume_data, volume_of
from tomo.service.backups.places import Places
from tomo.service.backups.quiet import quiet
from tomo.service.backups.requests import nobody
from tomo.service.backups.targets import Target
from tomo.service.wiring import LazyRedactor
from tomo.service.workspace import Workspace
from tomo.state.config import StackConfig


@contextmanager
def daemon_of(connections: Connections, target: Target) -> Iterator[Daemon]:
    """Docker on a target's server."""
    daemon = Daemon(connections.get(target.spec), target.spec.label)
    try:
        yield daemon
    finally:
        daemon.close()


@dataclass(slots=True)
class Making:
    """Makes backups of one fleet. Whoever makes one holds the stack's lock."""

    workspace: Workspace
    connections: Connections
    places: Places
    config: StackConfig
    tell: Callable[[str], None] = nobody
    clock: Callable[[], float] = time.time

    def app(self, target: Target, *, incremental: bool = False, reason: str = ASKED) -> Manifest:
        """Backs up an app; what can't be copied whole leaves no archive. The app runs as before after it."""
        with daemon_of(self.connections, target) as daemon:
            self._require_volumes(daemon, target)
            names = [each.docker_name for each in target.volumes]
            with (
                quiet(daemon, target, self.tell, self._redactor().redact),
                volume_data(daemon, names) as data,
            ):
                return self.app_at_rest(target, data, incremental=incremental, reason=reason)

    def app_at_rest(
        self, target: Target, data: VolumeData, *, incremental: bool = False, reason: str = ASKED
    ) -> Manifest:
        """The same where the app holds still already."""
        volumes = [
            VolumeSource(each.name, partial(data.read, each.docker_name), target.exclude.get(each.name, ()))
            for each in target.volumes
        ]
        manifest = replace(
            self._manifest(target.app, target.server, incremental=incremental, reason=reason),
            version=target.version,
            images=target.images,
            volumes=target.volumes,
            contents=("volumes", "fleet file"),
            stopped=target.around.stop,
        )
        files = [PlainFile(f"fleet/{self._file.name}", self._file.read_bytes())]
        return self.put(manifest, files, volumes)

    def installation(
        self, files: Iterable[PlainFile], contents: Sequence[str], *, incremental: bool
    ) -> Manifest:
        """Backs up what the fleet is made of: its files, its state, the database."""
        manifest = self._manifest(FLEET, "", incremental=incremental, reason=ASKED)
        return self.put(replace(manifest, contents=tuple(contents)), list(files), ())

    def put(
        self, manifest: Manifest, files: Sequence[PlainFile], volumes: Sequence[VolumeSource]
    ) -> Manifest:
        """Writes an archive where backups go; it is listed once it is whole."""
        digests: dict[str, VolumeDigest] = {}
        label = manifest.instance

        def tell(line: str) -> None:
            self.tell(f"{label}: {line}")

        chunks = archive_chunks(ArchiveSource(manifest, files, volumes, tell), digests)
        if manifest.kind != "full":
            return self.places.require_restic().backup(manifest, chunks)
        recipients = self.places.settings.recipients
        if not recipients:
            raise UsageError(
                "the fleet file names no `recipients`, so nobody could open a full backup",
                hint="add the public key of `age-keygen -o backup.key`, or make it with `--incremental`",
            )
        with self.places.full.writing(f"{manifest.name}{SUFFIX}") as target:
            counted = Counted(target)
            sealed(chunks, counted, recipients)
        whole = replace(manifest, size=counted.size, sha256=counted.sha256)
        put_manifest(self.places.full, whole)
        return whole

    # --- parts ----------------------------------------------------------------------------------------

    @property
    def _file(self) -> Path:
        fleet = self.workspace.fleet
        if fleet is None:  # pragma: no cover  # a target is of a fleet
            raise AssertionError
        return fleet.file

    def _manifest(self, app: str, server: str, *, incremental: bool, reason: str) -> Manifest:
        made = manifest_of_now(self.workspace.stack, app, server, self.clock())
        return replace(made, kind="incremental" if incremental else "full", reason=reason)

    def _redactor(self) -> LazyRedactor:
        redactor = LazyRedactor()
        for value in self.config.values.values():
            redactor.learn(value)
        return redactor

    def _require_volumes(self, daemon: Daemon, target: Target) -> None:
        for each in target.volumes:
            require_volume(daemon, target, each.docker_name)


def manifest_of_now(fleet: str, app: str, server: str, now: float | None = None) -> Manifest:
    """The beginning of a manifest: its name and time."""
    seconds = time.time() if now is None else now
    moment = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Manifest(archive_name(app, server, seconds, secrets.token_hex(2)), fleet, app, server, moment)


def require_volume(daemon: Daemon, target: Target, volume: str) -> Mapping[str, Value]:
    """A volume of an app as Docker shows it; raises BackupError where it isn't there."""
    found = volume_of(daemon, volume)
    if found is None:
        raise BackupError(
            f"`{target.server}` has no volume `{volume}`, which is to be `{target.app}`'s",
            hint="make it with `tomo apply` first",
        )
    return found
