"""One provider of a plugin: Pulumi's provider protocol behind our protocol of providers (engine-spec 2.2)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Lock, Thread
from typing import Any, Final, Protocol

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from tomo.errors import ProviderFailed, TomoError
from tomo.model.diff import DiffKind, DiffResult, PropertyDiff
from tomo.model.events import Severity
from tomo.model.provider import (
    CheckFailure,
    CheckRequest,
    CheckResult,
    CreateRequest,
    CreateResult,
    DeleteRequest,
    DiffRequest,
    InvokeResult,
    ProviderBase,
    ReadRequest,
    ReadResult,
    ReadStatus,
    UpdateRequest,
    UpdateResult,
    unreachable,
)
from tomo.model.urn import Urn
from tomo.model.values import Properties, Secret, Value, has_secret, has_unknown, reveal
from tomo.providers.plugin.channel import Say, as_error, half_done, is_unimplemented
from tomo.providers.plugin.terms import ALL, PLAIN, Terms, unpacked

_KINDS: Final = {
    provider_pb2.PropertyDiff.ADD: DiffKind.ADD,
    provider_pb2.PropertyDiff.ADD_REPLACE: DiffKind.ADD_REPLACE,
    provider_pb2.PropertyDiff.DELETE: DiffKind.DELETE,
    provider_pb2.PropertyDiff.DELETE_REPLACE: DiffKind.DELETE_REPLACE,
    provider_pb2.PropertyDiff.UPDATE: DiffKind.UPDATE,
    provider_pb2.PropertyDiff.UPDATE_REPLACE: DiffKind.UPDATE_REPLACE,
}
_CHANGED: Final = {
    provider_pb2.DiffResponse.DIFF_UNKNOWN: None,
    provider_pb2.DiffResponse.DIFF_NONE: False,
    provider_pb2.DiffResponse.DIFF_SOME: True,
}
_READS_AT_ONCE: Final = 16
_CANCEL_SECONDS: Final = 5.0
_UNCONFIGURED: Final = (
    "its provider has inputs that are known only after an apply; this plan may not show all that will change"
)


class Line(Protocol):
    """The connection to a plugin; `gone` says how it ended, `""` while it lives."""

    terms: Terms | None

    @property
    def channel(self) -> grpc.Channel:
        """The connection."""
        ...

    def gone(self) -> str:
        """How the plugin ended."""
        ...


class PluginProvider(ProviderBase):
    """A provider whose answers come from a plugin. The plugin is started by the first call."""

    takes_secrets = True
    invokes_early = True

    def __init__(self, package: str, dial: Callable[[], Line], say: Say) -> None:
        self._package, self._dial, self._say = package, dial, say
        self._lock = Lock()
        self._line: Line | None = None
        self._stub: Any = None
        self._terms = PLAIN
        self._known = True

    # --- configuration --------------------------------------------------------------------------------

    def check_config(self, olds: Properties, news: Properties) -> CheckResult:
        """The configuration as the plugin completes it; one that has no opinion takes it as it is."""
        asked = provider_pb2.CheckRequest(
            **self._named(Urn(self.urn)), olds=PLAIN.packed(olds), news=PLAIN.packed(news)
        )
        try:
            return _checked(self._call("CheckConfig", asked))
        except _Unimplemented:
            return CheckResult(news)

    def diff_config(self, olds: Properties, news: Properties) -> DiffResult:
        """What a change of the configuration means; a plugin that has no opinion replaces nothing."""
        asked = provider_pb2.DiffRequest(
            **self._named(Urn(self.urn)),
            old_inputs=PLAIN.packed(olds),
            olds=PLAIN.packed(olds),
            news=PLAIN.packed(news),
        )
        try:
            return _difference(self._call("DiffConfig", asked))
        except _Unimplemented:
            return DiffResult(changed=None)

    def configure(self, inputs: Properties) -> None:
        """Gives the plugin its configuration, and learns what it accepts; not while any of it is unknown."""
        self._known = not has_unknown(dict(inputs))
        if not self._known:
            return
        asked = provider_pb2.ConfigureRequest(
            variables={
                f"{self._package}:config:{key}": _as_text(value)
                for key, value in inputs.items()
                if key != "version"
            },
            args=ALL.packed(inputs),
            acceptSecrets=True,
            acceptResources=True,
            sends_old_inputs=True,
            sends_old_inputs_to_delete=True,
        )
        answer = self._call("Configure", asked)
        shaken = self._line.terms if self._line else None
        self._terms = shaken or Terms.of_configure(answer)

    # --- deciding -------------------------------------------------------------------------------------

    def check(self, request: CheckRequest) -> CheckResult:
        """The inputs as the plugin completes them."""
        if not self._known:
            return CheckResult(request.news)
        asked = provider_pb2.CheckRequest(
            **self._named(request.urn),
            olds=self._terms.packed(request.olds),
            news=self._terms.packed(request.news),
            randomSeed=request.seed,
        )
        return _checked(self._call("Check", asked, request.urn))

    def diff(self, request: DiffRequest) -> DiffResult:
        """What the plugin says; while its configuration is unknown, anything may have changed."""
        if not self._known:
            self._say(Severity.WARNING, f"`{request.urn.name}`: {_UNCONFIGURED}", request.urn)
            return DiffResult(changed=True)
        asked = provider_pb2.DiffRequest(
            id=request.id,
            **self._named(request.urn),
            old_inputs=self._terms.packed(request.old_inputs),
            olds=self._terms.packed(request.old_outputs),
            news=self._terms.packed(request.new_inputs),
            ignoreChanges=request.ignore_changes,
        )
        return _difference(self._call("Diff", asked, request.urn))

    # --- acting ---------------------------------------------------------------------------------------

    def create(self, request: CreateRequest) -> CreateResult:
        """Makes the resource, or foretells its outputs where the plugin can."""
        if request.preview and not (self._known and self._terms.previews):
            return CreateResult("", request.inputs if self._known else {})
        asked = provider_pb2.CreateRequest(
            **self._named(request.urn),
            properties=self._terms.packed(request.inputs),
            preview=request.preview,
            timeout=request.timeout or 0,
        )
        answer, reasons = self._act("Create", asked, request.urn)
        if not answer.id and not request.preview:
            raise ProviderFailed(f"the plugin `{self._package}` made `{request.urn.name}` and gave it no id")
        id_ = "" if request.preview else answer.id
        return CreateResult(id_, unpacked(answer.properties), reasons)

    def update(self, request: UpdateRequest) -> UpdateResult:
        """Changes the resource, or foretells its outputs where the plugin can."""
        if request.preview and not (self._known and self._terms.previews):
            return UpdateResult(request.new_inputs if self._known else {})
        asked = provider_pb2.UpdateRequest(
            id=request.id,
            **self._named(request.urn),
            old_inputs=self._terms.packed(request.old_inputs),
            olds=self._terms.packed(request.old_outputs),
            news=self._terms.packed(request.new_inputs),
            ignoreChanges=request.ignore_changes,
            preview=request.preview,
            timeout=request.timeout or 0,
        )
        answer, reasons = self._act("Update", asked, request.urn)
        return UpdateResult(unpacked(answer.properties), reasons)

    def delete(self, request: DeleteRequest) -> None:
        """Removes the resource."""
        asked = provider_pb2.DeleteRequest(
            id=request.id,
            **self._named(request.urn),
            old_inputs=self._terms.packed(request.inputs),
            properties=self._terms.packed(request.outputs),
            timeout=request.timeout or 0,
        )
        self._call("Delete", asked, request.urn)

    # --- looking --------------------------------------------------------------------------------------

    def read(self, requests: Sequence[ReadRequest]) -> list[ReadResult]:
        """Looks at several resources at once."""
        if not self._known:
            return [ReadResult(ReadStatus.UNSUPPORTED) for _ in requests]
        with ThreadPoolExecutor(min(len(requests), _READS_AT_ONCE) or 1, "tomo-plugin-read") as pool:
            return list(pool.map(self._read, requests))

    def _read(self, request: ReadRequest) -> ReadResult:
        asked = provider_pb2.ReadRequest(
            id=request.id,
            **self._named(request.urn),
            inputs=self._terms.packed(request.inputs),
            properties=self._terms.packed(request.outputs),
        )
        try:
            answer, reasons = self._act("Read", asked, request.urn)
        except _Unimplemented:
            return ReadResult(ReadStatus.UNSUPPORTED)
        except TomoError as error:
            return unreachable(error)
        if not answer.id:
            return ReadResult(ReadStatus.GONE)
        inputs = unpacked(answer.inputs) if answer.HasField("inputs") else request.inputs
        outputs = unpacked(answer.properties)
        return ReadResult(ReadStatus.FOUND, answer.id, inputs, outputs, init_errors=reasons)

    def invoke(self, token: str, args: Properties, *, preview: bool) -> InvokeResult:
        """Calls a function; one whose arguments hold a secret, untold to the plugin, answers secretly."""
        if not self._known:
            return InvokeResult({}, unknown=True)
        asked = provider_pb2.InvokeRequest(tok=token, args=self._terms.packed(args), preview=preview)
        answer = self._call("Invoke", asked)
        outputs = unpacked(getattr(answer, "return"))
        if not self._terms.secrets and any(map(has_secret, args.values())):
            outputs = {key: Secret(value) for key, value in outputs.items()}
        return InvokeResult(outputs, _failures(answer.failures))

    def cancel(self) -> None:
        """Asks the plugin to end what it is at, where it was started at all."""
        if self._line is not None:
            # Called from a signal's handler, which must not wait.
            Thread(target=_cancel, args=(self._line.channel,), name="tomo-plugin-cancel", daemon=True).start()

    # --- calls ----------------------------------------------------------------------------------------

    def _named(self, urn: Urn) -> dict[str, Any]:
        return {"urn": urn, "name": urn.name, "type": urn.type}

    def _act(self, verb: str, asked: Any, urn: Urn) -> tuple[Any, tuple[str, ...]]:
        """The answer and, where the resource is there but isn't as asked, the reasons."""
        try:
            return self._raw(verb, asked), ()
        except grpc.RpcError as error:
            half = half_done(error)
            if half is not None:
                return half, tuple(half.reasons) or (str(error.details()),)
            raise self._told(verb, error, urn) from error

    def _call(self, verb: str, asked: Any, urn: Urn | None = None) -> Any:
        try:
            return self._raw(verb, asked)
        except grpc.RpcError as error:
            raise self._told(verb, error, urn) from error

    def _raw(self, verb: str, asked: Any) -> Any:
        return getattr(self._connected(), verb)(asked)

    def _connected(self) -> Any:
        with self._lock:
            if self._stub is None:
                self._line = self._dial()
                self._stub = provider_pb2_grpc.ResourceProviderStub(self._line.channel)
            return self._stub

    def _told(self, verb: str, error: grpc.RpcError, urn: Urn | None) -> TomoError:
        if is_unimplemented(error):
            return _Unimplemented(
                f"the plugin `{self._package}` does not know the call `{verb}`",
                hint=f"see that the plugin belongs to the SDK of `{self._package}` that the program uses",
            )
        gone = self._line.gone() if self._line and error.code() is grpc.StatusCode.UNAVAILABLE else ""
        if gone:
            about = f" while it was at `{urn.name}`" if urn else ""
            return ProviderFailed(f"the plugin `{self._package}` ended{about}", detail=gone)
        return as_error(error, self._package)


