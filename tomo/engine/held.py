"""Holds a run to the steps of a plan that was made before: nothing else, and nothing otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from tomo.engine.compare import differences
from tomo.engine.gate import EntryNow
from tomo.engine.paths import render
from tomo.errors import PlanRefused, TomoError
from tomo.model.diff import PropertyDiff
from tomo.model.resource import ResourceState
from tomo.model.step import Op, Step
from tomo.model.urn import Urn, split_provider_ref
from tomo.model.values import (
    UNKNOWN_TEXT,
    Properties,
    ResourceRef,
    Secret,
    Unknown,
    Value,
    has_secret,
    has_unknown,
    reveal,
    same_value,
)

Path: TypeAlias = tuple[str | int, ...]
_HINT: Final = "look at what moved, then run `tomo plan` again"
_WEAKER: Final = {Op.UPDATE, Op.REPLACE, Op.CREATE_REPLACEMENT}
"""Planned steps that may turn out to be nothing at all, once what was unknown is known."""


class Held:
    """A gate that lets through the steps of one plan, each once.

    `given` are values by the name that unknowns of the plan have as their source, where no resource is it.
    """

    rechecks = True

    def __init__(self, steps: Sequence[Step], outputs: Properties, given: Mapping[str, Value]) -> None:
        self._left: dict[Urn, list[Step]] = {}
        for step in steps:
            self._left.setdefault(step.urn, []).append(step)
        self._outputs, self._given = outputs, given

    def refusal(self, step: Step, now: EntryNow) -> TomoError | None:
        """Why a step is not one of the plan's; None where it is, and then it is used up."""
        left = self._left.get(step.urn, [])
        planned = [each for each in left if _may_become(each, step.op)]
        if not planned:
            return _not_planned(step, left)
        reasons: list[str] = []
        for each in planned:
            reason = next(self._differences(each, step, now), "")
            if not reason:
                left.remove(each)
                return None
            reasons.append(reason)
        return _differs(step, reasons[0])

    def outputs_refusal(self, outputs: Properties, now: EntryNow) -> TomoError | None:
        """Why these are not the outputs that the plan showed."""
        for name in sorted(outputs.keys() | self._outputs.keys()):
            if name not in self._outputs:
                return _output(name, "is not in the plan")
            wrong = self._values(self._outputs[name], outputs.get(name), (name,), now)
            if name in outputs and next(wrong, ""):
                return _output(name, "is not what the plan showed")
        return None

    # --- comparing -----------------------------------------------------------------------------------

    def _differences(self, planned: Step, step: Step, now: EntryNow) -> Iterator[str]:
        """What sets a step apart from the planned one, in words; nothing where they agree."""
        yield from _observed(planned, step)
        if planned.new is not None and step.new is not None:
            yield from _options(planned.new, step.new)
            yield from self._inputs(planned.new, step.new, now)
        if step.op is not Op.SAME:
            yield from self._reasons(planned, step, now)

    def _inputs(self, planned: ResourceState, wanted: ResourceState, now: EntryNow) -> Iterator[str]:
        for key in sorted(planned.inputs.keys() | wanted.inputs.keys()):
            if key not in planned.inputs:
                yield f"`{key}` is not in the plan"
            elif key not in wanted.inputs and not has_unknown(planned.inputs[key]):
                yield f"`{key}` is in the plan and is not given now"
            else:
                yield from self._values(planned.inputs[key], wanted.inputs.get(key), (key,), now)

    def _reasons(self, planned: Step, step: Step, now: EntryNow) -> Iterator[str]:
        """Differences and replacing keys: those of the plan, but for what hangs on something unknown."""
        open_ = _open_paths(planned)
        told = {(diff.path, diff.kind): diff for diff in planned.diffs}
        for diff in step.diffs:
            before = told.pop((diff.path, diff.kind), None)
            if before is not None and not self._same_diff(before, diff, now):
                yield f"`{diff.path or step.urn.name}` changes otherwise than the plan says"
            elif before is None and not _within(diff.path, open_):
                yield f"`{diff.path or step.urn.name}` changes, which the plan did not show"
        for diff in told.values():
            if not _within(diff.path, open_) and not has_unknown(diff.new):
                yield f"`{diff.path or step.urn.name}` was to change and does not"
        extra = set(step.keys) - set(planned.keys)
        if any(not _within(key, open_) for key in extra):
            yield f"`{min(extra)}` forces a replacement, which the plan did not show"
        if planned.swap != step.swap:
            yield "it would be replaced in another way"

    def _same_diff(self, planned: PropertyDiff, diff: PropertyDiff, now: EntryNow) -> bool:
        old = next(self._values(planned.old, diff.old, (), now), None)
        new = next(self._values(planned.new, diff.new, (), now), None)
        return old is None and new is None and planned.drift == diff.drift and planned.why == diff.why

    def _values(self, planned: Value, value: Value, path: Path, now: EntryNow) -> Iterator[str]:
        """Where a value is not what the plan has; an unknown may only be what it was to come from."""
        if isinstance(planned, Unknown):
            if not self._comes_from(planned, value, now):
                yield f"`{render(path)}` does not come from {_from(planned)}, as the plan says"
        elif not has_unknown(planned):
            hidden = has_secret(planned)
            if not same_value(planned, value) or hidden != has_secret(value):
                yield f"`{render(path)}` is not what the plan says"
        else:
            yield from self._partly_unknown(planned, value, path, now)

    def _partly_unknown(self, planned: Value, value: Value, path: Path, now: EntryNow) -> Iterator[str]:
        if isinstance(planned, Secret):
            opened = value.reveal() if isinstance(value, Secret) else value
            yield from self._values(planned.reveal(), opened, path, now)
        elif isinstance(planned, Mapping) and isinstance(value, Mapping):
            for key in sorted(planned.keys() | value.keys()):
                if key not in planned:
                    yield f"`{render((*path, key))}` is not in the plan"
                else:
                    yield from self._values(planned[key], value.get(key), (*path, key), now)
        elif isinstance(planned, list) and isinstance(value, list) and len(planned) == len(value):
            for index, (left, right) in enumerate(zip(planned, value, strict=True)):
                yield from self._values(left, right, (*path, index), now)
        elif not (isinstance(planned, ResourceRef) and _same_resource(planned, value)):
            yield f"`{render(path)}` is not what the plan says"

    # --- unknowns ------------------------------------------------------------------------------------

    def _comes_from(self, unknown: Unknown, value: Value, now: EntryNow) -> bool:
        """Whether a value is what an unknown stood for; what a program makes of outputs only it can know.

        That the program makes it of the same resources is held by the step's dependencies.
        """
        if unknown.parts:
            texts = [self._part(part, now) for part in unknown.parts]
            return None not in texts and same_value("".join(map(str, texts)), reveal(value))
        if not unknown.source:
            return True
        return same_value(reveal(self._origin(unknown.source, now)), reveal(value))

    def _part(self, part: Value, now: EntryNow) -> Value:
        if isinstance(part, Unknown):
            if part.parts:
                texts = [self._part(inner, now) for inner in part.parts]
                return None if None in texts else "".join(map(str, texts))
            return reveal(self._origin(part.source, now))
        return reveal(part)

    def _origin(self, source: str, now: EntryNow) -> Value:
        if source in self._given:
            return self._given[source]
        urn, _, output = source.rpartition(".")
        entry = now(Urn(urn))
        if entry is None:
            return None
        if output == "id":
            return entry.id
        value = entry.outputs.get(output)
        return entry.inputs.get(output) if value is None else value


