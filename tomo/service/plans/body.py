"""A saved plan as the body of its file, and back. The order of keys is the canonical form's business."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from typing import Final

from tomo.errors import TomoError
from tomo.model.diff import DiffKind, OutputChanges, PropertyDiff
from tomo.model.finding import Finding, Judgement, Level, Quorum
from tomo.model.plan import Plan, Unlooked
from tomo.model.resource import ResourceState
from tomo.model.saved_plan import Basis, HostIdentity, PlanError, SavedPlan
from tomo.model.selection import Selection
from tomo.model.step import Op, Step
from tomo.model.update import AppUpdate, BackupFirst, MovedData
from tomo.model.urn import Urn
from tomo.service.exposure import newly_open
from tomo.service.plans.form import Json
from tomo.service.plans.seals import PlanSeals
from tomo.service.plans.values import ValueReader, ValueWriter, unreadable
from tomo.service.present import hosts_of
from tomo.state.codec import encode_resource
from tomo.state.entries import decode_resource

_OPS: Final = {op.pulumi_name: op for op in Op}
_OUTPUTS: Final = "outputs"
_DESTROY, _UPDATE = "destroy", "update"


# --- writing ---------------------------------------------------------------------------------------


def write_body(saved: SavedPlan, seals: PlanSeals) -> dict[str, Json]:
    """The body of a plan's file: no time, no chance in it; secrets sealed and hashed."""
    plan = saved.plan
    hosts = hosts_of(plan)
    outputs = ValueWriter.of_place(seals, _OUTPUTS)
    return {
        "basis": _write_basis(saved.basis),
        "operation": _DESTROY if saved.destroys else _UPDATE,
        "options": {
            "look": plan.looked,
            "selection": asdict(saved.selection),
            **({"to": saved.to} if saved.to is not None else {}),
        },
        "steps": [_write_step(step, hosts, seals) for step in plan.steps],
        "outputs": {
            "old": outputs.properties(plan.outputs.old),
            "new": outputs.properties(plan.outputs.new),
        },
        "exposure": [{**asdict(port), "reach": port.reach} for port in newly_open(plan, hosts)],
        "policy": asdict(saved.judgement),
        **({"updates": [asdict(each) for each in saved.updates]} if saved.updates else {}),
        **({"backups": [asdict(each) for each in saved.backups]} if saved.backups else {}),
        "newSecrets": list(saved.new_secrets),
        "leftOut": [str(urn) for urn in plan.left_out],
        "notLookedAt": [asdict(host) for host in plan.unlooked],
        "errors": [asdict(error) for error in saved.errors],
    }


def _write_basis(basis: Basis) -> dict[str, Json]:
    written = asdict(basis)
    return written if basis.history else {key: value for key, value in written.items() if key != "history"}


def _write_step(step: Step, hosts: Mapping[Urn, str], seals: PlanSeals) -> dict[str, Json]:
    writer = ValueWriter.of_place(seals, step.urn)
    written: dict[str, Json] = {"op": step.op.pulumi_name, "urn": str(step.urn)}
    host = step.host or hosts.get(step.urn, "")
    if host:
        written["host"] = host
    old = _write_entry(step.old, writer) if step.old is not None else None
    new = _write_entry(step.new, writer) if step.new is not None else None
    if new is not None:
        written["new"] = new
    if old is not None and not (step.op is Op.SAME and old == new):
        written["old"] = old
    if step.diffs:
        written["diffs"] = [_write_diff(diff, writer) for diff in step.diffs]
    if step.keys:
        written["replaceKeys"] = list(step.keys)
    if step.swap:
        written["swap"] = True
    return written


def _write_entry(entry: ResourceState, writer: ValueWriter) -> dict[str, Json]:
    """An entry as Pulumi writes it, without what only time or a run brings."""
    bare = replace(entry, inputs={}, outputs={}, created="", modified="", source_position="", extra={})
    written = encode_resource(bare, writer.secret)
    if entry.inputs:
        written["inputs"] = writer.properties(entry.inputs)
    return written


def _write_diff(diff: PropertyDiff, writer: ValueWriter) -> dict[str, Json]:
    written: dict[str, Json] = {"path": diff.path, "kind": diff.kind.value}
    for name, value in (("old", diff.old), ("new", diff.new)):
        if value is not None:
            written[name] = writer.value(value)
    if diff.drift:
        written["drift"] = True
    if diff.why:
        written["why"] = diff.why
    return written


# --- reading ---------------------------------------------------------------------------------------


def read_body(body: Mapping[str, Json], reader: ValueReader) -> SavedPlan:
    """The plan in a file's body; raises PlanRefused for a body that no version of this format writes."""
    try:
        return _read(body, reader)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise unreadable(f"{type(error).__name__} in its body") from error
    except TomoError as error:
        raise unreadable(error.message) from error


