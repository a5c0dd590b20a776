"""A look at a container, and what a person is told of what changed there."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import replace

from tomo.model.diff import DiffKind, PropertyDiff
from tomo.model.provider import ReadRequest, ReadResult, ReadStatus
from tomo.model.values import Properties, Value
from tomo.providers.docker.container import base_name
from tomo.providers.docker.container_fields import CONTAINER
from tomo.providers.docker.container_mounts import placed
from tomo.providers.docker.container_outputs import outputs
from tomo.providers.docker.container_seen import CHANGEABLE, READERS, compared, observed
from tomo.providers.docker.daemon import container_path, document, image_path
from tomo.providers.docker.http import Response
from tomo.providers.docker.inputs import must_run, text
from tomo.providers.docker.inspected import Inspected, name_of, runs_freely, state, text_of, whole
from tomo.providers.docker.resource import GONE, Host, Look, Resource
from tomo.providers.docker.schema import Values


def look(resource: Resource, host: Host, request: ReadRequest) -> Look:
    """Looks by id; where that's gone, for one made anew under its name."""
    path = container_path(request.id)
    answer = (yield [path])[path]
    imported = not request.inputs and not request.outputs
    if answer.ok:
        found = document(answer)
        if imported:
            return (yield from _imported(found, request.wanted))
        return (yield from _same_container(resource, host, request, found))
    name = text(request.inputs, "name") or text(request.outputs, "name")
    if imported or not name:
        return GONE
    by_name = container_path(name)
    answer = (yield [by_name])[by_name]
    if not answer.ok or name_of(document(answer)) != name:
        return GONE
    return (yield from _made_anew(resource, host, request, document(answer)))


def _imported(found: Inspected, wanted: Properties) -> Look:
    image = yield from _image_of(found)
    defaults: Values = {field.name: field.default for field in CONTAINER if field.default is not None}
    # Nobody can see what was uploaded when it was made.
    asked = {key: value for key, value in wanted.items() if key != "uploads"}
    inputs = {**defaults, **compared(asked, placed(asked, found), image), "name": name_of(found)}
    if asked and _stopped({**defaults, **asked}, found):
        inputs["mustRun"] = False
    if inputs.get("networkMode") is None:
        inputs["networkMode"] = READERS["networkMode"](found)
    return ReadResult(ReadStatus.FOUND, text_of(found, "Id"), _ordered(inputs), outputs(inputs, found))


def _same_container(resource: Resource, host: Host, request: ReadRequest, found: dict[str, Value]) -> Look:
    recorded = request.inputs
    seen = observed({**recorded, **_fixed(request)}, found)
    seen = {key: value for key, value in seen.items() if value is not None or key not in request.let_be}
    extra: list[PropertyDiff] = []
    parked_as = name_of(found)
    if base_name(parked_as) != parked_as and base_name(parked_as) == text(recorded, "name"):
        seen["name"] = recorded["name"]
        path = container_path(base_name(parked_as))
        other = (yield [path])[path]
        extra.append(_parked_drift(found, document(other) if other.ok else None, host.name))
    stopped = _stopped(recorded, found)
    if stopped:
        seen |= _not_running(request)
    drift = [_explained(diff, stopped, host.name) for diff in resource.drift(recorded, seen, host.name)]
    kept = request.outputs.get("containerLogs")
    made = outputs(seen, found, kept if isinstance(kept, str) else None)
    return ReadResult(ReadStatus.FOUND, request.id, seen, made, tuple(drift + extra))


def _fixed(request: ReadRequest) -> Properties:
    """What this very container was made with in place of what is recorded, and can't have lost since."""
    fixed = READERS.keys() - CHANGEABLE
    return {name: value for name, value in request.let_be.items() if name in fixed}


def _not_running(request: ReadRequest) -> Properties:
    """How a stopped container is told; where that is adopted, one in its place isn't started either."""
    return {"mustRun": False, "start": False} if "mustRun" in request.adopts else {"mustRun": False}


def _stopped(recorded: Properties, found: Inspected) -> str:
    """Why a container that must run doesn't; `""` where it does or needn't."""
    if not must_run(recorded) or runs_freely(found):
        return ""
    now = state(found)
    if now.get("Paused"):
        return "paused"
    return f"stopped (exit code {whole(now.get('ExitCode'))}) at {text_of(now, 'FinishedAt')[:19]}"


def _explained(diff: PropertyDiff, stopped: str, host: str) -> PropertyDiff:
    if diff.path == "mustRun" and stopped:
        return replace(diff, why=f"{stopped} on {host}")
    if diff.path == "name":
        return replace(diff, why=f"renamed on {host}")
    if diff.path.startswith("networksAdvanced"):
        return replace(diff, why=_network_reason(diff, host))
    return diff


def _made_anew(resource: Resource, host: Host, request: ReadRequest, found: Inspected) -> Look:
    image = yield from _image_of(found)
    recorded = request.inputs
    seen = compared(recorded, found, image)
    seen = {key: seen[key] for key in [*recorded, *seen] if key in seen}
    if _stopped(recorded, found):
        seen |= _not_running(request)
    id_ = text_of(found, "Id")
    drift = list(resource.drift(recorded, seen, host.name))
    unseen = bool(recorded.get("uploads"))
    kind = DiffKind.UPDATE_REPLACE if drift or unseen else DiffKind.UPDATE
    told = "with other settings" if drift else "with the same settings, taken over as it is"
    told = "its uploaded files can't be seen" if unseen and not drift else told
    why = f"recreated outside Tomo on {host.name} (id {id_[:12]}), {told}"
    drift.append(PropertyDiff("id", kind, id_, request.id, drift=True, why=why))
    return ReadResult(ReadStatus.FOUND, id_, seen, outputs(seen, found), tuple(drift))


def _image_of(found: Inspected) -> Generator[list[str], Mapping[str, Response], dict[str, Value]]:
    path = image_path(text_of(found, "Image"))
    answer = (yield [path])[path]
    return document(answer) if answer.ok else {}


def _parked_drift(found: Inspected, other: Inspected | None, host: str) -> PropertyDiff:
    parked = name_of(found)
    name = base_name(parked)
    why = f"parked as `{parked}` on {host} by an interrupted replacement"
    if other is not None:
        why += f"; the unfinished one (id {text_of(other, 'Id')[:12]}) has its name and goes"
    # Told of the id: the input `name` is as recorded, and for inputs their comparison decides.
    return PropertyDiff("id", DiffKind.UPDATE, parked, name, drift=True, why=why)


def _network_reason(diff: PropertyDiff, host: str) -> str:
    item = diff.new if isinstance(diff.new, Mapping) else diff.old
    name = item.get("name") if isinstance(item, Mapping) else None
    if diff.kind in {DiffKind.ADD, DiffKind.ADD_REPLACE}:
        return f"disconnected from the network `{name}` on {host}"
    if diff.kind in {DiffKind.DELETE, DiffKind.DELETE_REPLACE}:
        return f"connected to the network `{name}` on {host}"
    return f"connected otherwise on {host}"


def _ordered(inputs: Values) -> Values:
    return {field.name: inputs[field.name] for field in CONTAINER if field.name in inputs}
