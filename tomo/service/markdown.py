"""A plan in Markdown, as for a pull request: what changes on which host and why; never a secret."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from tomo.frozen import frozen
from tomo.model.diff import DiffKind, OutputChanges, PropertyDiff
from tomo.model.events import Severity
from tomo.model.finding import Finding, Judgement
from tomo.model.plan import Plan, is_hidden
from tomo.model.step import Op, Step
from tomo.model.update import AppUpdate, not_backed_up
from tomo.model.urn import STACK_TYPE, Urn
from tomo.model.values import Secret, Unknown, Value, plain_shown
from tomo.service.exposure import newly_open
from tomo.service.interruptions import interruption_notes
from tomo.service.plans.seals import SecretMarks
from tomo.service.present import hosts_of
from tomo.service.runs import PlanResult

_QUIET: Final = {Op.SAME, Op.READ}
_SIGNS: Final = {Op.CREATE: "+", Op.IMPORT: "+", Op.DELETE: "-", Op.DISCARD: "-"}
_LONGEST: Final = 500
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def plan_markdown(result: PlanResult) -> str:
    """The whole plan as a Markdown text that ends with a line break."""
    parts = plan_parts(result)
    return "\n\n".join([parts.heading, *parts.steps, *parts.opened, *parts.told]) + "\n"


@frozen
class PlanParts:
    """The blocks of a plan's page: its heading, what is done, what that opens, and what is told about it."""

    heading: str
    steps: tuple[str, ...]
    opened: tuple[str, ...]
    told: tuple[str, ...]


def plan_parts(result: PlanResult) -> PlanParts:
    """The same block by block, for a place that has no room for all of it."""
    plan = result.plan
    hosts = hosts_of(plan)
    shown = [step for step in plan.steps if _is_shown(step)]
    steps = _hosts(plan, shown, hosts, result.marks)
    opened = (*_ports(plan, hosts), *_outputs(plan.outputs, result.marks))
    told = (*_backups(result), *_updates(result.updates), *_policies(result.judgement), *_notes(result))
    return PlanParts(f"### {_summary(result, shown)}", tuple(steps), opened, told)


def _is_shown(step: Step) -> bool:
    return step.op.is_logical and step.op not in _QUIET and not is_hidden(step) and step.type != STACK_TYPE


def _summary(result: PlanResult, shown: Sequence[Step]) -> str:
    plan = result.plan
    name = f"{'Removal' if result.destroys else 'Plan'} for `{plan.project}/{plan.stack}`"
    counts: dict[Op, int] = {}
    for step in shown:
        counts[step.op] = counts.get(step.op, 0) + 1
    words = [f"{counts[op]} to {op.pulumi_name}" for op in Op if op in counts]
    if result.failures or result.program_error is not None:
        return f"{name}: it has errors"
    return f"{name}: {', '.join(words) or 'no changes'}"


# --- steps -----------------------------------------------------------------------------------------


def _hosts(plan: Plan, shown: Sequence[Step], hosts: Mapping[Urn, str], marks: SecretMarks) -> Iterator[str]:
    by_host: dict[str, list[str]] = {}
    for step in shown:
        by_host.setdefault(hosts.get(step.urn) or plan.stack, []).extend(_step(step, marks))
    for host, lines in by_host.items():
        yield f"**{plain(host)}**"
        yield fenced(lines, "diff")


def _step(step: Step, marks: SecretMarks) -> Iterator[str]:
    sign = _SIGNS.get(step.op, "!")
    kind = step.type.rsplit(":", 1)[-1]
    keys = f" ({', '.join(map(one_line, step.keys))})" if step.op is Op.REPLACE and step.keys else ""
    kept = " (its data stays)" if step.op is Op.DELETE and step.entry.retain_on_delete else ""
    yield f"{sign} {step.op.pulumi_name} {kind} {one_line(step.urn.name)}{keys}{kept}"
    if step.op is not Op.DELETE:
        for diff in step.diffs:
            yield from _difference(diff, marks)


def _difference(diff: PropertyDiff, marks: SecretMarks) -> Iterator[str]:
    why = f"  # {one_line(diff.why)}" if diff.why else "  # changed on the host" if diff.drift else ""
    if not diff.path:
        yield f"    {why.strip()}"
        return
    if diff.kind not in {DiffKind.ADD, DiffKind.ADD_REPLACE}:
        yield f"-   {one_line(diff.path)}: {shown_value(diff.old, marks)}{why}"
        why = ""
    if diff.kind not in {DiffKind.DELETE, DiffKind.DELETE_REPLACE}:
        yield f"+   {one_line(diff.path)}: {shown_value(diff.new, marks)}{why}"


