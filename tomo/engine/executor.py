"""What a run acts through. A plan is given none, so that what only plans never loads what acts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tomo.model.provider import Provider
from tomo.model.resource import ResourceState


class Executor(Protocol):
    """The mutating verbs, each recorded before and after. Every method may be called from any thread."""

    def create(
        self,
        provider: Provider,
        wanted: ResourceState,
        *,
        condemns: ResourceState | None = None,
        drops: ResourceState | None = None,
    ) -> ResourceState:
        """Creates a resource; an original is condemned or, where there's nothing to delete, dropped."""
        ...

    def swap(self, provider: Provider, wanted: ResourceState, old: ResourceState) -> ResourceState:
        """Replaces a resource in one act of its provider; on failure the old entry stays as it was."""
        ...

    def update(self, provider: Provider, wanted: ResourceState, old: ResourceState) -> ResourceState:
        """Updates a resource; after a plain failure the old entry stands, after a partial one its inputs."""
        ...

    def delete(
        self,
        provider: Provider | None,
        old: ResourceState,
        along: Sequence[ResourceState] = (),
        survivors: Sequence[ResourceState] = (),
    ) -> None:
        """Deletes a resource; what can't exist without it goes along, `survivors` forget that it was."""
        ...

    def delete_first(self, provider: Provider | None, old: ResourceState) -> ResourceState:
        """Deletes a resource ahead of its replacement; its entry stays until that is there."""
        ...
