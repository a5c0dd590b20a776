"""Commands run inside running containers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tomo.testing.dockerd.container import Container
from tomo.testing.dockerd.core import Core, Route, route
from tomo.testing.dockerd.http import Json, Request, Response
from tomo.testing.dockerd.refused import ApiError, not_running
from tomo.testing.shell import Outcome


@dataclass
class Exec:
    """One command in a container; no exit code means it has not run yet."""

    id: str
    container: Container
    settings: Json
    exit_code: int | None = None


class Execs:
    """The exec endpoints; commands are those of `tomo.testing.shell`."""

    def __init__(self, core: Core, need: Callable[[str], Container]) -> None:
        self._core = core
        self._need = need
        self._execs: dict[str, Exec] = {}

    def routes(self) -> list[Route]:
        """The endpoints."""
        return [
            route("POST", "/containers/{name}/exec", self._create),
            route("POST", "/exec/{key}/start", self._start),
            route("GET", "/exec/{key}/json", self._inspect),
        ]

    def _create(self, request: Request, name: str) -> Response:
        container, settings = self._need(name), request.json()
        if not container.running:
            raise not_running(container.id)
        if container.status == "paused":
            raise ApiError(409, f"Container {name} is paused, unpause the container before exec")
        if not settings.get("Cmd"):
            raise ApiError(400, "No exec command specified")
        one = Exec(self._core.new_id("exec"), container, settings)
        self._execs[one.id] = one
        return Response.of_json({"Id": one.id}, 201)

    def _start(self, request: Request, key: str) -> Response:
        one = self._find(key)
        if one.exit_code is not None:
            raise ApiError(409, f"Error: Exec command {key} has already run")
        if not one.container.running:
            raise not_running(one.container.id)
        env = dict(entry.partition("=")[::2] for entry in one.settings.get("Env") or [])
        outcome = one.container.shell(env, patient=False).run(one.settings["Cmd"])
        one.exit_code = outcome.exit_code
        if request.json().get("Detach"):
            return Response()
        kind = "application/vnd.docker.raw-stream"
        return Response(body=_output(one.settings, outcome), content_type=kind, raw=True)

    def _inspect(self, _request: Request, key: str) -> Response:
        one = self._find(key)
        command = one.settings["Cmd"]
        process = {
            "tty": bool(one.settings.get("Tty")),
            "entrypoint": command[0],
            "arguments": list(command[1:]),
            "privileged": bool(one.settings.get("Privileged")),
        }
        return Response.of_json(
            {
                "ID": one.id,
                "Running": False,
                "ExitCode": one.exit_code,
                "ProcessConfig": process,
                "OpenStdin": bool(one.settings.get("AttachStdin")),
                "OpenStderr": bool(one.settings.get("AttachStderr")),
                "OpenStdout": bool(one.settings.get("AttachStdout")),
                "CanRemove": False,
                "ContainerID": one.container.id,
                "DetachKeys": "",
                "Pid": 0 if one.exit_code is None else one.container.pid + 1,
            }
        )

    def _find(self, key: str) -> Exec:
        if key not in self._execs:
            raise ApiError(404, f"No such exec instance: {key}")
        return self._execs[key]


def _output(settings: Json, outcome: Outcome) -> bytes:
    parts = []
    for stream, text, wanted in ((1, outcome.stdout, "AttachStdout"), (2, outcome.stderr, "AttachStderr")):
        content = text.encode()
        if settings.get(wanted) and content:
            header = bytes([stream, 0, 0, 0]) + len(content).to_bytes(4, "big")
            parts.append(content if settings.get("Tty") else header + content)
    return b"".join(parts)
