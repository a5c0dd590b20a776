"""Moves a whole installation: everything but the data of apps, into one file and out of it again."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Final

from tomo.backup.archive import ArchiveReader, ArchiveSource, FilePart, archive_chunks
from tomo.backup.destination import Folder
from tomo.backup.manifest import FLEET, Manifest
from tomo.backup.sealing import compressed, decompressed, identities_in, opened, sealed
from tomo.backup.streams import CHUNK
from tomo.db.address import database_address
from tomo.errors import BackupDamaged, UsageError
from tomo.frozen import frozen
from tomo.model.storage import Storage
from tomo.service.backups.installation import (
    APPROVERS_FILE,
    DATABASE_FILE,
    FLEET_FOLDER,
    STATE_FOLDER,
    installation_files,
)
from tomo.service.backups.making import manifest_of_now
from tomo.service.backups.restoring import require_of_installation
from tomo.service.effect import Effect
from tomo.service.recording import recorded
from tomo.service.server_edits import fleet_of
from tomo.service.wiring import Doors
from tomo.service.workspace import Place
from tomo.state.backend import FileBackend

_AGE: Final = b"age-encryption.org/"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_SHARED: Final = frozenset({".pulumi/meta.yaml"})
_SHOWN: Final = 5


@frozen
class ExportRequest:
    """Write the installation into a file that must not be there yet.

    Sealed for `recipients`, or for those of the fleet's backups; `plain` leaves it open.
    """

    effect: ClassVar[Effect] = Effect.READ
    place: Place
    file: Path
    recipients: tuple[str, ...] = ()
    plain: bool = False


@frozen
class Exported:
    """What was written."""

    file: Path
    size: int
    contents: tuple[str, ...]
    sealed: bool


@frozen
class ImportBundleRequest:
    """Put an exported installation into a folder that has none. `database` says whether its rows, too."""

    effect: ClassVar[Effect] = Effect.WRITE
    folder: Path
    file: Path
    identities: tuple[Path, ...] = ()
    database: bool = True


@frozen
class ImportedBundle:
    """What was put where; `rows` of the database, `approvers` where their public keys lie."""

    manifest: Manifest
    files: tuple[str, ...]
    state: int = 0
    rows: int = 0
    approvers: str = ""


@dataclass(slots=True)
class _Found:
    """What a bundle holds, unpacked into a folder of its own."""

    manifest: Manifest
    fleet: dict[str, Path] = field(default_factory=dict)
    state: dict[str, Path] = field(default_factory=dict)
    rows: Path | None = None
    approvers: Path | None = None


class Moving:
    """Takes an installation out and puts it in."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    def export(self, request: ExportRequest) -> Exported:
        """Writes everything into one file, whole or not at all."""
        workspace = self._doors.open(request.place)
        settings = fleet_of(workspace).fleet.backup
        recipients = request.recipients or (settings.recipients if settings is not None else ())
        if not recipients and not request.plain:
            raise UsageError(
                "nobody is named who could open it",
                hint="name a public key of `age-keygen`: `--recipient age1…`; or `--unencrypted`",
            )
        _refuse_there([request.file])
        with (
            recorded(self._doors, "backup.export", workspace.name) as act,
            installation_files(self._doors, workspace) as (files, contents),
            Folder(request.file.absolute().parent).writing(request.file.name) as target,
        ):
            made = replace(manifest_of_now(workspace.stack, FLEET, ""), contents=contents)
            chunks = archive_chunks(ArchiveSource(made, files), {})
            if request.plain:
                for chunk in compressed(chunks):
                    target.write(chunk)
            else:
                sealed(chunks, target, recipients)
            act.details["contents"] = ", ".join(contents)
        return Exported(request.file, request.file.stat().st_size, contents, not request.plain)

    def import_bundle(self, request: ImportBundleRequest) -> ImportedBundle:
        """Puts everything where it belongs, all or nothing; raises UsageError where something is there."""
        folder = request.folder.absolute()
        if not folder.is_dir():
            raise UsageError(f"there is no folder `{folder}`", hint=f"make it: `mkdir -p {folder}`")
        with tempfile.TemporaryDirectory(prefix=".tomo-import-", dir=folder) as stage:
            found = self._unpacked(request, Path(stage))
            storage = self._storage(folder)
            _refuse_there([folder / name for name in found.fleet])
            _refuse_state(storage, found.state)
            if request.database and found.rows is not None:
                self._require_empty_database()
            with recorded(self._doors, "backup.import", str(folder)) as act:
                act.details["bundle"] = found.manifest.name
                return self._put(request, folder, storage, found)

    # --- reading --------------------------------------------------------------------------------------

    def _unpacked(self, request: ImportBundleRequest, stage: Path) -> _Found:
        with self._reader(request) as archive:
            require_of_installation(archive.manifest)
            found = _Found(archive.manifest)
            for number, part in enumerate(archive.parts()):
                if isinstance(part, FilePart):
                    _sort(found, part, stage / str(number))
        if not found.fleet:
            raise BackupDamaged(f"`{request.file}` holds no fleet", hint="export it anew: `tomo export`")
        return found

    @contextmanager
    def _reader(self, request: ImportBundleRequest) -> Iterator[ArchiveReader]:
        name = str(request.file)
        with ExitStack() as closing:
            try:
                file = closing.enter_context(request.file.open("rb"))
            except OSError as error:
                raise UsageError(
                    f"`{name}` can't be read: {error.strerror}", hint="name a file of `tomo export`"
                ) from error
            head = file.read(len(_AGE))
            file.seek(0)
            if head.startswith(_ZSTD):
                yield ArchiveReader(decompressed(file, name), name)
            elif head == _AGE:
                keys = [key for each in self._identities(request) for key in identities_in(each)]
                plain = closing.enter_context(opened(file, keys, name))
                yield ArchiveReader(plain, name)
            else:
                raise BackupDamaged(
                    f"`{name}` is no export of an installation",
                    hint="name a file of `tomo export`; images of `tomo bundle` come by `tomo bundle load`",
                )

    def _identities(self, request: ImportBundleRequest) -> Sequence[Path]:
        own = self._doors.settings.backup_identity
        named = request.identities or ((own,) if own is not None else ())
        if not named:
            raise UsageError(
                f"`{request.file}` is sealed, and no key was named",
                hint="name the file that `age-keygen` wrote: `--identity FILE`",
            )
        return named

    # --- writing --------------------------------------------------------------------------------------

    def _storage(self, folder: Path) -> Storage:
        doors = self._doors
        if doors.settings.state_url:
            stores, url = doors.stores, doors.settings.state_url
            return stores.backend(url, doors.settings, doors.ask_passphrase, base=folder).storage
        return FileBackend(folder).storage

    def _require_empty_database(self) -> None:
        from tomo.db.database import Database  # noqa: PLC0415  # SQLAlchemy takes 0.2 s
        from tomo.db.transfer import is_empty  # noqa: PLC0415  # as above

        address = database_address(self._doors.settings)
        database = Database(address)
        try:
            if not is_empty(database):
                raise UsageError(
                    f"the database `{address.shown}` holds people or a record already",
                    hint="name another one with TOMO_DATABASE_URL, or leave it out: `--without-database`",
                )
        finally:
            database.close()

    def _put(
        self, request: ImportBundleRequest, folder: Path, storage: Storage, found: _Found
    ) -> ImportedBundle:
        made: list[Path] = []
        states: list[str] = []
        try:
            for name, source in found.fleet.items():
                _place(source, folder / name, made)
            for path, source in found.state.items():
                if path in _SHARED and storage.modified([path]):
                    continue
                storage.create(path, source.read_bytes())
                states.append(path)
            approvers = self._approvers(folder, found, made)
            rows = self._load(request, found)
        except BaseException:
            for file in made:
                file.unlink(missing_ok=True)
            storage.remove(*states)
            raise
        return ImportedBundle(found.manifest, tuple(found.fleet), len(states), rows, approvers)

    def _approvers(self, folder: Path, found: _Found, made: list[Path]) -> str:
        target = folder / "approvers"
        if found.approvers is None or target.exists():
            return ""
        _place(found.approvers, target, made)
        return str(target)

    def _load(self, request: ImportBundleRequest, found: _Found) -> int:
        if not request.database or found.rows is None:
            return 0
        from tomo.db.database import Database  # noqa: PLC0415  # SQLAlchemy takes 0.2 s
        from tomo.db.transfer import load  # noqa: PLC0415  # as above

        database = Database(database_address(self._doors.settings))
        try:
            with found.rows.open("rb") as lines:
                return load(database, lines, str(request.file))
        finally:
            database.close()