def _read(body: Mapping[str, Json], reader: ValueReader) -> SavedPlan:
    basis, outputs, options = (_object(body[name]) for name in ("basis", "outputs", "options"))
    plan = Plan(
        str(basis["stack"]),
        str(basis["project"]),
        tuple(_read_step(step, reader) for step in _objects(body["steps"])),
        OutputChanges(reader.properties(outputs["old"]), reader.properties(outputs["new"])),
        tuple(Unlooked(**host) for host in _objects(body["notLookedAt"])),  # type: ignore[arg-type]
        looked=bool(options["look"]),
        left_out=tuple(map(Urn, _texts(body["leftOut"]))),
    )
    return SavedPlan(
        _read_basis(basis),
        plan,
        body["operation"] == _DESTROY,
        _read_selection(_object(options["selection"])),
        _texts(body["newSecrets"]),
        tuple(PlanError(**error) for error in _objects(body["errors"])),  # type: ignore[arg-type]
        _read_version(options.get("to")),
        _read_judgement(_object(body["policy"])),
        tuple(map(_read_update, _objects(body.get("updates", [])))),
        tuple(map(_read_backup, _objects(body.get("backups", [])))),
    )


def _read_update(written: Mapping[str, Json]) -> AppUpdate:
    names = ("app", "before", "after", "data_migration", "notes", "release_notes")
    return AppUpdate(
        **{name: str(written[name]) for name in names},  # type: ignore[arg-type]
        **{name: bool(written[name]) for name in ("back", "breaking")},  # type: ignore[arg-type]
        servers=_texts(written["servers"]),
        data=_texts(written["data"]),
        own_images=_texts(written["own_images"]),
        moved=tuple(map(_read_moved, _objects(written["moved"]))),
    )


def _read_backup(written: Mapping[str, Json]) -> BackupFirst:
    app, server, version, to = (str(written[name]) for name in ("app", "server", "version", "to"))
    return BackupFirst(app, server, _texts(written["volumes"]), version, to, bool(written["stops"]))


def _read_moved(written: Mapping[str, Json]) -> MovedData:
    paths = (_texts(written[name]) for name in ("before", "after"))
    return MovedData(str(written["container"]), str(written["source"]), *paths)


def _read_judgement(written: Mapping[str, Json]) -> Judgement:
    findings = tuple(_read_finding(finding) for finding in _objects(written["findings"]))
    return Judgement(str(written["source"]), str(written["digest"]), findings)


def _read_finding(written: Mapping[str, Json]) -> Finding:
    quorum = _object(written["quorum"]) if written["quorum"] is not None else None
    names = ("rule", "resource", "field", "message", "hint", "host", "auto_approved")
    texts = {name: str(written[name]) for name in names}
    return Finding(
        Level(str(written["level"])),
        **{**texts, "resource": Urn(texts["resource"])},  # type: ignore[arg-type]
        quorum=Quorum(**quorum) if quorum is not None else None,  # type: ignore[arg-type]
    )


def _read_basis(basis: Mapping[str, Json]) -> Basis:
    hosts = tuple(_read_host(host) for host in _objects(basis["hosts"]))
    texts = {name: str(basis[name]) for name in ("stack_id", "project", "stack", "state", "config")}
    maps = {name: _text_map(basis[name]) for name in ("files", "catalog", "packages")}
    history = _text_map(basis.get("history", {}))
    return Basis(**texts, **maps, hosts=hosts, history=history)  # type: ignore[arg-type]


def _read_version(number: Json) -> int | None:
    if number is None or isinstance(number, int):
        return number
    raise unreadable("a version is no number")


def _read_selection(written: Mapping[str, Json]) -> Selection:
    return Selection(
        _texts(written["targets"]),
        _texts(written["excludes"]),
        _texts(written["replaces"]),
        bool(written["target_dependents"]),
        bool(written["exclude_dependents"]),
    )


def _read_host(host: Mapping[str, Json]) -> HostIdentity:
    port = host["port"]
    if not isinstance(port, int):
        raise unreadable("a port is no number")
    return HostIdentity(
        str(host["name"]), str(host["address"]), port, str(host["user"]), _texts(host["keys"])
    )


def _read_step(written: Mapping[str, Json], reader: ValueReader) -> Step:
    op = _OPS[str(written["op"])]
    new = _read_entry(_object(written["new"]), reader) if "new" in written else None
    old = _read_entry(_object(written["old"]), reader) if "old" in written else None
    return Step(
        op,
        Urn(str(written["urn"])),
        new if op is Op.SAME and old is None else old,
        new,
        tuple(_read_diff(diff, reader) for diff in _objects(written.get("diffs", []))),
        _texts(written.get("replaceKeys", [])),
        bool(written.get("swap")),
        str(written.get("host", "")),
    )


def _read_entry(written: Mapping[str, Json], reader: ValueReader) -> ResourceState:
    bare = {key: value for key, value in written.items() if key != "inputs"}
    entry = decode_resource(bare, reader.sealed)
    return replace(entry, inputs=reader.properties(written["inputs"])) if "inputs" in written else entry


def _read_diff(written: Mapping[str, Json], reader: ValueReader) -> PropertyDiff:
    return PropertyDiff(
        str(written["path"]),
        DiffKind(str(written["kind"])),
        reader.value(written.get("old")),
        reader.value(written.get("new")),
        bool(written.get("drift")),
        str(written.get("why", "")),
    )


def _object(value: Json) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise unreadable("a part of it is no object")
    return value


def _objects(value: Json) -> Iterator[dict[str, Json]]:
    if not isinstance(value, list):
        raise unreadable("a part of it is no list")
    return map(_object, value)


def _texts(value: Json) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise unreadable("a part of it is no list")
    return tuple(map(str, value))


def _text_map(value: Json) -> dict[str, str]:
    return {key: str(item) for key, item in _object(value).items()}
