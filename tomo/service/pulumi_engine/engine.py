"""Plan, apply, refresh and destroy by the Pulumi CLI, with the results that the embedded engine gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from tomo.engine.run import Failure
from tomo.errors import Cancelled, NotSupported, ProviderFailed, PulumiFailed, TomoError
from tomo.model.diff import OutputChanges
from tomo.model.events import Diagnostic, Result, Severity, Sink
from tomo.model.plan import Plan
from tomo.model.selection import Selection
from tomo.model.step import Op, Step
from tomo.model.urn import Urn
from tomo.model.values import Value
from tomo.service.pulumi_engine.cli import Ended, failure_of_cli
from tomo.service.pulumi_engine.session import CliSession
from tomo.service.pulumi_engine.told import Told
from tomo.service.runs import (
    ApplyRequest,
    DriftRequest,
    PlanRequest,
    PlanResult,
    RefreshRequest,
    RunResult,
    may_go_on,
)
from tomo.service.stop import Stop
from tomo.service.wiring import Doors
from tomo.service.workspace import Workspace

_KINDS: Final = {"refresh": "refresh", "destroy": "destroy"}
"""What a command of the CLI does, as the history has it; all others are updates."""


class PulumiEngine:
    """Runs stacks through the Pulumi CLI; implements `tomo.service.engines.Engine`."""

    def __init__(self, doors: Doors, workspace: Workspace) -> None:
        self._doors, self._workspace = doors, workspace

    def plan(self, request: PlanRequest) -> PlanResult:
        """What an apply, or a destroy, would do; writes nothing, and makes no stack."""
        _refuse_unmapped(request)
        with self._session() as session:
            held = request.policy.of(session.workspace)
            return held.judged(_planned(session, request, request.sink))

    def apply(self, request: ApplyRequest) -> RunResult:
        """Plans, asks, and lets the CLI do it; the CLI decides anew while it does."""
        _refuse_unmapped(request)
        with self._session() as session:
            held = request.policy.of(session.workspace)
            asked = PlanRequest(
                request.place,
                request.look,
                request.destroy,
                request.run_program,
                request.parallel,
                stop=request.stop,
            )
            shown = held.judged(_planned(session, asked, request.plan_sink))
            if not may_go_on(shown):
                return RunResult(Result.FAILED, shown.stack, shown, failures=shown.failures)
            if (refusal := held.refusal(shown)) is not None:
                return RunResult(Result.FAILED, shown.stack, shown, refusal=refusal)
            if not request.confirm(shown):
                return RunResult(Result.CANCELLED, shown.stack, shown, declined=True)
            return _applied(session, request, shown)

    def refresh(self, request: RefreshRequest) -> RunResult:
        """Takes what is there into the state, after asking."""
        _refuse_unmapped(request)
        with self._session() as session:
            program = ["--run-program"] if request.run_program else []
            shown = _looked(session, request.sink, request.stop, program)
            if shown.failures or shown.program_error is not None:
                return RunResult(Result.FAILED, shown.stack, shown, failures=shown.failures)
            if not request.confirm(shown):
                return RunResult(Result.CANCELLED, shown.stack, shown, declined=True)
            arguments = ["refresh", "--yes", "--skip-preview", *program]
            told, error = _run(session, arguments, request.sink, request.stop)
            return _run_result(session, told, error, shown)

    def drift(self, request: DriftRequest) -> PlanResult:
        """What is there against what is recorded."""
        _refuse_unmapped(request)
        with self._session() as session:
            return _looked(session, request.sink, request.stop)

    def outputs(self, *, show_secrets: bool) -> Mapping[str, Value]:
        """The stack's outputs."""
        with self._session() as session:
            return session.outputs(show_secrets=show_secrets)

    @contextmanager
    def _session(self) -> Iterator[CliSession]:
        fleet = self._workspace.fleet
        if fleet is not None and fleet.fleet.bundle is not None:
            raise NotSupported(
                "`bundle` in a fleet file is not supported with the `pulumi` engine",
                hint="choose Tomo's own: `--engine embedded`",
            )
        with CliSession(self._workspace, self._doors.settings) as session:
            yield session


def _refuse_unmapped(request: PlanRequest | ApplyRequest | RefreshRequest | DriftRequest) -> None:
    """Refuses by name what this engine does not hand on to the CLI."""
    unmapped = {
        "choosing resources (`--target`, `--exclude`, `--replace`)": request.selection != Selection(),
        "adopting what runs already": getattr(request, "adoption", None) is not None,
        "going back to an earlier version (`--to`)": getattr(request, "to", None) is not None,
        "going in stages (`--canary`, `--serial`)": _is_staged(request),
        "waiting for a lock (`--lock-wait`)": _lock_wait(request) > 0,
    }
    for what, asked in unmapped.items():
        if asked:
            raise NotSupported(
                f"{what} is not supported with the `pulumi` engine",
                hint="leave it out, or use the pulumi CLI itself",
            )


