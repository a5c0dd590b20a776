"""A stack's state as an earlier operation left it, out of the history."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from tomo.errors import CannotGoBack, StateCorrupt, VersionNotFound
from tomo.frozen import frozen
from tomo.model.snapshot import Snapshot
from tomo.secrets.passphrase import PassphraseManagers
from tomo.state.backend import FileBackend
from tomo.state.codec import decode_checkpoint
from tomo.state.compressed import decompressed
from tomo.state.history import Version
from tomo.state.integrity import problems
from tomo.state.seals import Seals


@frozen
class PastState:
    """A stack's state as a version of its history has it; `digest` is the SHA-256 of the file's bytes."""

    version: Version
    snapshot: Snapshot
    digest: str


def load_past(
    backend: FileBackend, project: str, stack: str, number: int, secrets: PassphraseManagers
) -> PastState:
    """The state of a version, checked; its secrets stay sealed, so no passphrase is asked for yet.

    Raises VersionNotFound, CannotGoBack where the operation's checkpoint was not kept, StateCorrupt.
    """
    version = _version(stack, number, backend.versions(project, stack))
    raw = backend.storage.read(version.checkpoint)
    try:
        read = decode_checkpoint(decompressed(raw), lambda salt: Seals(secrets.for_salt(salt)))
        _refuse_broken(read.snapshot)
    except StateCorrupt as error:
        raise StateCorrupt(
            f"version `{number}` of `{stack}` can't be used: {error}",
            hint="name another version: `tomo state history`",
            where=backend.storage.location(version.checkpoint),
        ) from error
    return PastState(version, read.snapshot, hashlib.sha256(raw).hexdigest())


def _version(stack: str, number: int, versions: Sequence[Version]) -> Version:
    found = next((version for version in versions if version.number == number), None)
    if found is None:
        there = f"it has 1 to {versions[0].number}" if versions else "nothing was recorded yet"
        raise VersionNotFound(
            f"the history of `{stack}` has no version `{number}`: {there}",
            hint="`tomo state history` lists the versions",
        )
    if not found.checkpoint:
        raise CannotGoBack(
            f"version `{number}` of `{stack}` has no checkpoint in the history",
            hint="name another version: `tomo state history`",
        )
    return found


def _refuse_broken(snapshot: Snapshot) -> None:
    found = problems(snapshot)
    if found:
        raise StateCorrupt(f"it breaks {len(found)} rule(s): {found[0]}")
