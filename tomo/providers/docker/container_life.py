"""Single acts on containers: make, start, wait until well, stop, remove, tell why one failed."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from tomo.errors import (
    ContainerExited,
    ContainerUnhealthy,
    DockerError,
    HostError,
    PortTaken,
)
from tomo.model.provider import Report
from tomo.model.values import Properties, Value
from tomo.providers.docker.container_body import create_body, endpoint, upload_archive
from tomo.providers.docker.container_seen import networks
from tomo.providers.docker.daemon import container_path, document, image_path
from tomo.providers.docker.http import segment
from tomo.providers.docker.inputs import blocks, number, text, truth
from tomo.providers.docker.inspected import Inspected, config, listed, name_of, part, state, text_of, whole
from tomo.providers.docker.problems import image_not_found, port_taken, taken_port
from tomo.providers.docker.resource import Host

LOG_LINES: Final = 20
_NOT_THERE: Final = frozenset({404})
_ALREADY: Final = frozenset({304, 404, 409})
_NANO: Final = 1_000_000_000
_DEFAULT_STOP: Final = 10
_SLACK: Final = 60.0
_SEVERAL_NETWORKS: Final = (1, 44)


def inspect(host: Host, id_: str) -> dict[str, Value] | None:
    """A container by id or name; None where there is none."""
    return host.daemon.find(container_path(id_), f"inspecting the container `{id_}`")


def require_image(host: Host, image: str) -> None:
    """Raises ImageNotFound where the host lacks the image."""
    if host.daemon.find(image_path(image), f"looking for the image `{image}`") is None:
        raise image_not_found(image, host.name)


def make(host: Host, inputs: Properties) -> str:
    """Creates a container in all its networks with its files, not started; returns its id."""
    name = text(inputs, "name")
    query = {"name": name}
    if platform := text(inputs, "platform"):
        query["platform"] = platform
    archive = upload_archive(inputs, host.root)
    made = host.daemon.send(
        "POST",
        "/containers/create",
        f"creating the container `{name}`",
        query=query,
        body=create_body(inputs),
        image=text(inputs, "image"),
    )
    id_ = text_of(document(made), "Id")
    try:
        _leave_other_networks(host, id_, inputs)
        _connect_rest(host, id_, inputs)
        if archive:
            _upload(host, id_, name, archive)
    except BaseException:
        discard(host, id_)
        raise
    return id_


def _leave_other_networks(host: Host, id_: str, inputs: Properties) -> None:
    """Takes a container not yet started from networks it was not given.

    Daemons from API 1.44 on take several networks at once and may add the default one to those asked for.
    """
    wanted = {text(network, "name") for network in blocks(inputs, "networksAdvanced")}
    if not wanted or host.daemon.api_level() < _SEVERAL_NETWORKS:
        return
    for name, joined in networks(inspect(host, id_) or {}).items():
        if name not in wanted and text_of(part(joined), "NetworkID") not in wanted:
            path = f"/networks/{segment(name)}/disconnect"
            host.daemon.send("POST", path, f"leaving the network `{name}`", body={"Container": id_})


def _connect_rest(host: Host, id_: str, inputs: Properties) -> None:
    for network in list(blocks(inputs, "networksAdvanced"))[1:]:
        name = text(network, "name")
        host.daemon.send(
            "POST",
            f"/networks/{segment(name)}/connect",
            f"connecting `{text(inputs, 'name')}` to the network `{name}`",
            body={"Container": id_, "EndpointConfig": endpoint(network)},
        )


def _upload(host: Host, id_: str, name: str, archive: bytes) -> None:
    doing = f"uploading files into the container `{name}`"
    path = f"/containers/{segment(id_)}/archive"
    host.daemon.send("PUT", path, doing, query={"path": "/"}, raw=archive)


def start(host: Host, id_: str, name: str) -> None:
    """Starts a container; a taken port is told with its holder."""
    try:
        host.daemon.send("POST", f"/containers/{segment(id_)}/start", f"starting the container `{name}`")
    except PortTaken as error:
        raise port_taken(error.detail, host.name, _holder(host, error.detail, id_)) from error


def _holder(host: Host, message: str, own_id: str) -> str:
    port = taken_port(message)
    answer = host.daemon.get("/containers/json", "listing containers").json()
    for item in answer if isinstance(answer, list) else ():
        if isinstance(item, Mapping) and item.get("Id") != own_id:
            published = [whole(p.get("PublicPort")) for p in listed(item, "Ports") if isinstance(p, Mapping)]
            if port in published:
                return f"the container `{str(next(iter(listed(item, 'Names')), '')).lstrip('/')}`"
    return "a process on the host"


def stop(host: Host, id_: str, name: str, grace: int | None = None) -> None:
    """Stops a container in `grace` seconds, or its own stop timeout; one stopped or gone is fine."""
    query = {} if grace is None else {"t": str(grace)}
    limit = (_DEFAULT_STOP if grace is None else grace) + _SLACK
    path = f"/containers/{segment(id_)}/stop"
    host.daemon.send("POST", path, f"stopping `{name}`", query=query, timeout=limit * 5, fine=_ALREADY)


def rename(host: Host, id_: str, name: str) -> None:
    """Gives a container another name."""
    path = f"/containers/{segment(id_)}/rename"
    host.daemon.send("POST", path, f"renaming a container to `{name}`", query={"name": name})


def resume(host: Host, found: Inspected) -> None:
    """Makes a container run that exists: unpauses or starts it."""
    id_, name = text_of(found, "Id"), name_of(found)
    if state(found).get("Paused"):
        path = f"/containers/{segment(id_)}/unpause"
        host.daemon.send("POST", path, f"unpausing the container `{name}`")
    elif not state(found).get("Running"):
        start(host, id_, name)


def remove(host: Host, id_: str, *, volumes: bool) -> None:
    """Removes a container by force; one that is gone is fine."""
    query = {"force": "1", "v": "1" if volumes else "0"}
    path = f"/containers/{segment(id_)}"
    answer = host.daemon.send("DELETE", path, "removing a container", query=query, fine=frozenset({404, 409}))
    if answer.status == 409:  # noqa: PLR2004  # its removal is under way already
        _await_removal(host, id_)


def discard(host: Host, id_: str) -> bool:
    """Removes what did not come up and says whether that worked; its failure must not hide why."""
    with suppress(HostError):
        remove(host, id_, volumes=True)
        return True
    return False


def _await_removal(host: Host, id_: str) -> None:
    deadline = host.pace.now() + _SLACK
    while inspect(host, id_) is not None:
        if host.pace.now() > deadline:
            raise DockerError(f"the container `{id_[:12]}` on `{host.name}` is not removed", host=host.name)
        host.wait(host.pace.poll)


# --- until well --------------------------------------------------------------------------------------


def has_health_check(found: Inspected) -> bool:
    """Whether Docker watches the container's health."""
    tests = listed(part(config(found), "Healthcheck"), "Test")
    return bool(tests) and tests[0] != "NONE"


