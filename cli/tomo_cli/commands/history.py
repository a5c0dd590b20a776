"""state history: what was done to a stack, by number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tomo_cli.options import HERE, DirectoryOption, FileOption, JsonOption, StackOption

if TYPE_CHECKING:
    from tomo.state.history import Version


def state_history(
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what was done to the stack, newest first."""
    from tomo.service.history import Histories, HistoryRequest
    from tomo_cli.console import print_json, say, table
    from tomo_cli.doors import doors, place

    history = Histories(doors()).list(HistoryRequest(place(directory, file, stack)))
    if as_json:
        versions = [_version_json(version) for version in history.versions]
        print_json({"project": history.project, "stack": history.stack, "versions": versions})
    elif not history.versions:
        say("Nothing was done yet; `tomo apply` is the first that counts.")
    else:
        table(("VERSION", "TIME (UTC)", "KIND", "RESULT", "CHANGES"), [_row(v) for v in history.versions])
        say("`tomo plan --to VERSION` shows the way back to one that succeeded.")


def _row(version: Version) -> tuple[str, str, str, str, str]:
    entry = version.entry
    changes = [f"{count} {kind}" for kind, count in entry.changes.items() if kind != "same"]
    said = ", ".join(changes) or "none"
    if entry.message:
        said = f"{said} ({entry.message})"
    return str(version.number), _time(entry.end, " "), entry.kind, entry.result, said


def _version_json(version: Version) -> dict[str, object]:
    from tomo.service.history import can_go_back_to

    entry = version.entry
    return {
        "version": version.number,
        "kind": entry.kind,
        "result": entry.result,
        "message": entry.message,
        "startTime": f"{_time(entry.start, 'T')}Z",
        "endTime": f"{_time(entry.end, 'T')}Z",
        "resourceChanges": dict(entry.changes),
        "canGoBackTo": can_go_back_to(version),
    }


def _time(seconds: int, between: str) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).isoformat(between, "seconds").removesuffix("+00:00")
