"""A stack's state as a document to carry elsewhere: what `pulumi stack export` prints and `import` takes."""

from __future__ import annotations

import orjson

from tomo.errors import StateCorrupt, StateError
from tomo.model.snapshot import Snapshot
from tomo.secrets.passphrase import PassphraseManagers
from tomo.state.backend import StackName, StoredStack
from tomo.state.codec import SnapshotEncoder, decode_deployment
from tomo.state.integrity import problems
from tomo.state.properties import show
from tomo.state.seals import Seals

_SHOWN = 5


def export_deployment(stored: StoredStack, *, show_secrets: bool = False) -> bytes:
    """The state as `{"version": 3, "deployment": …}`; secrets sealed unless asked for."""
    encoder = SnapshotEncoder(stored.seals, seal=show if show_secrets else None)
    compact = encoder.deployment(stored.snapshot, time=stored.time)
    return orjson.dumps(orjson.loads(compact), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def import_deployment(raw: bytes, name: StackName, secrets: PassphraseManagers) -> Snapshot:
    """The state in an exported document or a checkpoint file, checked before it replaces anything.

    Raises StateCorrupt for a document that can't be read, StateError for one that breaks the rules of a
    state or belongs to another stack.
    """
    try:
        snapshot = decode_deployment(raw, lambda salt: Seals(secrets.for_salt(salt))).snapshot
    except StateCorrupt as error:
        raise StateCorrupt(
            f"the document can't be imported into `{name.stack}`: {error.message}",
            hint="nothing was changed; name a file that `tomo state export` wrote, or a backup",
            detail=error.detail,
        ) from error
    found = [*problems(snapshot), *_foreign(snapshot, name)]
    if found:
        raise StateError(
            f"the document can't be imported into `{name.stack}`: {found[0]}",
            hint="nothing was changed; correct the document, or import it into the stack it came from",
            detail="\n".join(found[:_SHOWN]),
        )
    return snapshot


def _foreign(snapshot: Snapshot, name: StackName) -> list[str]:
    return [
        f"`{entry.urn}` belongs to another stack"
        for entry in snapshot.resources
        if (entry.urn.stack, entry.urn.project) != (name.stack, name.project)
    ]
