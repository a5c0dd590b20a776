"""Shows a plan: by host, what would change and why, in 80 columns and without colour if need be."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.text import Text

from tomo.model.diff import DiffKind, OutputChanges, PropertyDiff
from tomo.model.events import Severity
from tomo.model.plan import Plan
from tomo.model.resource import ResourceState
from tomo.model.step import Op, Step
from tomo.model.urn import STACK_TYPE, Urn
from tomo.model.values import Secret, Unknown, Value, plain_shown
from tomo.resources import tokens
from tomo.service.exposure import newly_open
from tomo.service.interruptions import interruption_notes
from tomo.service.plans.seals import SecretMarks
from tomo.service.present import hosts_of
from tomo.service.runs import PlanResult
from tomo_cli.console import clean, out, say
from tomo_cli.plan_words import PLAN, is_shown, last_line
from tomo_cli.policy_view import show_judgement
from tomo_cli.update_view import show_updates

if TYPE_CHECKING:
    from rich.tree import Tree

_STYLES = {
    Op.CREATE: "green",
    Op.UPDATE: "yellow",
    Op.REPLACE: "magenta",
    Op.DELETE: "red",
    Op.DISCARD: "red",
    Op.REFRESH: "yellow",
    Op.READ: "cyan",
    Op.IMPORT: "cyan",
}
_WORDS = {
    tokens.SERVER: "server",
    tokens.LOCAL_COMMAND: "command",
    tokens.REMOTE_COMMAND: "command",
    tokens.DOCKER_PROVIDER: "docker provider",
    tokens.APP: "app",
    tokens.NETWORK: "network",
    tokens.VOLUME: "volume",
    tokens.FILE: "file",
    tokens.REMOTE_IMAGE: "image",
    tokens.CONTAINER: "container",
}
"""What people call each type; in the order in which a plan shows them."""
_SEVERITY_STYLES = {Severity.WARNING: "yellow", Severity.ERROR: "red"}
_LONGEST_VALUE = 60
_MOST_DIFFS = 12
_HEX_ID = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")


def show_plan(result: PlanResult, *, heading: str = PLAN) -> None:
    """The whole plan on stdout: tree, ports, outputs, warnings, the line that sums it up."""
    console, plan = out(), result.plan
    hosts = hosts_of(plan)
    shown = [step for step in plan.steps if is_shown(step)]
    if shown:
        console.print(Text(f"{heading} for {plan.project}/{plan.stack}", style="bold"))
        for tree in _trees(result, shown, hosts):
            console.print()
            console.print(tree)
        _show_ports(console, plan, hosts)
    _show_outputs(console, plan.outputs, result.marks)
    show_updates(console, result)
    _show_notes(console, result)
    show_judgement(console, result.judgement)
    console.print()
    console.print(Text(last_line(result, heading), style="bold"))


def _trees(result: PlanResult, shown: Sequence[Step], hosts: Mapping[Urn, str]) -> list[Tree]:
    """One tree a host, in the order hosts first appear; what has no host comes under the stack's name."""
    plan = result.plan
    from rich.tree import Tree  # nothing of a plan without changes

    trees: dict[str, Tree] = {}
    nodes: dict[Urn, Tree] = {}
    parents = {step.urn: step.entry.parent for step in plan.steps}
    known = {step.urn: step for step in plan.steps}
    for step in shown:
        host = hosts.get(step.urn) or plan.stack
        trees.setdefault(host, Tree(Text(clean(host), style="bold"), guide_style="dim"))
    for step in sorted(shown, key=_rank):
        host = hosts.get(step.urn) or plan.stack
        root = trees[host]
        nodes[step.urn] = _branch(step.entry.parent, root, nodes, parents, known).add(
            _node(step, result.marks)
        )
    # One made for what then found its place below a parent elsewhere has nothing in it.
    return [tree for tree in trees.values() if tree.children]


def _rank(step: Step) -> tuple[int, int]:
    """Parents before children; within one parent what comes first in a server's life."""
    depth = step.urn.qualified_type.count("$")
    order = list(_WORDS)
    return depth, order.index(step.type) if step.type in _WORDS else len(order)


def _branch(
    parent: Urn | None,
    root: Tree,
    nodes: dict[Urn, Tree],
    parents: Mapping[Urn, Urn | None],
    known: Mapping[Urn, Step],
) -> Tree:
    """The node of a parent; one that does not change itself is shown without a sign."""
    if parent is None or parent.type == STACK_TYPE:
        return root
    if parent not in nodes:
        above = _branch(parents.get(parent), root, nodes, parents, known)
        step = known.get(parent)
        label = _title(step.entry if step else None, parent)
        nodes[parent] = above.add(Text.assemble("  ", label))
    return nodes[parent]


def _node(step: Step, marks: SecretMarks) -> RenderableType:
    style = _STYLES.get(step.op, "")
    line = Text.assemble(
        (f"{step.op.glyph.strip()} ", style), _title(step.entry, step.urn), (_note(step), "dim")
    )
    details = [_diff_line(diff, marks) for diff in step.diffs[:_MOST_DIFFS] if step.op is not Op.DELETE]
    if len(step.diffs) > _MOST_DIFFS:
        details.append(Text(f"     … and {len(step.diffs) - _MOST_DIFFS} more differences", style="dim"))
    line.no_wrap, line.overflow = False, "fold"
    return Group(line, *details)


def _title(entry: ResourceState | None, urn: Urn) -> Text:
    word = _WORDS.get(urn.type) or urn.type.rsplit(":", 1)[-1].lower()
    name = str(entry.inputs.get("name") or "") if entry is not None and urn.type in _NAMED else ""
    return Text.assemble((word, ""), " ", (clean(name or urn.name), "bold"))


