"""What plan, apply, refresh and destroy are asked, and what they answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, ClassVar

from tomo.errors import ExitCode, TomoError
from tomo.frozen import frozen
from tomo.model.events import Result, Sink, ignore
from tomo.model.finding import Judgement
from tomo.model.plan import Plan, is_hidden
from tomo.model.rollout import Rollout
from tomo.model.selection import Selection
from tomo.model.update import AppUpdate, BackupFirst
from tomo.model.values import Value
from tomo.service.effect import Effect
from tomo.service.ending import exit_code
from tomo.service.plans.seals import SecretMarks
from tomo.service.policies import PolicyTerms
from tomo.service.stop import Stop
from tomo.service.workspace import LockTerms, Place

if TYPE_CHECKING:
    from tomo.engine.run import Failure
    from tomo.resources.requirements import Shortfall
    from tomo.service.adoption import Adoption


Confirm = Callable[["PlanResult"], bool]
"""Is shown a plan and says whether to go on."""


@frozen
class PlanRequest:
    """What would an apply do? Reads; writes nothing anywhere.

    `to` is the version of the stack's history to go back to, instead of what is declared. `backup` has data
    that is put at risk backed up before the first step, where the fleet says where to.
    """

    effect: ClassVar[Effect] = Effect.READ
    place: Place
    look: bool = True
    destroy: bool = False
    run_program: bool = False
    parallel: int = 16
    sink: Sink = ignore
    stop: Stop = field(default_factory=Stop)
    selection: Selection = Selection()
    adoption: Adoption | None = None
    to: int | None = None
    policy: PolicyTerms = PolicyTerms()
    backup: bool = True


@frozen
class ApplyRequest:
    """Make it so. `confirm` says whether to go on; `run_program` has the program run before a destroy."""

    effect: ClassVar[Effect] = Effect.EXECUTE
    place: Place
    confirm: Confirm
    look: bool = True
    destroy: bool = False
    run_program: bool = False
    parallel: int = 16
    stop_on_error: bool = False
    retry: bool = True
    sink: Sink = ignore
    plan_sink: Sink = ignore
    stop: Stop = field(default_factory=Stop)
    message: str = ""
    lock: LockTerms = field(default_factory=LockTerms)
    selection: Selection = Selection()
    adoption: Adoption | None = None
    to: int | None = None
    policy: PolicyTerms = PolicyTerms()
    backup: bool = True
    rollout: Rollout = Rollout()


@frozen
class RefreshRequest:
    """Take what the hosts say into the state; `run_program` reads by the providers as they are now."""

    effect: ClassVar[Effect] = Effect.WRITE
    place: Place
    confirm: Confirm
    run_program: bool = False
    sink: Sink = ignore
    stop: Stop = field(default_factory=Stop)
    lock: LockTerms = field(default_factory=LockTerms)
    selection: Selection = Selection()


@frozen
class DriftRequest:
    """What was changed on the hosts outside Tomo? Reads; writes nothing."""

    effect: ClassVar[Effect] = Effect.READ
    place: Place
    sink: Sink = ignore
    stop: Stop = field(default_factory=Stop)
    selection: Selection = Selection()


@frozen
class PlanResult:
    """A plan with what people should know beside it; `stages` are the hosts of each stage of a rollout."""

    plan: Plan
    stack: str
    shortfalls: tuple[Shortfall, ...] = ()
    failures: tuple[Failure, ...] = ()
    program_error: TomoError | None = None
    new_secrets: tuple[str, ...] = ()
    destroys: bool = False
    marks: SecretMarks = field(default_factory=SecretMarks)
    judgement: Judgement = Judgement()
    updates: tuple[AppUpdate, ...] = ()
    backups: tuple[BackupFirst, ...] = ()
    stages: tuple[tuple[str, ...], ...] = ()

    @property
    def has_changes(self) -> bool:
        """Whether an apply would do anything that people are shown."""
        shown = any(not is_hidden(step) for step in self.plan.changes)
        return shown or bool(self.plan.outputs.moved) or bool(self.new_secrets)

    @property
    def exit_code(self) -> ExitCode:
        """OK, or why the plan can't be relied on."""
        code = exit_code(self.failures, self.program_error, self.plan, self.shortfalls)
        return ExitCode.POLICY if code is ExitCode.OK and self.judgement.denied else code


@frozen
class RunResult:
    """What a run did; `done` is None where there was none. `refusal` is why policies did not let it begin.

    `not_begun` are hosts that a rollout did not come to, because it failed on others before.
    """

    result: Result
    stack: str
    shown: PlanResult
    done: Plan | None = None
    failures: tuple[Failure, ...] = ()
    program_error: TomoError | None = None
    outputs: Mapping[str, Value] = field(default_factory=dict)
    seconds: float = 0.0
    declined: bool = False
    refusal: TomoError | None = None
    not_begun: tuple[str, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        """OK, or what went wrong."""
        if self.refusal is not None:
            return self.refusal.exit_code
        if self.done is None:
            return ExitCode.FAILED if self.declined else self.shown.exit_code
        if self.result is Result.CANCELLED:
            return ExitCode.FAILED
        return exit_code(self.failures, self.program_error, self.done, ())


def may_go_on(shown: PlanResult) -> bool:
    """Whether a plan can be applied at all."""
    errors = shown.failures or shown.program_error is not None
    return not errors and not any(shortfall.blocks for shortfall in shown.shortfalls)
