"""Functions that a program wants called before and after steps, and when one fails (engine-spec 0.7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import TypeAlias

from tomo.frozen import frozen
from tomo.model.urn import Urn
from tomo.model.values import Properties


class HookType(StrEnum):
    """When a hook is called; names are those of Pulumi's state."""

    BEFORE_CREATE = "BeforeCreate"
    AFTER_CREATE = "AfterCreate"
    BEFORE_UPDATE = "BeforeUpdate"
    AFTER_UPDATE = "AfterUpdate"
    BEFORE_DELETE = "BeforeDelete"
    AFTER_DELETE = "AfterDelete"
    ON_ERROR = "OnError"


HookNames: TypeAlias = Mapping[str, tuple[str, ...]]
"""The names of a resource's hooks, in their order, by `HookType`."""


@frozen
class HookCall:
    """What a hook is told of the step; None where there is nothing of the kind, or not yet."""

    urn: Urn
    id: str = ""
    new_inputs: Properties | None = None
    old_inputs: Properties | None = None
    new_outputs: Properties | None = None
    old_outputs: Properties | None = None


@frozen
class Hook:
    """A function by its name, called before or after a step; `call` returns when it is done.

    `call` may come from any thread but the program's own, and raises TomoError where the function fails.
    """

    name: str
    call: Callable[[HookCall], None]
    on_dry_run: bool = False
    ignore_errors: bool = False


@frozen
class ErrorHook:
    """A function by its name, called when a step fails; says whether the step is to be tried again.

    `call` is given the operation and all errors so far, the newest first.
    """

    name: str
    call: Callable[[HookCall, str, Sequence[str]], bool]
