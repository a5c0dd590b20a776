"""Volumes and what is in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from tomo.testing.clock import rfc3339
from tomo.testing.dockerd.core import ROOT, Core, Route, check_filters, matches_labels, route
from tomo.testing.dockerd.http import Json, Request, Response
from tomo.testing.dockerd.refused import ApiError, no_such_volume
from tomo.testing.files import FileTree

_NAME: Final = re.compile(r"^[a-zA-Z0-9][a-zA-Z0-9_.-]+$")
_FILTERS: Final = frozenset({"dangling", "name", "driver", "label"})
_SECOND: Final = 1_000_000_000


@dataclass
class Volume:
    """A volume; `anonymous` ones go with their container."""

    name: str
    created: int
    labels: Mapping[str, str] | None = None
    options: Mapping[str, str] | None = None
    anonymous: bool = False
    files: FileTree = field(default_factory=FileTree)

    @property
    def mountpoint(self) -> str:
        """Where it is on the host."""
        return f"{ROOT}/volumes/{self.name}/_data"

    def inspected(self) -> Json:
        """As Docker shows it."""
        return {
            "CreatedAt": rfc3339(self.created // _SECOND * _SECOND),
            "Driver": "local",
            "Labels": self.labels,
            "Mountpoint": self.mountpoint,
            "Name": self.name,
            "Options": self.options,
            "Scope": "local",
        }


class Volumes:
    """All volumes. `users` tells which containers have one mounted."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._volumes: dict[str, Volume] = {}
        self.users: Callable[[str], list[str]] = lambda _name: []

    def routes(self) -> list[Route]:
        """The endpoints."""
        return [
            route("GET", "/volumes", self._list),
            route("POST", "/volumes/create", self._create),
            route("GET", "/volumes/{name}", self._inspect),
            route("DELETE", "/volumes/{name}", self._delete),
        ]

    def find(self, name: str) -> Volume | None:
        """The volume of that name."""
        return self._volumes.get(name)

    def names(self) -> list[str]:
        """Names of all volumes, sorted."""
        return sorted(self._volumes)

    def ensure(
        self,
        name: str,
        labels: Mapping[str, str] | None = None,
        options: Mapping[str, str] | None = None,
    ) -> Volume:
        """The volume of that name, made where there is none; `""` makes an anonymous one."""
        if name in self._volumes:
            return self._volumes[name]
        if len(name) == 1:
            message = "volume name is too short, names should be at least two alphanumeric characters"
            raise ApiError(400, f"create {name}: {message}")
        if name and not _NAME.match(name):
            raise ApiError(
                400,
                f'create {name}: "{name}" includes invalid characters for a local volume name, only '
                '"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, '
                "use absolute path",
            )
        self._core.need_space(f"{ROOT}/volumes")
        volume = Volume(
            name or self._core.new_id("volume"), self._core.now(), labels, options, anonymous=not name
        )
        self._volumes[volume.name] = volume
        self._core.emit("volume", "create", volume.name, {"driver": "local"})
        return volume

    def remove(self, name: str, *, force: bool = False) -> None:
        """Removes a volume that no container uses; with `force` a missing one is fine."""
        if name not in self._volumes:
            if force:
                return
            raise no_such_volume(name)
        users = self.users(name)
        if users:
            raise ApiError(409, f"remove {name}: volume is in use - [{', '.join(users)}]")
        del self._volumes[name]
        self._core.emit("volume", "destroy", name, {"driver": "local"})

    def discard(self, name: str) -> None:
        """Removes a volume whoever uses it, as someone with a root shell could."""
        self._volumes.pop(name, None)

    def _list(self, request: Request) -> Response:
        filters = check_filters(request, _FILTERS)
        found = [self._volumes[name].inspected() for name in self.names() if self._matches(name, filters)]
        return Response.of_json({"Volumes": found, "Warnings": None})

    def _matches(self, name: str, filters: Mapping[str, list[str]]) -> bool:
        if not matches_labels(self._volumes[name].labels, filters.get("label", [])):
            return False
        if "dangling" in filters and (filters["dangling"][0] in {"true", "1"}) == bool(self.users(name)):
            return False
        if "driver" in filters and "local" not in filters["driver"]:
            return False
        return "name" not in filters or any(text in name for text in filters["name"])

    def _create(self, request: Request) -> Response:
        body = request.json()
        driver, name = body.get("Driver") or "local", body.get("Name") or ""
        if driver != "local":
            message = f'error looking up volume plugin {driver}: plugin "{driver}" not found'
            raise ApiError(404, f"create {name}: {message}")
        volume = self.ensure(name, body.get("Labels"), body.get("DriverOpts") or None)
        return Response.of_json(volume.inspected(), 201)

    def _inspect(self, _request: Request, name: str) -> Response:
        volume = self.find(name)
        if volume is None:
            raise no_such_volume(name)
        return Response.of_json(volume.inspected())

    def _delete(self, request: Request, name: str) -> Response:
        self.remove(name, force=request.flag("force"))
        return Response(204)
