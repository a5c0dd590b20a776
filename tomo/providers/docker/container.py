"""`docker:index/container:Container`: create, change, remove and look at one container."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from dataclasses import replace
from typing import Final

from tomo.errors import DockerError, HostError
from tomo.model.diff import DiffKind, PropertyDiff
from tomo.model.provider import (
    CheckFailure,
    CreateRequest,
    CreateResult,
    DeleteRequest,
    DiffRequest,
    ReadRequest,
    ReadResult,
    ReadStatus,
    Report,
    UpdateRequest,
    UpdateResult,
)
from tomo.model.values import Properties, Value
from tomo.providers.docker import container_life as life
from tomo.providers.docker import images
from tomo.providers.docker.container_body import text, truth, update_body
from tomo.providers.docker.container_fields import BY_NAME, CONTAINER, DAEMON_UPDATE, problems
from tomo.providers.docker.container_mounts import placed
from tomo.providers.docker.container_outputs import outputs, predicted
from tomo.providers.docker.container_seen import (
    READERS,
    Inspected,
    compared,
    listed,
    name_of,
    observed,
    state,
    text_of,
    whole,
)
from tomo.providers.docker.daemon import container_path, document, image_path
from tomo.providers.docker.http import Response, segment
from tomo.providers.docker.problems import name_taken
from tomo.providers.docker.resource import GONE, Host, Look, Resource
from tomo.providers.docker.schema import Values, differences, same_meaning
from tomo.providers.docker.units import is_image_id

_PARKED: Final = re.compile(r"(.+)\.tomo-old-[0-9a-f]{8}")
_OTHER_IMAGE_FORM: Final = BY_NAME["image"]


def parked_name(name: str, id_: str) -> str:
    """The name under which a container waits while its successor is tried."""
    return f"{name}.tomo-old-{id_[:8]}"


def base_name(name: str) -> str:
    """The name a parked container had; the name itself where it isn't parked."""
    match = _PARKED.fullmatch(name)
    return match[1] if match else name


