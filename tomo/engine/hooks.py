"""Calls a program's hooks before and after acts, and when one fails (engine-spec 0.7)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final, Protocol, TypeVar

from tomo.engine.registry import as_tomo_error
from tomo.engine.tolerance import declared
from tomo.errors import ProgramFailed, ResourceFailed, TomoError
from tomo.model.events import Severity
from tomo.model.hook import ErrorHook, Hook, HookCall, HookNames, HookType
from tomo.model.provider import UpdateResult
from tomo.model.resource import ResourceState
from tomo.model.step import Op, Step
from tomo.model.urn import Urn

_R = TypeVar("_R")

RETRIES: Final = 100
"""How often an act may fail before error hooks are no longer asked."""


class Listener(Protocol):
    """Whom hooks are told to: the run that they belong to."""

    @property
    def dry(self) -> bool:
        """Whether it only plans."""
        ...

    def say(self, severity: Severity, message: str, urn: str = "") -> None:
        """A line for people."""
        ...

    def hook_failed(self, urn: Urn, error: TomoError) -> None:
        """A hook failed after its step was done."""
        ...

    def stop_requested(self) -> bool:
        """Whether nothing new may begin."""
        ...


class Hooks:
    """The hooks of one run, by name. Its calls wait for the program's functions: hold no lock meanwhile."""

    def __init__(self, run: Listener) -> None:
        self._run = run
        self._hooks: dict[str, Hook] = {}
        self._error_hooks: dict[str, ErrorHook] = {}

    def register(self, hook: Hook | ErrorHook) -> None:
        """Takes a hook of the program; raises ProgramFailed where its name is taken."""
        if hook.name in self._hooks or hook.name in self._error_hooks:
            raise ProgramFailed(f"two hooks are called `{hook.name}`", hint="give each hook its own name")
        if isinstance(hook, Hook):
            self._hooks[hook.name] = hook
        else:
            self._error_hooks[hook.name] = hook

    def concern(self, step: Step) -> bool:
        """Whether the step has anything to call in this run; an unknown hook counts, as it is to be told."""
        names = _names(step, *_KINDS.get(step.op, ()))
        return any(not self._run.dry or self._runs_in_plan(name) for name in names)

    def _runs_in_plan(self, name: str) -> bool:
        hook = self._hooks.get(name)
        return hook is None or hook.on_dry_run

    def before(self, step: Step) -> None:
        """Calls what is to run before a step; raises ResourceFailed where one fails."""
        if step.op not in _KINDS:
            return
        for name in _names(step, _KINDS[step.op][0]):
            self._call(name, "before", step)

    def after(self, step: Step) -> None:
        """Calls what is to run after a step, which stays done even if one fails."""
        if step.op not in _KINDS:
            return
        try:
            for name in _names(step, _KINDS[step.op][1]):
                self._call(name, "after", step, done=True)
        except TomoError as error:
            self._run.hook_failed(step.urn, error)

    def persistently(self, step: Step, act: Callable[[], _R]) -> _R:
        """The result of an act, tried again for as long as an error hook asks for it.

        What was made and isn't well is not made again: that would be a second one.
        """
        names = _names(step, HookType.ON_ERROR)
        if not names:
            return act()
        failures: list[str] = []
        while True:
            try:
                result = act()
            except Exception as error:
                problem = str(as_tomo_error(error))
                if not self._again(step, names, problem, failures):
                    raise
            else:
                problem = "\n".join(result.init_errors) if isinstance(result, UpdateResult) else ""
                if not problem or not self._again(step, names, problem, failures):
                    return result

    def _again(self, step: Step, names: Iterable[str], problem: str, failures: list[str]) -> bool:
        """Whether any hook wants another attempt; all are asked."""
        failures.insert(0, problem)
        if len(failures) >= RETRIES:
            self._warn(step, f"maximum number of error hook retries ({RETRIES}) reached")
            return False
        operation = _OPERATIONS[step.op]
        wanted = [self._error_hook(name, step)(_told(step), operation, tuple(failures)) for name in names]
        if not any(wanted) or self._run.stop_requested():
            return False
        self._warn(step, f"retrying {operation} due to on-error hook request ({len(failures)}/{RETRIES})")
        return True

    def _error_hook(self, name: str, step: Step) -> Callable[[HookCall, str, tuple[str, ...]], bool]:
        hook = self._error_hooks.get(name)
        if hook is None:
            raise _not_registered(f"error hook `{name}`", step)

        def call(told: HookCall, operation: str, failures: tuple[str, ...]) -> bool:
            try:
                return hook.call(told, operation, failures)
            except TomoError as error:
                raise ResourceFailed(f"error hook `{name}` failed: {error.message}") from error

        return call

    def _call(self, name: str, when: str, step: Step, *, done: bool = False) -> None:
        hook = self._hooks.get(name)
        if hook is None:
            raise _not_registered(f"hook `{name}`", step)
        if self._run.dry and not hook.on_dry_run:
            return
        try:
            hook.call(_told(step, done=done))
        except TomoError as error:
            message = f"{when} hook `{name}` failed: {error.message}"
            if not hook.ignore_errors:
                raise ResourceFailed(message) from error
            self._warn(step, message)

    def _warn(self, step: Step, message: str) -> None:
        self._run.say(Severity.WARNING, message, step.urn)


