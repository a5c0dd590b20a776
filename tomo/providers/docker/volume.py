"""`docker:index/volume:Volume`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from tomo.errors import DockerError
from tomo.model.provider import (
    CheckFailure,
    CreateRequest,
    CreateResult,
    DeleteRequest,
    ReadRequest,
    ReadResult,
    ReadStatus,
    UpdateRequest,
    UpdateResult,
)
from tomo.model.values import Properties, Unknown, Value
from tomo.providers.docker.container_fields import LABELS
from tomo.providers.docker.daemon import document
from tomo.providers.docker.http import segment
from tomo.providers.docker.inputs import labels, text, text_map
from tomo.providers.docker.inspected import Inspected, label_list, listed, part, text_of
from tomo.providers.docker.problems import name_taken
from tomo.providers.docker.resource import GONE, RELEASE_TIME, Host, Look, Resource
from tomo.providers.docker.schema import Field, Kind, Values, differences, same_meaning

VOLUME: Final = (
    Field("name", replaces=True),
    Field("driver", replaces=True, zero="local"),
    Field("driverOpts", Kind.MAP, replaces=True),
    LABELS,
    Field("cluster", Kind.BLOCK, refused="Swarm's cluster volumes are not"),
)


class Volume(Resource):
    """A volume; its id is its name."""

    type = "docker:index/volume:Volume"
    fields = VOLUME

    def problems(self, values: Values, hidden: frozenset[str]) -> tuple[CheckFailure, ...]:  # noqa: ARG002
        """A path is no volume name."""
        name = values.get("name")
        if isinstance(name, str) and ("/" in name or not name):
            return (CheckFailure("name", f"`{name}` is no volume name; host paths go to `hostPath`"),)
        return ()

    def create(self, host: Host, request: CreateRequest) -> CreateResult:
        """Makes it; one of that name with the same settings is its data kept from before, and is used."""
        name = text(request.inputs, "name")
        found = named(host, name)
        if found is not None and not is_as_wanted(request.inputs, found):
            raise name_taken("volume", name, "", host.name)
        if found is None:
            body: Values = {
                "Name": name,
                "Driver": text(request.inputs, "driver") or "local",
                "DriverOpts": text_map(request.inputs.get("driverOpts")),
                "Labels": labels(request.inputs.get("labels")),
            }
            found = document(
                host.daemon.send("POST", "/volumes/create", f"creating the volume `{name}`", body=body)
            )
        else:
            request.report(f"the volume `{name}` exists and is used with its data")
        return CreateResult(name, _outputs(request.inputs, found))

    def update(self, host: Host, request: UpdateRequest) -> UpdateResult:
        """Nothing on a volume changes in place."""
        found = host.daemon.find(_path(request.id), f"inspecting the volume `{request.id}`")
        return UpdateResult(_outputs(request.new_inputs, found) if found else dict(request.old_outputs))

    def delete(self, host: Host, request: DeleteRequest) -> None:
        """Removes it and its data, once its containers are gone."""
        deadline = host.pace.now() + RELEASE_TIME
        while True:
            doing = f"removing the volume `{request.id}`"
            answer = host.daemon.send("DELETE", _path(request.id), doing, fine=frozenset({404, 409}))
            if answer.status != 409:  # noqa: PLR2004
                return
            if host.pace.now() > deadline:
                raise self._in_use(host, request.id, answer.message)
            host.wait(host.pace.poll)

    def _in_use(self, host: Host, name: str, message: str) -> DockerError:
        query = {"all": "1", "filters": json.dumps({"volume": [name]})}
        found = host.daemon.get("/containers/json", "listing containers", query).json()
        names = [
            str(next(iter(listed(item, "Names")), "")).lstrip("/")
            for item in (found if isinstance(found, list) else ())
            if isinstance(item, Mapping)
        ]
        by = f" by {', '.join(f'`{user}`' for user in sorted(names))}" if names else ""
        return DockerError(
            f"the volume `{name}` on `{host.name}` is in use{by}",
            host=host.name,
            hint="remove these containers first, then run the command again",
            detail=message,
        )

    def predict_create(self, request: CreateRequest) -> CreateResult:
        """Its mountpoint is the daemon's."""
        made = _outputs(request.inputs, {})
        name = request.inputs.get("name")
        known = {"name": name, "mountpoint": Unknown(f"{request.urn}.mountpoint")}
        return CreateResult("", {**made, **known, "id": Unknown(f"{request.urn}.id")})

    def predict_update(self, request: UpdateRequest) -> UpdateResult:
        """Nothing changes in place."""
        return UpdateResult(request.old_outputs)

    def look(self, host: Host, request: ReadRequest) -> Look:
        """Looks by name; one made anew by hand shows by its settings."""
        path = _path(request.id)
        answer = (yield [path])[path]
        if not answer.ok:
            return GONE
        found = document(answer)
        if not request.inputs:
            inputs = _compared(request.wanted, found) if request.wanted else _imported(found)
            return ReadResult(ReadStatus.FOUND, request.id, inputs, _outputs(inputs, found))
        seen = _compared(request.inputs, found)
        drift = self.drift(request.inputs, seen, host.name)
        return ReadResult(ReadStatus.FOUND, request.id, seen, _outputs(seen, found), drift)


def named(host: Host, name: str) -> dict[str, Value] | None:
    """The volume of that name; None where there is none."""
    return host.daemon.find(_path(name), f"inspecting the volume `{name}`")


def is_as_wanted(inputs: Properties, found: Inspected) -> bool:
    """Whether a volume is as inputs ask for it."""
    return not differences(VOLUME, _read(found), inputs)


def outputs_of(inputs: Properties, found: Inspected) -> Values:
    """The outputs of a volume that is there."""
    return _outputs(inputs, found)


def _path(name: str) -> str:
    return f"/volumes/{segment(name)}"


def _read(found: Inspected) -> Values:
    return {
        "name": text_of(found, "Name"),
        "driver": text_of(found, "Driver") or "local",
        "driverOpts": dict(part(found, "Options")) or None,
        "labels": label_list(found.get("Labels")),
    }


def _compared(recorded: Properties, found: Inspected) -> Values:
    real = _read(found)
    seen = dict(recorded)
    for field in VOLUME:
        if field.name in real and not same_meaning(field, recorded.get(field.name), real[field.name]):
            seen[field.name] = real[field.name]
    return {name: value for name, value in seen.items() if value is not None}


def _imported(found: Inspected) -> Values:
    real = _read(found)
    return {
        field.name: real[field.name]
        for field in VOLUME
        if field.name in real and not same_meaning(field, None, real[field.name])
    }


def _outputs(inputs: Properties, found: Inspected) -> Values:
    made = _read(found)
    return {
        "cluster": None,
        "driver": text(inputs, "driver") or made["driver"],
        "driverOpts": made["driverOpts"] if found else inputs.get("driverOpts"),
        "id": text_of(found, "Name"),
        "labels": made["labels"] if found else inputs.get("labels", []),
        "mountpoint": text_of(found, "Mountpoint"),
        "name": text_of(found, "Name") or text(inputs, "name"),
    }
