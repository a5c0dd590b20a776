"""An earlier state of a stack as a source: its resources are what is asked for again.

A state holds values, not what they were made of. An input that was recorded as depending on a resource and
that equals one of its outputs is that output again, whatever it comes to be; any other value is as it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import nullcontext
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Final

from tomo.model.bookkeeping import plugin_url
from tomo.model.declaration import OutputRef
from tomo.model.goal import Alias, Goal, ReadGoal
from tomo.model.resource import ResourceState
from tomo.model.snapshot import Snapshot
from tomo.model.source import ProgramRun, Registered, Registrar
from tomo.model.urn import PROVIDER_TYPE_PREFIX, STACK_TYPE, Urn, provider_ref
from tomo.model.values import UNKNOWN_TEXT, Properties, Secret, Value, transform
from tomo.program.collector import collector_off
from tomo.program.resolution import Answer, resolved_properties

_OF_PROVIDERS: Final = frozenset(("version", "pluginDownloadURL"))


class RecordedSource:
    """The resources of `past`; `now` is what is recorded at present, by which renamed ones are known."""

    def __init__(self, past: Snapshot, now: Snapshot) -> None:
        self._past, self._now = past, now

    def run(self, run: ProgramRun, registrar: Registrar) -> None:
        """Registers each resource as soon as what it needs is answered, many at a time."""
        with collector_off() if run.dry_run else nullcontext():
            _Registration(self._past, self._now, run, registrar).run_to_end()


@dataclass(slots=True)
class _Wanted:
    """A resource to register, with references where its inputs were outputs of others."""

    entry: ResourceState
    inputs: Properties
    missing: int = 0
    waiting: list[_Wanted] = field(default_factory=list)


class _Registration:
    """One run: resources that wait for what they need, and answers that let them go."""

    def __init__(self, past: Snapshot, now: Snapshot, run: ProgramRun, registrar: Registrar) -> None:
        self._run, self._registrar = run, registrar
        entries = [entry for entry in past.resources if not entry.delete]
        self._stack = next((entry for entry in entries if entry.type == STACK_TYPE), None)
        by_urn = {entry.urn: entry for entry in entries if entry.type != STACK_TYPE}
        self._wanted = {urn: _Wanted(entry, linked_inputs(entry, by_urn)) for urn, entry in by_urn.items()}
        self._now = {entry.urn: entry for entry in now.resources if not entry.delete}
        self._renamed = dict(_renamed(by_urn, self._now))
        self._answers: dict[Urn, Answer] = {}
        self._arrived: SimpleQueue[tuple[_Wanted, Properties, Future[Registered]]] = SimpleQueue()

    def run_to_end(self) -> None:
        """Registers the stack, all its resources, and then the outputs of components and of the stack."""
        name = f"{self._run.project}-{self._run.stack}"
        goal = Goal(type=STACK_TYPE, name=name, custom=False, inputs={}, property_dependencies={})
        stack = self._registrar.register(goal).result().urn
        ready = [wanted for wanted in self._wanted.values() if not self._count(wanted)]
        for wanted in ready:
            self._register(wanted)
        while len(self._answers) < len(self._wanted):
            self._take(*self._arrived.get())
        self._register_outputs(stack)

    def _count(self, wanted: _Wanted) -> int:
        needed = {urn for urn in _needed(wanted.entry) if urn in self._wanted}
        for urn in needed:
            self._wanted[urn].waiting.append(wanted)
        wanted.missing = len(needed)
        return wanted.missing

    def _register(self, wanted: _Wanted) -> None:
        entry = wanted.entry
        inputs = resolved_properties(wanted.inputs, self._lookup)
        if entry.external:
            future = self._registrar.read(self._read_goal(entry, inputs))
        else:
            future = self._registrar.register(self._goal(entry, inputs))
        future.add_done_callback(lambda done: self._arrived.put((wanted, inputs, done)))

    def _take(self, wanted: _Wanted, inputs: Properties, answered: Future[Registered]) -> None:
        self._answers[wanted.entry.urn] = Answer(inputs, answered.result())
        for other in wanted.waiting:
            other.missing -= 1
            if not other.missing:
                self._register(other)

    def _register_outputs(self, stack: Urn) -> None:
        made = _made_ids(wanted.entry for wanted in self._wanted.values())
        for urn, wanted in self._wanted.items():
            if not wanted.entry.custom:
                self._registrar.register_outputs(urn, self._outputs(wanted.entry, made))
        self._registrar.register_outputs(stack, self._outputs(self._stack, made) if self._stack else {})

    def _outputs(self, entry: ResourceState, made: Mapping[str, OutputRef]) -> dict[str, Value]:
        def link(leaf: Value) -> Value:
            return made.get(leaf, leaf) if isinstance(leaf, str) else leaf

        linked = {name: transform(value, link) for name, value in entry.outputs.items()}
        return resolved_properties(linked, self._lookup)

    # --- goals ---------------------------------------------------------------------------------------

    def _goal(self, entry: ResourceState, inputs: dict[str, Value]) -> Goal:
        is_provider = entry.type.startswith(PROVIDER_TYPE_PREFIX)
        version, url = (str(inputs.get("version") or ""), plugin_url(inputs)) if is_provider else ("", "")
        if is_provider:
            inputs = {key: value for key, value in inputs.items() if not _is_bookkeeping(key)}
        return Goal(
            type=entry.type,
            name=entry.urn.name,
            custom=entry.custom,
            inputs=inputs,
            parent=entry.parent,
            provider=self._provider(entry),
            version=version,
            plugin_download_url=url,
            dependencies=entry.dependencies,
            property_dependencies=entry.property_dependencies,
            protect=entry.protect,
            retain_on_delete=entry.retain_on_delete,
            delete_before_replace=self._keeps_its_name(entry) or None,
            ignore_changes=entry.ignore_changes,
            replace_on_changes=entry.replace_on_changes,
            additional_secret_outputs=entry.additional_secret_outputs,
            aliases=tuple(Alias(urn=urn) for urn in self._renamed.get(entry.urn, ())),
            custom_timeouts=entry.custom_timeouts,
            deleted_with=entry.deleted_with,
            replace_with=entry.replace_with,
            replacement_trigger=entry.replacement_trigger,
            hide_diffs=entry.hide_diffs,
            source_position=entry.source_position,
        )

    def _read_goal(self, entry: ResourceState, inputs: Properties) -> ReadGoal:
        return ReadGoal(
            entry.type,
            entry.urn.name,
            entry.id,
            inputs,
            parent=entry.parent,
            provider=self._provider(entry),
            dependencies=entry.dependencies,
            additional_secret_outputs=entry.additional_secret_outputs,
        )

    def _provider(self, entry: ResourceState) -> str:
        """The provider of then, by the id that it has in this run."""
        urn = entry.provider_urn
        if urn is None:
            return ""
        registered = self._answers[urn].registered
        usable = "" if registered.failed or registered.skipped else registered.id
        return provider_ref(registered.urn, usable or UNKNOWN_TEXT)

    def _keeps_its_name(self, entry: ResourceState) -> bool:
        """Whether it can't stand beside what it would replace: what a person named is called so once."""
        present = self._now.get(entry.urn)
        name = entry.inputs.get("name")
        return present is not None and isinstance(name, str) and present.inputs.get("name") == name

    def _lookup(self, ref: OutputRef) -> Value:
        return self._answers[Urn(ref.key)].output(ref.output, dry_run=self._run.dry_run)


