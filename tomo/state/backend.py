"""Pulumi's DIY file backend: which file holds what, below one directory (engine-spec 4.1)."""

from __future__ import annotations

import hashlib
import re
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import field
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote

from tomo.errors import JournalMismatch, NotSupported, StackNotFound, StateCorrupt, TomoError, UsageError
from tomo.frozen import frozen
from tomo.model.snapshot import Snapshot
from tomo.model.storage import Content, Storage, exists, newest
from tomo.secrets.passphrase import PassphraseManager, PassphraseManagers
from tomo.state.clock import Clock, rfc3339
from tomo.state.codec import ORGANIZATION, decode_checkpoint
from tomo.state.compressed import decompressed
from tomo.state.history import HistoryEntry, Version, checkpoint_path, read_versions, write_entry
from tomo.state.integrity import problems
from tomo.state.journal import Journal, JournalHead, read_journal
from tomo.state.local import LocalStorage
from tomo.state.lock import HeldLock, LockOwner, StackLock, held_locks, remove_locks
from tomo.state.plans import PlanLedger
from tomo.state.properties import dump
from tomo.state.saver import RunSaver
from tomo.state.seals import Seals
from tomo.state.writer import CheckpointWriter, backup_path, journal_path

_LAYOUT: Final = 1
_ROOT: Final = ".pulumi"
_META: Final = f"{_ROOT}/meta.yaml"
_NAME: Final = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._-]{1,100}\Z")
_FORMS: Final = (".json", ".json.gz", ".json.zst")
_SHOWN: Final = 5
_OF_PULUMI: Final = frozenset(("s3", "gs", "azblob", "postgres", "postgresql", "http", "https"))


@frozen(order=True)
class StackName:
    """A stack of the store."""

    project: str
    stack: str

    @property
    def full(self) -> str:
        """The name inside the checkpoint."""
        return f"{ORGANIZATION}/{self.project}/{self.stack}"


@frozen
class StoredStack:
    """A stack as loaded. `salt` and `seals` are what its secrets are under; "" and None without any.

    `path` is where a person finds the file; `digest` is the SHA-256 of its bytes. Where a run left its
    journal, the snapshot is the one that this leads to, and the file does not have it yet.
    """

    name: StackName
    path: str
    snapshot: Snapshot
    salt: str = ""
    version: int = 3
    digest: str = ""
    writer: str = ""
    time: str = ""
    seals: Seals | None = field(default=None, repr=False)
    journal: Journal | None = field(default=None, repr=False)

    @property
    def sealed_salt(self) -> str:
        """The salt, where the state holds a secret under it; "" where no key is needed to read it."""
        return self.salt if self.seals is not None and self.seals.in_use else ""

    def seals_under(self, manager: PassphraseManager) -> Seals:
        """The seals to write with: under the state's own salt what is unchanged keeps its ciphertext."""
        if self.seals is not None and self.seals.salt == manager.salt:
            return self.seals
        return Seals(manager)


@frozen
class _Read:
    """A stack's files as read; `path` is that of the checkpoint."""

    path: str | None
    raw: bytes | None
    journal: Journal | None


def _is_foreign(read: _Read) -> bool:
    """Whether a journal does not belong to the checkpoint beside it."""
    if read.journal is None or read.raw is None:
        return False
    return hashlib.sha256(read.raw).hexdigest() not in {read.journal.head.base, read.journal.end}


