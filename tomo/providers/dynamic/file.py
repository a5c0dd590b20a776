"""`dynamic/tomo:File`: one file on a host, whole, with its mode and owner."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from tomo.errors import HostError, ProviderFailed, TomoError
from tomo.model.connection import Connection, Connections, FileStat, HostSpec
from tomo.model.diff import DiffResult
from tomo.model.provider import (
    DIGEST,
    NEVER_MADE,
    CheckFailure,
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
    RecoverStatus,
    UpdateRequest,
    UpdateResult,
    unreachable,
)
from tomo.model.values import UNKNOWN, Properties, Secret, Value, has_unknown
from tomo.providers.differences import changed_keys, differences
from tomo.providers.dynamic.own import OwnType, PulumiAdapter
from tomo.providers.dynamic.roads import each_host, spec_of, text_of
from tomo.resources import tokens

INPUTS: Final = ("host", "port", "user", "hostKey", "become", "path", "content", "mode", "owner")
DEFAULT_MODE: Final = "0644"
_ROAD: Final = ("host", "port", "user")
_MODE = re.compile(r"0?[0-7]{3}")


class File:
    """Puts files on hosts; takes away only what it put there."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def check(self, request: CheckRequest) -> CheckResult:
        """Refuses unknown, missing and malformed inputs by name."""
        return CheckResult(request.news, tuple(_failures(request.news)))

    def diff(self, request: DiffRequest) -> DiffResult:
        """Another path is another file; everything else is written in place."""
        found = differences(request.old_inputs, request.new_inputs, request.ignore_changes, {"path"})
        return DiffResult(bool(found), found, ("path",) if any(each.kind.replaces for each in found) else ())

    def create(self, request: CreateRequest) -> CreateResult:
        """Writes the file; one that is there already and differs is not Tomo's, and stays."""
        secret = "content" in request.secret_keys
        if request.preview:
            return CreateResult("", _outputs(request.inputs, created=True, secret=secret))
        spec = spec_of(request.inputs)
        connection = self._connections.get(spec)
        created = _may_write(connection, request.inputs, spec)
        _write(connection, request.inputs)
        return CreateResult(
            text_of(request.inputs, "path"), _outputs(request.inputs, created=created, secret=secret)
        )

    def update(self, request: UpdateRequest) -> UpdateResult:
        """Writes the file again; at another address as if it were new."""
        secret = "content" in request.secret_keys
        created = request.old_outputs.get("created") is not False
        adopted = _adopted(request.new_inputs)
        moved = any(key in _ROAD for key in changed_keys(request.old_inputs, request.new_inputs))
        if not request.preview:
            spec = spec_of(request.new_inputs)
            connection = self._connections.get(spec)
            if moved and not adopted:
                created = _may_write(connection, request.new_inputs, spec)
            _write(connection, request.new_inputs, _as_found(connection, request, spec) if adopted else None)
        outputs = _outputs(request.new_inputs, created=created, secret=secret)
        # Who reads the file is made anew when what is declared changes, not when an edit is adopted.
        return UpdateResult({**outputs, "sha256": request.old_outputs["sha256"]} if adopted else outputs)

    def delete(self, request: DeleteRequest) -> None:
        """Removes the file unless it was there before Tomo, or something else has taken its place.

        Of Tomo's own folder on the host, what is empty then goes too.
        """
        if request.outputs.get("created") is False:
            return
        spec = spec_of(request.inputs)
        connection, path = self._connections.get(spec), text_of(request.inputs, "path")
        [found] = connection.stat_files([path])
        if found is None:
            return
        if found.is_directory:
            raise HostError(
                f"`{path}` is a folder now, and Tomo made a file there",
                host=spec.label,
                hint="remove the folder on the host, then apply again",
            )
        connection.remove_file(path, below=tokens.HOST_FOLDER)

    def read(self, requests: Sequence[ReadRequest]) -> list[ReadResult]:
        """Looks at all files of a host in one round trip, hosts side by side."""
        results: dict[int, ReadResult] = {}
        requests = [_as_recorded(request) for request in requests]

        def look_at(spec: HostSpec, positions: list[int]) -> None:
            group = [requests[position] for position in positions]
            results.update(zip(positions, self._read(spec, group), strict=True))

        each_host([spec_of(request.inputs) for request in requests], look_at)
        return [results[position] for position in range(len(requests))]

    def recover(self, request: RecoverRequest) -> RecoverResult:
        """A file with the wanted content was written: before that, none was to be there.

        One that is half written is written anew.
        """
        path, content = text_of(request.inputs, "path"), text_of(request.inputs, "content")
        [found] = self._connections.get(spec_of(request.inputs)).stat_files([path])
        if found is None or found.is_directory or found.sha256 != _digest(content):
            return NEVER_MADE
        outputs = _outputs(request.inputs, created=True, secret="content" in request.secret_keys)
        return RecoverResult(RecoverStatus.MADE, path, outputs, "it was written")

    def cancel(self) -> None:
        """Has nothing to stop."""

    def _read(self, spec: HostSpec, requests: Sequence[ReadRequest]) -> list[ReadResult]:
        if not spec.host:
            return [ReadResult(ReadStatus.UNSUPPORTED) for _ in requests]
        try:
            stats = self._connections.get(spec).stat_files(
                [text_of(each.inputs, "path") for each in requests]
            )
        except TomoError as error:
            failed = unreachable(error)
            return [failed for _ in requests]
        return [_found(request, stat) for request, stat in zip(requests, stats, strict=True)]