def _cancel(channel: grpc.Channel) -> None:
    # A plugin that does not know the call, or is gone, is none the worse.
    with suppress(grpc.RpcError, ValueError):
        provider_pb2_grpc.ResourceProviderStub(channel).Cancel(empty_pb2.Empty(), timeout=_CANCEL_SECONDS)


class _Unimplemented(ProviderFailed):
    """The plugin does not know a call."""


def _checked(answer: Any) -> CheckResult:
    return CheckResult(unpacked(answer.inputs), _failures(answer.failures))


def _failures(failures: Iterable[Any]) -> tuple[CheckFailure, ...]:
    return tuple(CheckFailure(each.property, each.reason) for each in failures)


def _difference(answer: Any) -> DiffResult:
    """A plugin's answer; its differences by path where it tells them in detail, else by key."""
    replaces = tuple(answer.replaces)
    if answer.detailedDiff:
        found = [PropertyDiff(p, _KINDS[d.kind]) for p, d in sorted(answer.detailedDiff.items())]
    else:
        found = [PropertyDiff(key, _kind(key, replaces)) for key in sorted({*answer.diffs, *replaces})]
    return DiffResult(_CHANGED[answer.changes], tuple(found), replaces, answer.deleteBeforeReplace)


def _kind(key: str, replaces: Sequence[str]) -> DiffKind:
    return DiffKind.UPDATE_REPLACE if key in replaces else DiffKind.UPDATE


def _as_text(value: Value) -> str:
    plain = reveal(value)
    return plain if isinstance(plain, str) else json.dumps(plain)
