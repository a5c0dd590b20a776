"""Cheaper equivalents of parts of the SDK, which take most of its time in a program of many resources.

- For each input and output of a resource the SDK makes an `Output` of four futures and a task that awaits
  them. All four are always set together, so one future does.
- For each resource it formats the whole call stack, reading every source file in it. All that a state
  keeps is the line that made the resource.
- For each property it works out what its annotation means, though all containers have the same ones.
- Whenever one of the outputs still to come is there, it begins anew to wait for each of the others, so that
  a thousand cost a million.
- A text, number or nothing passes the twenty questions that other values need.

What a program sees is the same. They replace parts of the SDK only while a program runs, and only parts
whose code is what they were written for: with another version of the SDK its own code runs, slower.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

KNOWN: Final = {
    "_types.py": "9a7ed15c73633216098f4e60a4d157cd10d5253b289173181e2042b3c4cfd6c9",
    "output.py": "4b24ace58cbaa815d995b3c39f95eb3ee605e57220e1362a4b3ec0d484c7d086",
    "resource.py": "2c783a7f3f6fe99794eef236472ee78015cffbcf22cd319f3aa878805edca6bc",
    "stack.py": "b330b979ca055347d5730ebcf3063ad9880c480fa9715cb1b1f6aa26f9d19f6b",
    "rpc.py": "cbb7ae5674d187f5a7576539ba743f506540f7c592f27e593e52d8c09c68d007",
}
"""SHA-256 of the SDK's files that hold what the shortcuts stand for."""

_CONSTRUCTORS: Final = 3
"""How many `__init__` lie above a program's own line: the typed class, CustomResource, Resource."""


@contextmanager
def shortcuts() -> Iterator[None]:
    """While it is open, the SDK takes them."""
    from pulumi import _types  # noqa: PLC0415  # the SDK is loaded for programs only
    from pulumi.output import Output  # noqa: PLC0415
    from pulumi.runtime import resource, rpc, stack  # noqa: PLC0415

    outputs = _Outputs()
    together: tuple[tuple[tuple[Any, str, Callable[..., Any]], ...], ...] = (
        (
            (rpc, "transfer_properties", outputs.transfer_properties),
            (Output, "_untrack", outputs.untrack()),
        ),
        ((resource, "_get_stack_trace", _stack_trace()),),
        ((stack, "wait_for_rpcs", _wait_for_rpcs()),),
        ((_types, "unwrap_type", _once_for_each(_types.unwrap_type)),),
        ((_types, "unwrap_optional_type", _once_for_each(_types.unwrap_optional_type)),),
        ((rpc, "serialize_property", _serialized(rpc.serialize_property)),),
        ((rpc, "contains_unknowns", _unknowns(rpc.contains_unknowns)),),
    )
    before = [(owner, name, getattr(owner, name)) for group in together for owner, name, _ in group]
    files = {file for _, _, own in before if (file := code_file(own)) is not None}
    known = {file for file in files if digest(file) == KNOWN.get(file.name)}
    for group in together:
        if all(code_file(getattr(owner, name)) in known for owner, name, _ in group):
            for owner, name, shortcut in group:
                setattr(owner, name, shortcut)
    try:
        yield
    finally:
        for owner, name, own in before:
            setattr(owner, name, own)


def code_file(function: Callable[..., Any]) -> Path | None:
    """The file that a function was written in; None for what is no function of Python's."""
    code = getattr(function, "__code__", None)
    return Path(code.co_filename) if code is not None else None


def digest(file: Path) -> str:
    """The SHA-256 of a file; "" where there is none to read.

    Of whole files, since finding a function in one takes longer than what its shortcut saves in a small plan.
    """
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
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


def _wait_for_rpcs() -> Callable[..., Any]:
    from pulumi import log  # noqa: PLC0415
    from pulumi.runtime.settings import SETTINGS, _get_rpc_manager  # noqa: PLC0415

    async def wait_for_rpcs(await_all_outstanding_tasks: bool = True) -> None:  # noqa: FBT001, FBT002
        log.debug("Waiting for outstanding RPCs to complete")
        manager = _get_rpc_manager()
        while True:
            await _calls_done(manager)
            log.debug("RPCs successfully completed")
            if await_all_outstanding_tasks:
                await _outputs_done(SETTINGS)
                log.debug("All outstanding outputs completed.")
            if not manager.rpcs:
                return

    return wait_for_rpcs


async def _calls_done(manager: Any) -> None:
    """Waits for each call to the engine; raises what one of them raised."""
    while manager.rpcs:
        await asyncio.sleep(0)
        try:
            await manager.rpcs.pop()
        except Exception as error:
            if manager.unhandled_exception is None:
                raise
            raise error from manager.unhandled_exception.with_traceback(manager.exception_traceback)
    if manager.unhandled_exception is not None:
        raise manager.unhandled_exception.with_traceback(manager.exception_traceback)


async def _outputs_done(settings: Any) -> None:
    """Waits for each output, those that come up meanwhile too; raises what one of them raised."""
    arrived: asyncio.Queue[asyncio.Future[Any]] = asyncio.Queue()
    waiting = 0
    while True:
        with settings.lock:
            fresh = list(settings.outputs)
            settings.outputs.clear()
        for output in fresh:
            output.add_done_callback(arrived.put_nowait)
        waiting += len(fresh)
        if not waiting:
            return
        done = [await arrived.get()]
        while not arrived.empty():
            done.append(arrived.get_nowait())
        waiting -= len(done)
        for output in done:
            await output


_PLAIN: Final = frozenset((str, int, float, bool, type(None)))
"""Types of values that are sent as they are. What is derived from them may be something else."""
_RETURN_PROTOBUF: Final = 8
"""Where the argument of this name stands after the value."""


def _once_for_each(unwrap: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """What an annotation stands for; its hash costs as much as unwrapping it, so by identity."""
    known: dict[int, tuple[Any, Any]] = {}

    def unwrapped(val: Any) -> Any:
        # The annotation is kept beside the result, so that no other gets its place in memory.
        found = known.get(id(val))
        if found is None:
            found = known[id(val)] = (val, unwrap(val))
        return found[1]

    return unwrapped


def _serialized(serialize: Callable[..., Any]) -> Callable[..., Any]:
    async def serialize_property(value: Any, *args: Any, **options: Any) -> Any:
        if type(value) in _PLAIN and len(args) < _RETURN_PROTOBUF and "return_protobuf_value" not in options:
            return value
        return await serialize(value, *args, **options)

    return serialize_property


def _unknowns(contains: Callable[[Any], bool]) -> Callable[[Any], bool]:
    def contains_unknowns(val: Any) -> bool:
        return type(val) not in _PLAIN and contains(val)

    return contains_unknowns
