"""What a run says without a terminal."""

import pytest

from tomo.engine.run import Failure
from tomo.errors import ProviderFailed
from tomo.model.events import Result, StepDone, StepProgress, StepStarted
from tomo.model.plan import Plan
from tomo.model.resource import ResourceState
from tomo.model.step import Op, Step
from tomo.model.urn import Urn
from tomo.service.runs import PlanResult, RunResult
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
