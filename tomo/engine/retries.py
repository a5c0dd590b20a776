"""Tries an act again whose failure is likely to pass by itself: how often, and with what pauses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Event
from time import monotonic
from typing import Final, Protocol, TypeVar

from tomo.errors import TomoError, Transient
from tomo.frozen import frozen
from tomo.model.events import Severity
from tomo.model.provider import Report
from tomo.model.step import Step

_R = TypeVar("_R")

PAUSES: Final[Mapping[Transient, tuple[float, ...]]] = {
    Transient.CONNECTION: (1.0, 3.0, 9.0),
    Transient.REGISTRY: (2.0, 6.0, 18.0),
    Transient.BUSY: (0.5, 1.0, 2.0, 4.0),
}
"""Seconds before each further try, by what is to pass; there are no more tries than pauses."""

LONGEST: Final = 300.0
"""Seconds since the first try after which there is no other: some failures take minutes each."""


@frozen
class Patience:
    """Time, so that tests need not wait for it. `wait` is true when the run was stopped meanwhile."""

    now: Callable[[], float] = monotonic
    wait: Callable[[Event, float], bool] = Event.wait


class Listener(Protocol):
    """Whom retries are told to: the run that they belong to."""

    def say(self, severity: Severity, message: str, urn: str = "") -> None:
        """A line for people."""
        ...

    def stop_requested(self) -> bool:
        """Whether nothing new may begin."""
        ...


class Retries:
    """The policy of one run. An error says of itself that it passes; see `tomo.errors.Transient`."""

    def __init__(self, run: Listener, patience: Patience, stopped: Event, *, enabled: bool = True) -> None:
        self._run, self._patience, self._stopped, self._enabled = run, patience, stopped, enabled

    def persist(self, step: Step, act: Callable[[], _R], report: Report) -> _R:
        """The result of an act; raises its last error, which says how often it was tried."""
        begun, tries = self._patience.now(), 1
        while True:
            try:
                return act()
            except TomoError as error:
                pause = self._pause_after(error, tries, begun)
                if pause is None or not self._waited(step, error, tries, pause, report):
                    if tries > 1:
                        _say_tries(error, tries)
                    raise
            tries += 1

    def _pause_after(self, error: TomoError, tries: int, begun: float) -> float | None:
        """How long to wait before the next try; None where there is to be none."""
        pauses = PAUSES[error.transient] if error.transient is not None and self._enabled else ()
        if tries > len(pauses) or self._run.stop_requested():
            return None
        pause = pauses[tries - 1]
        return pause if self._patience.now() + pause - begun <= LONGEST else None

    def _waited(self, step: Step, error: TomoError, tries: int, pause: float, report: Report) -> bool:
        """Waits for another try; false where nothing new may begin any more."""
        again = f"trying again in {pause:g} s"
        self._run.say(Severity.WARNING, f"{step.urn.name}: {error.message}; {again}", step.urn)
        report(f"{again} (try {tries} failed)")
        return not self._patience.wait(self._stopped, pause) and not self._run.stop_requested()


def _say_tries(error: TomoError, tries: int) -> None:
    error.message = f"{error.message} (tried {tries} times)"
    error.args = (error.message,)