def _is_staged(request: PlanRequest | ApplyRequest | RefreshRequest | DriftRequest) -> bool:
    return isinstance(request, ApplyRequest) and request.rollout.is_staged


def _lock_wait(request: PlanRequest | ApplyRequest | RefreshRequest | DriftRequest) -> float:
    return request.lock.wait if isinstance(request, (ApplyRequest, RefreshRequest)) else 0.0


def _planned(session: CliSession, request: PlanRequest, sink: Sink) -> PlanResult:
    if request.destroy:
        arguments = ["destroy", "--preview-only", *_run_program(request)]
    else:
        arguments = ["preview", *(["--refresh"] if request.look else [])]
    arguments.append(f"--parallel={request.parallel}")
    with session.rehearsal(makes_stack=not request.destroy):
        told, error = _run(session, arguments, sink, request.stop)
    plan = _plan(session, told, told.decided, looked=request.look)
    return PlanResult(
        plan,
        session.stack,
        (),
        _failures(told),
        error,
        () if request.destroy else session.missing_secrets,
        request.destroy,
    )


def _applied(session: CliSession, request: ApplyRequest, shown: PlanResult) -> RunResult:
    session.settle(makes_stack=not request.destroy)
    arguments = [
        "destroy" if request.destroy else "up",
        "--yes",
        "--skip-preview",
        f"--parallel={request.parallel}",
        *(["--refresh"] if request.look and not request.destroy else []),
        *([] if request.stop_on_error else ["--continue-on-error"]),
        *_run_program(request),
        *([f"--message={request.message}"] if request.message else []),
    ]
    told, error = _run(session, arguments, request.sink, request.stop)
    return _run_result(session, told, error, shown)


def _run_program(request: PlanRequest | ApplyRequest) -> list[str]:
    return ["--run-program"] if request.destroy and request.run_program else []


def _looked(session: CliSession, sink: Sink, stop: Stop, program: Sequence[str] = ()) -> PlanResult:
    told, error = _run(session, ["refresh", "--preview-only", *program], sink, stop)
    plan = _plan(session, told, told.decided, looked=True)
    return PlanResult(replace(plan, outputs=OutputChanges()), session.stack, (), _failures(told), error)


def _run(
    session: CliSession, arguments: Sequence[str], sink: Sink, stop: Stop
) -> tuple[Told, TomoError | None]:
    """What the CLI told of a run, and the error that ended it as a whole."""
    told = Told(_KINDS.get(arguments[0], "update"))
    stop.bind(session)

    def heard(line: Mapping[str, Any]) -> None:
        for event in told.events(line):
            sink(session.redacted(event))

    def said(text: str) -> None:
        line = session.redacted(Diagnostic(Severity.INFO, text))
        told.diagnostics.append(line)
        sink(line)

    ended = session.follow(arguments, heard, said)
    for line in told.harmless(ended.code):
        sink(session.redacted(line))
    return told, _error(session, told, ended, stop)


def _error(session: CliSession, told: Told, ended: Ended, stop: Stop) -> TomoError | None:
    if stop.requested:
        told.result = Result.CANCELLED
        return Cancelled("the run was stopped; what was under way is finished and recorded")
    if not told.ended:
        # It ended before there was a run: a wrong passphrase, a lock, a backend that does not answer.
        raise failure_of_cli(ended)
    failed = session.program_error()
    if failed is not None:
        return failed
    unplaced = [said for urn, said in told.unplaced_errors() if not urn]
    if unplaced:
        return failure_of_cli(Ended(ended.code, "\n".join(unplaced)))
    known = told.failures or told.unplaced_errors()
    return PulumiFailed(f"pulumi: {ended.said or 'the run failed'}") if ended.code and not known else None


def _failures(told: Told) -> tuple[Failure, ...]:
    about = [Failure(urn, _failure(urn, said)) for urn, said in told.unplaced_errors() if urn]
    return (*told.failures, *about)


def _failure(urn: str, said: str) -> TomoError:
    error = failure_of_cli(Ended(1, said))
    if isinstance(error, PulumiFailed):
        first, _, rest = said.partition("\n")
        return ProviderFailed(f"`{Urn(urn).name}`: {first}", detail=rest)
    return error


def _plan(session: CliSession, told: Told, steps: Sequence[Step], *, looked: bool) -> Plan:
    return Plan(
        session.stack,
        session.project,
        _deletes_last(steps),
        told.outputs,
        (),
        tuple(session.redacted(line) for line in told.diagnostics),
        looked=looked,
    )


def _deletes_last(steps: Sequence[Step]) -> tuple[Step, ...]:
    return (
        *(step for step in steps if step.op is not Op.DELETE),
        *(s for s in steps if s.op is Op.DELETE),
    )


def _run_result(session: CliSession, told: Told, error: TomoError | None, shown: PlanResult) -> RunResult:
    done = _plan(session, told, told.finished, looked=True)
    return RunResult(
        told.result,
        session.stack,
        shown,
        done,
        _failures(told),
        error,
        told.outputs.new,
        told.seconds,
    )
