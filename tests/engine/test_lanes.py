from concurrent.futures import Future
from threading import Barrier, Event, Lock

import pytest

from tomo.engine.lanes import Lanes
from tomo.engine.request import after, answered
from tomo.errors import Cancelled


class Gauge:
    """How many run at once, at most."""

    def __init__(self) -> None:
        self.lock, self.now, self.most = Lock(), 0, 0

    def __call__(self) -> None:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        Event().wait(0.002)
        with self.lock:
            self.now -= 1


def test_a_lane_never_runs_more_than_its_own_limit() -> None:
    lanes, gauge = Lanes(8), Gauge()

    jobs = [lanes.submit("web1", 2, gauge) for _ in range(12)]
    lanes.close()

    assert gauge.most <= 2
    assert all(job.done() for job in jobs)


def test_lanes_do_not_wait_for_each_other() -> None:
    lanes, both = Lanes(4), Barrier(2, timeout=5)

    jobs = [lanes.submit(host, 1, both.wait) for host in ("web1", "web2")]
    lanes.close()

    assert sorted(job.result() for job in jobs) == [0, 1]


def test_what_work_raises_reaches_whoever_waits_and_frees_the_lane() -> None:
    lanes = Lanes(2)

    failed = lanes.submit("web1", 1, lambda: 1 / 0)
    fine = lanes.submit("web1", 1, lambda: 7)
    lanes.close()

    assert isinstance(failed.exception(), ZeroDivisionError)
    assert fine.result() == 7


def test_closing_waits_for_what_answers_give_rise_to() -> None:
    lanes, done = Lanes(1), []

    first = lanes.submit("", 0, lambda: None)
    first.add_done_callback(lambda _: lanes.submit("", 0, lambda: done.append(1)))
    lanes.drain()
    lanes.close()

    assert done == [1]


def test_nothing_is_begun_after_the_end() -> None:
    lanes = Lanes(1)
    lanes.close()

    with pytest.raises(Cancelled):
        lanes.submit("", 0, lambda: None)


def test_an_answer_that_follows_another_comes_with_its_error_or_value() -> None:
    first: Future[None] = Future()
    failing: Future[int] = Future()
    failing.set_exception(ValueError("later"))

    fine = after(first, lambda: answered(7))
    late = after(first, lambda: failing)
    at_once = after(first, lambda: 1 / 0)
    first.set_result(None)

    assert fine.result(1) == 7
    assert isinstance(late.exception(1), ValueError)
    assert isinstance(at_once.exception(1), ZeroDivisionError)
