"""Where a stack's approvals lie: beside its state, so that all who share the state see them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from tomo.approval.agreement import SignedAgreement
from tomo.errors import StateFileExists
from tomo.model.storage import Storage

_ROOT: Final = ".pulumi/tomo"


class Shelf:
    """The approvals of one stack, a file each, which is made once and never changed."""

    def __init__(self, storage: Storage, project: str, stack: str) -> None:
        self._storage = storage
        self._folder = f"{_ROOT}/{project}/{stack}/approvals"

    def put(self, signed: SignedAgreement) -> str:
        """Keeps an approval and returns where; the same one twice is one."""
        place = f"{self._of(signed.agreement.plan)}/{signed.agreement.nonce}.json"
        with suppress(StateFileExists):
            self._storage.create(place, signed.text)
        return self._storage.location(place)

    def of(self, plan: str) -> Iterator[tuple[str, bytes]]:
        """The files of a plan's approvals, by its digest, each with its place; not read yet."""
        folder = self._of(plan)
        names = [f"{folder}/{entry.name}" for entry in self._storage.list(folder) if entry.is_file]
        for name, content in self._storage.read_many(names).items():
            yield self._storage.location(name), content.raw

    def _of(self, plan: str) -> str:
        return f"{self._folder}/{plan.replace(':', '-')}"
