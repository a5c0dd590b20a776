"""What all parts of the daemon share: lock, clock, ids, events, routes."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

from tomo.frozen import frozen
from tomo.testing.clock import Clock, rfc3339
from tomo.testing.dockerd.http import Json, Request, Response
from tomo.testing.dockerd.refused import ApiError
from tomo.testing.files import FileTree

ROOT: Final = "/var/lib/docker"
NEVER: Final = "0001-01-01T00:00:00Z"
POLL_SECONDS: Final = 0.02

Handler = Callable[..., Response]


@frozen
class Route:
    """An endpoint: method, path pattern, and what answers it; groups of the pattern are its arguments."""

    method: str
    pattern: re.Pattern[str]
    handler: Handler


def route(method: str, pattern: str, handler: Handler) -> Route:
    """An endpoint; `{name}` stands for a path part that may hold slashes."""
    expression = re.sub(r"\{(\w+)\}", r"(?P<\1>.+)", pattern)
    return Route(method, re.compile(f"^{expression}$"), handler)


@dataclass
class Core:
    """The daemon's common ground. Everything mutable is guarded by `changed`, a re-entrant condition."""

    clock: Clock
    seed: str
    host_name: str
    version: str
    disk: FileTree | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    disk_full: bool = False
    changed: threading.Condition = field(default_factory=threading.Condition)
    events: list[Json] = field(default_factory=list)
    _ids: count[int] = field(default_factory=lambda: count(1))

    def new_id(self, kind: str) -> str:
        """64 hex digits; the same daemon gives the same ids in the same order."""
        return hashlib.sha256(f"{self.seed}/{kind}/{next(self._ids)}".encode()).hexdigest()

    def now(self) -> int:
        """Nanoseconds since 1970."""
        return self.clock.time_ns()

    def timestamp(self) -> str:
        """The moment as Docker prints it."""
        return rfc3339(self.now())

    def need_space(self, path: str) -> None:
        """Raises where the disk is full."""
        if self.disk_full:
            raise ApiError(500, f"write {path}: no space left on device")

    def emit(self, kind: str, action: str, actor: str, attributes: Mapping[str, str]) -> None:
        """Records an event and wakes those who wait for a change."""
        now = self.now()
        event: Json = {
            "Type": kind,
            "Action": action,
            "Actor": {"ID": actor, "Attributes": dict(attributes)},
            "scope": "local",
            "time": now // 1_000_000_000,
            "timeNano": now,
        }
        if kind == "container":
            event = {"status": action, "id": actor, "from": attributes.get("image", ""), **event}
        self.events.append(event)
        self.changed.notify_all()


def matches_labels(labels: Mapping[str, str] | None, wanted: list[str]) -> bool:
    """Whether every `key` or `key=value` is among the labels."""
    have = labels or {}
    for text in wanted:
        key, equals, value = text.partition("=")
        if key not in have or (equals and have[key] != value):
            return False
    return True


def check_filters(request: Request, known: frozenset[str]) -> dict[str, list[str]]:
    """The request's filters; one that Docker doesn't know is refused as Docker does."""
    filters = request.filters()
    for name in filters:
        if name not in known:
            raise ApiError(400, f"Invalid filter '{name}'")
    return filters
