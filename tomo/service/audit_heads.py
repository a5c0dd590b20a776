"""The newest head of the audit record that this machine has seen, kept outside of the database."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Mapping
from typing import Final

from tomo.db.address import database_address
from tomo.errors import UsageError
from tomo.model.audit import AuditHead, AuditStore
from tomo.settings import Settings
from tomo.state.files import translated, write_atomically

_DIGEST_LENGTH: Final = 64
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,17}")
PLACE: Final = "this machine's own note"


class NotedHead:
    """One file per database: who shortens the record in there doesn't reach it."""

    def __init__(self, settings: Settings) -> None:
        name = hashlib.sha256(database_address(settings).shown.encode()).hexdigest()[:12]
        self._file = settings.data_folder / f"audit-head-{name}"

    def read(self) -> Mapping[str, AuditHead]:
        """The head by its place; nothing where none was noted."""
        with contextlib.suppress(OSError, UsageError):
            return {PLACE: read_head(self._file.read_text("ascii", "replace").strip())}
        return {}

    def follow(self, store: AuditStore, head: AuditHead) -> None:
        """Notes a newer head, where the record still has the one noted before.

        Otherwise that one stays, so that the next command doesn't hide what was done to the record.
        """
        if all(_has(store, noted) for noted in self.read().values()):
            self.write(head)

    def write(self, head: AuditHead) -> None:
        """Notes it, on the disk on return."""
        with translated(self._file, "write"):
            write_atomically(self._file, f"{head}\n".encode())


def read_head(text: str) -> AuditHead:
    """`NUMBER:DIGEST`; raises UsageError for anything else."""
    number, _, digest = text.partition(":")
    if not _NUMBER.fullmatch(number) or len(digest) != _DIGEST_LENGTH:
        raise UsageError(
            f"`{text}` is no head of an audit record",
            hint="`tomo audit verify` shows one, as `NUMBER:DIGEST`",
        )
    return AuditHead(int(number), digest)


def _has(store: AuditStore, head: AuditHead) -> bool:
    with store.whole(head.number) as (_, entries):
        found = next(entries, None)
    return found is not None and AuditHead(found.number, found.digest) == head
