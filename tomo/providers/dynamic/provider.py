"""Serves dynamic resources: Tomo's own types by their classes, all others by the code they carry."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tomo.errors import TomoError
from tomo.model.connection import Connections
from tomo.model.diff import DiffResult
from tomo.model.provider import (
    CANNOT_TELL,
    CheckFailure,
    CheckRequest,
    CheckResult,
    CreateRequest,
    CreateResult,
    DeleteRequest,
    DiffRequest,
    ProviderBase,
    ReadRequest,
    ReadResult,
    ReadStatus,
    RecoverRequest,
    RecoverResult,
    UpdateRequest,
    UpdateResult,
    unreachable,
)
from tomo.model.values import Properties, Value
from tomo.providers.dynamic.file import File
from tomo.providers.dynamic.own import OwnType
from tomo.providers.dynamic.server import Server
from tomo.providers.dynamic.user import UserProviders, from_user, to_user, users_errors
from tomo.resources.tokens import FILE, PROVIDER_KEY, SERVER


class DynamicProvider(ProviderBase):
    """The package `pulumi-python`. A type of Tomo's own is never unpickled."""

    def __init__(
        self,
        connections: Connections,
        *,
        project: str = "",
        config: Mapping[str, object] | None = None,
        pause: Callable[[float], bool] | None = None,
    ) -> None:
        self._own: Mapping[str, OwnType] = {SERVER: Server(connections, pause), FILE: File(connections)}
        self._users = UserProviders(project, config or {})

    def check(self, request: CheckRequest) -> CheckResult:
        """The inputs as the provider completes them."""
        own = self._own.get(request.urn.type)
        if own is not None:
            return own.check(request)
        provider = self._users.of(request.urn, request.news, request.olds)
        with users_errors(request.urn, "check failed for"):
            result = provider.check(to_user(request.olds), to_user(request.news))
            failures = tuple(CheckFailure(each.property, each.reason) for each in result.failures or ())
            return CheckResult(_with_provider(from_user(result.inputs), request.news), failures)

    def diff(self, request: DiffRequest) -> DiffResult:
        """What the provider says; one that says nothing leaves the comparison to the engine."""
        own = self._own.get(request.urn.type)
        if own is not None:
            return own.diff(request)
        provider = self._users.of(request.urn, request.new_inputs, request.old_outputs)
        with users_errors(request.urn, "diff failed for"):
            # Pulumi passes the recorded outputs as the old properties.
            result = provider.diff(request.id, to_user(request.old_outputs), to_user(request.new_inputs))
            replaces = tuple(str(key) for key in result.replaces or ())
            # It says which keys replace; all that differs is for the engine to find, so that people see it.
            return DiffResult(result.changes, (), replaces, bool(result.delete_before_replace))

    def create(self, request: CreateRequest) -> CreateResult:
        """Makes the resource; people's own providers are not asked in a preview."""
        own = self._own.get(request.urn.type)
        if own is not None:
            made = own.create(request)
            return replace(made, outputs=_with_provider(made.outputs, request.inputs))
        if request.preview:
            return CreateResult("", request.inputs)
        provider = self._users.of(request.urn, request.inputs)
        with users_errors(request.urn, "create failed for"):
            result = provider.create(to_user(request.inputs))
            return CreateResult(str(result.id), _with_provider(from_user(result.outs), request.inputs))

    def update(self, request: UpdateRequest) -> UpdateResult:
        """Changes the resource."""
        own = self._own.get(request.urn.type)
        if own is not None:
            changed = own.update(request)
            return replace(changed, outputs=_with_provider(changed.outputs, request.new_inputs))
        if request.preview:
            return UpdateResult(request.new_inputs)
        provider = self._users.of(request.urn, request.new_inputs)
        with users_errors(request.urn, "update failed for"):
            result = provider.update(request.id, to_user(request.old_outputs), to_user(request.new_inputs))
            return UpdateResult(_with_provider(from_user(result.outs), request.new_inputs))

    def delete(self, request: DeleteRequest) -> None:
        """Removes the resource."""
        own = self._own.get(request.urn.type)
        if own is not None:
            own.delete(request)
            return
        provider = self._users.of(request.urn, request.outputs, request.inputs)
        with users_errors(request.urn, "delete failed for"):
            provider.delete(request.id, to_user(request.outputs))

    def read(self, requests: Sequence[ReadRequest]) -> list[ReadResult]:
        """Looks at all resources; those of one type of Tomo's own together."""
        results: dict[int, ReadResult] = {}
        for type_, own in self._own.items():
            positions = [index for index, request in enumerate(requests) if request.urn.type == type_]
            found = own.read([requests[index] for index in positions]) if positions else []
            results.update(zip(positions, found, strict=True))
        for index, request in enumerate(requests):
            if index not in results:
                results[index] = self._read(request)
        return [results[index] for index in range(len(requests))]

    def recover(self, request: RecoverRequest) -> RecoverResult:
        """What a type of Tomo's own finds; people's providers find their resources only by id."""
        own = self._own.get(request.urn.type)
        if own is None:
            return CANNOT_TELL
        result = own.recover(request)
        return replace(result, outputs=_with_provider(result.outputs, request.inputs))

    def cancel(self) -> None:
        """Ends waiting."""
        for own in self._own.values():
            own.cancel()

    def _read(self, request: ReadRequest) -> ReadResult:
        if not request.inputs and not request.outputs:
            # An import: the code that could look is in neither, as under Pulumi.
            return ReadResult(ReadStatus.UNSUPPORTED)
        try:
            provider = self._users.of(request.urn, request.outputs, request.inputs)
            with users_errors(request.urn, "read failed for"):
                result = provider.read(request.id, to_user(request.outputs or request.inputs))
                return _found(request, result)
        except TomoError as error:
            return unreachable(error)


def _found(request: ReadRequest, result: Any) -> ReadResult:
    if not result.id:
        return ReadResult(ReadStatus.GONE)
    known = request.outputs or request.inputs
    inputs: Properties = request.inputs
    if result.inputs is not None:
        inputs = _with_provider(from_user(result.inputs), known)
    return ReadResult(ReadStatus.FOUND, str(result.id), inputs, _with_provider(from_user(result.outs), known))


def _with_provider(values: Properties, source: Properties) -> dict[str, Value]:
    """The values with the provider's own code kept among them, as Pulumi has it in every output."""
    return {**values, PROVIDER_KEY: source[PROVIDER_KEY]} if PROVIDER_KEY in source else dict(values)