class FileBackend:
    """The stacks of one store: a folder of this machine, or the storage that holds it."""

    def __init__(self, place: Path | Storage, *, clock: Clock = time.time_ns) -> None:
        self.storage: Storage = LocalStorage(place) if isinstance(place, Path) else place
        self._clock = clock
        self._layout_seen = False

    @classmethod
    def from_url(cls, url: str, *, base: Path, home: Path) -> FileBackend:
        """The backend of a `file://` address; a relative one starts at `base`, `~` is `home`."""
        return cls(directory_of(url, base=base, home=home))

    @property
    def location(self) -> str:
        """Where a person finds the store."""
        return self.storage.location()

    @property
    def url(self) -> str:
        """The address that `from_url` and the Pulumi CLI take."""
        return self.location if "://" in self.location else f"file://{self.location}"

    # --- stacks ---

    def stacks(self, project: str | None = None) -> list[StackName]:
        """The stacks of one project, or of all, by name."""
        self._see_layout()
        folder = f"{_ROOT}/stacks"
        projects = [entry.name for entry in self.storage.list(folder) if not entry.is_file]
        wanted = [name for name in projects if project in {None, name}]
        return sorted({name for one in wanted for name in self._stacks_of(one)})

    def _stacks_of(self, project: str) -> Iterator[StackName]:
        for entry in self.storage.list(f"{_ROOT}/stacks/{project}"):
            form = next((form for form in _FORMS if entry.name.endswith(form)), None)
            if form and not entry.name.startswith("."):
                yield StackName(project, entry.name.removesuffix(form))

    def exists(self, project: str, stack: str) -> bool:
        """Whether the store has the stack."""
        return self._find(_name(project, stack)) is not None

    def load(self, project: str, stack: str, secrets: PassphraseManagers) -> StoredStack:
        """The stack's state, checked. Its secrets stay sealed, so no passphrase is asked for yet."""
        name = _name(project, stack)
        read = self._read(name)
        if _is_foreign(read):
            # The run may have ended between the two reads.
            read = self._read(name)
        if read.path is None or read.raw is None:
            if read.journal is not None:
                raise self._journal_mismatch(name, read.journal, "")
            raise self._not_found(name)
        try:
            return self._decoded(name, read.path, read.raw, read.journal, secrets)
        except StateCorrupt as error:
            raise self._corrupt(name, read.path, error) from error

    def _decoded(
        self, name: StackName, path: str, raw: bytes, journal: Journal | None, secrets: PassphraseManagers
    ) -> StoredStack:
        digest = hashlib.sha256(raw).hexdigest()
        checkpoint = decode_checkpoint(decompressed(raw), lambda salt: Seals(secrets.for_salt(salt)))
        snapshot, salt, seals = checkpoint.snapshot, checkpoint.salt, checkpoint.seals
        if journal is not None and journal.end == digest:
            journal = None
        if journal is not None:
            if journal.head.base != digest:
                raise self._journal_mismatch(name, journal, digest)
            if journal.head.salt and journal.head.salt != salt:
                salt = journal.head.salt
                seals = Seals(secrets.for_salt(salt))
            snapshot = journal.folded(snapshot, seals)
        _refuse_broken(snapshot)
        return StoredStack(
            name=name,
            path=self.storage.location(path),
            snapshot=snapshot,
            salt=salt,
            version=checkpoint.version,
            digest=digest,
            writer=checkpoint.writer,
            time=checkpoint.time,
            seals=seals,
            journal=journal,
        )

    def raw(self, project: str, stack: str) -> bytes:
        """The checkpoint file's own text, unchecked."""
        name = _name(project, stack)
        raw = self._read(name).raw
        if raw is None:
            raise self._not_found(name)
        return decompressed(raw)

    def _read(self, name: StackName) -> _Read:
        """The newest form: a crash can leave a compressed one beside the plain one that replaced it."""
        journal_path = self._journal_path(name)
        found = dict(self.storage.read_many([_META, *self._forms(name), journal_path]))
        self._check_layout(found.pop(_META, None))
        left = found.pop(journal_path, None)
        journal = self._journal(name, left.raw) if left else None
        path = max(found, key=lambda path: found[path].modified, default=None)
        return _Read(path, found[path].raw if path else None, journal)

    def _journal(self, name: StackName, raw: bytes) -> Journal | None:
        try:
            return read_journal(raw)
        except StateCorrupt as error:
            raise StateCorrupt(
                f"the journal of an interrupted run of `{name.stack}` can't be used: {error.message}",
                hint="`tomo state repair --drop-journal` sets it aside; `tomo plan` then shows what is left",
                where=self.storage.location(self._journal_path(name)),
            ) from error

    def writer(self, project: str, stack: str, seals: Seals | None) -> CheckpointWriter:
        """The writer of a stack's checkpoint; its first save makes a stack that isn't there yet."""
        name = _name(project, stack)
        self._see_layout()
        self._write_layout()
        return CheckpointWriter(
            self.storage, self._path(name), stack=name.full, seals=seals, clock=self._clock
        )

    def saver(
        self,
        project: str,
        stack: str,
        seals: Seals | None,
        *,
        base: StoredStack | None,
        owner: str = "",
        guard: Callable[[], None] = lambda: None,
    ) -> RunSaver:
        """Keeps the changes of one run that starts from `base`; None where the stack isn't there yet."""
        name = _name(project, stack)
        head = JournalHead(
            name.full,
            str(uuid.uuid4()),
            base.digest if base else "",
            seals.salt if seals else "",
            rfc3339(self._clock()),
            owner,
        )
        writer = self.writer(project, stack, seals)
        snapshot = base.snapshot if base else Snapshot()
        return RunSaver(self.storage, writer, base=snapshot, head=head, guard=guard)

    def drop_journal(self, project: str, stack: str) -> str:
        """Sets a journal aside that can't be used; gives the place where it is kept, `""` without one."""
        name = _name(project, stack)
        if not self.has_journal(project, stack):
            return ""
        kept = f"{self._backup_folder(name)}/{stack}.{self._clock()}.journal"
        self.storage.copy(self._journal_path(name), kept)
        self.storage.remove(self._journal_path(name))
        return self.storage.location(kept)

    def has_journal(self, project: str, stack: str) -> bool:
        """Whether a run left its journal, or writes it now."""
        return exists(self.storage, self._journal_path(_name(project, stack)))

    def only_in_journal(self, project: str, stack: str) -> list[str]:
        """What an interrupted run made that the checkpoint does not have: a URN and an id each."""
        name = _name(project, stack)
        path = self._journal_path(name)
        found = self.storage.read_many([path, *self._forms(name)])
        raws = [decompressed(content.raw) for form, content in found.items() if form != path]
        try:
            journal = read_journal(found[path].raw) if path in found else None
        except StateCorrupt:
            journal = None
        made = journal.made() if journal else []
        return [f"{urn} (id {id_})" for urn, id_ in made if not any(dump(id_) in raw for raw in raws)]

    def remove(self, project: str, stack: str) -> None:
        """Takes a stack out of the store; its last state stays beside it as `.bak`."""
        name = _name(project, stack)
        paths = self.storage.modified(self._forms(name))
        if not paths:
            raise self._not_found(name)
        for path in paths:
            self.storage.rename(path, backup_path(path))

    def plans(self, project: str, stack: str) -> PlanLedger:
        """What is kept about the stack's saved plans."""
        name = _name(project, stack)
        return PlanLedger(self.storage, name.project, name.stack)

    # --- locks ---

    def lock(
        self,
        project: str,
        stack: str,
        *,
        owner: LockOwner,
        wait: float = 0.0,
        tell: Callable[[str], None] = lambda _line: None,
    ) -> StackLock:
        """The stack's lock, to be held in a `with` block; another owner is waited for so many seconds."""
        folder = self._lock_folder(_name(project, stack))
        self._write_layout()
        return StackLock(self.storage, folder, stack=stack, owner=owner, wait=wait, tell=tell)

    def locks(self, project: str, stack: str) -> list[HeldLock]:
        """Who holds the stack."""
        return held_locks(self.storage, self._lock_folder(_name(project, stack)))

    def unlock(self, project: str, stack: str) -> list[HeldLock]:
        """Removes every lock of the stack and returns them; an owner that still runs goes on."""
        return remove_locks(self.storage, self._lock_folder(_name(project, stack)))

    # --- history and backups ---

    def record(self, project: str, stack: str, entry: HistoryEntry) -> None:
        """Keeps a finished operation: its entry and checkpoint in the history, and a backup."""
        name = _name(project, stack)
        now = self._clock()
        folder = self._history_folder(name)
        path = self._find(name)
        if path is not None:
            kept = f"{self._backup_folder(name)}/{stack}.{now}{_form_of(path)}"
            self.storage.copy(path, checkpoint_path(folder, stack, now, path), kept)
        write_entry(self.storage, folder, stack, entry, now)

    def versions(self, project: str, stack: str) -> list[Version]:
        """What was done to the stack, newest first."""
        return read_versions(self.storage, self._history_folder(_name(project, stack)))

    def backups(self, project: str, stack: str) -> list[str]:
        """Copies of earlier states in the storage, newest first; the one before the last write leads."""
        name = _name(project, stack)
        last = list(self.storage.modified([backup_path(path) for path in self._forms(name)]))
        folder = self._backup_folder(name)
        names = [entry.name for entry in self.storage.list(folder)]
        kept = [name for name in names if name.startswith(f"{stack}.") and ".json" in name]
        return last + [f"{folder}/{name}" for name in sorted(kept, reverse=True)]

    def file_at(self, location: str) -> bytes:
        """A file of the store by where people find it, as messages name it."""
        inside = location.removeprefix(f"{self.location}/")
        if inside == location:
            raise UsageError(
                f"`{location}` is no file of the store `{self.location}`",
                hint="set TOMO_STATE_URL to its store, or fetch the file first",
            )
        return self.storage.read(inside)

    # --- places ---

    def _path(self, name: StackName) -> str:
        return f"{_ROOT}/stacks/{name.project}/{name.stack}.json"

    def _forms(self, name: StackName) -> list[str]:
        return [f"{_ROOT}/stacks/{name.project}/{name.stack}{form}" for form in _FORMS]

    def _journal_path(self, name: StackName) -> str:
        return journal_path(self._path(name))

    def _find(self, name: StackName) -> str | None:
        """The newest form."""
        return newest(self.storage, self._forms(name))

    def _lock_folder(self, name: StackName) -> str:
        return f"{_ROOT}/locks/{ORGANIZATION}/{name.project}/{name.stack}"

    def _history_folder(self, name: StackName) -> str:
        return f"{_ROOT}/history/{name.project}/{name.stack}"

    def _backup_folder(self, name: StackName) -> str:
        return f"{_ROOT}/backups/{name.project}/{name.stack}"

    # --- the store's own version ---

    def _see_layout(self) -> None:
        """Checks the store's version once; nobody changes it under a running command."""
        if not self._layout_seen:
            self._check_layout(self.storage.read_many([_META]).get(_META))

    def _check_layout(self, meta: Content | None) -> None:
        place = self.storage.location(_META)
        text = meta.raw.decode("utf-8", "replace") if meta else ""
        version = re.search(r"^version:[ \t]*(\d+)[ \t]*$", text, re.MULTILINE)
        if text and version is None:
            raise StateCorrupt(f"`{place}` does not say the store's version", hint="it must say `version: 1`")
        flat = meta is None and self._is_flat()
        if flat or (version is not None and int(version[1]) < _LAYOUT):
            raise NotSupported(
                f"the store `{self.location}` has the old layout without projects",
                hint=f"run `pulumi login {self.url} && pulumi state upgrade` once",
            )
        if version is not None and int(version[1]) > _LAYOUT:
            raise NotSupported(f"the store `{self.location}` has layout `{version[1]}`, newer than this Tomo")
        self._layout_seen = version is not None

    def _is_flat(self) -> bool:
        return any(entry.name.endswith(".json") for entry in self.storage.list(f"{_ROOT}/stacks"))

    def _write_layout(self) -> None:
        if self._layout_seen:
            return
        if not exists(self.storage, _META):
            self.storage.write(_META, f"version: {_LAYOUT}\n".encode(), mode=0o644)
        self._layout_seen = True

    # --- errors ---

    def _not_found(self, name: StackName) -> StackNotFound:
        known = [other.stack for other in self.stacks(name.project)]
        there = f"; there are: {', '.join(known)}" if known else ""
        return StackNotFound(
            f"no stack `{name.stack}` of project `{name.project}` in `{self.location}`{there}",
            hint=f"make it with `tomo apply --stack {name.stack}`",
        )

    def _journal_mismatch(self, name: StackName, journal: Journal, digest: str) -> JournalMismatch:
        place = self.storage.location(self._journal_path(name))
        now = f"the state now has the digest `{digest}`" if digest else "the stack has no state now"
        return JournalMismatch(
            f"an interrupted run left a journal for stack `{name.stack}` that belongs to another state: "
            f"the run began from the digest `{journal.head.base}`, {now}",
            hint="something else wrote the state since; `tomo state repair --drop-journal` shows what the "
            "state lacks of it, and sets it aside",
            where=place,
        )

    def _corrupt(self, name: StackName, path: str, error: TomoError) -> StateCorrupt:
        # After a finished run the copy that was made at its end is the state itself.
        written = self.storage.modified(self.backups(name.project, name.stack))
        # A server tells whole seconds: of the same one, the copy was made after the write.
        newest_first = sorted(
            written, key=lambda path: (written[path], not path.endswith(".bak"), path), reverse=True
        )
        copies = [self.storage.location(copy) for copy in newest_first]
        hint = "there is no backup; restore the file from your own"
        if copies:
            hint = f"restore a copy: `tomo state import {copies[0]}`"
        return StateCorrupt(
            f"the state of stack `{name.stack}` can't be used: {error}; the file was left as it is",
            hint=hint,
            where=self.storage.location(path),
            detail=_join(error.detail, _copies(copies)),
        )


