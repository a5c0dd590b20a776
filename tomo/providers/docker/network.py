"""`docker:index/network:Network`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tomo.errors import DockerError
from tomo.model.diff import DiffKind, PropertyDiff
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
from tomo.providers.docker.inputs import blocks, labels, text, text_map, truth
from tomo.providers.docker.inspected import Inspected, label_list, listed, part, text_of
from tomo.providers.docker.resource import GONE, RELEASE_TIME, Host, Look, Resource
from tomo.providers.docker.schema import Field, Kind, Values, differences, same_meaning

_IPAM: Final = (
    Field("subnet"),
    Field("gateway"),
    Field("ipRange"),
    Field("auxAddress", Kind.MAP),
)

NETWORK: Final = (
    Field("name", replaces=True),
    Field("driver", replaces=True, zero="bridge"),
    Field("attachable", Kind.BOOL, replaces=True),
    Field("ingress", Kind.BOOL, replaces=True),
    Field("internal", Kind.BOOL, replaces=True),
    Field("ipv6", Kind.BOOL, replaces=True),
    Field("ipamDriver", replaces=True, default="default"),
    Field("ipamConfigs", Kind.BLOCKS, replaces=True, fields=_IPAM, key=("subnet",)),
    Field("ipamOptions", Kind.MAP, replaces=True),
    LABELS,
    Field("options", Kind.MAP, replaces=True),
)
_COMPUTED: Final = ("driver", "ipamConfigs", "options", "scope")


class Network(Resource):
    """A network; nothing on it can be changed in place."""

    type = "docker:index/network:Network"
    fields = NETWORK

    def problems(self, values: Values, hidden: frozenset[str]) -> tuple[CheckFailure, ...]:  # noqa: ARG002
        """Docker's own networks can't be made."""
        name = values.get("name")
        if name in {"bridge", "host", "none", "default"}:
            return (CheckFailure("name", f"the network `{name}` is Docker's own; choose another name"),)
        return ()

    def create(self, host: Host, request: CreateRequest) -> CreateResult:
        """Makes it; a network of that name that is not in the state stops it."""
        name = text(request.inputs, "name")
        answer = host.daemon.send(
            "POST", "/networks/create", f"creating the network `{name}`", body=_body(request.inputs)
        )
        id_ = text_of(document(answer), "Id")
        found = host.daemon.find(f"/networks/{segment(id_)}", f"inspecting the network `{name}`") or {}
        return CreateResult(id_, _outputs(request.inputs, found))

    def update(self, host: Host, request: UpdateRequest) -> UpdateResult:
        """Takes over what was made anew by hand with the same settings; there is nothing else to do."""
        path = f"/networks/{segment(request.id)}"
        found = host.daemon.find(path, f"inspecting the network `{text(request.new_inputs, 'name')}`")
        return UpdateResult(_outputs(request.new_inputs, found) if found else dict(request.old_outputs))

    def delete(self, host: Host, request: DeleteRequest) -> None:
        """Removes it, once its containers are gone."""
        path = f"/networks/{segment(request.id)}"
        name = text(request.inputs, "name") or request.id
        deadline = host.pace.now() + RELEASE_TIME
        while True:
            fine = frozenset({403, 404, 409})
            answer = host.daemon.send("DELETE", path, f"removing the network `{name}`", fine=fine)
            if answer.ok or answer.status == 404:  # noqa: PLR2004
                return
            if host.pace.now() > deadline:
                raise self._in_use(host, path, name, answer.message)
            host.wait(host.pace.poll)

    def _in_use(self, host: Host, path: str, name: str, message: str) -> DockerError:
        found = host.daemon.find(path, f"inspecting the network `{name}`") or {}
        members = part(found, "Containers")
        names = sorted(text_of(item, "Name") for item in members.values() if isinstance(item, Mapping))
        by = f" by {', '.join(f'`{member}`' for member in names)}" if names else ""
        return DockerError(
            f"the network `{name}` on `{host.name}` is in use{by}",
            host=host.name,
            hint=f"disconnect them there with `docker network disconnect {name} CONTAINER`, then run again",
            detail=message,
        )

    def predict_create(self, request: CreateRequest) -> CreateResult:
        """Addresses and defaults are the daemon's."""
        made = _outputs(request.inputs, {})
        for name in _COMPUTED:
            made[name] = request.inputs.get(name) or Unknown(f"{request.urn}.{name}")
        return CreateResult("", {**made, "id": Unknown(f"{request.urn}.id")})

    def predict_update(self, request: UpdateRequest) -> UpdateResult:
        """Nothing changes in place."""
        return UpdateResult(request.old_outputs)

    def look(self, host: Host, request: ReadRequest) -> Look:
        """A network is fixed while its id stays; where that is gone, looks for one made anew by hand."""
        path = f"/networks/{segment(request.id)}"
        answer = (yield [path])[path]
        if answer.ok:
            found = document(answer)
            inputs = request.inputs or (
                _compared(request.wanted, found) if request.wanted else _imported(found)
            )
            return ReadResult(ReadStatus.FOUND, text_of(found, "Id"), inputs, _outputs(inputs, found))
        name = text(request.inputs, "name")
        if not name:
            return GONE
        path = f"/networks/{segment(name)}"
        answer = (yield [path])[path]
        if not answer.ok or text_of(document(answer), "Name") != name:
            return GONE
        return self._made_anew(host, request, document(answer))

    def _made_anew(self, host: Host, request: ReadRequest, found: Inspected) -> ReadResult:
        seen = _compared(request.inputs, found)
        id_ = text_of(found, "Id")
        drift = list(self.drift(request.inputs, seen, host.name))
        kind = DiffKind.UPDATE_REPLACE if drift else DiffKind.UPDATE
        told = "with other settings" if drift else "with the same settings, taken over as it is"
        why = f"recreated outside Tomo on {host.name} (id {id_[:12]}), {told}"
        drift.append(PropertyDiff("id", kind, id_, request.id, drift=True, why=why))
        return ReadResult(ReadStatus.FOUND, id_, seen, _outputs(seen, found), tuple(drift))


