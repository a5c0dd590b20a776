"""Hooks of a program as the engine calls them, over the SDK's own callbacks (engine-spec 0.7)."""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from pulumi.runtime.proto import resource_pb2

from tomo.errors import ProgramFailed, TomoError
from tomo.model import wire
from tomo.model.hook import ErrorHook, Hook, HookCall
from tomo.program.callbacks import call

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.message import Message
    from pulumi.runtime.proto import callback_pb2

    from tomo.program.callbacks import Callbacks

_PROPERTIES = ("new_inputs", "old_inputs", "new_outputs", "old_outputs")


def resource_hook(callbacks: Callbacks, request: resource_pb2.RegisterResourceHookRequest) -> Hook:
    """The hook that the SDK registers, called on the program's loop."""
    ask = _asker(callbacks, request.callback)

    def run(told: HookCall) -> None:
        asked = resource_pb2.ResourceHookRequest(
            urn=told.urn, id=told.id, name=told.urn.name, type=told.urn.type
        )
        ask(_told(asked, told))

    return Hook(request.name, run, request.on_dry_run, request.ignore_errors)


def error_hook(callbacks: Callbacks, request: resource_pb2.RegisterErrorHookRequest) -> ErrorHook:
    """The error hook that the SDK registers, called on the program's loop."""
    ask = _asker(callbacks, request.callback)

    def run(told: HookCall, operation: str, failures: Sequence[str]) -> bool:
        asked = resource_pb2.ErrorHookRequest(
            urn=told.urn,
            id=told.id,
            name=told.urn.name,
            type=told.urn.type,
            failed_operation=operation,
            errors=failures,
        )
        return bool(ask(_told(asked, told)).retry)

    return ErrorHook(request.name, run)


def _told(asked: Any, told: HookCall) -> Any:
    for name in _PROPERTIES:
        properties = getattr(told, name)
        if properties is not None:
            getattr(asked, name).CopyFrom(wire.to_struct(properties))
    return asked


def _asker(callbacks: Callbacks, callback: callback_pb2.Callback) -> Callable[[Message], Any]:
    """Asks a callback and waits for its answer; raises ProgramFailed where the function fails."""
    function, context = callbacks.function(callback), copy_context()

    def ask(request: Message) -> Any:
        try:
            answer = callbacks.start(lambda: call(function, request), context).result()
        except TomoError:
            raise
        except Exception as error:
            raise ProgramFailed(str(error)) from error
        if answer.error:
            raise ProgramFailed(answer.error)
        return answer

    return ask
