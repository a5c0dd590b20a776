"""What was done to a stack: one pair of files an operation (engine-spec 4.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from tomo.errors import StateError
from tomo.state.files import copy, translated, write_atomically


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One finished operation. Times are whole seconds since 1970; `kind` and `result` Pulumi's words."""

    kind: str
    result: str
    start: int
    end: int
    changes: Mapping[str, int] = field(default_factory=dict)
    message: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)


def write_entry(directory: Path, stack: str, entry: HistoryEntry, checkpoint: Path, nanoseconds: int) -> None:
    """Records an operation and the checkpoint as it left it."""
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
    stem = f"{stack}-{nanoseconds}"
    with translated(directory, "write the history in"):
        if checkpoint.exists():
            copy(checkpoint, directory / f"{stem}.checkpoint.json{_compression(checkpoint)}")
        write_atomically(directory / f"{stem}.history.json", orjson.dumps(document))


def read_entries(directory: Path) -> list[HistoryEntry]:
    """Every recorded operation, newest first."""
    paths = sorted(directory.glob("*.history.json"), key=_when, reverse=True)
    return [_read(path) for path in paths]


def _when(path: Path) -> int:
    number = path.name.removesuffix(".history.json").rpartition("-")[2]
    return int(number) if number.isdecimal() else 0


def _read(path: Path) -> HistoryEntry:
    try:
        found = orjson.loads(path.read_bytes())
        return HistoryEntry(
            kind=str(found["kind"]),
            result=str(found["result"]),
            start=int(found["startTime"]),
            end=int(found["endTime"]),
            changes=dict(found.get("resourceChanges") or {}),
            message=str(found.get("message") or ""),
            environment=dict(found.get("environment") or {}),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StateError(
            f"the history entry `{path}` can't be read", hint=f"move it away: `mv {path} /tmp/`"
        ) from error


def _compression(path: Path) -> str:
    return path.suffix if path.suffix in {".gz", ".zst"} else ""
