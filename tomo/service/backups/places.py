"""Opens where a fleet's backups lie."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from tomo.backup.destination import Destination, Folder, manifest_of, manifests
from tomo.backup.manifest import BEFORE_RESTORE, Manifest
from tomo.backup.restic import Repository, Restic
from tomo.errors import BackupNotFound, ConfigMissing, UsageError
from tomo.frozen import frozen
from tomo.model.connection import HostBook, HostSpec
from tomo.model.values import Secret
from tomo.service.backups.targets import settings_of
from tomo.service.hosts import declared_hosts, fleet_secrets
from tomo.service.server_edits import fleet_of
from tomo.service.wiring import Doors
from tomo.service.workspace import Workspace
from tomo.spec.backup import BackupSettings
from tomo.spec.base import SecretRef
from tomo.spec.shown import shown
from tomo.ssh.store_address import StoreAddress, parse_store_address

_RESTIC: Final = "restic"
_AMAZON: Final = "s3.amazonaws.com"


@frozen
class Places:
    """A fleet's destination: for full backups, and for incremental ones where there are any."""

    settings: BackupSettings
    full: Destination
    restic: Restic | None = None

    def manifests(self, instances: frozenset[str] = frozenset()) -> list[Manifest]:
        """Every backup, or those of some instances, the oldest first."""
        found = [*manifests(self.full), *(self.restic.manifests() if self.restic is not None else ())]
        wanted = [each for each in found if not instances or instances & {each.instance, each.app}]
        return sorted(wanted, key=lambda each: (each.time, each.name))

    def find(self, name: str) -> Manifest:
        """A backup by its name, or the newest one of an app; raises BackupNotFound."""
        exact = next((each for each in manifests(self.full) if each.name == name), None)
        if exact is not None:
            return exact
        found = self.manifests()
        exact = next((each for each in found if each.name == name), None)
        of_app = [each for each in found if name in {each.instance, each.app}]
        # What a restore replaced is wanted by its own name only.
        wanted = [each for each in of_app if each.reason != BEFORE_RESTORE]
        newest = next(reversed(wanted or of_app), None)
        if exact is None and newest is None:
            raise BackupNotFound(
                f"there is no backup `{shown(name)}` in `{self.full.location}`",
                hint="see what there is: `tomo backup list`",
            )
        return exact or newest or manifest_of(self.full, name)

    def require_restic(self) -> Restic:
        """The restic repository; raises UsageError where the fleet names none."""
        if self.restic is None:
            raise UsageError(
                "the fleet file names no restic repository, so there are no incremental backups",
                hint="add `restic: {password: {secret: NAME}}` under `backup`",
            )
        return self.restic


@frozen
class _Around:
    """What an address is read with: the fleet's folder and hosts, and the doors."""

    folder: Path
    book: HostBook
    doors: Doors


@contextmanager
def opened_places(doors: Doors, workspace: Workspace) -> Iterator[Places]:
    """The destination of a fleet; its connections end with it."""
    settings = settings_of(workspace)
    secrets = fleet_secrets(workspace.config())
    book = HostBook(declared_hosts(fleet_of(workspace).fleet, workspace.config()))
    with ExitStack() as closing:
        folder = fleet_of(workspace).file.parent
        full, repository = _destination(settings, secrets, _Around(folder, book, doors), closing)
        closing.callback(full.close)
        restic = Restic(repository, doors.settings.variables) if repository is not None else None
        yield Places(settings, full, restic)


def _destination(
    settings: BackupSettings,
    secrets: Mapping[str, Secret],
    around: _Around,
    closing: ExitStack,
) -> tuple[Destination, Repository | None]:
    password = _secret(settings.restic.password, secrets) if settings.restic else None
    if settings.to.startswith("s3://"):
        return _bucket(settings, secrets, password)
    if settings.to.startswith("ssh://"):
        from tomo.backup.server_folder import open_server_folder  # noqa: PLC0415  # brings paramiko

        address, doors = parse_store_address(settings.to), around.doors
        spec = around.book.complete(address.spec)
        made = open_server_folder(address, doors.settings, around.book, doors.ask_passphrase)
        return made, _over_ssh(address, spec, password, closing) if password else None
    path = (around.folder / Path(settings.to).expanduser()).absolute()
    repository = Repository(str(path / _RESTIC), password) if password else None
    return Folder(path), repository


def _bucket(
    settings: BackupSettings, secrets: Mapping[str, Secret], password: Secret | None
) -> tuple[Destination, Repository | None]:
    from tomo.backup.bucket import Bucket, BucketAddress  # noqa: PLC0415  # for those who have one

    bucket, _, prefix = settings.to.removeprefix("s3://").partition("/")
    own = settings.s3
    keys = (
        [_secret(ref, secrets) if ref else None for ref in (own.access_key, own.secret_key)]
        if own
        else [None] * 2
    )
    endpoint, region = (own.endpoint, own.region) if own else (None, None)
    address = BucketAddress(bucket, prefix.strip("/"), endpoint, region, keys[0], keys[1])
    if password is None:
        return Bucket(address), None
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    environment: dict[str, Secret | str] = {name: key for name, key in zip(names, keys, strict=True) if key}
    if region:
        environment["AWS_DEFAULT_REGION"] = region
    below = f"{address.prefix}/{_RESTIC}" if address.prefix else _RESTIC
    return Bucket(address), Repository(f"s3:{endpoint or _AMAZON}/{bucket}/{below}", password, environment)


def _over_ssh(address: StoreAddress, spec: HostSpec, password: Secret, closing: ExitStack) -> Repository:
    """A repository that restic reaches by OpenSSH's client, which checks the host keys that are pinned."""
    if spec.password is not None:
        raise UsageError(
            f"restic can't log in to `{spec.label}` with a password", hint="put a key there: `ssh-copy-id`"
        )
    words = ["ssh", "-oBatchMode=yes", "-oStrictHostKeyChecking=yes"]
    if spec.host_keys:
        folder = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="tomo-known-")))
        known = folder / "known_hosts"
        known.write_text("".join(f"{_known_as(spec)} {key}\n" for key in spec.host_keys))
        words += [f"-oUserKnownHostsFile={known}", "-oGlobalKnownHostsFile=/dev/null"]
    given = {"-p": spec.port, "-i": spec.identity, "-J": spec.proxy_jump, "-l": spec.user}
    for flag, value in given.items():
        if value is not None:
            words += [flag, str(Path(str(value)).expanduser()) if flag == "-i" else str(value)]
    words += [spec.host, "-s", "sftp"]
    login = f"{spec.user}@{spec.host}" if spec.user else spec.host
    path = f"{address.root}/{_RESTIC}"
    from tomo.ssh.quote import join  # noqa: PLC0415  # for this road only

    return Repository(f"sftp:{login}:{path}", password, {}, (f"sftp.command={join(words)}",))


def _known_as(spec: HostSpec) -> str:
    return f"[{spec.host}]:{spec.port}" if spec.port not in {None, 22} else spec.host


def _secret(ref: SecretRef, secrets: Mapping[str, Secret]) -> Secret:
    found = secrets.get(ref.secret)
    if found is None:
        raise ConfigMissing(
            f"the secret `{ref.secret}`, which `backup` names, is not set",
            hint=f"run `tomo secret set {ref.secret}`",
        )
    return found