def _may_become(planned: Step, op: Op) -> bool:
    return planned.op is op or (op is Op.SAME and planned.op in _WEAKER)


def _observed(planned: Step, step: Step) -> Iterator[str]:
    """How what a step starts from differs from what the plan saw there."""
    before, old = planned.old, step.old
    if before is None or old is None:
        if before is not old:
            yield "it is there and was not" if old is not None else "it is gone"
        return
    if before.urn != old.urn or before.id != old.id:
        yield f"its id was `{before.id}` and is `{old.id}`"
    moved = differences(before.inputs, old.inputs)
    if moved:
        yield f"`{moved[0].path}` is not as the plan saw it"
    if before.retain_on_delete != old.retain_on_delete:
        yield "the plan says otherwise about what is kept of it"


def _options(planned: ResourceState, wanted: ResourceState) -> Iterator[str]:
    yield from (f"the option `{name}` is another one" for name, of in _OPTIONS if of(planned) != of(wanted))
    if wanted.external and planned.id not in {wanted.id, UNKNOWN_TEXT}:
        yield "the option `id` is another one"
    before, now = _by_property(planned), _by_property(wanted)
    for key in sorted(before.keys() | now.keys()):
        if before.get(key, frozenset()) != now.get(key, frozenset()):
            added = min(now.get(key, frozenset()) - before.get(key, frozenset()), default="")
            source = f"from `{added}`" if added else "from elsewhere"
            yield f"`{key}` comes {source}, which the plan did not show"
    if frozenset(planned.dependencies) != frozenset(wanted.dependencies):
        yield "the option `depends_on` is another one"
    if not _same_provider(planned.provider, wanted.provider):
        yield "its provider is another one"


