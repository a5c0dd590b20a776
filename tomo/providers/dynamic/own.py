"""What Tomo's own dynamic types have in common, and how Pulumi's CLI gets to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

from tomo.errors import ProviderFailed
from tomo.model.connection import Connections
from tomo.model.diff import DiffResult
from tomo.model.provider import (
    CheckRequest,
    CheckResult,
    CreateRequest,
    CreateResult,
    DeleteRequest,
    DiffRequest,
    ReadRequest,
    ReadResult,
    ReadStatus,
    RecoverRequest,
    RecoverResult,
    UpdateRequest,
    UpdateResult,
)
from tomo.model.urn import Urn
from tomo.model.values import Properties, reveal


class OwnType(Protocol):
    """One of Tomo's own resource types, served in process."""

    def check(self, request: CheckRequest) -> CheckResult:
        """The inputs, completed and validated."""
        ...

    def diff(self, request: DiffRequest) -> DiffResult:
        """What changed."""
        ...

    def create(self, request: CreateRequest) -> CreateResult:
        """Makes the resource."""
        ...

    def update(self, request: UpdateRequest) -> UpdateResult:
        """Changes the resource."""
        ...

    def delete(self, request: DeleteRequest) -> None:
        """Removes the resource."""
        ...

    def read(self, requests: Sequence[ReadRequest]) -> list[ReadResult]:
        """Looks at several resources, each host in one round trip."""
        ...

    def recover(self, request: RecoverRequest) -> RecoverResult:
        """What became of a creation that was cut off."""
        ...

    def cancel(self) -> None:
        """Ends waiting."""
        ...


class PulumiAdapter:
    """An own type as Pulumi's `ResourceProvider`, for stacks that its CLI has taken over.

    There every host is reached with the user's own SSH configuration, keys and agent.
    """

    serialize_as_secret_always = False
    type_: ClassVar[str]
    inputs: ClassVar[Sequence[str]]

    def make(self, connections: Connections) -> OwnType:
        """The type served over these connections."""
        raise NotImplementedError

    def configure(self, _request: Any) -> None:
        """Needs no configuration."""

    def check(self, olds: Mapping[str, Any], news: Mapping[str, Any]) -> Any:
        """Pulumi's Check."""
        from pulumi import dynamic  # noqa: PLC0415  # only the CLI comes here

        result = self._type.check(CheckRequest(self._urn, olds, news))
        failures = [dynamic.CheckFailure(each.property, each.reason) for each in result.failures]
        return dynamic.CheckResult(dict(result.inputs), failures)

    def diff(self, id_: str, olds: Mapping[str, Any], news: Mapping[str, Any]) -> Any:
        """Pulumi's Diff; `olds` are the recorded outputs, which hold every input."""
        from pulumi import dynamic  # noqa: PLC0415

        result = self._type.diff(DiffRequest(self._urn, id_, self._of_inputs(olds), olds, news))
        return dynamic.DiffResult(
            result.changed, list(result.replace_keys), None, result.delete_before_replace
        )

    def create(self, props: Mapping[str, Any]) -> Any:
        """Pulumi's Create."""
        from pulumi import dynamic  # noqa: PLC0415

        result = self._type.create(CreateRequest(self._urn, props))
        return dynamic.CreateResult(result.id, _plain(result.outputs))

    def read(self, id_: str, props: Mapping[str, Any]) -> Any:
        """Pulumi's Read."""
        from pulumi import dynamic  # noqa: PLC0415

        [found] = self._type.read([ReadRequest(self._urn, id_, props, props)])
        if found.status is ReadStatus.GONE:
            return dynamic.ReadResult("", {})
        if found.status is ReadStatus.UNREACHABLE:
            raise ProviderFailed(found.problem, hint=found.hint)
        return dynamic.ReadResult(id_, _plain(found.outputs))

    def update(self, id_: str, olds: Mapping[str, Any], news: Mapping[str, Any]) -> Any:
        """Pulumi's Update."""
        from pulumi import dynamic  # noqa: PLC0415

        result = self._type.update(UpdateRequest(self._urn, id_, self._of_inputs(olds), olds, news))
        return dynamic.UpdateResult(_plain(result.outputs))

    def delete(self, id_: str, props: Mapping[str, Any]) -> None:
        """Pulumi's Delete."""
        self._type.delete(DeleteRequest(self._urn, id_, props, props))

    def _of_inputs(self, outputs: Mapping[str, Any]) -> dict[str, Any]:
        return {key: outputs[key] for key in self.inputs if key in outputs}

    @property
    def _urn(self) -> Urn:
        return Urn.make("stack", "project", None, self.type_, "resource")

    @property
    def _type(self) -> OwnType:
        from tomo.providers.dynamic.plugin import plugin_connections  # noqa: PLC0415

        return self.make(plugin_connections())


def _plain(outputs: Properties) -> dict[str, Any]:
    return {key: reveal(value) for key, value in outputs.items()}
