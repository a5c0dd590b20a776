"""Acts on a container: making, changing and removing it."""

from __future__ import annotations

from tomo.errors import DockerError, HostError
from tomo.model.provider import (
    CreateRequest,
    CreateResult,
    DeleteRequest,
    Report,
    UpdateRequest,
    UpdateResult,
)
from tomo.model.values import Properties, Value
from tomo.providers.docker import container_life as life
from tomo.providers.docker import images
from tomo.providers.docker.container import base_name
from tomo.providers.docker.container_body import update_body
from tomo.providers.docker.container_fields import BY_NAME, CONTAINER, DAEMON_UPDATE
from tomo.providers.docker.container_outputs import outputs
from tomo.providers.docker.container_seen import READERS, compared
from tomo.providers.docker.daemon import document
from tomo.providers.docker.http import segment
from tomo.providers.docker.inputs import must_run, text, truth
from tomo.providers.docker.inspected import Inspected, listed, name_of, runs_freely, state, text_of
from tomo.providers.docker.problems import name_taken
from tomo.providers.docker.resource import Host
from tomo.providers.docker.schema import differences, same_meaning


def create(host: Host, request: CreateRequest) -> CreateResult:
    """Makes and starts it; one that doesn't come up is removed again.

    Where the road to the host is lost with it, it is recorded as it was made, so that it isn't forgotten.
    """
    inputs = request.inputs
    name = text(inputs, "name")
    _make_way(host, name, inputs)
    request.report(f"creating `{name}`")
    id_ = life.make(host, inputs)
    try:
        found, log = bring_up(host, id_, inputs, request.report, timeout=request.timeout)
    except BaseException as error:
        if not life.discard(host, id_) and isinstance(error, HostError):
            return CreateResult(id_, outputs(inputs, {"Id": id_}), (error.message,))
        raise
    return CreateResult(id_, outputs(inputs, found, log))


def _make_way(host: Host, name: str, inputs: Properties) -> None:
    """Removes what an interrupted create left, which never ran; anything else keeps its name."""
    found = life.inspect(host, name)
    if found is None or name_of(found) != name:
        return
    if not _is_leftover(host, found, inputs):
        raise name_taken("container", name, text_of(found, "Id"), host.name)
    life.remove(host, text_of(found, "Id"), volumes=True)


def _is_leftover(host: Host, found: Inspected, inputs: Properties) -> bool:
    if text_of(state(found), "Status") != "created":
        return False
    image = images.find(host, text_of(found, "Image")) or {}
    return not differences(CONTAINER, inputs, compared(inputs, found, image))


def update(host: Host, request: UpdateRequest) -> UpdateResult:
    """Sends changed limits and the restart policy, and makes it run again if it must."""
    inputs = request.new_inputs
    found = life.inspect(host, request.id)
    if found is None:
        raise DockerError(
            f"the container `{text(inputs, 'name')}` is gone from `{host.name}`",
            host=host.name,
            hint="run the command again: it will be created",
        )
    name = base_name(name_of(found))
    if name != name_of(found):
        request.report(f"bringing back `{name}`, parked by an interrupted replacement")
        unpark(host, found, name)
    errors = _send_limits(host, request, found)
    found = _let_run(host, request, found)
    log = request.old_outputs.get("containerLogs")
    made = outputs(inputs, found, log if isinstance(log, str) else None)
    return UpdateResult(made, tuple(errors))


def _send_limits(host: Host, request: UpdateRequest, found: Inspected) -> list[str]:
    changed = [name for name in sorted(DAEMON_UPDATE) if _differs(name, request, found)]
    if not changed:
        return []
    name = text(request.new_inputs, "name")
    request.report(f"changing {', '.join(changed)} of `{name}`")
    body = update_body(request.new_inputs, request.old_inputs)
    path = f"/containers/{segment(request.id)}/update"
    answer = host.daemon.send("POST", path, f"changing the limits of `{name}`", body=body)
    return [str(warning) for warning in listed(document(answer), "Warnings") if _is_failure(str(warning))]


def _differs(name: str, request: UpdateRequest, found: Inspected) -> bool:
    field, wanted = BY_NAME[name], request.new_inputs.get(name)
    if not same_meaning(field, request.old_inputs.get(name), wanted):
        return True
    return name != "memorySwap" and not same_meaning(field, READERS[name](found), wanted)


def _let_run(host: Host, request: UpdateRequest, found: Inspected) -> dict[str, Value]:
    inputs = request.new_inputs
    if must_run(inputs) and not runs_freely(found):
        request.report(f"starting `{text(inputs, 'name')}`")
        life.resume(host, found)
        return life.settled(host, request.id, inputs, request.report, healthy=False, timeout=request.timeout)
    return life.inspect(host, request.id) or dict(found)


def delete(host: Host, request: DeleteRequest) -> None:
    """Stops and removes it, and anonymous volumes with it."""
    found = life.inspect(host, request.id)
    if found is None:
        return
    name = name_of(found)
    request.report(f"removing `{name}`")
    if life.is_running(found) and not truth(request.inputs, "attach"):
        life.stop(host, request.id, name, life.stop_grace(request.inputs))
    life.remove(host, request.id, volumes=life.anonymous_volumes_go(request.inputs))


def bring_up(
    host: Host,
    id_: str,
    inputs: Properties,
    report: Report,
    *,
    healthy: bool = False,
    timeout: float | None = None,
) -> tuple[dict[str, Value], str | None]:
    """Starts a new container as its inputs ask and waits until it is well; its log where it's wanted."""
    name = text(inputs, "name")
    if not truth(inputs, "start"):
        return _inspected(host, id_), None
    if truth(inputs, "attach"):
        return _run_to_end(host, id_, inputs, report)
    report(f"starting `{name}`")
    life.start(host, id_, name)
    if must_run(inputs):
        found = life.settled(host, id_, inputs, report, healthy=healthy, timeout=timeout)
        return found, None
    return _inspected(host, id_), None


def _run_to_end(
    host: Host, id_: str, inputs: Properties, report: Report
) -> tuple[dict[str, Value], str | None]:
    name = text(inputs, "name")
    before = _inspected(host, id_)
    life.start(host, id_, name)
    report(f"waiting for `{name}` to end")
    while True:
        found = life.inspect(host, id_)
        if found is None:
            return before, None
        if not life.is_running(found) and text_of(state(found), "Status") != "created":
            break
        host.wait(host.pace.poll)
    return found, life.logs(host, id_, {}) if truth(inputs, "logs") else None


def _inspected(host: Host, id_: str) -> dict[str, Value]:
    found = life.inspect(host, id_)
    if found is None:
        raise DockerError(f"the container `{id_[:12]}` vanished from `{host.name}`", host=host.name)
    return found


def unpark(host: Host, old: Inspected, name: str) -> None:
    """Gives a parked container its name back; what an interrupted replacement put there goes."""
    occupant = life.inspect(host, name)
    if occupant is not None and name_of(occupant) == name:
        life.remove(host, text_of(occupant, "Id"), volumes=True)
    life.rename(host, text_of(old, "Id"), name)


def _is_failure(warning: str) -> bool:
    return "swap limit" not in warning.lower()
