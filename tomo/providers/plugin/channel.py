"""gRPC to a plugin: the channel, its errors in our words, and the service that plugins log to."""

# ruff: noqa: N802  # the service's methods are named by the protocol

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import grpc
from google.protobuf import empty_pb2
from google.protobuf.message import Message
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, errors_pb2, provider_pb2, status_pb2

from tomo.errors import ConfigMissing, ProviderFailed, TomoError
from tomo.model.events import Severity

Say = Callable[[Severity, str, str], None]
"""Passes a line on to people: how grave it is, the line, the URN it is about (or `""`)."""

_SEVERITIES: Final = (Severity.DEBUG, Severity.INFO, Severity.WARNING, Severity.ERROR)
_MOST_BYTES: Final = 400 * 1024 * 1024
_OPTIONS: Final = (
    ("grpc.max_receive_message_length", _MOST_BYTES),
    ("grpc.max_send_message_length", _MOST_BYTES),
    # A proxy of the environment is not for this machine's own ports.
    ("grpc.enable_http_proxy", 0),
)
_CONNECT_SECONDS: Final = 30.0
_DETAILS: Final = "grpc-status-details-bin"


def connected(port: int, name: str) -> grpc.Channel:
    """A channel to a plugin's port; raises ProviderFailed where nobody answers there."""
    channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=_OPTIONS)
    try:
        grpc.channel_ready_future(channel).result(timeout=_CONNECT_SECONDS)
    except grpc.FutureTimeoutError:
        channel.close()
        raise ProviderFailed(
            f"the plugin `{name}` does not answer on port {port}",
            hint="see that it still runs and that its port is named right",
        ) from None
    return channel


def is_unimplemented(error: grpc.RpcError) -> bool:
    """Whether the plugin does not know the call."""
    return bool(error.code() is grpc.StatusCode.UNIMPLEMENTED)


def as_error(error: grpc.RpcError, package: str) -> TomoError:
    """What a plugin's refusal says, in our words."""
    for detail in _details(error):
        keys = provider_pb2.ConfigureErrorMissingKeys()
        if detail.Is(keys.DESCRIPTOR) and detail.Unpack(keys) and keys.missingKeys:
            return _missing_keys(keys, package)
    causes = "\n".join(f"caused by: {cause}" for cause in _causes(error))
    return ProviderFailed(str(error.details() or error.code().name.lower()), detail=causes)


def half_done(error: grpc.RpcError) -> Any | None:
    """What stands where a resource was made but isn't as asked; None for any other failure."""
    found = provider_pb2.ErrorResourceInitFailed()
    for detail in _details(error):
        if detail.Is(found.DESCRIPTOR):
            detail.Unpack(found)
            return found
    return None


def _details(error: grpc.RpcError) -> list[Any]:
    packed = dict(error.trailing_metadata() or ()).get(_DETAILS)
    if not isinstance(packed, bytes):
        return []
    return list(status_pb2.Status.FromString(packed).details)


def _causes(error: grpc.RpcError) -> list[str]:
    found = []
    for detail in _details(error):
        cause = errors_pb2.ErrorCause()
        if detail.Is(cause.DESCRIPTOR) and detail.Unpack(cause):
            found.append(cause.message)
    return found


def _missing_keys(keys: Any, package: str) -> ConfigMissing:
    names = [key.name for key in keys.missingKeys]
    shown = ", ".join(f"`{name}`" for name in names)
    about = "; ".join(key.description for key in keys.missingKeys if key.description)
    return ConfigMissing(
        f"the provider `{package}` needs {shown}, which is not set",
        hint=f"tomo config set {package}:{names[0].rpartition(':')[2]} VALUE",
        detail=about,
    )


class LogService(engine_pb2_grpc.EngineServicer):
    """Pulumi's Engine service for plugins: their messages become events."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._root = ""

    def Log(self, request: Any, context: object) -> Message:  # noqa: ARG002
        """Passes a message on; debug lines and passing ones end here."""
        if request.severity != engine_pb2.DEBUG and not request.ephemeral and request.message.strip():
            self._say(_SEVERITIES[request.severity], request.message.rstrip("\n"), request.urn)
        return empty_pb2.Empty()

    def GetRootResource(self, request: object, context: object) -> Message:  # noqa: ARG002
        """The URN that SetRootResource was told."""
        return engine_pb2.GetRootResourceResponse(urn=self._root)

    def SetRootResource(self, request: Any, context: object) -> Message:  # noqa: ARG002
        """Keeps a URN."""
        self._root = request.urn
        return engine_pb2.SetRootResourceResponse()


class LogServer:
    """Serves LogService on a port of loopback; a plugin that finds it gone ends itself."""

    def __init__(self, say: Say) -> None:
        self._server = grpc.server(ThreadPoolExecutor(4, "tomo-plugin-log"), options=_OPTIONS)
        engine_pb2_grpc.add_EngineServicer_to_server(LogService(say), self._server)
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def close(self) -> None:
        """Serves no more."""
        self._server.stop(None)
