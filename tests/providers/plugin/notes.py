"""A provider plugin as people write them: notes, each a file in a folder. Knows nothing of Tomo.

Started as a program it prints its port; in a test it is served in process. Every request goes to `calls`.
"""

# ruff: noqa: N802  # the methods' names are the protocol's

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import any_pb2, empty_pb2, json_format
from pulumi.runtime.proto import (
    engine_pb2,
    engine_pb2_grpc,
    plugin_pb2,
    provider_pb2,
    provider_pb2_grpc,
    status_pb2,
)

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
TYPE = "notes:index:Note"


@dataclass
class Manners:
    """What kind of plugin it is."""

    shakes_hands: bool = True
    secrets: bool = True
    resources: bool = True
    previews: bool = True
    configures: bool = True
    reads: bool = True
    goes_badly: bool = False


@dataclass
class Notes(provider_pb2_grpc.ResourceProviderServicer):
    """`text` is what a note says; `room` replaces it; `bad` is refused; `trouble` goes wrong by name."""

    folder: Path
    manners: Manners = field(default_factory=Manners)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    cancelled: threading.Event = field(default_factory=threading.Event)
    waiting: threading.Event = field(default_factory=threading.Event)
    engine: str = ""

    # --- the plugin itself ----------------------------------------------------------------------------

    def Handshake(self, request, context):
        self._note("Handshake", request)
        if not self.manners.shakes_hands:
            _unknown(context)
        self.engine = request.engine_address
        return provider_pb2.ProviderHandshakeResponse(
            accept_secrets=self.manners.secrets, accept_resources=self.manners.resources
        )

    def Attach(self, request, context):
        self._note("Attach", request)
        self.engine = request.address
        return empty_pb2.Empty()

    def GetPluginInfo(self, request, context):
        return plugin_pb2.PluginInfo(version="1.2.3")

    def Cancel(self, request, context):
        self._note("Cancel", request)
        self.cancelled.set()
        if self.manners.goes_badly:
            context.abort(grpc.StatusCode.INTERNAL, "no time for that")
        return empty_pb2.Empty()

    # --- configuration --------------------------------------------------------------------------------

    def CheckConfig(self, request, context):
        self._note("CheckConfig", request)
        if not self.manners.configures:
            _unknown(context)
        failures = [("house", "a house has no number 13")] if _of(request.news).get("house") == "13" else []
        return provider_pb2.CheckResponse(inputs=request.news, failures=_failures(failures))

    def DiffConfig(self, request, context):
        self._note("DiffConfig", request)
        if not self.manners.configures:
            _unknown(context)
        moved = _of(request.old_inputs).get("house") != _of(request.news).get("house")
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if moved else provider_pb2.DiffResponse.DIFF_NONE,
            replaces=["house"] if moved else [],
            diffs=["house"] if moved else [],
        )

    def Configure(self, request, context):
        self._note("Configure", request)
        if request.variables.get("notes:config:house") == "nowhere":
            keys = provider_pb2.ConfigureErrorMissingKeys(
                missingKeys=[{"name": "notes:key", "description": "the key of the house"}]
            )
            _refuse(context, "configuration keys are missing", keys)
        return provider_pb2.ConfigureResponse(
            acceptSecrets=self.manners.secrets,
            acceptResources=self.manners.resources,
            supportsPreview=self.manners.previews,
        )

    # --- notes ----------------------------------------------------------------------------------------

    def Check(self, request, context):
        self._note("Check", request)
        news, olds = _of(request.news), _of(request.olds)
        if "bad" in news:
            return provider_pb2.CheckResponse(
                inputs=request.news, failures=_failures([("bad", f"`{news['bad']}` is bad")])
            )
        made = f"{request.name}-{request.randomSeed.hex()[:7]}"
        inputs = {**news, "title": news.get("title") or olds.get("title") or made}
        return provider_pb2.CheckResponse(inputs=_struct(inputs))

    def Diff(self, request, context):
        self._note("Diff", request)
        olds, news = _of(request.old_inputs), _of(request.news)
        kinds = provider_pb2.PropertyDiff
        detailed = {}
        for key in olds.keys() | news.keys():
            if _plain(olds.get(key)) != _plain(news.get(key)) and key not in request.ignoreChanges:
                kind = kinds.UPDATE_REPLACE if key == "room" else kinds.UPDATE
                detailed[key] = kinds(kind=kind, inputDiff=True)
        some = provider_pb2.DiffResponse.DIFF_SOME if detailed else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(
            changes=some,
            diffs=sorted(detailed),
            replaces=[key for key in detailed if key == "room"],
            detailedDiff=detailed,
            hasDetailedDiff=True,
            deleteBeforeReplace="room" in detailed and "first" in news,
        )

    def Create(self, request, context):
        self._note("Create", request)
        inputs = _of(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(properties=_struct({**inputs, "length": UNKNOWN}))
        self._log(request.urn, f"writing {request.name}")
        self._trouble(inputs.get("trouble"), context)
        number = len(list(self.folder.glob(f"{request.name}-*.json"))) + 1
        id_ = f"{request.name}-{number}"
        return self._kept(id_, inputs, context, provider_pb2.CreateResponse(id=id_))

    def Update(self, request, context):
        self._note("Update", request)
        inputs = _of(request.news)
        if request.preview:
            return provider_pb2.UpdateResponse(properties=_struct({**inputs, "length": UNKNOWN}))
        self._trouble(inputs.get("trouble"), context)
        return self._kept(request.id, inputs, context, provider_pb2.UpdateResponse())

    def Read(self, request, context):
        self._note("Read", request)
        if not self.manners.reads:
            _unknown(context)
        path = self._path(request.id)
        if not path.exists():
            return provider_pb2.ReadResponse()
        inputs = json.loads(path.read_text())
        return provider_pb2.ReadResponse(
            id=request.id, inputs=_struct(inputs), properties=_struct(_outputs(inputs))
        )

    def Delete(self, request, context):
        self._note("Delete", request)
        self._trouble(_of(request.properties).get("trouble_at_delete"), context)
        self._path(request.id).unlink(missing_ok=True)
        return empty_pb2.Empty()

    def Invoke(self, request, context):
        self._note("Invoke", request)
        args = _of(request.args)
        if request.tok == "notes:index:shout":
            text = args.get("text")
            loud = {**text, "value": text["value"].upper()} if isinstance(text, Mapping) else text.upper()
            return provider_pb2.InvokeResponse(**{"return": _struct({"text": loud})})
        return provider_pb2.InvokeResponse(failures=_failures([("", f"no function {request.tok}")]))

    # --- parts ----------------------------------------------------------------------------------------

    def _kept(self, id_, inputs, context, answer):
        self._path(id_).write_text(json.dumps(inputs))
        if inputs.get("trouble") == "half":
            half = provider_pb2.ErrorResourceInitFailed(
                id=id_, properties=_struct(_outputs(inputs)), reasons=["the ink is wet", "and blue"]
            )
            _refuse(context, "half done", half)
        answer.properties.CopyFrom(_struct(_outputs(inputs)))
        return answer

    def _trouble(self, trouble: str | None, context) -> None:
        if trouble == "fail":
            context.abort(grpc.StatusCode.UNKNOWN, "the pen broke")
        if trouble == "die":
            sys.stderr.write("out of paper\n")
            sys.stderr.flush()
            os._exit(3)
        if trouble == "wait":
            self.waiting.set()
            self.cancelled.wait(20)
            context.abort(grpc.StatusCode.CANCELLED, "put down, as asked")

    def _path(self, id_: str) -> Path:
        return self.folder / f"{id_}.json"

    def _log(self, urn: str, message: str) -> None:
        if self.engine:
            with grpc.insecure_channel(self.engine) as channel:
                engine_pb2_grpc.EngineStub(channel).Log(
                    engine_pb2.LogRequest(severity=engine_pb2.INFO, message=message, urn=urn)
                )

    def _note(self, verb: str, request: Any) -> None:
        body = json_format.MessageToDict(request, preserving_proto_field_name=True)
        self.calls.append((verb, body))
        if log := os.environ.get("NOTES_CALLS"):
            with Path(log).open("a") as file:
                file.write(json.dumps([verb, body]) + "\n")


def _of(struct: Any) -> dict[str, Any]:
    return json_format.MessageToDict(struct)


def _struct(values: Mapping[str, Any]) -> Any:
    from google.protobuf import struct_pb2

    return json_format.ParseDict(dict(values), struct_pb2.Struct())


def _plain(value: Any) -> Any:
    marked = isinstance(value, Mapping) and value.get(SIGNATURE) == SECRET
    return value["value"] if marked else value


def _outputs(inputs: Mapping[str, Any]) -> dict[str, Any]:
    text = inputs.get("text", "")
    length = len(str(_plain(text)))
    # A plugin that knows secrets keeps what comes from one secret.
    derived = {SIGNATURE: SECRET, "value": length} if isinstance(text, Mapping) else length
    return {**inputs, "length": derived}


def _failures(pairs: list[tuple[str, str]]) -> list[Any]:
    return [provider_pb2.CheckFailure(property=name, reason=reason) for name, reason in pairs]


def _unknown(context: Any) -> None:
    context.abort(grpc.StatusCode.UNIMPLEMENTED, "what is that?")


def _refuse(context: Any, message: str, detail: Any) -> None:
    packed = any_pb2.Any()
    packed.Pack(detail)
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=message, details=[packed])
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(grpc.StatusCode.UNKNOWN, message)


@contextmanager
def served(notes: Notes) -> Iterator[int]:
    """Serves it in this process, on a port of loopback."""
    server = grpc.server(ThreadPoolExecutor(8))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(notes, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        notes.cancelled.set()
        server.stop(0)


def install(folder: Path, name: str = "pulumi-resource-notes") -> Path:
    """Puts it into a folder as a plugin's executable."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).resolve()}" "$@"\n')
    path.chmod(0o755)
    return path


def main() -> None:
    """The plugin as a program: serves until it is told to end."""
    notes = Notes(Path(os.environ["NOTES_FOLDER"]), engine=sys.argv[1])
    notes.manners.shakes_hands = "NOTES_OLD" not in os.environ
    notes.manners.goes_badly = "NOTES_GOES_BADLY" in os.environ
    with served(notes) as port:
        sys.stdout.write(f"{port}\n")
        sys.stdout.flush()
        sys.stderr.write("the notes are ready\n")
        sys.stderr.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main()
