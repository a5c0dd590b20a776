"""Replacing a container: the old one is kept under another name until the new one is well."""

from __future__ import annotations

from tomo.errors import HostError, TomoError
from tomo.model.provider import CreateResult, SwapRequest
from tomo.model.values import Value
from tomo.providers.docker import beside
from tomo.providers.docker import container_life as life
from tomo.providers.docker.container import base_name, parked_name
from tomo.providers.docker.container_acts import bring_up
from tomo.providers.docker.container_outputs import outputs
from tomo.providers.docker.inputs import must_run, text
from tomo.providers.docker.inspected import Inspected, name_of, state, text_of
from tomo.providers.docker.problems import name_taken
from tomo.providers.docker.resource import Host
from tomo.resources.swapping import starts_first


def swap(host: Host, request: SwapRequest) -> CreateResult:
    """Puts a new container in the old one's place; on any failure the old one is back and running.

    The new one is made beside the running old one, so that what can't even be made costs no downtime;
    then the old one is stopped, since both may want the same ports and files.
    """
    inputs = request.new_inputs
    name = text(inputs, "name")
    life.require_image(host, text(inputs, "image"))
    old = life.inspect(host, request.old_id)
    _clear_name(host, name, old)
    if old is None:
        return _made(host, request, None)
    if starts_first(request.old_inputs, inputs):
        beside.drop_candidate(host, name, request.old_id)
        if life.is_running(old) and not _is_parked(old, name):
            return beside.swap(host, request, old)
    was_running = life.is_running(old) or _was_stopped_by_swap(old, request)
    _park(host, old)
    try:
        made = _made(host, request, old)
    except BaseException as error:
        _restore(host, old, error, run=was_running)
        raise
    _bury(host, request, old)
    return made


def _made(host: Host, request: SwapRequest, old: dict[str, Value] | None) -> CreateResult:
    inputs = request.new_inputs
    name = text(inputs, "name")
    request.report(f"creating the new `{name}`")
    id_ = life.make(host, inputs)
    try:
        if old is not None and life.is_running(old):
            request.report(f"stopping the old `{name}`")
            life.stop(host, text_of(old, "Id"), name, life.stop_grace(request.old_inputs))
        healthy = must_run(inputs)
        found, log = bring_up(host, id_, inputs, request.report, healthy=healthy, timeout=request.timeout)
    except BaseException:
        life.discard(host, id_)
        raise
    return CreateResult(id_, outputs(inputs, found, log))


def _clear_name(host: Host, name: str, old: Inspected | None) -> None:
    """Frees the new name: of an unfinished successor where the old one is parked, of no one else."""
    occupant = life.inspect(host, name)
    if occupant is None or name_of(occupant) != name:
        return
    id_ = text_of(occupant, "Id")
    if old is not None and text_of(old, "Id") == id_:
        return
    if old is None or not _is_parked(old, name):
        raise name_taken("container", name, id_, host.name)
    life.remove(host, id_, volumes=True)


def _is_parked(old: Inspected, name: str) -> bool:
    return name_of(old) == parked_name(name, text_of(old, "Id"))


def _was_stopped_by_swap(old: Inspected, request: SwapRequest) -> bool:
    """A parked one was stopped by an interrupted replacement, so it ran before if it had to."""
    return base_name(name_of(old)) != name_of(old) and must_run(request.old_inputs)


def _park(host: Host, old: Inspected) -> None:
    id_ = text_of(old, "Id")
    parked = parked_name(base_name(name_of(old)), id_)
    if name_of(old) != parked:
        life.rename(host, id_, parked)


def _restore(host: Host, old: Inspected, error: BaseException, *, run: bool) -> None:
    """Brings the old container back; where even that fails, the error says how it comes back."""
    id_, name = text_of(old, "Id"), base_name(name_of(old))
    try:
        life.rename(host, id_, name)
        now = life.inspect(host, id_)
        if run and now is not None and not state(now).get("Paused"):
            life.resume(host, now)
    except HostError as problem:
        if isinstance(error, TomoError):
            parked = f"the old container waits as `{parked_name(name, id_)}`: {problem.message}"
            error.detail = "\n".join(filter(None, [error.detail, parked]))
            error.hint = "run the command again: the next plan brings the old container back first"
        return
    if isinstance(error, TomoError):
        again = f"the old container `{name}` {'runs again' if run else 'is back'} (id {id_[:12]})"
        error.detail = "\n".join(filter(None, [error.detail, again]))


def _bury(host: Host, request: SwapRequest, old: Inspected) -> None:
    try:
        life.remove(host, text_of(old, "Id"), volumes=life.anonymous_volumes_go(request.old_inputs))
    except HostError as problem:
        # The new one serves; a leftover must not make the step fail.
        parked = parked_name(base_name(name_of(old)), text_of(old, "Id"))
        request.report(f"the old container stays as `{parked}`: {problem.message}")