class FileProvider(PulumiAdapter):
    """What a state names, so that Pulumi's CLI can serve a File."""

    type_ = tokens.FILE
    inputs = INPUTS

    def make(self, connections: Connections) -> OwnType:
        """A File over these connections."""
        return File(connections)


def _found(request: ReadRequest, stat: FileStat | None) -> ReadResult:
    if stat is None:
        return ReadResult(ReadStatus.GONE)
    inputs = dict(request.inputs)
    if stat.is_directory:
        told = "[a folder stands there]"
        inputs["content"] = {DIGEST: told} if "content" in request.adopts else told
    elif stat.sha256 != _digest(text_of(request.inputs, "content")):
        # The content itself may be secret, so only its digest is told.
        told = f"[edited on the host, SHA-256 {stat.sha256[:12]}]"
        inputs["content"] = {DIGEST: stat.sha256} if "content" in request.adopts else told
    if stat.mode != _mode(request.inputs):
        inputs["mode"] = f"{stat.mode:04o}"
    outputs = request.outputs or {"sha256": stat.sha256, "created": _is_own(text_of(inputs, "path"))}
    return ReadResult(ReadStatus.FOUND, request.id, inputs, {**outputs, **inputs})


def _as_recorded(request: ReadRequest) -> ReadRequest:
    """A file to import, by its path, is looked at as if what is wanted had been written there."""
    if request.inputs or not request.wanted:
        return request
    return replace(request, inputs={**request.wanted, "path": request.id})


def _is_own(path: str) -> bool:
    return path.startswith(f"{tokens.HOST_FOLDER}/")


def _may_write(connection: Connection, inputs: Properties, spec: HostSpec) -> bool:
    """Whether the file will be Tomo's own; raises where another one stands there.

    The start of the wanted content is what a write that was cut off leaves behind.
    """
    path, wanted = text_of(inputs, "path"), text_of(inputs, "content").encode()
    own = _is_own(path)
    [found] = connection.stat_files([path])
    if found is None or (own and not found.is_directory):
        return True
    if not found.is_directory and found.sha256 == hashlib.sha256(wanted).hexdigest():
        return False
    if not found.is_directory and found.size < len(wanted):
        content = connection.read_file(path)
        if content and wanted.startswith(content):
            return True
    kind = "folder" if found.is_directory else "file"
    raise HostError(
        f"`{path}` is there already, a {kind} that Tomo did not make",
        host=spec.label,
        hint="move it away on the host, or declare another path",
    )


def _adopted(inputs: Properties) -> str:
    """The digest that stands for a content that was adopted; `""` where the content is the declared one."""
    content = inputs.get("content")
    return str(content[DIGEST]) if isinstance(content, Mapping) and DIGEST in content else ""


def _as_found(connection: Connection, request: UpdateRequest, spec: HostSpec) -> bytes:
    """The content that was adopted, as the host still has it."""
    path = text_of(request.new_inputs, "path")
    found = connection.read_file(path)
    if found is None or hashlib.sha256(found).hexdigest() != _adopted(request.new_inputs):
        raise HostError(
            f"`{path}` has not the content any more that was adopted",
            host=spec.label,
            hint="run `tomo plan` again",
        )
    return found


def _write(connection: Connection, inputs: Properties, content: bytes | None = None) -> None:
    if has_unknown(inputs):
        raise ProviderFailed("an input is not known yet", hint="apply what it comes from first")
    content = text_of(inputs, "content").encode() if content is None else content
    connection.write_file(
        text_of(inputs, "path"), content, mode=_mode(inputs), owner=text_of(inputs, "owner")
    )


def _outputs(inputs: Properties, *, created: bool, secret: bool) -> Properties:
    content = inputs.get("content")
    digest: Value = _digest(content) if isinstance(content, str) else UNKNOWN
    known = {**inputs, "sha256": digest, "created": created}
    if secret:
        known |= {key: Secret(known[key]) for key in ("content", "sha256") if key in known}
    return known


def _digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


def _mode(inputs: Properties) -> int:
    return int(text_of(inputs, "mode") or DEFAULT_MODE, 8)


def _failures(inputs: Properties) -> Iterator[CheckFailure]:
    for key in sorted(inputs.keys() - {*INPUTS, tokens.PROVIDER_KEY}):
        yield CheckFailure(key, f"a File has no input `{key}`")
    for key in ("host", "path", "content"):
        if inputs.get(key) is None:
            yield CheckFailure(key, f"`{key}` is required")
    path = inputs.get("path")
    if isinstance(path, str) and (not path.startswith("/") or ".." in path.split("/") or "\0" in path):
        yield CheckFailure("path", "`path` must be absolute and without `..`")
    content = inputs.get("content")
    if content is not None and not isinstance(content, str) and not has_unknown(content):
        yield CheckFailure("content", "`content` must be a text")
    mode = inputs.get("mode")
    if mode is not None and not has_unknown(mode) and not (isinstance(mode, str) and _MODE.fullmatch(mode)):
        yield CheckFailure("mode", 'write the mode as octal text, such as "0640"')