def health_limit(found: Inspected, inputs: Properties) -> float:
    """How long becoming healthy may take: `waitTimeout`, or all the tries of the check if that's longer."""
    health = part(config(found), "Healthcheck")
    start_period, interval = whole(health.get("StartPeriod")), whole(health.get("Interval")) or 30 * _NANO
    timeout = whole(health.get("Timeout")) or 30 * _NANO
    tries = whole(health.get("Retries")) or 3
    told = number(inputs, "waitTimeout") or 60
    # A check that answers slowly may take its timeout besides its interval.
    return max(told, (start_period + interval * tries + min(timeout, interval)) / _NANO)


def until_running(host: Host, id_: str, inputs: Properties) -> dict[str, Value]:
    """Waits until the container has run for a moment; raises ContainerExited where it doesn't."""
    limit = max(number(inputs, "containerReadRefreshTimeoutMilliseconds") / 1000, host.pace.settle)
    begun = host.pace.now()
    while True:
        found = inspect(host, id_)
        if found is None or _has_ended(found):
            raise exited(host, id_, text(inputs, "name"), found)
        ran = host.pace.now() - begun
        if state(found).get("Running") and ran >= host.pace.settle:
            return found
        if ran > limit:
            raise exited(host, id_, text(inputs, "name"), found)
        # One that runs is looked at again when its time is up: looks in between cost the daemon as much as
        # a good part of a start.
        left = host.pace.settle - ran if state(found).get("Running") else host.pace.poll
        host.wait(left)


def _has_ended(found: Inspected) -> bool:
    now = state(found)
    restarted = bool(now.get("Restarting")) or whole(found.get("RestartCount")) > 0
    return restarted or text_of(now, "Status") in {"exited", "dead", "removing"}


def until_healthy(host: Host, id_: str, inputs: Properties, limit: float, report: Report) -> dict[str, Value]:
    """Waits until the container is healthy; raises ContainerUnhealthy or ContainerExited."""
    name = text(inputs, "name")
    deadline = host.pace.now() + limit
    report(f"waiting for `{name}` to become healthy")
    while True:
        found = inspect(host, id_)
        if found is None or _has_ended(found):
            raise exited(host, id_, name, found)
        health = part(state(found), "Health")
        status = text_of(health, "Status")
        if status == "healthy":
            return found
        # A pause alone sets `unhealthy`; after it only a failed probe means it.
        failed = status == "unhealthy" and whole(health.get("FailingStreak")) > 0
        if failed or host.pace.now() > deadline:
            raise unhealthy(host, id_, name, found, limit)
        host.wait(host.pace.poll * 2)


