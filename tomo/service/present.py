"""Plans as plain data, in Pulumi's own JSON shape (engine-spec 6.2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace

from tomo.engine import paths
from tomo.model.finding import Judgement
from tomo.model.plan import Plan, is_hidden
from tomo.model.resource import ResourceState
from tomo.model.step import INIT_ERROR, Step
from tomo.model.urn import STACK_TYPE, Urn
from tomo.model.values import Secret, Value, masked, transform
from tomo.resources.tokens import DOCKER_PROVIDER, SERVER
from tomo.service.interruptions import interruptions
from tomo.service.plans.seals import SecretMarks
from tomo.service.runs import PlanResult
from tomo.state.codec import encode_resource

Json = object


def plan_json(result: PlanResult) -> dict[str, Json]:
    """A plan as `pulumi preview --json` has it, with Tomo's own keys beside: hosts, drift, findings."""
    plan = result.plan
    hosts = hosts_of(plan)
    visible = [step for step in plan.steps if step.op.is_logical and not is_hidden(step)]
    steps = [_step_json(step, hosts, result.marks) for step in visible]
    return {
        "stack": plan.stack,
        "project": plan.project,
        "looked": plan.looked,
        "steps": steps,
        "diagnostics": [
            {"urn": line.urn, "message": line.message, "severity": line.severity.value}
            for line in plan.diagnostics
        ],
        "changeSummary": {op.pulumi_name: count for op, count in plan.counts.items()},
        "outputs": {"old": masked(plan.outputs.old), "new": masked(plan.outputs.new)},
        "unlooked": [
            {"host": u.host, "problem": u.problem, "hint": u.hint, "code": u.code, "resources": u.resources}
            for u in plan.unlooked
        ],
        "interruptions": [asdict(each) for each in interruptions(plan, hosts)],
        "shortfalls": [asdict(shortfall) for shortfall in result.shortfalls],
        "policy": policy_json(result.judgement),
        "stages": [list(hosts) for hosts in result.stages],
        "backups": [{**asdict(each), "message": each.message} for each in result.backups],
        "updates": [{**asdict(each), "warnings": list(each.warnings)} for each in result.updates],
        "newSecrets": list(result.new_secrets),
        "leftOut": list(plan.left_out),
        "errors": [error_json(failure.error, failure.urn) for failure in result.failures]
        + ([error_json(result.program_error, "")] if result.program_error else []),
    }


def policy_json(judgement: Judgement) -> dict[str, Json]:
    """What policies say, as it stands in a saved plan too."""
    return asdict(judgement)


def error_json(error: object, urn: str) -> dict[str, Json]:
    """An error with its code and hint."""
    found = {name: getattr(error, name, "") for name in ("code", "hint", "detail")}
    return {"urn": urn, "message": str(error), **found}


def _step_json(step: Step, hosts: Mapping[Urn, str], marks: SecretMarks) -> dict[str, Json]:
    made: dict[str, Json] = {"op": step.op.pulumi_name, "urn": step.urn}
    if step.entry.provider:
        made["provider"] = step.entry.provider
    if hosts.get(step.urn):
        made["host"] = hosts[step.urn]
    if step.old is not None:
        made["oldState"] = shown_state(step.old)
    if step.new is not None:
        made["newState"] = shown_state(step.new)
    if step.diffs:
        made["diffReasons"] = list(changed_keys(step))
        made["detailedDiff"] = {
            diff.path or "*": {
                "kind": diff.kind.value,
                "inputDiff": True,
                "old": _marked(diff.old, marks),
                "new": _marked(diff.new, marks),
                "drift": diff.drift,
                "why": diff.why,
            }
            for diff in step.diffs
        }
    else:
        made["detailedDiff"] = None
    if step.keys:
        made["replaceReasons"] = list(step.keys)
    return made


def _marked(value: Value, marks: SecretMarks) -> Value:
    """The value as it may be shown, with secrets told apart by the first digits of their keyed hashes."""

    def mark(leaf: Value) -> Value:
        found = marks(leaf) if isinstance(leaf, Secret) else ""
        return f"[secret {found}]" if found else masked(leaf)

    return transform(value, mark)


def shown_state(entry: ResourceState) -> dict[str, Json]:
    """An entry of the state as it may be shown: as Pulumi writes it, secrets masked."""
    bare = replace(entry, inputs=_map(entry.inputs), outputs=_map(entry.outputs), extra={})
    return encode_resource(bare, hide)


def _map(properties: Mapping[str, object]) -> Mapping[str, object]:
    return {key: masked(value) for key, value in properties.items()}


def hide(_secret: Secret) -> Mapping[str, str]:
    """What stands in a secret's place where its shape is kept."""
    return {"ciphertext": "[secret]"}


def hosts_of(plan: Plan) -> Mapping[Urn, str]:
    """The host each resource of a plan concerns, where one can be told.

    A step knows its provider's host; a server is its own; others take that of a server they depend on or
    that of their first child that has one.
    """
    hosts: dict[Urn, str] = {}
    for step in plan.steps:
        if step.host:
            hosts[step.urn] = step.host
        elif step.urn.type in {SERVER, DOCKER_PROVIDER}:
            hosts[step.urn] = step.urn.name
        else:
            needed = (urn.name for urn in step.entry.dependencies if urn.type == SERVER)
            hosts[step.urn] = next(needed, "") or _docker_host(step)
    for step in reversed(plan.steps):
        parent = step.entry.parent
        if parent is not None and parent.type != STACK_TYPE and not hosts.get(parent) and hosts[step.urn]:
            hosts[parent] = hosts[step.urn]
    return hosts


def _docker_host(step: Step) -> str:
    """The name of an explicit Docker provider, which a fleet gives the server's."""
    provider = step.entry.provider_urn
    if provider is None or provider.type != DOCKER_PROVIDER or provider.name.startswith("default"):
        return ""
    return provider.name


def changed_keys(step: Step) -> Iterable[str]:
    """The properties that differ, without what lies in them, as Pulumi names them.

    It counts a failed creation among them where that forces the replacement and something else differs, too.
    """
    names = dict.fromkeys(str(paths.parse(diff.path)[0]) for diff in step.diffs if diff.path)
    return [*names, INIT_ERROR] if step.diffs and INIT_ERROR in step.keys else names