def _form_of(path: str) -> str:
    return path[path.rindex(".json") :]


def directory_of(url: str, *, base: Path, home: Path) -> Path:
    """The directory a state address names; other kinds of address are refused by name."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        raise UsageError(f"the state address `{url}` has no `file://`", hint=f"write `file://{url}`")
    if scheme != "file":
        raise NotSupported(f"state at `{scheme}://` is not supported", hint=_scheme_hint(scheme))
    path, _, query = rest.partition("?")
    # Both settings describe what Tomo does anyway: temporary files beside the target, no side files.
    unknown = {key for key, _ in parse_qsl(query, keep_blank_values=True)} - {"no_tmp_dir", "metadata"}
    if unknown:
        raise NotSupported(f"the setting `{min(unknown)}` of a state address is not supported")
    path = unquote(path)
    if path == "~" or path.startswith("~/"):
        return home / path[2:]
    return (base / path).resolve() if not path.startswith("/") else Path(path)


def _scheme_hint(scheme: str) -> str:
    if scheme in _OF_PULUMI:
        return "such backends belong to Pulumi's own engine: `tomo plan --engine pulumi`"
    return "use `file://DIR` or `ssh://SERVER/PATH`"


def _name(project: str, stack: str) -> StackName:
    for kind, text in (("project", project), ("stack", stack)):
        if not _NAME.match(text):
            raise UsageError(
                f"`{text}` can't be the name of a {kind}",
                hint="use letters, digits, `-`, `_` and `.`, at most 100 of them",
            )
    return StackName(project, stack)


def _refuse_broken(snapshot: Snapshot) -> None:
    found = problems(snapshot)
    if found:
        raise StateCorrupt(f"it breaks {len(found)} rule(s): {found[0]}", detail="\n".join(found[:_SHOWN]))


def _copies(paths: Sequence[str]) -> str:
    return "\n".join(f"backup: {path}" for path in paths[:_SHOWN])


def _join(*parts: str) -> str:
    return "\n".join(part for part in parts if part)