def _by_property(entry: ResourceState) -> dict[str, frozenset[Urn]]:
    return {key: frozenset(urns) for key, urns in entry.property_dependencies.items() if urns}


def _same_provider(planned: str, wanted: str) -> bool:
    if planned == wanted or not planned or not wanted:
        return planned == wanted
    (before, id_), (now, _) = split_provider_ref(planned), split_provider_ref(wanted)
    return before == now and id_ == UNKNOWN_TEXT


_OPTIONS: Final[Sequence[tuple[str, Callable[[ResourceState], object]]]] = (
    ("parent", lambda entry: entry.parent),
    ("import", lambda entry: entry.import_id),
    ("protect", lambda entry: entry.protect),
    ("retain_on_delete", lambda entry: entry.retain_on_delete),
    ("deleted_with", lambda entry: entry.deleted_with),
    ("replace_with", lambda entry: frozenset(entry.replace_with)),
    ("ignore_changes", lambda entry: frozenset(entry.ignore_changes)),
    ("replace_on_changes", lambda entry: frozenset(entry.replace_on_changes)),
    ("additional_secret_outputs", lambda entry: frozenset(entry.additional_secret_outputs)),
    ("custom_timeouts", lambda entry: entry.custom_timeouts),
)


def _same_resource(planned: ResourceRef, value: Value) -> bool:
    return isinstance(value, ResourceRef) and planned.urn == value.urn


def _open_paths(planned: Step) -> frozenset[str]:
    """Names of the inputs that were not wholly known when the plan was made."""
    inputs = planned.new.inputs if planned.new is not None else {}
    return frozenset(key for key, value in inputs.items() if has_unknown(value))


def _within(path: str, names: frozenset[str]) -> bool:
    return any(path == name or path.startswith((f"{name}.", f"{name}[")) for name in names)


def _from(unknown: Unknown) -> str:
    return " or ".join(f"`{origin}`" for origin in unknown.origins) or "where the plan has it from"


def _not_planned(step: Step, left: Sequence[Step]) -> TomoError:
    planned = ", ".join(f"`{each.op.pulumi_name}`" for each in left)
    said = f"the plan has {planned} for it" if planned else "the plan has no such step"
    return PlanRefused(f"{_named(step)} would need `{step.op.pulumi_name}`: {said}", hint=_HINT)


def _differs(step: Step, reason: str) -> TomoError:
    return PlanRefused(
        f"{_named(step)} would not be done as planned (`{step.op.pulumi_name}`): {reason}", hint=_HINT
    )


def _named(step: Step) -> str:
    where = f" on {step.host}" if step.host else ""
    return f"`{step.urn.name}`{where}"


def _output(name: str, what: str) -> TomoError:
    return PlanRefused(f"the output `{name}` {what}", hint="run `tomo plan` again for a plan of what is now")