def shown_value(value: Value, marks: SecretMarks) -> str:
    """A value on one line; a secret as its mark."""
    if isinstance(value, Secret):
        mark = marks(value)
        return f"[secret {mark}]" if mark else "[secret]"
    if isinstance(value, Unknown):
        origins = " or ".join(map(one_line, value.origins))
        return f"(after apply, from {origins})" if origins else "(after apply)"
    if isinstance(value, str):
        text = '"' + one_line(value) + '"'
    elif isinstance(value, Mapping):
        text = "{" + ", ".join(f"{one_line(str(k))}: {shown_value(v, marks)}" for k, v in value.items()) + "}"
    elif isinstance(value, list):
        text = "[" + ", ".join(shown_value(item, marks) for item in value) + "]"
    else:
        text = plain_shown(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


# --- the rest --------------------------------------------------------------------------------------


def _ports(plan: Plan, hosts: Mapping[Urn, str]) -> Iterator[str]:
    ports = newly_open(plan, hosts)
    if ports:
        yield "**Newly reachable**"
        yield fenced(
            f"{port.host} {port.address or '*'}:{port.port}/{port.protocol} from {port.reach}"
            f" ({one_line(port.container)})"
            for port in ports
        )


def _outputs(changes: OutputChanges, marks: SecretMarks) -> Iterator[str]:
    lines: list[str] = []
    for name in changes.moved:
        if name in changes.old:
            lines.append(f"- {one_line(name)}: {shown_value(changes.old[name], marks)}")
        if name in changes.new:
            lines.append(f"+ {one_line(name)}: {shown_value(changes.new[name], marks)}")
    if lines:
        yield "**Outputs**"
        yield fenced(lines, "diff")


def _backups(result: PlanResult) -> Iterator[str]:
    if result.backups:
        yield "**First, before any step**"
        yield fenced(one_line(each.message) for each in result.backups)
    lacking = not_backed_up(result.updates, result.backups)
    if lacking:
        yield fenced(one_line(f"! {each}") for each in lacking)


def _updates(updates: Sequence[AppUpdate]) -> Iterator[str]:
    for update in updates:
        word = "Back" if update.back else "Update"
        where = ", ".join(map(plain, update.servers))
        versions = f"{plain(update.before)} → {plain(update.after)}"
        yield f"**{word}: {plain(update.app)} {versions} on {where}**"
        said = [*(f"! {warning}" for warning in update.warnings)]
        said += [*update.notes.splitlines(), *update.release_notes.splitlines()]
        if said:
            yield fenced(map(one_line, said))


def _policies(judgement: Judgement) -> Iterator[str]:
    source = f" in {plain(judgement.source)}" if judgement.source else ""
    if judgement.findings:
        yield f"**Policies{source}**"
        yield fenced(map(_finding, judgement.findings))
    elif source:
        yield f"**Policies{source}** find nothing."


def _finding(finding: Finding) -> str:
    approved = f" (approved by itself: {finding.auto_approved})" if finding.auto_approved else ""
    asked = f" ({finding.quorum})" if finding.quorum and not approved else ""
    host = f" on {finding.host}" if finding.host else ""
    return one_line(f"{finding.level}{asked}{approved}{host}: {finding.message} [{finding.rule}]")


def _notes(result: PlanResult) -> Iterator[str]:
    notes = [f"secret that apply will generate: {name}" for name in result.new_secrets]
    notes += [f"not looked at: {host.host}: {host.problem}" for host in result.plan.unlooked]
    notes += [f"{failure.error}" for failure in result.failures]
    notes += [str(result.program_error)] if result.program_error is not None else []
    notes += interruption_notes(result.plan, hosts_of(result.plan))
    notes += [shortfall.message for shortfall in result.shortfalls]
    notes += [
        line.message.rstrip()
        for line in result.plan.diagnostics
        if line.severity in {Severity.WARNING, Severity.ERROR}
    ]
    if notes:
        yield "**Notes**"
        yield fenced(map(one_line, notes))


def fenced(lines: Iterable[str], language: str = "") -> str:
    """Lines in a fence that none of them can end."""
    body = "\n".join(lines)
    longest = max((len(run) for run in re.findall(r"`+", body)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{body}\n{fence}"


def one_line(text: str) -> str:
    """A text on one line, without what could drive a terminal or turn the reading direction."""
    return _CONTROL.sub("�", text.replace("\n", "\\n").replace("\t", "\\t"))


def plain(text: str) -> str:
    """A text outside of a fence, where nothing in it is markup."""
    return re.sub(r"([\\`*_{}\[\]<>()#+!|@~-])", r"\\\1", one_line(text))
