"""What became of a creation that was cut off: found again by its name, which the intention holds."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from tomo.errors import DockerError
from tomo.model.provider import NEVER_MADE, Former, RecoverRequest, RecoverResult, RecoverStatus, quiet
from tomo.model.values import Properties, Value
from tomo.providers.docker import container_life as life
from tomo.providers.docker import images, network, volume
from tomo.providers.docker.beside import drop_candidate
from tomo.providers.docker.container import Container, base_name, parked_name
from tomo.providers.docker.container_acts import unpark
from tomo.providers.docker.container_fields import CONTAINER
from tomo.providers.docker.container_outputs import outputs
from tomo.providers.docker.container_seen import compared
from tomo.providers.docker.inputs import must_run, text, truth
from tomo.providers.docker.inspected import Inspected, name_of, part, runs_freely, state, text_of
from tomo.providers.docker.network import Network
from tomo.providers.docker.resource import Host
from tomo.providers.docker.schema import differences
from tomo.providers.docker.volume import Volume


def recover(host: Host, request: RecoverRequest) -> RecoverResult:
    """Takes what is there as intended; of a container that is not, removes what never ran.

    Pulling, tagging, building and pushing an image again makes nothing twice.
    """
    match request.urn.type:
        case Container.type:
            return _container(host, request)
        case Network.type:
            return _network(host, request)
        case Volume.type:
            return _volume(host, request)
        case _:
            return replace(NEVER_MADE, told="it can safely be done again")


# --- networks and volumes ------------------------------------------------------------------------------


def _network(host: Host, request: RecoverRequest) -> RecoverResult:
    found = network.named(host, text(request.inputs, "name"))
    if found is None or text_of(found, "Id") in request.known_ids:
        return NEVER_MADE
    if not network.is_as_wanted(request.inputs, found):
        return replace(
            NEVER_MADE, told="a network of its name is there with other settings, and was left alone"
        )
    made = network.outputs_of(request.inputs, found)
    return RecoverResult(RecoverStatus.MADE, text_of(found, "Id"), made, "it was made")


def _volume(host: Host, request: RecoverRequest) -> RecoverResult:
    name = text(request.inputs, "name")
    found = volume.named(host, name)
    if found is None or name in request.known_ids:
        return NEVER_MADE
    if not volume.is_as_wanted(request.inputs, found):
        return replace(
            NEVER_MADE, told="a volume of its name is there with other settings, and was left alone"
        )
    return RecoverResult(RecoverStatus.MADE, name, volume.outputs_of(request.inputs, found), "it was made")


# --- containers ----------------------------------------------------------------------------------------


def _container(host: Host, request: RecoverRequest) -> RecoverResult:
    former = request.former
    old = life.inspect(host, former.id) if former is not None else None
    tried = former is not None and drop_candidate(
        host, text(request.inputs, "name"), former.id, act=request.act
    )
    if former is not None and old is not None and _is_parked(old, request):
        return _interrupted_swap(host, request, former, old)
    if tried and old is not None:
        told = "the new one was being tried beside the old one, and was removed; the old one serves"
        return RecoverResult(RecoverStatus.UNDONE, told=told)
    found = _named(host, request)
    if found is None:
        return NEVER_MADE
    if _is_whole(host, request.inputs, found):
        made = _made(request, found, "it was made")
        return replace(made, former_gone=former is not None and old is None)
    if not _is_half_made(request.inputs, found):
        return replace(NEVER_MADE, told="another container has its name, and was left alone")
    if request.act:
        life.remove(host, text_of(found, "Id"), volumes=True)
    return RecoverResult(RecoverStatus.UNDONE, told="it was half made, and was removed")


def _interrupted_swap(
    host: Host, request: RecoverRequest, former: Former, old: dict[str, Value]
) -> RecoverResult:
    """Ends a swap whose new container is well; otherwise the old one comes back."""
    new = _named(host, request)
    if new is not None and _is_whole(host, request.inputs, new) and _is_well(host, request, new):
        if request.act:
            life.remove(host, text_of(old, "Id"), volumes=life.anonymous_volumes_go(former.inputs))
        made = _made(request, new, "the new container is well, and the old one was removed")
        return replace(made, former_gone=True)
    if request.act:
        unpark(host, old, base_name(name_of(old)))
        now = life.inspect(host, text_of(old, "Id"))
        if now is not None and must_run(former.inputs):
            life.resume(host, now)
    return RecoverResult(RecoverStatus.UNDONE, told="it was half replaced; the old container was put back")


def _is_parked(old: Inspected, request: RecoverRequest) -> bool:
    name = text(request.inputs, "name")
    return name_of(old) in {request.parked, parked_name(name, text_of(old, "Id"))}


def _named(host: Host, request: RecoverRequest) -> dict[str, Value] | None:
    """The container of the intended name, where it is no other resource's."""
    name = text(request.inputs, "name")
    found = life.inspect(host, name)
    if found is None or name_of(found) != name or text_of(found, "Id") in request.known_ids:
        return None
    return found


def _is_whole(host: Host, inputs: Properties, found: Inspected) -> bool:
    """Whether it is as intended and came up."""
    if truth(inputs, "start") and text_of(state(found), "Status") == "created":
        return False
    if must_run(inputs) and not runs_freely(found):
        return False
    image = images.find(host, text_of(found, "Image")) or {}
    return not differences(CONTAINER, inputs, compared(inputs, found, image))


def _is_well(host: Host, request: RecoverRequest, new: Inspected) -> bool:
    """Whether it would have been good enough for the swap to end; waits for its health where it may act."""
    if not must_run(request.inputs) or not life.has_health_check(new):
        return True
    if not request.act:
        return text_of(part(state(new), "Health"), "Status") != "unhealthy"
    id_ = text_of(new, "Id")
    with suppress(DockerError):
        life.settled(host, id_, request.inputs, quiet, healthy=True, timeout=request.timeout)
        return True
    return False


def _is_half_made(inputs: Properties, found: Inspected) -> bool:
    """Whether it is what a cut-off creation leaves: never started, or ended before it was well."""
    same_image = text_of(part(found, "Config"), "Image") == text(inputs, "image") or text_of(
        found, "Image"
    ) == text(inputs, "image")
    never_ran = text_of(state(found), "Status") == "created"
    return same_image and (never_ran or (must_run(inputs) and not life.is_running(found)))


def _made(request: RecoverRequest, found: Inspected, told: str) -> RecoverResult:
    made = outputs(request.inputs, found)
    return RecoverResult(RecoverStatus.MADE, text_of(found, "Id"), made, told)