_NAMED = {tokens.REMOTE_IMAGE, tokens.CONTAINER, tokens.NETWORK, tokens.VOLUME}


def _note(step: Step) -> str:
    if step.op is Op.IMPORT:
        id_ = _HEX_ID.fullmatch(step.entry.id)
        return f"  ({f'id {id_[1]}, ' if id_ else ''}taken in as it is)"
    if step.op is Op.REPLACE:
        keys = ", ".join(dict.fromkeys(step.keys)) or "its replacement is pending"
        how = "the old one is kept until the new one is well" if step.swap else "replaced"
        return f"  ({keys}: {how})"
    if step.op is Op.DELETE and step.old is not None and step.old.retain_on_delete:
        return "  (its data stays on the host)"
    if step.op is Op.DELETE and step.type == tokens.VOLUME:
        return "  (its data is removed for good)"
    return ""


def _diff_line(diff: PropertyDiff, marks: SecretMarks) -> Text:
    sign = {"add": "+", "delete": "-"}.get(diff.kind.value.split("-", maxsplit=1)[0], "~")
    line = Text("     ")
    if diff.path:
        line.append(f"{sign} {clean(diff.path)}: ", style="yellow" if sign == "~" else "")
        line.append(_change(diff, marks))
    elif diff.why:
        line.append(clean(diff.why), style="yellow")
        return line
    if diff.why:
        line.append(f"  {clean(diff.why)}", style="dim")
    elif diff.drift:
        line.append("  (changed on the host)", style="dim")
    return line


def _change(diff: PropertyDiff, marks: SecretMarks) -> str:
    old, new = show_value(diff.old, marks), show_value(diff.new, marks)
    if diff.kind in {DiffKind.ADD, DiffKind.ADD_REPLACE}:
        return new
    if diff.kind in {DiffKind.DELETE, DiffKind.DELETE_REPLACE}:
        return old
    # What one side leaves over of the line, the other may use.
    half = _LONGEST_VALUE // 2
    shown_old = _cut(old, max(half, _LONGEST_VALUE - len(new)))
    return f"{shown_old} → {_cut(new, max(half, _LONGEST_VALUE - len(old)))}"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def show_value(value: Value, marks: SecretMarks) -> str:
    """A value in a few characters; a secret as the first digits of its keyed hash."""
    if isinstance(value, Secret):
        mark = marks(value)
        return f"[secret {mark}]" if mark else "[secret]"
    if isinstance(value, Unknown):
        origins = " or ".join(_short_origin(origin) for origin in value.origins)
        return _cut(f"(after apply, from {origins})", _LONGEST_VALUE) if origins else "(known after apply)"
    if isinstance(value, str):
        text = '"' + _HEX_ID.sub(r"\1…", clean(value)).replace("\n", "\\n") + '"'
    elif isinstance(value, Mapping):
        text = "{" + ", ".join(f"{clean(str(k))}: {show_value(v, marks)}" for k, v in value.items()) + "}"
    elif isinstance(value, list):
        text = "[" + ", ".join(show_value(item, marks) for item in value) + "]"
    else:
        text = plain_shown(value)
    return _cut(text, _LONGEST_VALUE)


def _short_origin(origin: str) -> str:
    """The resource's name and its output: the whole URN would take the line."""
    return clean(Urn(origin).name if origin.startswith("urn:") else origin)


def _show_ports(console: Console, plan: Plan, hosts: Mapping[Urn, str]) -> None:
    ports = newly_open(plan, hosts)
    if not ports:
        return
    console.print()
    console.print(Text("Newly reachable", style="bold"))
    for port in ports:
        address = port.address or "*"
        console.print(
            Text(f"  {port.host} {address}:{port.port}/{port.protocol} from {port.reach} ({port.container})"),
            soft_wrap=True,
        )


def _show_outputs(console: Console, changes: OutputChanges, marks: SecretMarks) -> None:
    moved = changes.moved
    if not moved:
        return
    console.print()
    console.print(Text("Outputs", style="bold"))
    for name in moved:
        sign = "+" if name not in changes.old else "-" if name not in changes.new else "~"
        value = changes.old[name] if sign == "-" else changes.new[name]
        console.print(Text(f"  {sign} {clean(name)}: {show_value(value, marks)}"), soft_wrap=True)


def _show_notes(console: Console, result: PlanResult) -> None:
    for line in result.plan.diagnostics:
        if line.severity is not Severity.DEBUG:
            say(Text(clean(line.message.rstrip()), style=_SEVERITY_STYLES.get(line.severity, "")))
    if result.new_secrets:
        console.print()
        console.print(Text("Secrets that apply will generate", style="bold"))
        console.print(Text("  " + ", ".join(result.new_secrets)), soft_wrap=True)
    for host in result.plan.unlooked:
        console.print()
        count = f"{host.resources} resource{'s' if host.resources != 1 else ''}"
        stands = f" ({count} stand as recorded)" if host.resources else ""
        console.print(
            Text.assemble(
                ("not looked at: ", "yellow"),
                f"{clean(host.host)}{stands}: {clean(host.problem)}",
            ),
            soft_wrap=True,
        )
        if host.hint:
            console.print(Text(f"  hint: {clean(host.hint)}", style="cyan"), soft_wrap=True)
    for warning in interruption_notes(result.plan, hosts_of(result.plan)):
        say(Text.assemble(("warning: ", "yellow"), clean(warning)))
    for shortfall in result.shortfalls:
        word, style = ("error: ", "red") if shortfall.blocks else ("warning: ", "yellow")
        say(Text.assemble((word, style), clean(shortfall.message)))
        say(Text(f"  hint: {clean(shortfall.hint)}", style="cyan"))
