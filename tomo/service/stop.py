"""Ending a run that is under way."""

from __future__ import annotations

from typing import Protocol


class Cancellable(Protocol):
    """A run that can be asked to stop, from a signal handler too."""

    def cancel(self) -> None:
        """Lets running steps finish and begins no new ones."""
        ...


class Stop:
    """Lets a surface end a run that is under way: `request()` may be called from a signal handler."""

    def __init__(self) -> None:
        self.requested = False
        self._deployment: Cancellable | None = None

    def request(self) -> None:
        """Lets running steps finish and begins no new ones."""
        self.requested = True
        if self._deployment is not None:
            self._deployment.cancel()

    def bind(self, deployment: Cancellable) -> None:
        """Names the deployment that a request ends."""
        self._deployment = deployment
        if self.requested:
            deployment.cancel()
