"""Ctrl-C and SIGTERM, while a run goes on and while somebody is asked."""

from __future__ import annotations

import signal
import sys

import pytest

from tomo_cli.console import answer
from tomo_cli.runs import stoppable


class Pressed:
    """A terminal at which somebody presses Ctrl-C instead of answering, or a job is ended."""

    def __init__(self, number: int) -> None:
        self._number = number

    def readline(self) -> str:
        signal.raise_signal(self._number)
        return "y\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_lets_running_steps_finish_and_the_second_ends(number: int) -> None:
    with stoppable() as stop:
        before = stop.requested
        signal.raise_signal(number)

        assert (before, stop.requested) == (False, True)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_is_enough_while_somebody_is_asked(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.setattr(sys, "stdin", Pressed(number))

    with stoppable() as stop, pytest.raises(KeyboardInterrupt):
        answer("Apply this plan? [y/N] ")

    assert not stop.requested


def test_afterwards_signals_are_handled_as_before() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)

    with stoppable():
        pass

    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