def _is_bookkeeping(key: str) -> bool:
    return key.startswith("__") or key in _OF_PROVIDERS


def _needed(entry: ResourceState) -> Iterator[Urn]:
    """Everything that must be answered before an entry is registered."""
    yield from entry.dependencies
    for urns in entry.property_dependencies.values():
        yield from urns
    if entry.parent:
        yield entry.parent
    if entry.provider_urn is not None:
        yield entry.provider_urn
    if entry.deleted_with:
        yield entry.deleted_with
    yield from entry.replace_with


# --- values -------------------------------------------------------------------------------------------


def linked_inputs(entry: ResourceState, by_urn: Mapping[Urn, ResourceState]) -> dict[str, Value]:
    """The inputs, with a reference wherever a value is an output of what it depends on."""
    linked: dict[str, Value] = {}
    for name, value in entry.inputs.items():
        found = [by_urn[urn] for urn in entry.property_dependencies.get(name, ()) if urn in by_urn]
        linked[name] = _linked(value, _outputs_of(found)) if found else value
    return linked


def _outputs_of(entries: Iterable[ResourceState]) -> Iterator[tuple[Value, OutputRef]]:
    """Outputs by their values; what is an input too leads, for it is known before anything is made."""
    for entry in entries:
        known = [name for name in entry.outputs if name in entry.inputs]
        yield from ((entry.outputs[name], OutputRef(entry.urn, name)) for name in known)
        yield entry.id, OutputRef(entry.urn)
        made = [name for name in entry.outputs if name not in entry.inputs]
        yield from ((entry.outputs[name], OutputRef(entry.urn, name)) for name in made)


def _linked(value: Value, outputs: Iterable[tuple[Value, OutputRef]]) -> Value:
    plain: dict[str, OutputRef] = {}
    secret: list[tuple[Secret, OutputRef]] = []
    for output, ref in outputs:
        if isinstance(output, str) and output:
            plain.setdefault(output, ref)
        elif isinstance(output, Secret):
            secret.append((output, ref))

    def link(leaf: Value) -> Value:
        if isinstance(leaf, str):
            return plain.get(leaf, leaf)
        if isinstance(leaf, Secret):
            return next((ref for output, ref in secret if output == leaf), leaf)
        return leaf

    return transform(value, link)


def _made_ids(entries: Iterable[ResourceState]) -> dict[str, OutputRef]:
    """Ids that a provider made up, so that outputs which hold them can follow the resources."""
    made: dict[str, OutputRef] = {}
    for entry in entries:
        if entry.custom and entry.id and entry.id not in map(str, entry.inputs.values()):
            made.setdefault(entry.id, OutputRef(entry.urn))
    return made


def _renamed(
    past: Mapping[Urn, ResourceState], now: Mapping[Urn, ResourceState]
) -> Iterator[tuple[Urn, tuple[Urn, ...]]]:
    """What has another URN now: the same id from the same provider, and neither URN stands in both states."""
    present = {_identity(entry): urn for urn, entry in now.items() if entry.id and urn not in past}
    for urn, entry in past.items():
        found = present.get(_identity(entry)) if entry.id and urn not in now else None
        if found is not None:
            yield urn, (found,)


def _identity(entry: ResourceState) -> tuple[str, str, str]:
    return entry.type, entry.id, entry.provider
