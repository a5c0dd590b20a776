"""What the store keeps about saved plans: the stack's own id, and which plans were used."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import orjson

from tomo.errors import PlanRefused, StateCorrupt, StateFileExists, StateFileMissing
from tomo.model.storage import Storage

ROOT: Final = ".pulumi/tomo"
"""Beside Pulumi's own folders; its CLI never looks here."""


class PlanLedger:
    """One stack's id and its used plans, in files that are made once and never changed."""

    def __init__(self, storage: Storage, project: str, stack: str) -> None:
        self._storage = storage
        self._folder = f"{ROOT}/{project}/{stack}"
        self._stack = stack

    def stack_id(self) -> str:
        """The id of the stack; `""` before its first saved plan."""
        try:
            text = self._storage.read(f"{self._folder}/id").decode("ascii", "replace").strip()
        except StateFileMissing:
            return ""
        if not text:
            place = self._storage.location(f"{self._folder}/id")
            raise StateCorrupt(
                f"`{place}` is empty", hint="remove the file; plans saved before are void then"
            )
        return text

    def ensure_stack_id(self, new_id: Callable[[], str]) -> str:
        """The id of the stack, made where there is none; of several at once one wins."""
        found = self.stack_id()
        if found:
            return found
        made = new_id()
        try:
            self._storage.create(f"{self._folder}/id", f"{made}\n".encode())
        except StateFileExists:
            return self.stack_id()
        return made

    def was_used(self, digest: str) -> bool:
        """Whether the plan was used."""
        try:
            self.require_unused(digest)
        except PlanRefused:
            return True
        return False

    def require_unused(self, digest: str) -> None:
        """Raises PlanRefused where the plan was used before."""
        try:
            entry = orjson.loads(self._storage.read(self._used(digest)))
        except StateFileMissing:
            return
        except orjson.JSONDecodeError:
            entry = {}
        raise self._used_before(entry if isinstance(entry, dict) else {})

    def use(self, digest: str, *, time: str, user: str, approvals: Sequence[Mapping[str, str]] = ()) -> None:
        """Notes that a plan is used, and who had agreed to it; safely on disk on return.

        Raises PlanRefused where it was used before.
        """
        entry = {"plan": digest, "time": time, "user": user, "approvals": list(approvals)}
        try:
            self._storage.create(self._used(digest), orjson.dumps(entry))
        except StateFileExists:
            self.require_unused(digest)
            raise self._used_before({}) from None

    def _used(self, digest: str) -> str:
        return f"{self._folder}/used/{digest.replace(':', '-')}.json"

    def _used_before(self, entry: dict[str, object]) -> PlanRefused:
        time = str(entry.get("time", "")).partition(".")[0].rstrip("Z")
        when = f", on {time}Z by `{entry.get('user', '')}`" if time else ""
        return PlanRefused(
            f"this plan of stack `{self._stack}` was used before{when}",
            hint="a plan is applied once; make a new one: `tomo plan -o FILE`",
        )
