"""Containers by name: whether they run, stopping and starting them, a command inside of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tomo.errors import ConnectionLost, DockerError
from tomo.frozen import frozen
from tomo.providers.docker.container_life import demultiplexed
from tomo.providers.docker.daemon import Daemon, container_path, document
from tomo.providers.docker.http import HttpStream, Request, StreamBroken, segment
from tomo.providers.docker.inspected import state

_ALREADY: Final = frozenset({304, 404})
_STOP_PATIENCE: Final = 660.0
_OUTPUT: Final = 64 * 1024


@frozen
class Ran:
    """How a command inside a container ended; of what it wrote the last 64 KiB."""

    exit_code: int
    output: str


def runs(daemon: Daemon, name: str) -> bool | None:
    """Whether a container runs; None where there is none."""
    found = daemon.find(container_path(name), f"inspecting the container `{name}`")
    return None if found is None else bool(state(found).get("Running"))


def stop_container(daemon: Daemon, name: str) -> None:
    """Stops a container with the grace it was made with; it is not started again by its restart policy."""
    path, doing = f"/containers/{segment(name)}/stop", f"stopping `{name}`"
    daemon.send("POST", path, doing, timeout=_STOP_PATIENCE, fine=_ALREADY)


def start_container(daemon: Daemon, name: str) -> None:
    """Starts a container; one that runs is fine."""
    daemon.send("POST", f"/containers/{segment(name)}/start", f"starting `{name}`", fine=frozenset({304}))


def run_inside(daemon: Daemon, name: str, argv: Sequence[str], *, timeout: float) -> Ran:
    """Runs a command in a running container and waits for its end; `timeout` is for each silence of it."""
    doing = f"running `{argv[0]}` in `{name}`"
    body = {"Cmd": list(argv), "AttachStdout": True, "AttachStderr": True}
    made = daemon.send("POST", f"/containers/{segment(name)}/exec", doing, body=body)
    id_ = segment(str(document(made).get("Id", "")))
    output = _output(daemon, id_, doing, timeout)
    ended = daemon.find(f"/exec/{id_}/json", doing) or {}
    code = ended.get("ExitCode")
    return Ran(int(code) if isinstance(code, int | float) else 1, output)


def _output(daemon: Daemon, id_: str, doing: str, timeout: float) -> str:
    path = f"/v{daemon.api_version()}/exec/{id_}/start"
    request = Request("POST", path, body=b'{"Detach": false, "Tty": false}')
    stream = HttpStream(daemon.connection.open_docker())
    kept = b""
    try:
        answer, parts = stream.streamed(request, timeout)
        if not answer.ok:
            raise DockerError(f"{doing} failed: {answer.message}", host=daemon.host)
        for part in parts:
            kept = (kept + part)[-2 * _OUTPUT :]
    except TimeoutError as error:
        raise DockerError(
            f"{doing} took longer than {timeout:g} s", host=daemon.host, hint="see what it does on the host"
        ) from error
    except StreamBroken as error:
        raise ConnectionLost(
            f"the connection to Docker on `{daemon.host}` broke at {doing}",
            host=daemon.host, hint="run it again", detail=str(error),
        ) from error  # fmt: skip
    finally:
        stream.close()
    return demultiplexed(kept).decode("utf-8", "replace")[-_OUTPUT:]
