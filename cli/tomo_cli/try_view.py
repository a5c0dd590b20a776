"""`tomo try`: the ordinary use cases and views, on a fleet that lives in memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tomo.errors import ExitCode
from tomo.service.deployments import Deployments
from tomo.service.runs import ApplyRequest, DriftRequest, PlanRequest, PlanResult, RunResult
from tomo.service.status import Statuses, StatusRequest
from tomo.service.trial import ADDRESS, APP, SERVER, Trial, TrialRequest
from tomo.settings import Settings
from tomo_cli.console import say, show_error
from tomo_cli.plan_view import show_plan
from tomo_cli.run_view import RunView, closing_line
from tomo_cli.status_view import show_status


@dataclass
class _Show:
    """One showing: what was done so far, and whether each step went as it should."""

    trial: Trial
    quiet: bool
    steps: list[dict[str, object]] = field(default_factory=list)

    def step(self, command: str, why: str, act: Callable[[], bool]) -> bool:
        """Says what comes and does it; gives whether it went well."""
        if not self.quiet:
            say()
            say(f"$ {command}")
            say(f"  {why}")
        begun = time.monotonic()
        well = act()
        self.steps.append(
            {"command": command, "why": why, "ok": well, "seconds": round(time.monotonic() - begun, 3)}
        )
        return well

    # --- acts -----------------------------------------------------------------------------------------

    def begin(self) -> bool:
        self.trial.begin()
        return True

    def add_app(self) -> bool:
        added = self.trial.add_app()
        if not self.quiet:
            say(f"Generated and sealed: {', '.join(added.generated)}.")
        return bool(added.generated)

    def plan(self, *, changes: bool) -> bool:
        result = self._service().plan(PlanRequest(self.trial.place))
        self._show(result, "Plan")
        return result.exit_code is ExitCode.OK and result.has_changes is changes

    def apply(self) -> bool:
        if self.quiet:
            return self._told(self._service().apply(ApplyRequest(self.trial.place, lambda _shown: True)))
        with RunView() as view:
            request = ApplyRequest(self.trial.place, lambda _shown: True, sink=view)
            result = self._service().apply(request)
        return self._told(result)

    def break_something(self) -> bool:
        self.trial.break_something()
        return True

    def drift(self) -> bool:
        result = self._service().drift(DriftRequest(self.trial.place))
        self._show(result, "Drift")
        return bool(result.plan.steps)

    def status(self) -> bool:
        status = Statuses(self.trial.doors).status(StatusRequest(self.trial.place, live=True))
        if not self.quiet:
            show_status(status)
        apps = [app for server in status.servers for app in server.apps]
        return bool(apps) and all(c.state == "running" for app in apps for c in app.containers)

    def _service(self) -> Deployments:
        return Deployments(self.trial.doors)

    def _show(self, result: PlanResult, heading: str) -> None:
        if not self.quiet:
            show_plan(result, heading=heading)
        for failure in result.failures:
            show_error(failure.error)

    def _told(self, result: RunResult) -> bool:
        for failure in result.failures:
            show_error(failure.error)
        if not self.quiet:
            say(closing_line(result))
        return result.exit_code is ExitCode.OK


def run_trial(settings: Settings, *, quiet: bool) -> tuple[bool, list[dict[str, object]]]:
    """Shows everything; gives whether all of it went as it should, and the steps."""
    with Trial.open(TrialRequest(settings)) as trial:
        show = _Show(trial, quiet)
        well = _all(show)
        return well, show.steps


def _all(show: _Show) -> bool:
    return (
        show.step(
            f"tomo init root@{ADDRESS} --server-name {SERVER}",
            "A fleet file with one server; here the server is in memory, and so is its Docker.",
            show.begin,
        )
        and show.step(
            f"tomo app add {APP} --server {SERVER}",
            "An app of two containers from the catalog; its passwords are made and sealed now.",
            show.add_app,
        )
        and show.step(
            "tomo plan",
            "What would change, on which server and why. Nothing is changed by looking.",
            lambda: show.plan(changes=True),
        )
        and show.step("tomo apply", "Installs Docker, then brings up the app in the right order.", show.apply)
        and show.step("tomo plan", "Planned again, nothing is left to do.", lambda: show.plan(changes=False))
        and show.step(
            f"ssh root@{ADDRESS}",
            "Somebody stops one container by hand, and edits the other's restart policy.",
            show.break_something,
        )
        and show.step("tomo drift", "Tomo sees both.", show.drift)
        and show.step("tomo apply", "And repairs them, touching nothing else.", show.apply)
        and show.step("tomo status --live", "All is well again.", show.status)
    )