def named(host: Host, name: str) -> dict[str, Value] | None:
    """The network of that name; None where there is none."""
    found = host.daemon.find(f"/networks/{segment(name)}", f"inspecting the network `{name}`")
    return found if found is not None and text_of(found, "Name") == name else None


def is_as_wanted(inputs: Properties, found: Inspected) -> bool:
    """Whether a network is as inputs ask for it."""
    return not differences(NETWORK, _compared(inputs, found), inputs)


def outputs_of(inputs: Properties, found: Inspected) -> Values:
    """The outputs of a network that is there."""
    return _outputs(inputs, found)


def _body(inputs: Properties) -> Values:
    ipam: Values = {"Driver": text(inputs, "ipamDriver") or "default"}
    if configs := [_ipam_config(item) for item in blocks(inputs, "ipamConfigs")]:
        ipam["Config"] = configs
    if inputs.get("ipamOptions"):
        ipam["Options"] = text_map(inputs["ipamOptions"])
    return {
        "Name": text(inputs, "name"),
        "CheckDuplicate": True,
        "Driver": text(inputs, "driver") or "bridge",
        "Internal": truth(inputs, "internal"),
        "Attachable": truth(inputs, "attachable"),
        "Ingress": truth(inputs, "ingress"),
        "EnableIPv6": truth(inputs, "ipv6"),
        "IPAM": ipam,
        "Options": text_map(inputs.get("options")),
        "Labels": labels(inputs.get("labels")),
    }


def _ipam_config(item: Properties) -> Values:
    made: Values = {
        "Subnet": text(item, "subnet"),
        "Gateway": text(item, "gateway"),
        "IPRange": text(item, "ipRange"),
        "AuxiliaryAddresses": text_map(item.get("auxAddress")),
    }
    return {key: value for key, value in made.items() if value}


def _ipam_configs(found: Inspected) -> list[Value]:
    items = (item for item in listed(part(found, "IPAM"), "Config") if isinstance(item, Mapping))
    return [
        {
            "auxAddress": dict(part(item, "AuxiliaryAddresses")),
            "gateway": text_of(item, "Gateway"),
            "ipRange": text_of(item, "IPRange"),
            "subnet": text_of(item, "Subnet"),
        }
        for item in items
    ]


def _read(found: Inspected) -> Values:
    return {
        "name": text_of(found, "Name"),
        "driver": text_of(found, "Driver") or "bridge",
        "attachable": bool(found.get("Attachable")),
        "ingress": bool(found.get("Ingress")),
        "internal": bool(found.get("Internal")),
        "ipv6": bool(found.get("EnableIPv6")),
        "ipamDriver": text_of(part(found, "IPAM"), "Driver") or "default",
        "ipamConfigs": _ipam_configs(found),
        "ipamOptions": dict(part(found, "IPAM", "Options")),
        "labels": label_list(found.get("Labels")),
        "options": dict(part(found, "Options")),
    }


def _compared(recorded: Properties, found: Inspected) -> Values:
    real = _read(found)
    seen: Values = {}
    for field in NETWORK:
        given = recorded.get(field.name)
        # Docker chooses addresses itself where a program names none.
        chosen = given is None and field.name in {"ipamConfigs", "options"}
        value = given if chosen or same_meaning(field, given, real[field.name]) else real[field.name]
        if value is not None:
            seen[field.name] = value
    return seen


def _imported(found: Inspected) -> Values:
    empty: Properties = {}
    real = _read(found)
    told = {
        field.name: real[field.name] for field in NETWORK if not same_meaning(field, None, real[field.name])
    }
    return {**told, **empty, "name": real["name"], "ipamDriver": real["ipamDriver"]}


def _outputs(inputs: Properties, found: Inspected) -> Values:
    made = _read(found)
    made |= {name: inputs[name] for name in ("name", "ipamDriver") if inputs.get(name) is not None}
    if not found:
        made |= {name: inputs[name] for name in made if inputs.get(name) is not None}
    return {
        **made,
        "id": text_of(found, "Id"),
        "ipamOptions": inputs.get("ipamOptions"),
        "scope": text_of(found, "Scope") or "local",
    }
