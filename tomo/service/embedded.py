"""Tomo's own engine as a service: opens the stack, plans, asks, runs what was shown, records it."""

from __future__ import annotations

import time
from dataclasses import replace

from tomo.model.events import Result
from tomo.service.opening import opened
from tomo.service.planning import Planning
from tomo.service.rollouts import stages_of
from tomo.service.runs import (
    ApplyRequest,
    PlanRequest,
    RefreshRequest,
    RunResult,
    may_go_on,
)

_STALE_SECONDS = 10.0
"""A look at the hosts older than this is made again before a run."""


class EmbeddedEngine(Planning):
    """Tomo's own engine; implements `tomo.service.engines.Engine`."""

    def apply(self, request: ApplyRequest) -> RunResult:
        """Plans, asks, and does what was shown."""
        looks = request.look and not request.selection.is_partial
        with opened(
            self._doors, self._workspace, request.adoption, locked=request.lock, looks=looks
        ) as session:
            # After the hosts are dialled, as in the session: it takes about as long as they do.
            from tomo.service.executing import Execution  # noqa: PLC0415

            held, work = request.policy.of(session.workspace), Execution(session)
            work.settle(request.sink)
            session.go_back(request.to)
            asked = PlanRequest(
                request.place,
                request.look,
                request.destroy,
                request.run_program,
                request.parallel,
                request.plan_sink,
                request.stop,
                request.selection,
                to=request.to,
            )
            outcome = session.plan(asked, request.plan_sink)
            shown = held.judged(session.plan_result(outcome, destroys=request.destroy, backup=request.backup))
            staged = stages_of(shown.plan, request.rollout, session.server_names)
            shown = replace(shown, stages=tuple(stage.hosts for stage in staged))
            if not may_go_on(shown):
                return RunResult(Result.FAILED, shown.stack, shown, failures=shown.failures)
            if (refusal := held.refusal(shown)) is not None:
                return RunResult(Result.FAILED, shown.stack, shown, refusal=refusal)
            asked_at = time.monotonic()
            if not request.confirm(shown):
                return RunResult(Result.CANCELLED, shown.stack, shown, declined=True)
            work.back_up_first(shown, request.sink)
            waited = time.monotonic() - asked_at > _STALE_SECONDS
            # An app that stopped for its backup is not as it was seen.
            look_again = waited or bool(shown.backups)
            return work.run(request, outcome, shown, look_again=look_again)

    def refresh(self, request: RefreshRequest) -> RunResult:
        """Looks at the hosts and records what they say."""
        looks = not request.selection.is_partial and not request.run_program
        with opened(self._doors, self._workspace, locked=request.lock, looks=looks) as session:
            from tomo.service.executing import Execution  # noqa: PLC0415  # as above

            work = Execution(session)
            work.take_up()
            return work.refresh(request)
