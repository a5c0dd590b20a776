"""What a run says without a terminal."""

import sys
from io import StringIO

import pytest

from tomo.engine.run import Failure
from tomo.errors import ProviderFailed
from tomo.model.events import Result, StepDone, StepProgress, StepStarted
from tomo.model.plan import Plan
from tomo.model.resource import ResourceState
from tomo.model.step import Op, Step
from tomo.model.urn import Urn
from tomo.service.runs import PlanResult, RunResult
from tomo_cli.console import err
from tomo_cli.run_view import RunView, closing_line

URN = Urn.make("dev", "shop", None, "docker:index/remoteImage:RemoteImage", "nginx")
PULL = Step(Op.CREATE, URN, new=ResourceState(URN, URN.type, custom=True), host="web1")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_step_that_takes_long_says_so_every_ten_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    view = RunView(clock)
    view(StepStarted(PULL, planning=False))
    view(StepProgress(URN, "pulling nginx"))

    for second in (4, 9, 11, 14, 22):
        clock.now = float(second)
        view.remind()

    told = capsys.readouterr().err.splitlines()
    assert told == [
        "…         image nginx  on web1  pulling nginx  11 s",
        "…         image nginx  on web1  pulling nginx  22 s",
    ]


def test_a_step_that_ended_is_not_told_of_again(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    view = RunView(clock)
    view(StepStarted(PULL, planning=False))
    view(StepDone(PULL, planning=False, seconds=3.0))

    clock.now = 60.0
    view.remind()

    assert "…" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("result", "failures", "line"),
    [
        (Result.SUCCEEDED, 0, "Done: nothing to do in 1.5 s."),
        (Result.FAILED, 2, "Failed: 2 failed in 1.5 s."),
        (Result.CANCELLED, 0, "Stopped: nothing was done in 1.5 s."),
    ],
)
def test_the_last_line_of_a_run_that_did_nothing_says_why(result: Result, failures: int, line: str) -> None:
    plan = Plan("dev", "shop")
    failed = tuple(Failure(URN, ProviderFailed("no")) for _ in range(failures))

    told = closing_line(RunResult(result, "dev", PlanResult(plan, "dev"), plan, failed, seconds=1.5))

    assert told == line


# --- at a terminal ---------------------------------------------------------------------------------------


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def at_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Begun in the test itself: pytest sets its own stderr after the fixtures."""
    screen = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", screen)
    return screen


def test_a_question_is_not_drawn_over_while_nothing_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = at_terminal(monkeypatch)

    with RunView() as view:
        view(StepStarted(PULL, planning=True))
        err().print("Apply this plan? ", end="")
        asked = terminal.getvalue()

        view.draw()

        assert asked.endswith("plan? ")
        assert terminal.getvalue() == asked


def test_what_is_under_way_is_drawn_until_it_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = at_terminal(monkeypatch)

    with RunView() as view:
        view(StepStarted(PULL, planning=False))
        view.draw()
        during = terminal.getvalue()
        view(StepDone(PULL, planning=False, seconds=1.0))
        view.draw()
        view.draw()

    assert "nginx" in during
    assert terminal.getvalue().count("created") == 1
    assert terminal.getvalue().rstrip().endswith("\x1b[2K")