class Container(Resource):
    """A container. What replaces it and what is changed in place: engine-spec 8.2."""

    type = "docker:index/container:Container"
    fields = CONTAINER
    delete_before_replace = True

    def problems(self, values: Values, hidden: frozenset[str]) -> tuple[CheckFailure, ...]:
        """What Docker would refuse or misunderstand."""
        return tuple(problems(values, hidden))

    def comparable(self, old: Properties, request: DiffRequest) -> Properties:
        """An image recorded by name and wanted by the id it stands for is the same image."""
        wanted, known = request.new_inputs.get("image"), request.old_outputs.get("image")
        if isinstance(wanted, str) and is_image_id(wanted) and same_meaning(_OTHER_IMAGE_FORM, known, wanted):
            recorded = old.get("image")
            # An id recorded is what the program said; only a name may stand for the id in the outputs.
            if isinstance(recorded, str) and not is_image_id(recorded):
                return {**old, "image": wanted}
        return old

    # --- acts ------------------------------------------------------------------------------------

    def predict_create(self, request: CreateRequest) -> CreateResult:
        """Unknown is what only the daemon says."""
        return CreateResult("", predicted(request.inputs, request.urn))

    def predict_update(self, request: UpdateRequest) -> UpdateResult:
        """What the daemon said stays; what the program says is known."""
        made = predicted(request.new_inputs, request.urn, request.old_outputs, request.id)
        return UpdateResult({**request.old_outputs, **made})

    def create(self, host: Host, request: CreateRequest) -> CreateResult:
        """Makes and starts it; one that doesn't come up is removed again.

        Where the road to the host is lost with it, it is recorded as it was made, so that it isn't forgotten.
        """
        inputs = request.inputs
        name = text(inputs, "name")
        self._make_way(host, name, inputs)
        request.report(f"creating `{name}`")
        id_ = life.make(host, inputs)
        try:
            found, log = bring_up(host, id_, inputs, request.report, timeout=request.timeout)
        except BaseException as error:
            if not life.discard(host, id_) and isinstance(error, HostError):
                return CreateResult(id_, outputs(inputs, {"Id": id_}), (error.message,))
            raise
        return CreateResult(id_, outputs(inputs, found, log))

    def _make_way(self, host: Host, name: str, inputs: Properties) -> None:
        """Removes what an interrupted create left, which never ran; anything else keeps its name."""
        found = life.inspect(host, name)
        if found is None or name_of(found) != name:
            return
        if not self._is_leftover(host, found, inputs):
            raise name_taken("container", name, text_of(found, "Id"), host.name)
        life.remove(host, text_of(found, "Id"), volumes=True)

    def _is_leftover(self, host: Host, found: Inspected, inputs: Properties) -> bool:
        if text_of(state(found), "Status") != "created":
            return False
        image = images.find(host, text_of(found, "Image")) or {}
        return not differences(CONTAINER, inputs, compared(inputs, found, image))

    def update(self, host: Host, request: UpdateRequest) -> UpdateResult:
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
        errors = self._send_limits(host, request, found)
        found = self._let_run(host, request, found)
        log = request.old_outputs.get("containerLogs")
        made = outputs(inputs, found, log if isinstance(log, str) else None)
        return UpdateResult(made, tuple(errors))

    def _send_limits(self, host: Host, request: UpdateRequest, found: Inspected) -> list[str]:
        changed = [name for name in sorted(DAEMON_UPDATE) if self._differs(name, request, found)]
        if not changed:
            return []
        name = text(request.new_inputs, "name")
        request.report(f"changing {', '.join(changed)} of `{name}`")
        body = update_body(request.new_inputs, request.old_inputs)
        path = f"/containers/{segment(request.id)}/update"
        answer = host.daemon.send("POST", path, f"changing the limits of `{name}`", body=body)
        return [str(warning) for warning in listed(document(answer), "Warnings") if _is_failure(str(warning))]

    def _differs(self, name: str, request: UpdateRequest, found: Inspected) -> bool:
        field, wanted = BY_NAME[name], request.new_inputs.get(name)
        if not same_meaning(field, request.old_inputs.get(name), wanted):
            return True
        return name != "memorySwap" and not same_meaning(field, READERS[name](found), wanted)

    def _let_run(self, host: Host, request: UpdateRequest, found: Inspected) -> dict[str, Value]:
        inputs = request.new_inputs
        if must_run(inputs) and not runs_freely(found):
            request.report(f"starting `{text(inputs, 'name')}`")
            life.resume(host, found)
            return life.settled(
                host, request.id, inputs, request.report, healthy=False, timeout=request.timeout
            )
        return life.inspect(host, request.id) or dict(found)

    def delete(self, host: Host, request: DeleteRequest) -> None:
        """Stops and removes it, and anonymous volumes with it."""
        found = life.inspect(host, request.id)
        if found is None:
            return
        name = name_of(found)
        request.report(f"removing `{name}`")
        if life.is_running(found) and not truth(request.inputs, "attach"):
            life.stop(host, request.id, name, life.stop_grace(request.inputs))
        life.remove(host, request.id, volumes=life.anonymous_volumes_go(request.inputs))

    # --- a look ----------------------------------------------------------------------------------

    def look(self, host: Host, request: ReadRequest) -> Look:
        """Looks by id; where that's gone, for one made anew under its name."""
        path = container_path(request.id)
        answer = (yield [path])[path]
        imported = not request.inputs and not request.outputs
        if answer.ok:
            found = document(answer)
            if imported:
                return (yield from self._imported(found, request.wanted))
            return (yield from self._same_container(host, request, found))
        name = text(request.inputs, "name") or text(request.outputs, "name")
        if imported or not name:
            return GONE
        by_name = container_path(name)
        answer = (yield [by_name])[by_name]
        if not answer.ok or name_of(document(answer)) != name:
            return GONE
        return (yield from self._made_anew(host, request, document(answer)))

    def _imported(self, found: Inspected, wanted: Properties) -> Look:
        image = yield from _image_of(found)
        defaults: Values = {field.name: field.default for field in CONTAINER if field.default is not None}
        # Nobody can see what was uploaded when it was made.
        asked = {key: value for key, value in wanted.items() if key != "uploads"}
        inputs = {**defaults, **compared(asked, placed(asked, found), image), "name": name_of(found)}
        if asked and self._stopped({**defaults, **asked}, found):
            inputs["mustRun"] = False
        if inputs.get("networkMode") is None:
            inputs["networkMode"] = READERS["networkMode"](found)
        return ReadResult(ReadStatus.FOUND, text_of(found, "Id"), _ordered(inputs), outputs(inputs, found))

    def _same_container(self, host: Host, request: ReadRequest, found: dict[str, Value]) -> Look:
        recorded = request.inputs
        seen = observed(recorded, found)
        extra: list[PropertyDiff] = []
        parked_as = name_of(found)
        if base_name(parked_as) != parked_as and base_name(parked_as) == text(recorded, "name"):
            seen["name"] = recorded["name"]
            path = container_path(base_name(parked_as))
            other = (yield [path])[path]
            extra.append(_parked_drift(found, document(other) if other.ok else None, host.name))
        stopped = self._stopped(recorded, found)
        if stopped:
            seen["mustRun"] = False
        drift = [self._explained(diff, stopped, host.name) for diff in self.drift(recorded, seen, host.name)]
        kept = request.outputs.get("containerLogs")
        made = outputs(seen, found, kept if isinstance(kept, str) else None)
        return ReadResult(ReadStatus.FOUND, request.id, seen, made, tuple(drift + extra))

    def _stopped(self, recorded: Properties, found: Inspected) -> str:
        """Why a container that must run doesn't; `""` where it does or needn't."""
        if not must_run(recorded) or runs_freely(found):
            return ""
        now = state(found)
        if now.get("Paused"):
            return "paused"
        return f"stopped (exit code {whole(now.get('ExitCode'))}) at {text_of(now, 'FinishedAt')[:19]}"

    def _explained(self, diff: PropertyDiff, stopped: str, host: str) -> PropertyDiff:
        if diff.path == "mustRun" and stopped:
            return replace(diff, why=f"{stopped} on {host}")
        if diff.path == "name":
            return replace(diff, why=f"renamed on {host}")
        if diff.path.startswith("networksAdvanced"):
            return replace(diff, why=_network_reason(diff, host))
        return diff

    def _made_anew(self, host: Host, request: ReadRequest, found: Inspected) -> Look:
        image = yield from _image_of(found)
        recorded = request.inputs
        seen = compared(recorded, found, image)
        seen = {key: seen[key] for key in [*recorded, *seen] if key in seen}
        if self._stopped(recorded, found):
            seen["mustRun"] = False
        id_ = text_of(found, "Id")
        drift = list(self.drift(recorded, seen, host.name))
        unseen = bool(recorded.get("uploads"))
        kind = DiffKind.UPDATE_REPLACE if drift or unseen else DiffKind.UPDATE
        told = "with other settings" if drift else "with the same settings, taken over as it is"
        told = "its uploaded files can't be seen" if unseen and not drift else told
        why = f"recreated outside Tomo on {host.name} (id {id_[:12]}), {told}"
        drift.append(PropertyDiff("id", kind, id_, request.id, drift=True, why=why))
        return ReadResult(ReadStatus.FOUND, id_, seen, outputs(seen, found), tuple(drift))


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


def must_run(inputs: Properties) -> bool:
    """Whether the program wants it running: one that is attached to, or never started, may end."""
    return truth(inputs, "mustRun") and truth(inputs, "start") and not truth(inputs, "attach")


def runs_freely(found: Inspected) -> bool:
    """Whether it runs and isn't paused."""
    return bool(state(found).get("Running")) and not state(found).get("Paused")


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


def _is_failure(warning: str) -> bool:
    return "swap limit" not in warning.lower()


def _ordered(inputs: Values) -> Values:
    return {field.name: inputs[field.name] for field in CONTAINER if field.name in inputs}
