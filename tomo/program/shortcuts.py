"""Cheaper equivalents of two parts of the SDK, which take half of its time in a program of many resources.

- For each input and output of a resource the SDK makes an `Output` of four futures and a task that awaits
  them. All four are always set together, so one future does.
- For each resource it formats the whole call stack, reading every source file in it. All that a state
  keeps is the line that made the resource.

What a program sees is the same. They replace parts of the SDK only while a program runs, and only parts
whose code is what they were written for: with another version of the SDK its own code runs, slower.
"""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

KNOWN: Final = {
    "transfer_properties": "0e7c02ffa04ff20b31cd58a4829188d173300ed40eae0cb7bb48435121c233d9",
    "_untrack": "6e6e07e5f9c49cde1c091ef6c5079819110e19b7c484e273db0019b9ba834e66",
    "_get_stack_trace": "3943b2273016925109e1c3a7bc603db06a44ea09ff3494c29544e44bccf8dd1f",
}
"""SHA-256 of the SDK's own sources that the shortcuts stand for."""

_CONSTRUCTORS: Final = 3
"""How many `__init__` lie above a program's own line: the typed class, CustomResource, Resource."""


@contextmanager
def shortcuts() -> Iterator[None]:
    """While it is open, the SDK takes them."""
    from pulumi.output import Output  # noqa: PLC0415  # the SDK is loaded for programs only
    from pulumi.runtime import resource, rpc  # noqa: PLC0415

    outputs = _Outputs()
    together: tuple[tuple[tuple[Any, str, Callable[..., Any]], ...], ...] = (
        (
            (rpc, "transfer_properties", outputs.transfer_properties),
            (Output, "_untrack", outputs.untrack()),
        ),
        ((resource, "_get_stack_trace", _stack_trace()),),
    )
    before = [(owner, name, getattr(owner, name)) for group in together for owner, name, _ in group]
    for group in together:
        if all(digest(getattr(owner, name)) == KNOWN[name] for owner, name, _ in group):
            for owner, name, shortcut in group:
                setattr(owner, name, shortcut)
    try:
        yield
    finally:
        for owner, name, own in before:
            setattr(owner, name, own)


def digest(function: Callable[..., Any]) -> str:
    """The SHA-256 of a function's source; "" where there is none to read."""
    try:
        return hashlib.sha256(inspect.getsource(function).encode()).hexdigest()
    except (OSError, TypeError):
        return ""


class _Outputs:
    """The outputs of resources, each of one future.

    The SDK awaits every output at the end of a program, so that errors are raised. Here only one that
    failed is handed to it, unless another output that was made from it has taken that over.
    """

    def __init__(self) -> None:
        from pulumi.output import Output, _OutputData  # noqa: PLC0415
        from pulumi.runtime.settings import SETTINGS  # noqa: PLC0415

        self._output, self._data, self._settings = Output, _OutputData, SETTINGS
        self._untracked: set[asyncio.Future[Any]] = set()

    def transfer_properties(self, res: Any, props: Mapping[str, Any], custom: bool) -> dict[str, Any]:  # noqa: FBT001
        """Gives a resource an output for each property; returns what settles them."""
        loop = asyncio.get_event_loop()
        resolvers: dict[str, Any] = {}
        for name in props:
            # These two are set elsewhere.
            if name == "urn" or (name == "id" and custom):
                continue
            data = loop.create_future()
            resolvers[name] = partial(self._settle, data, res)
            output: Any = object.__new__(self._output)
            output._data = data  # noqa: SLF001  # as Output's own constructor does
            res.__dict__[name] = output
        return resolvers

    def untrack(self) -> Callable[[Any], None]:
        """The method that an output calls when another has taken over its error."""

        def _untrack(output: Any) -> None:
            data = output._data  # noqa: SLF001
            self._untracked.add(data)
            with self._settings.lock:
                self._settings.outputs.discard(data)

        return _untrack

    def _settle(  # noqa: PLR0917  # the SDK's own signature
        self,
        data: asyncio.Future[Any],
        resource: Any,
        value: Any,
        is_known: bool,  # noqa: FBT001
        is_secret: bool,  # noqa: FBT001
        dependencies: set[Any] | None,
        failed: Exception | None,
    ) -> None:
        if failed is None:
            of = {*dependencies, resource} if dependencies else {resource}
            data.set_result(self._data(resources=of, value=value, is_known=is_known, is_secret=is_secret))
            return
        data.set_exception(failed)
        if data not in self._untracked:
            with self._settings.lock:
                self._settings.outputs.add(data)


def _stack_trace() -> Callable[[], Any]:
    from pulumi.runtime.proto import source_pb2  # noqa: PLC0415

    uris: dict[str, str | None] = {}

    def uri_of(file: str) -> str | None:
        try:
            return Path(file).as_uri()
        except ValueError:
            return None

    def stack_trace() -> Any:
        frame = sys._getframe(1)  # noqa: SLF001  # a formatted stack costs a hundred times as much
        constructors = 0
        while frame.f_back is not None:
            constructors += frame.f_code.co_name == "__init__"
            frame = frame.f_back
            if constructors == _CONSTRUCTORS:
                break
        else:
            return source_pb2.StackTrace()
        file = frame.f_code.co_filename
        if file not in uris:
            uris[file] = uri_of(file)
        uri = uris[file]
        position = source_pb2.SourcePosition(uri=uri, line=frame.f_lineno) if uri else None
        return source_pb2.StackTrace(frames=[source_pb2.StackFrame(pc=position)])

    return stack_trace
