"""What was done to a stack: one pair of files an operation (engine-spec 4.1)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import field
from typing import Final

import orjson

from tomo.errors import StateError
from tomo.frozen import frozen
from tomo.model.storage import Storage

_ENDING: Final = ".history.json"
_FORMS: Final = ("", ".gz", ".zst")


@frozen
class HistoryEntry:
    """One finished operation. Times are whole seconds since 1970; `kind` and `result` Pulumi's words."""

    kind: str
    result: str
    start: int
    end: int
    changes: Mapping[str, int] = field(default_factory=dict)
    message: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)


@frozen
class Version:
    """One place in a stack's history: the first operation is 1, as the files have no number of their own.

    `checkpoint` is where the state lies as the operation left it; `""` where none was kept.
    """

    number: int
    entry: HistoryEntry
    checkpoint: str = ""


def write_entry(storage: Storage, folder: str, stack: str, entry: HistoryEntry, nanoseconds: int) -> None:
    """Records an operation; its checkpoint is put beside it under `checkpoint_path`."""
    document = {
        "kind": entry.kind,
        "startTime": entry.start,
        "message": entry.message,
        "environment": dict(entry.environment),
        "config": {},
        "version": 0,
        "result": entry.result,
        "endTime": entry.end,
        "resourceChanges": dict(entry.changes),
    }
    storage.write(f"{folder}/{stack}-{nanoseconds}.history.json", orjson.dumps(document))


def checkpoint_path(folder: str, stack: str, nanoseconds: int, checkpoint: str) -> str:
    """Where the checkpoint goes as an operation left it; it stays compressed if it is."""
    form = next((form for form in _FORMS[1:] if checkpoint.endswith(form)), "")
    return f"{folder}/{stack}-{nanoseconds}.checkpoint.json{form}"


def read_versions(storage: Storage, folder: str) -> list[Version]:
    """Every recorded operation with its number, newest first."""
    there = {entry.name for entry in storage.list(folder)}
    names = sorted((name for name in there if name.endswith(_ENDING)), key=_when)
    found = storage.read_many([f"{folder}/{name}" for name in names])
    versions = []
    for number, name in enumerate(names, start=1):
        path = f"{folder}/{name}"
        if path in found:
            entry = _decoded(found[path].raw, storage.location(path))
            kept = _checkpoint_of(name, there)
            versions.append(Version(number, entry, f"{folder}/{kept}" if kept else ""))
    return versions[::-1]


def _checkpoint_of(name: str, there: Collection[str]) -> str:
    stem = name.removesuffix(_ENDING)
    forms = (f"{stem}.checkpoint.json{form}" for form in _FORMS)
    return next((form for form in forms if form in there), "")


def _when(name: str) -> int:
    number = name.removesuffix(_ENDING).rpartition("-")[2]
    return int(number) if number.isdecimal() else 0


def _decoded(raw: bytes, place: str) -> HistoryEntry:
    try:
        found = orjson.loads(raw)
        return HistoryEntry(
            kind=str(found["kind"]),
            result=str(found["result"]),
            start=int(found["startTime"]),
            end=int(found["endTime"]),
            changes=dict(found.get("resourceChanges") or {}),
            message=str(found.get("message") or ""),
            environment=dict(found.get("environment") or {}),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise StateError(
            f"the history entry `{place}` can't be read", hint="move it out of the history folder"
        ) from error
