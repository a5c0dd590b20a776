"""Lets each stage of a run begin once the one before is done, and none after a failure."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from threading import Lock

from tomo.model.rollout import Stage
from tomo.model.urn import Urn


class Stages:
    """The gates between a run's stages; a resource that is in none is in nobody's way."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        self._stages = stages
        self._of = {urn: index for index, stage in enumerate(stages) for urn in stage.urns}
        self._left = [set(stage.urns) for stage in stages]
        self._gates: list[Future[None]] = [Future() for _ in stages]
        self._lock = Lock()
        self._open = -1
        self._failed = self._going = False
        self._stopped_at: int | None = None
        for gate in self._gates:
            gate.set_running_or_notify_cancel()

    def gate(self, urn: Urn) -> Future[None] | None:
        """What a resource waits for; None where its turn has come."""
        index = self._of.get(urn)
        return None if index is None or self._gates[index].done() else self._gates[index]

    def is_left_out(self, urn: Urn) -> bool:
        """Whether a resource is in a stage that does not begin any more."""
        index = self._of.get(urn)
        return self._stopped_at is not None and index is not None and index > self._stopped_at

    def begin(self) -> None:
        """Opens the first stage."""
        self._go_on()

    def ended(self, urn: Urn, *, failed: bool) -> None:
        """Notes that a resource is settled; `failed` says that something of the run has failed by now."""
        index = self._of.get(urn)
        if index is None:
            return
        with self._lock:
            self._left[index].discard(urn)
            self._failed = self._failed or failed
        self._go_on()

    @property
    def not_begun(self) -> tuple[str, ...]:
        """The hosts whose stages did not begin because one before them failed."""
        if self._stopped_at is None:
            return ()
        return tuple(host for stage in self._stages[self._stopped_at + 1 :] for host in stage.hosts)

    def _go_on(self) -> None:
        """Opens every stage whose turn has come, one thread at a time.

        A gate opens outside of the lock: what waits for it begins at once, and may be settled at once.
        """
        with self._lock:
            if self._going:
                return
            self._going = True
        while (gate := self._next()) is not None:
            gate.set_result(None)

    def _next(self) -> Future[None] | None:
        with self._lock:
            done = self._open < 0 or not self._left[self._open]
            if not done or self._open + 1 >= len(self._stages):
                self._going = False
                return None
            if self._failed and self._open >= 0 and self._stopped_at is None:
                self._stopped_at = self._open
            self._open += 1
            return self._gates[self._open]
