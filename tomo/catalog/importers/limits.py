"""Amounts as Compose writes them, in the words of the app format; what can't be read is left out."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from tomo.catalog.importers.ledger import Ledger
from tomo.catalog.importers.reading import At

_DURATION: Final = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h))+")
_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)\s?([kmgtKMGT]?)[iI]?[bB]?")
_NUMBER: Final = re.compile(r"\d{1,9}(\.\d{1,9})?")
_INTEGER: Final = re.compile(r"-?\d{1,18}")
Read = Callable[[At], str | None]


def duration(text: str | None) -> str | None:
    """`90s` of `90s`, `90`, or anything else that Docker reads as that."""
    found = (text or "").strip().replace(" ", "")
    if found.isdigit():
        return f"{found}s"
    return found if _DURATION.fullmatch(found) else None


def size(text: str | None) -> str | None:
    """`512M` of `512m`, `512MB` or `512 MiB`."""
    match = _SIZE.fullmatch((text or "").strip())
    if match is None or float(match[1]) == 0:
        return None
    return f"{match[1]}{match[2].upper()}"


def amount(text: str | None) -> float | int | None:
    """A number above 0."""
    found = (text or "").strip()
    if not _NUMBER.fullmatch(found) or float(found) == 0:
        return None
    return int(found) if found.isdigit() else float(found)


def ulimits(read: Read, at: At) -> dict[str, Any]:
    """Kernel limits, each one number or `soft` and `hard`."""
    found: dict[str, Any] = {}
    for name, entry in at.entries():
        if isinstance(entry.value, dict):
            soft, hard = (_whole(read(entry.get(key))) for key in ("soft", "hard"))
            if soft is not None or hard is not None:
                found[name] = {"soft": hard if soft is None else soft, "hard": soft if hard is None else hard}
        elif (number := _whole(read(entry))) is not None:
            found[name] = {"soft": number, "hard": number}
    return found


def _whole(text: str | None) -> int | None:
    return int(text) if text and _INTEGER.fullmatch(text.strip()) else None


def resources(ledger: Ledger, read: Read, deploy: At) -> dict[str, Any]:
    """What of a `deploy` block means anything on one server."""
    found: dict[str, Any] = {}
    limits = deploy.get("resources").get("limits")
    reserved = deploy.get("resources").get("reservations")
    if memory := size(read(limits.get("memory"))):
        found["resources.memory"] = memory
    if cpus := amount(read(limits.get("cpus"))):
        found["resources.cpus"] = cpus
    if memory := size(read(reserved.get("memory"))):
        found["resources.reserve"] = {"memory": memory}
    if limits.get("pids").value is not None:
        ledger.dropping("`pids`, a limit that this version does not set")
    if reserved.get("devices").value:
        ledger.person("it reserves a graphics card: set `runtime` and devices for the server's own")
    if deploy.get("replicas").text() not in ("", "1"):
        ledger.dropping("more than one container of a service")
    for key in ("placement", "update_config", "rollback_config", "endpoint_mode"):
        if deploy.get(key).value:
            ledger.dropping(f"`deploy.{key}`, which is for swarms")
    return found