_KINDS: Final = {
    Op.CREATE: (HookType.BEFORE_CREATE, HookType.AFTER_CREATE),
    Op.CREATE_REPLACEMENT: (HookType.BEFORE_CREATE, HookType.AFTER_CREATE),
    Op.UPDATE: (HookType.BEFORE_UPDATE, HookType.AFTER_UPDATE),
    Op.DELETE: (HookType.BEFORE_DELETE, HookType.AFTER_DELETE),
    Op.DELETE_REPLACED: (HookType.BEFORE_DELETE, HookType.AFTER_DELETE),
    Op.DISCARD: (HookType.BEFORE_DELETE, HookType.AFTER_DELETE),
}
_OPERATIONS: Final = {
    Op.CREATE: "create",
    Op.CREATE_REPLACEMENT: "create",
    Op.UPDATE: "update",
    Op.DELETE: "delete",
    Op.DELETE_REPLACED: "delete",
}


def delete_hooks(entries: Iterable[ResourceState]) -> dict[Urn, list[str]]:
    """The names of the hooks that deleting these entries would call, by URN."""
    found: dict[Urn, list[str]] = {}
    for entry in entries:
        for kind in (HookType.BEFORE_DELETE, HookType.AFTER_DELETE):
            if entry.hooks.get(kind):
                found.setdefault(entry.urn, []).extend(entry.hooks[kind])
    return found


def _names(step: Step, *kinds: HookType) -> list[str]:
    """As in Pulumi: a deletion has the hooks of the state, everything else those of the program."""
    hooks: HookNames = step.entry.hooks
    return [name for kind in kinds for name in hooks.get(kind, ())] if hooks else []


def _told(step: Step, *, done: bool = False) -> HookCall:
    """What a step's hooks are told; the outputs of what it makes only where it is done."""
    creates = step.op in {Op.CREATE, Op.CREATE_REPLACEMENT}
    old = None if creates else step.old
    call = HookCall(step.urn, step.entry.id if done or not creates else "")
    if step.new is not None:
        call = replace(
            call, new_inputs=declared(step.new.inputs), new_outputs=step.new.outputs if done else None
        )
    if old is not None:
        call = replace(call, id=old.id, old_inputs=declared(old.inputs), old_outputs=old.outputs)
    return call


def _not_registered(what: str, step: Step) -> TomoError:
    return ResourceFailed(
        f"{what} of `{step.urn.name}` is not registered",
        hint="keep the hook in the program for as long as a resource has it in the state",
    )
