"""The seam between what declares resources and the engine that decides about them."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import field
from typing import Protocol

from tomo.frozen import frozen
from tomo.model.events import Severity
from tomo.model.goal import Goal, InvokeGoal, ReadGoal
from tomo.model.hook import ErrorHook, Hook
from tomo.model.provider import InvokeResult
from tomo.model.urn import Urn
from tomo.model.values import Properties


@frozen
class Registered:
    """The engine's answer to a registration.

    `id` is `""` for components, and while unknown. `outputs` may hold secrets and unknowns. `failed`: the
    step failed and the rest goes on. `skipped`: nothing was done and every output is unknown.
    `left_alone`: it is recorded, and the run is not about it.
    """

    urn: Urn
    id: str = ""
    outputs: Properties = field(default_factory=dict)
    failed: bool = False
    skipped: bool = False
    left_alone: bool = False


class Registrar(Protocol):
    """The engine, as a program sees it. Methods may be called from any thread.

    A future completes on whichever thread finishes the step, at once in a plan. It raises TomoError only
    where the program must stop; a failed step that lets others go on answers with `failed`.
    """

    project: str
    stack: str
    dry_run: bool

    def register(self, goal: Goal) -> Future[Registered]:
        """Decides about one resource and begins its steps."""
        ...

    def register_outputs(self, urn: Urn, outputs: Properties) -> None:
        """Takes the outputs of a component or of the stack."""
        ...

    def read(self, goal: ReadGoal) -> Future[Registered]:
        """Looks at a resource that is not the program's own."""
        ...

    def invoke(self, goal: InvokeGoal) -> Future[InvokeResult]:
        """Calls a provider's function."""
        ...

    def register_hook(self, hook: Hook | ErrorHook) -> None:
        """Takes a hook that later registrations name; raises ProgramFailed where its name is taken."""
        ...

    def finish(self) -> Future[None]:
        """Does the rest of the run, deletions and their hooks, while the program is still there for them.

        Called once, when all is registered, and only by a program with hooks.
        """
        ...

    def log(self, severity: Severity, message: str, urn: str = "") -> None:
        """Passes a line of the program on to people."""
        ...


@frozen
class ProgramRun:
    """What a program is told about the run it is part of."""

    project: str
    stack: str
    organization: str = "organization"
    dry_run: bool = False
    parallel: int = 16
    config: Mapping[str, str] = field(default_factory=dict)
    secret_config_keys: frozenset[str] = frozenset()


class Source(Protocol):
    """Something that declares resources: a Pulumi program, or a fleet compiled to goals."""

    def run(self, run: ProgramRun, registrar: Registrar) -> None:
        """Registers everything, the stack resource first, and returns when all is answered.

        Raises ProgramFailed where the program raises. Config values are opened secrets: they must not
        leave the program's own process.
        """
        ...
