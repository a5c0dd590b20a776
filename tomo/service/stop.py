"""Ending a run that is under way."""

from __future__ import annotations

from tomo.engine.deployment import Deployment


class Stop:
    """Lets a surface end a run that is under way: `request()` may be called from a signal handler."""

    def __init__(self) -> None:
        self.requested = False
        self._deployment: Deployment | None = None

    def request(self) -> None:
        """Lets running steps finish and begins no new ones."""
        self.requested = True
        if self._deployment is not None:
            self._deployment.cancel()

    def bind(self, deployment: Deployment) -> None:
        """Names the deployment that a request ends."""
        self._deployment = deployment
        if self.requested:
            deployment.cancel()
