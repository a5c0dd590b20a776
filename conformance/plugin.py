"""Serves one of Tomo's providers to the real CLI, over the protocol that provider plugins speak.

The CLI attaches to it through PULUMI_DEBUG_PROVIDERS, so a test can look into the provider's world.
"""

# ruff: noqa: N802  # the methods' names are the protocol's

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NoReturn

import grpc
from google.protobuf import any_pb2, empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

from tomo.errors import TomoError
from tomo.model.diff import DiffKind, DiffResult
from tomo.model.provider import (
    CheckRequest,
    CheckResult,
    CreateRequest,
    DeleteRequest,
    DiffRequest,
    Provider,
    ReadRequest,
    ReadStatus,
    UpdateRequest,
)
from tomo.model.urn import Urn
from tomo.model.values import Properties
from tomo.model.wire import from_struct, to_struct

_KINDS = {
    DiffKind.ADD: provider_pb2.PropertyDiff.ADD,
    DiffKind.ADD_REPLACE: provider_pb2.PropertyDiff.ADD_REPLACE,
    DiffKind.DELETE: provider_pb2.PropertyDiff.DELETE,
    DiffKind.DELETE_REPLACE: provider_pb2.PropertyDiff.DELETE_REPLACE,
    DiffKind.UPDATE: provider_pb2.PropertyDiff.UPDATE,
    DiffKind.UPDATE_REPLACE: provider_pb2.PropertyDiff.UPDATE_REPLACE,
}


@contextmanager
def served(provider: Provider) -> Iterator[int]:
    """Serves a provider on a port of loopback."""
    server = grpc.server(ThreadPoolExecutor(8))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Plugin(provider), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(0)


class Plugin(provider_pb2_grpc.ResourceProviderServicer):
    """Method names are the protocol's."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def Handshake(self, request: Any, context: Any) -> Any:
        context.abort(grpc.StatusCode.UNIMPLEMENTED, "a plugin from before handshakes")

    def Attach(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo()

    def Cancel(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def CheckConfig(self, request: Any, context: Any) -> Any:
        olds, news = from_struct(request.olds), from_struct(request.news)
        return _check_response(_asked(context, lambda: self._provider.check_config(olds, news)))

    def DiffConfig(self, request: Any, context: Any) -> Any:
        olds, news = from_struct(request.old_inputs), from_struct(request.news)
        return _diff_response(_asked(context, lambda: self._provider.diff_config(olds, news)))

    def Configure(self, request: Any, context: Any) -> Any:
        _asked(context, lambda: self._provider.configure(from_struct(request.args)))
        return provider_pb2.ConfigureResponse(supportsPreview=True)

    def Check(self, request: Any, context: Any) -> Any:
        asked = CheckRequest(
            Urn(request.urn), from_struct(request.olds), from_struct(request.news), request.randomSeed
        )
        return _check_response(_asked(context, lambda: self._provider.check(asked)))

    def Diff(self, request: Any, context: Any) -> Any:
        asked = DiffRequest(
            Urn(request.urn),
            request.id,
            from_struct(request.old_inputs),
            from_struct(request.olds),
            from_struct(request.news),
            tuple(request.ignoreChanges),
        )
        return _diff_response(_asked(context, lambda: self._provider.diff(asked)))

    def Create(self, request: Any, context: Any) -> Any:
        asked = CreateRequest(Urn(request.urn), from_struct(request.properties), request.preview)
        made = _asked(context, lambda: self._provider.create(asked))
        if made.init_errors:
            _half_made(context, made.id, made.outputs, made.init_errors)
        return provider_pb2.CreateResponse(id=made.id, properties=to_struct(made.outputs))

    def Update(self, request: Any, context: Any) -> Any:
        asked = UpdateRequest(
            Urn(request.urn),
            request.id,
            from_struct(request.old_inputs),
            from_struct(request.olds),
            from_struct(request.news),
            tuple(request.ignoreChanges),
            request.preview,
        )
        made = _asked(context, lambda: self._provider.update(asked))
        if made.init_errors:
            _half_made(context, request.id, made.outputs, made.init_errors)
        return provider_pb2.UpdateResponse(properties=to_struct(made.outputs))

    def Delete(self, request: Any, context: Any) -> Any:
        asked = DeleteRequest(
            Urn(request.urn), request.id, from_struct(request.old_inputs), from_struct(request.properties)
        )
        _asked(context, lambda: self._provider.delete(asked))
        return empty_pb2.Empty()

    def Read(self, request: Any, context: Any) -> Any:
        asked = ReadRequest(
            Urn(request.urn), request.id, from_struct(request.inputs), from_struct(request.properties)
        )
        [found] = _asked(context, lambda: self._provider.read([asked]))
        if found.status is ReadStatus.GONE:
            return provider_pb2.ReadResponse()
        if found.status is ReadStatus.UNSUPPORTED:
            # As plugins do that have nothing to read: it is as it is recorded.
            return provider_pb2.ReadResponse(
                id=request.id, inputs=request.inputs, properties=request.properties
            )
        if found.status is not ReadStatus.FOUND:
            context.abort(grpc.StatusCode.UNKNOWN, found.problem or "can't be read")
        return provider_pb2.ReadResponse(
            id=found.id, inputs=to_struct(found.inputs), properties=to_struct(found.outputs)
        )


def _asked(context: grpc.ServicerContext, ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except TomoError as error:
        context.abort(grpc.StatusCode.UNKNOWN, error.message)


def _half_made(
    context: grpc.ServicerContext, id_: str, outputs: Properties, reasons: tuple[str, ...]
) -> NoReturn:
    detail = any_pb2.Any()
    detail.Pack(provider_pb2.ErrorResourceInitFailed(id=id_, properties=to_struct(outputs), reasons=reasons))
    code = grpc.StatusCode.UNKNOWN
    status = status_pb2.Status(code=code.value[0], message=reasons[0], details=[detail])
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(code, reasons[0])
    raise AssertionError("abort raises")


def _check_response(result: CheckResult) -> provider_pb2.CheckResponse:
    failures = [provider_pb2.CheckFailure(property=f.property, reason=f.reason) for f in result.failures]
    return provider_pb2.CheckResponse(inputs=to_struct(result.inputs), failures=failures)


def _diff_response(diff: DiffResult) -> provider_pb2.DiffResponse:
    unknown, none, some = (
        provider_pb2.DiffResponse.DIFF_UNKNOWN,
        provider_pb2.DiffResponse.DIFF_NONE,
        provider_pb2.DiffResponse.DIFF_SOME,
    )
    return provider_pb2.DiffResponse(
        changes=unknown if diff.changed is None else (some if diff.changed else none),
        replaces=diff.replace_keys,
        deleteBeforeReplace=diff.delete_before_replace,
        detailedDiff={
            found.path: provider_pb2.PropertyDiff(kind=_KINDS[found.kind], inputDiff=True)
            for found in diff.properties
        },
        hasDetailedDiff=bool(diff.properties),
        diffs=sorted(found.path for found in diff.properties),
    )
