"""The connection to one plugin, with the process behind it where it is ours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from tomo.model.events import Severity
from tomo.providers.plugin.channel import Say, as_error, connected, is_unimplemented
from tomo.providers.plugin.process import PluginProcess
from tomo.providers.plugin.terms import Terms

_CANCEL_SECONDS: Final = 2.0


class PluginLine:
    """One plugin's connection. `terms` are what it agreed to in its handshake; None for an older plugin."""

    def __init__(self, package: str, say: Say) -> None:
        self._package, self._say = package, say
        self._process: PluginProcess | None = None
        self._channel: grpc.Channel | None = None
        self.terms: Terms | None = None

    @property
    def channel(self) -> grpc.Channel:
        """The connection."""
        return self._channel

    def attach(self, port: int, engine: str) -> None:
        """Uses a provider that runs already; raises ProviderFailed where nobody answers."""
        self._channel = connected(port, self._package)
        self.terms = self._shake_hands(provider_pb2.ProviderHandshakeRequest(engine_address=engine))
        stub = provider_pb2_grpc.ResourceProviderStub(self._channel)
        try:
            stub.Attach(plugin_pb2.PluginAttach(address=engine))
        except grpc.RpcError as error:
            if not is_unimplemented(error):
                raise as_error(error, self._package) from error

    def start(self, path: Path, engine: str, directory: Path, environment: Mapping[str, str]) -> None:
        """Starts the plugin; raises ProviderFailed where it does not come up."""
        self._process = PluginProcess(
            [str(path), engine], directory=directory, environment=environment, heard=self._heard
        )
        self._channel = connected(self._process.port(), self._process.name)
        folder = str(path.parent)
        self.terms = self._shake_hands(
            provider_pb2.ProviderHandshakeRequest(
                engine_address=engine, root_directory=folder, program_directory=folder
            )
        )

    def gone(self) -> str:
        """How the process ended and what it said last; `""` while it runs."""
        if self._process is None:
            return ""
        self._process.await_end()
        if self._process.exit_code is None:
            return ""
        return f"exit code {self._process.exit_code}\n{self._process.last_words()}".rstrip()

    def close(self) -> None:
        """Hangs up, and ends the process if it is ours."""
        if self._process is not None and self._channel is not None and self._process.exit_code is None:
            self._say_goodbye()
        if self._channel is not None:
            self._channel.close()
        if self._process is not None:
            self._process.end()

    def _say_goodbye(self) -> None:
        try:
            provider_pb2_grpc.ResourceProviderStub(self._channel).Cancel(
                empty_pb2.Empty(), timeout=_CANCEL_SECONDS
            )
        except grpc.RpcError:
            # It is ended in any case; a plugin need not know the call.
            return

    def _shake_hands(self, request: provider_pb2.ProviderHandshakeRequest) -> Terms | None:
        try:
            answer = provider_pb2_grpc.ResourceProviderStub(self._channel).Handshake(request)
        except grpc.RpcError as error:
            if is_unimplemented(error):
                return None
            raise as_error(error, self._package) from error
        return Terms.of_handshake(answer)

    def _heard(self, line: str) -> None:
        self._say(Severity.INFO, f"{self._package}: {line}", "")
