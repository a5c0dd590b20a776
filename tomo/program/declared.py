"""A declared stack as a source: straight to goals, without the SDK.

Goals are the very ones that the SDK sends for a program of raw `CustomResource` and `ComponentResource`
calls that says the same; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from tomo.errors import ProgramFailed
from tomo.model.declaration import Declarations, Key, OutputRef
from tomo.model.goal import Goal
from tomo.model.source import ProgramRun, Registered, Registrar
from tomo.model.urn import STACK_TYPE, Urn, provider_ref
from tomo.model.values import UNKNOWN_TEXT, Properties, Value
from tomo.program.assets import with_hashes
from tomo.program.collector import collector_off
from tomo.program.resolution import Answer, resolved, resolved_properties
from tomo.program.stack_graph import Place, StackGraph

_NO_INPUTS: Final[Properties] = {}


class DeclaredSource:
    """Declarations as a source of resources. Relative paths of assets start at `root`."""

    def __init__(self, declarations: Declarations, root: Path = Path()) -> None:
        self._declarations = declarations
        self._root = root

    def run(self, run: ProgramRun, registrar: Registrar) -> None:
        """Registers each resource as soon as what it refers to is answered, many at a time."""
        # A plan is over at once; an apply may take minutes, and its steps leave cycles to collect.
        with collector_off() if run.dry_run else nullcontext():
            graph = StackGraph(self._declarations.resources)
            registration = _Registration(graph, self._root.resolve(), run, registrar)
            registration.run_to_end(self._declarations.outputs)


@dataclass(slots=True)
class _Task:
    """Something to do once `missing` more resources are answered."""

    missing: int
    act: Callable[[], None]


class _Registration:
    """One run: tasks that wait for answers, and answers that let tasks go."""

    def __init__(self, graph: StackGraph, root: Path, run: ProgramRun, registrar: Registrar) -> None:
        self._graph = graph
        self._root = root
        self._run = run
        self._registrar = registrar
        self._stack = Urn("")
        self._answers: dict[Key, Answer] = {}
        self._inputs: dict[Key, Properties] = {}
        self._providers: dict[Key, str] = {}
        self._waiting: dict[Key, list[_Task]] = {}
        self._arrived: SimpleQueue[tuple[Key, Future[Registered]]] = SimpleQueue()

    def run_to_end(self, outputs: Properties) -> None:
        """Registers the stack, all its resources, and then its outputs."""
        self._stack = self._registrar.register(self._stack_goal()).result().urn
        for key in self._graph.places:
            self._plan_resource(key)
        while len(self._answers) < len(self._graph.places):
            self._check_progress()
            self._take(*self._arrived.get())
        self._registrar.register_outputs(self._stack, self._resolved(outputs))

    def _plan_resource(self, key: Key) -> None:
        self._when_answered(self._graph.needs(key), partial(self._register, key))
        outputs = self._graph.places[key].declaration.outputs
        if outputs is not None:
            read = {key, *self._graph.read_by(outputs, key), *self._parts(key)}
            self._when_answered(read, partial(self._register_outputs, key, outputs))

    def _when_answered(self, keys: Iterable[Key], act: Callable[[], None]) -> None:
        missing = [key for key in keys if key not in self._answers]
        if not missing:
            act()
            return
        task = _Task(len(missing), act)
        for key in missing:
            self._waiting.setdefault(key, []).append(task)

    def _check_progress(self) -> None:
        if len(self._inputs) > len(self._answers):
            return
        stuck = [key for key in self._graph.places if key not in self._inputs]
        raise ProgramFailed(f"these resources wait for one another: {', '.join(f'`{key}`' for key in stuck)}")

    def _register(self, key: Key) -> None:
        goal = self._goal(self._graph.places[key])
        self._graph.done_with(key)
        # In a plan what has no output yet is unknown, whatever its input is.
        self._inputs[key] = _NO_INPUTS if self._run.dry_run else goal.inputs
        future = self._registrar.register(goal)
        future.add_done_callback(lambda done: self._arrived.put((key, done)))

    def _take(self, key: Key, answered: Future[Registered]) -> None:
        self._answers[key] = Answer(self._inputs[key], answered.result())
        for task in self._waiting.pop(key, ()):
            task.missing -= 1
            if not task.missing:
                task.act()

    def _register_outputs(self, key: Key, outputs: Properties) -> None:
        parts = [self._answers[each].registered for each in (key, *self._parts(key))]
        if parts[0].left_alone or (len(parts) > 1 and any(part.failed or part.skipped for part in parts)):
            return
        self._registrar.register_outputs(self._urn(key), self._resolved(outputs))

    def _parts(self, key: Key) -> Collection[Key]:
        """What a component's outputs wait for; the SDK, which runs ahead, has no such thing."""
        place = self._graph.places[key]
        return place.children if place.declaration.outputs_when_well else ()

    # --- goals ---------------------------------------------------------------------------------------

    def _stack_goal(self) -> Goal:
        name = f"{self._run.project}-{self._run.stack}"
        return Goal(type=STACK_TYPE, name=name, custom=False, inputs={}, property_dependencies={})

    def _goal(self, place: Place) -> Goal:
        declaration = place.declaration
        inputs = self._resolved(declaration.inputs)
        read = self._graph.inputs_read(declaration.key)
        by_property = {
            name: self._urns(self._graph.dependencies(keys)) if (keys := read[name]) else ()
            for name in inputs
        }
        explicit = self._urns(self._graph.dependencies(declaration.depends_on))
        return Goal(
            type=declaration.type,
            name=declaration.name,
            custom=declaration.custom,
            inputs=inputs,
            parent=self._stack if declaration.parent is None else self._urn(declaration.parent),
            provider=self._provider_ref(place.provider) if place.provider else "",
            providers=self._provider_refs(place),
            version=declaration.version,
            dependencies=tuple(sorted({*explicit, *(urn for urns in by_property.values() for urn in urns)})),
            property_dependencies=by_property,
            protect=place.protect,
            retain_on_delete=declaration.retain_on_delete,
            delete_before_replace=declaration.delete_before_replace,
            ignore_changes=declaration.ignore_changes,
            replace_on_changes=declaration.replace_on_changes,
            additional_secret_outputs=declaration.additional_secret_outputs,
            custom_timeouts=declaration.custom_timeouts,
            deleted_with=self._urn(declaration.deleted_with) if declaration.deleted_with else None,
            import_id=declaration.import_id,
        )

    def _provider_refs(self, place: Place) -> dict[str, str]:
        if place.declaration.custom:
            return {}
        return {package: self._provider_ref(key) for package, key in place.providers.items()}

    def _provider_ref(self, key: Key) -> str:
        known = self._providers.get(key)
        if known is None:
            registered = self._answers[key].registered
            usable = "" if registered.failed or registered.skipped else registered.id
            known = self._providers[key] = provider_ref(registered.urn, usable or UNKNOWN_TEXT)
        return known

    def _urn(self, key: Key) -> Urn:
        return self._answers[key].registered.urn

    def _urns(self, keys: Collection[Key]) -> tuple[Urn, ...]:
        return tuple(sorted([self._urn(key) for key in keys])) if keys else ()

    # --- values --------------------------------------------------------------------------------------

    def _resolved(self, properties: Properties) -> dict[str, Value]:
        return with_hashes(resolved_properties(properties, self._lookup), self._root)

    def _lookup(self, ref: OutputRef) -> Value:
        inner = self._graph.component_output(ref)
        if inner is not None:
            return resolved(inner[0], self._lookup)
        return self._answers[ref.key].output(ref.output, dry_run=self._run.dry_run)
