"""Ping, version, info and events."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tomo.testing.dockerd.containers import Containers
from tomo.testing.dockerd.core import POLL_SECONDS, ROOT, Core, Route, route
from tomo.testing.dockerd.http import Json, Request, Response
from tomo.testing.dockerd.images import Images
from tomo.testing.dockerd.refused import not_served

_SECOND: Final = 1_000_000_000
_NO_CACHE: Final = {"Cache-Control": "no-cache, no-store, must-revalidate", "Pragma": "no-cache"}
_KERNEL: Final = "6.1.0-18-amd64"


class System:
    """What the daemon says of itself."""

    def __init__(self, core: Core, containers: Containers, images: Images) -> None:
        self._core, self._containers, self._images = core, containers, images

    def routes(self) -> list[Route]:
        """The endpoints."""
        return [
            route("GET", "/_ping", self._ping),
            route("HEAD", "/_ping", self._ping),
            route("GET", "/version", self._version),
            route("GET", "/info", self._info),
            route("GET", "/events", self._events),
        ]

    def _ping(self, _request: Request) -> Response:
        return Response(200, b"OK", "text/plain; charset=utf-8", _NO_CACHE)

    def _version(self, _request: Request) -> Response:
        version = self._core.version
        facts = {
            "ApiVersion": "1.41",
            "MinAPIVersion": "1.12",
            "GitCommit": "5d6db84",
            "GoVersion": "go1.19.8",
            "Os": "linux",
            "Arch": "amd64",
            "KernelVersion": _KERNEL,
            "BuildTime": "2026-05-07T21:09:36.000000000+00:00",
        }
        engine = {"Name": "Engine", "Version": version, "Details": {**facts, "Experimental": "false"}}
        return Response.of_json(
            {"Platform": {"Name": ""}, "Components": [engine], "Version": version, **facts}
        )

    def _info(self, _request: Request) -> Response:
        states = [container.status for container in self._containers.all()]
        settings = self._core.settings
        return Response.of_json(
            {
                "ID": "FAKE:" + self._core.seed.upper()[:4],
                "Containers": len(states),
                "ContainersRunning": sum(state in {"running", "restarting"} for state in states),
                "ContainersPaused": states.count("paused"),
                "ContainersStopped": sum(state in {"exited", "created"} for state in states),
                "Images": len(self._images.all()),
                "Driver": "overlay2",
                "DriverStatus": [["Backing Filesystem", "extfs"], ["Supports d_type", "true"]],
                **_ABILITIES,
                "SystemTime": self._core.timestamp(),
                "KernelVersion": _KERNEL,
                "RegistryConfig": _registry_config(settings),
                "DockerRootDir": ROOT,
                "Name": self._core.host_name,
                "Labels": settings.get("labels", []),
                "ServerVersion": self._core.version,
                "LiveRestoreEnabled": bool(settings.get("live-restore")),
                "Warnings": None,
            }
        )

    def _events(self, request: Request) -> Response:
        if request.filters():
            raise not_served("filters of GET /events")
        return Response(content_type="application/json", chunks=self._event_chunks(request))

    def _event_chunks(self, request: Request) -> Iterator[bytes]:
        since, until = (float(request.query.get(name) or 0) * _SECOND for name in ("since", "until"))
        shown = 0 if since else len(self._core.events)
        while True:
            with self._core.changed:
                events = self._core.events[shown:]
                shown += len(events)
                if not events and not until:
                    self._core.changed.wait(POLL_SECONDS)
            wanted = [
                one for one in events if since <= one["timeNano"] and (not until or one["timeNano"] <= until)
            ]
            yield b"".join(json.dumps(one, separators=(",", ":")).encode() + b"\n" for one in wanted)
            if until:
                return


def _registry_config(settings: Mapping[str, Any]) -> Json:
    mirrors = list(settings.get("registry-mirrors", []))
    hub = {"Name": "docker.io", "Mirrors": mirrors, "Secure": True, "Official": True}
    insecure = {
        name: {"Name": name, "Mirrors": [], "Secure": False, "Official": False}
        for name in settings.get("insecure-registries", [])
    }
    return {
        "AllowNondistributableArtifactsCIDRs": [],
        "AllowNondistributableArtifactsHostnames": [],
        "InsecureRegistryCIDRs": ["127.0.0.0/8"],
        "IndexConfigs": {"docker.io": hub, **insecure},
        "Mirrors": mirrors,
    }


_ABILITIES: Final[Json] = {
    "Plugins": {
        "Volume": ["local"],
        "Network": ["bridge", "host", "ipvlan", "macvlan", "null", "overlay"],
        "Authorization": None,
        "Log": ["json-file", "local", "journald", "syslog"],
    },
    "MemoryLimit": True,
    "SwapLimit": True,
    "KernelMemory": True,
    "CpuCfsPeriod": True,
    "CpuCfsQuota": True,
    "CPUShares": True,
    "CPUSet": True,
    "PidsLimit": True,
    "IPv4Forwarding": True,
    "BridgeNfIptables": True,
    "BridgeNfIp6tables": True,
    "Debug": False,
    "OomKillDisable": True,
    "LoggingDriver": "json-file",
    "CgroupDriver": "cgroupfs",
    "CgroupVersion": "1",
    "OperatingSystem": "Debian GNU/Linux 12 (bookworm)",
    "OSVersion": "12",
    "OSType": "linux",
    "Architecture": "x86_64",
    "NCPU": 2,
    "MemTotal": 4_294_967_296,
    "GenericResources": None,
    "HttpProxy": "",
    "HttpsProxy": "",
    "NoProxy": "",
    "ExperimentalBuild": False,
    "Runtimes": {"runc": {"path": "runc"}},
    "DefaultRuntime": "runc",
    "Swarm": {
        "NodeID": "",
        "NodeAddr": "",
        "LocalNodeState": "inactive",
        "ControlAvailable": False,
        "Error": "",
        "RemoteManagers": None,
    },
    "Isolation": "",
    "InitBinary": "docker-init",
    "SecurityOptions": ["name=seccomp,profile=default"],
}
