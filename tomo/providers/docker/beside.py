"""Replacing a container behind a proxy: the new one is well before the old one loses its name to it."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from tomo.errors import HostError, TomoError
from tomo.model.provider import CreateResult, SwapRequest
from tomo.model.values import Value
from tomo.providers.docker import container_life as life
from tomo.providers.docker import execs
from tomo.providers.docker.container import base_name, candidate_name, parked_name
from tomo.providers.docker.container_acts import bring_up
from tomo.providers.docker.container_outputs import outputs
from tomo.providers.docker.inputs import must_run, text
from tomo.providers.docker.inspected import Inspected, name_of, part, text_of
from tomo.providers.docker.resource import Host
from tomo.resources.swapping import proxy_of

_DRAIN: Final = 30.0
"""Seconds that requests which the old one has may take; its own grace at the stop comes on top."""
_LOOKS: Final = 2
_ESTABLISHED: Final = "01"
_TABLES: Final = ("/proc/net/tcp", "/proc/net/tcp6")


def swap(host: Host, request: SwapRequest, old: dict[str, Value]) -> CreateResult:
    """Starts the new container beside the old one, hands the name over, and lets the old one end its work.

    The proxy looks the name up for each request: whoever has it gets the next one. Until then a failure
    costs nobody anything, and the new one goes; after it the new one serves, and only the old one is left.
    """
    inputs = request.new_inputs
    name = text(inputs, "name")
    id_ = _candidate(host, request, name)
    try:
        request.report(f"waiting for the new `{name}` beside the old one")
        healthy = must_run(inputs)
        _, log = bring_up(host, id_, inputs, request.report, healthy=healthy, timeout=request.timeout)
        _hand_over(host, old, id_, name)
    except BaseException as error:
        life.discard(host, id_)
        if isinstance(error, TomoError):
            old_name = base_name(name_of(old))
            still = f"the old container `{old_name}` served all the time (id {request.old_id[:12]})"
            error.detail = "\n".join(filter(None, [error.detail, still]))
        raise
    _retire(host, request, old)
    found = life.inspect(host, id_) or {"Id": id_}
    return CreateResult(id_, outputs(inputs, found, log))


def _candidate(host: Host, request: SwapRequest, name: str) -> str:
    request.report(f"creating the new `{name}`")
    return life.make(host, {**request.new_inputs, "name": candidate_name(name, request.old_id)})


def drop_candidate(host: Host, name: str, old_id: str, *, act: bool = True) -> bool:
    """Removes a container that was being tried when its run was cut off; whether there was one."""
    candidate = candidate_name(name, old_id)
    found = life.inspect(host, candidate)
    if found is None or name_of(found) != candidate:
        return False
    if act:
        life.remove(host, text_of(found, "Id"), volumes=True)
    return True


def _hand_over(host: Host, old: Inspected, id_: str, name: str) -> None:
    """Between the two renames nobody has the name; the proxy tries again meanwhile."""
    old_id, old_name = text_of(old, "Id"), name_of(old)
    life.rename(host, old_id, parked_name(base_name(old_name), old_id))
    try:
        life.rename(host, id_, name)
    except BaseException:
        life.rename(host, old_id, old_name)
        raise


def _retire(host: Host, request: SwapRequest, old: Inspected) -> None:
    """Stops and removes the old one; the new one serves, so nothing here makes the step fail."""
    parked = parked_name(base_name(name_of(old)), request.old_id)
    try:
        _drain(host, request, old)
        request.report(f"stopping the old `{base_name(name_of(old))}`")
        life.stop(host, request.old_id, parked, life.stop_grace(request.old_inputs))
        life.remove(host, request.old_id, volumes=life.anonymous_volumes_go(request.old_inputs))
    except HostError as problem:
        request.report(f"the old container stays as `{parked}`: {problem.message}")


def _drain(host: Host, request: SwapRequest, old: Inspected) -> None:
    """Waits until the proxy has no connection to the old one; not longer where the run is stopped."""
    addresses = set(_addresses(old))
    deadline = host.pace.now() + _DRAIN
    request.report("waiting for the requests that the old one has")
    quiet = 0
    # Twice, as a request may have looked the name up right before it was handed over, and dial right after.
    while quiet < _LOOKS and host.pace.now() < deadline and not host.stopped.wait(host.pace.poll):
        quiet = 0 if _connected(host, proxy_of(request.new_inputs)) & addresses else quiet + 1


def _connected(host: Host, proxy: str) -> set[str]:
    """The addresses that the proxy's process is connected to, as the kernel writes them.

    Empty too where its image can't tell: the old one's own grace is all its requests have then.
    """
    with suppress(HostError):
        ended = execs.run(host, proxy, ["cat", *_TABLES])
        rows = (line.split() for line in ended.output.splitlines())
        return {row[2].partition(":")[0] for row in rows if len(row) > 3 and row[3] == _ESTABLISHED}  # noqa: PLR2004
    return set()


def _addresses(found: Inspected) -> list[str]:
    """A container's addresses as `/proc/net/tcp` has them."""
    joined = part(part(found, "NetworkSettings"), "Networks")
    given = [
        text_of(part(each), key) for each in joined.values() for key in ("IPAddress", "GlobalIPv6Address")
    ]
    return [execs.kernel_form(address) for address in given if address]
