"""A registration on its way to a decision, and the answers to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import TypeVar

from tomo.engine.compare import finished_outputs, reuse_all
from tomo.engine.inherit import stands_for
from tomo.engine.registry import host_of
from tomo.errors import (
    ProviderFailed,
    ResourceFailed,
    TomoError,
)
from tomo.frozen import frozen
from tomo.model.goal import Goal
from tomo.model.provider import (
    CheckFailure,
    Provider,
)
from tomo.model.resource import ResourceState
from tomo.model.urn import (
    Urn,
)
from tomo.model.values import Properties, identical

T = TypeVar("T")
U = TypeVar("U")


@frozen
class Request:
    """A registration on its way to a decision: completed, with its provider and the old entry, if any.

    `imported` says that the old one was taken in during this run.
    """

    goal: Goal
    urn: Urn
    ref: str = ""
    provider: Provider | None = None
    old: ResourceState | None = None
    imported: bool = False

    @property
    def host(self) -> str:
        """The machine concerned."""
        return host_of(self.provider, self.ref) if self.ref else ""

    @property
    def acting(self) -> Provider:
        """The provider; raises ProviderFailed where there is none."""
        if self.provider is None:
            raise ProviderFailed(f"`{self.urn.name}` has no provider")
        return self.provider

    @property
    def before(self) -> ResourceState:
        """The old entry; raises ProviderFailed where there is none."""
        if self.old is None:
            raise ProviderFailed(f"`{self.urn.name}` has no recorded state")
        return self.old

    def carried(self, wanted: ResourceState) -> ResourceState:
        """The wanted entry with what only the old one knows: identity, outputs, times, foreign keys."""
        old = self.before
        same = identical(wanted.inputs, old.inputs)
        outputs = old.outputs
        if wanted.custom and wanted.provider and not (same and _hides_the_same(wanted, old)):
            outputs = finished_outputs(wanted, old.outputs)
        return replace(
            wanted,
            id=old.id,
            inputs=old.inputs if same else reuse_all(wanted.inputs, old.inputs),
            outputs=outputs,
            created=old.created,
            modified=old.modified,
            import_id="" if self.imported else self.goal.import_id,
            refresh_before_update=old.refresh_before_update,
            source_position=self.goal.source_position or old.source_position,
            extra=old.extra,
        )

    def is_recorded(self, inputs: Properties) -> bool:
        """Whether the old entry is what `carried` would make of these inputs."""
        return stands_for(self.before, self.goal, self.urn, self.ref, inputs) and not self.imported

    def refuse_protected(self, why: str) -> None:
        """Raises ResourceFailed where the resource was protected and still is, and must not be replaced."""
        if self.old is not None and self.old.protect and self.goal.protect:
            raise ResourceFailed(
                f"`{self.urn.name}` is protected, and {why} would replace it",
                hint="take `protect` off it, or undo the change that replaces it",
            )

    def check_failed(self, failures: Sequence[CheckFailure]) -> TomoError:
        """The error for inputs that the provider refuses."""
        reasons = [f"{f.property}: {f.reason}" if f.property else f.reason for f in failures]
        return ResourceFailed(f"`{self.urn.name}` ({self.urn.type}) is not valid: {'; '.join(reasons)}")


def _hides_the_same(wanted: ResourceState, old: ResourceState) -> bool:
    return wanted.additional_secret_outputs == old.additional_secret_outputs


def answered(value: T) -> Future[T]:
    """A future that is done already."""
    future: Future[T] = Future()
    future.set_result(value)
    return future


def after(first: Future[U], then: Callable[[], Future[T]]) -> Future[T]:
    """The answer of what begins once `first` is done."""
    answer: Future[T] = Future()
    answer.set_running_or_notify_cancel()

    def go(_: Future[U]) -> None:
        try:
            inner = then()
        except BaseException as error:  # noqa: BLE001  # carried to whoever waits for the answer
            answer.set_exception(error)
        else:
            inner.add_done_callback(lambda done: _copy(done, answer))

    first.add_done_callback(go)
    return answer


def _copy(done: Future[T], to: Future[T]) -> None:
    error = done.exception()
    if error is not None:
        to.set_exception(error)
    else:
        to.set_result(done.result())