def settled(
    host: Host, id_: str, inputs: Properties, report: Report, *, healthy: bool, timeout: float | None = None
) -> dict[str, Value]:
    """Waits for what the inputs ask of a container just started, and returns it inspected."""
    found = until_running(host, id_, inputs)
    if not has_health_check(found):
        if truth(inputs, "wait"):
            raise DockerError(
                f"`wait` is true but the container `{text(inputs, 'name')}` has no health check",
                host=host.name,
                hint="give it a `healthcheck`, or leave `wait` out",
            )
        return found
    if not healthy and not truth(inputs, "wait"):
        return found
    limit = health_limit(found, inputs) if healthy else float(number(inputs, "waitTimeout") or 60)
    return until_healthy(host, id_, inputs, min(limit, timeout or limit), report)


# --- why it failed -------------------------------------------------------------------------------------


def exited(host: Host, id_: str, name: str, found: Inspected | None) -> ContainerExited:
    """The error for a container that doesn't keep running, with its last words."""
    now = state(found or {})
    code = whole(now.get("ExitCode"))
    reason = text_of(now, "Error")
    killed = ", killed for lack of memory" if now.get("OOMKilled") else ""
    again = (
        " and keeps restarting" if now.get("Restarting") or whole((found or {}).get("RestartCount")) else ""
    )
    return ContainerExited(
        f"container `{name}` on `{host.name}` ended with exit code {code}{killed}{again}",
        host=host.name,
        hint="its last log lines are in the detail; correct command, environment or mounts",
        detail="\n".join(filter(None, [f"exit code {code}", reason, _log_section(host, id_)])),
    )


def unhealthy(host: Host, id_: str, name: str, found: Inspected, limit: float) -> ContainerUnhealthy:
    """The error for a container that isn't healthy in time, with what the check said."""
    health = part(state(found), "Health")
    status = text_of(health, "Status") or "without a health status"
    said = [text_of(entry, "Output").strip() for entry in listed(health, "Log") if isinstance(entry, Mapping)]
    last = f"health check: {said[-1]}" if said and said[-1] else "health check: no output"
    return ContainerUnhealthy(
        f"container `{name}` on `{host.name}` was {status} after {limit:.0f} s at most",
        host=host.name,
        hint="look at the health check's output in the detail; raise `waitTimeout` if it only needs longer",
        detail="\n".join(filter(None, [last, _log_section(host, id_)])),
    )


def _log_section(host: Host, id_: str) -> str:
    lines = last_lines(host, id_)
    return "last log lines:\n" + "\n".join(lines) if lines else "no log lines"


def last_lines(host: Host, id_: str, count: int = LOG_LINES) -> list[str]:
    """The container's last log lines, as far as its log driver gives them."""
    try:
        return logs(host, id_, {"tail": str(count)}).splitlines()
    except HostError:
        return []


def logs(host: Host, id_: str, query: Mapping[str, str]) -> str:
    """A container's log; stdout and stderr as they came."""
    path = f"/containers/{segment(id_)}/logs"
    wanted = {"stdout": "1", "stderr": "1", **query}
    answer = host.daemon.get(path, f"reading the log of `{id_[:12]}`", wanted)
    return demultiplexed(answer.body).decode("utf-8", "replace")


def demultiplexed(data: bytes) -> bytes:
    """The text in Docker's frames; data without frames, as of a container with a terminal, as it is."""
    parts: list[bytes] = []
    at = 0
    while at + 8 <= len(data):
        if data[at] not in (0, 1, 2) or data[at + 1 : at + 4] != b"\0\0\0":
            return data
        size = int.from_bytes(data[at + 4 : at + 8], "big")
        parts.append(data[at + 8 : at + 8 + size])
        at += 8 + size
    return b"".join(parts) if parts else data


def is_running(found: Inspected) -> bool:
    """Whether it runs, paused or not."""
    return bool(state(found).get("Running"))


def anonymous_volumes_go(inputs: Properties) -> bool:
    """Whether volumes without a name go with the container."""
    return truth(inputs, "removeVolumes")


def stop_grace(inputs: Properties) -> int | None:
    """Seconds to end in by itself before it is killed; None for the container's own."""
    return number(inputs, "destroyGraceSeconds") if inputs.get("destroyGraceSeconds") is not None else None