def _sort(found: _Found, part: FilePart, target: Path) -> None:
    """Puts a file of a bundle aside; what it is follows from its name."""
    with target.open("wb") as file:
        while chunk := part.content.read(CHUNK):
            file.write(chunk)
    if part.name.startswith(FLEET_FOLDER):
        found.fleet[_inside(part.name.removeprefix(FLEET_FOLDER))] = target
    elif part.name.startswith(STATE_FOLDER):
        path = _inside(part.name.removeprefix(STATE_FOLDER))
        if not path.startswith(".pulumi/"):
            raise BackupDamaged(f"`{path}` is no file of a state", hint="trust no part of it")
        found.state[path] = target
    elif part.name == DATABASE_FILE:
        found.rows = target
    elif part.name == APPROVERS_FILE:
        found.approvers = target


def _inside(name: str) -> str:
    parts = name.split("/")
    if any(part in {"", ".", ".."} for part in parts) or "\0" in name or parts[0] == ".git":
        raise BackupDamaged(f"a file reaches out of its folder: `{name[:200]}`", hint="trust no part of it")
    return name


def _place(source: Path, target: Path, made: list[Path]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    # A link fails where somebody was quicker; nothing is ever written over.
    try:
        target.hardlink_to(source)
    except FileExistsError:
        _refuse_there([target])
    except OSError as error:
        raise UsageError(f"`{target}` can't be written: {error.strerror}", hint="mend its rights") from error
    target.chmod(0o600)
    made.append(target)


def _refuse_there(files: Sequence[Path]) -> None:
    there = [str(file) for file in files if file.exists() or file.is_symlink()]
    if there:
        named = ", ".join(f"`{file}`" for file in there[:_SHOWN])
        raise UsageError(
            f"nothing is written over, and there is {named} already",
            hint="name another file or folder",
        )


def _refuse_state(storage: Storage, paths: dict[str, Path]) -> None:
    there = list(storage.modified([path for path in paths if path not in _SHARED]))
    if there:
        raise UsageError(
            f"`{storage.location(there[0])}` is there already: the store holds a state of this stack",
            hint="import it into another folder or store",
        )
