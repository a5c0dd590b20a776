"""Hooks and transforms of the programs: each does one thing, by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pulumi import (
    ErrorHook,
    ErrorHookArgs,
    Output,
    ResourceHook,
    ResourceHookArgs,
    ResourceHookBinding,
    ResourceHookOptions,
    ResourceOptions,
    ResourceTransformArgs,
    ResourceTransformationArgs,
    ResourceTransformationResult,
    ResourceTransformResult,
)
from pulumi.output import Unknown

Note = Callable[..., None]
"""Takes down a call: what was called, a URN, and what was given."""
Change = Callable[[Mapping[str, Any], ResourceOptions], tuple[dict[str, Any], ResourceOptions]]

ON_ERROR = ("again", "enough")
ATTEMPTS = 2


class HeardButRefused(Exception):
    """What a hook raises that is to fail."""


class Hooks:
    """The hooks of one run of a program, each registered once."""

    def __init__(self, note: Note) -> None:
        self._note = note
        self._made: dict[str, ResourceHook | ErrorHook] = {}
        self._again = 0

    def register_all(self) -> None:
        """Registers every hook, for resources too that the program no longer declares."""
        for name in (*HOOKS, *ON_ERROR):
            self._hook(name)

    def binding(self, named: Mapping[str, Sequence[str]]) -> ResourceHookBinding:
        """The hooks of a resource by kind, such as `before_create`."""
        bound: dict[str, Any] = {kind: [self._hook(name) for name in names] for kind, names in named.items()}
        return ResourceHookBinding(**bound)

    def _hook(self, name: str) -> ResourceHook | ErrorHook:
        if name not in self._made:
            options = HOOKS.get(name)
            self._made[name] = (
                ErrorHook(name, lambda args: self._failed(name, args))
                if options is None
                else ResourceHook(name, lambda args: self._called(name, args), options)
            )
        return self._made[name]

    def _called(self, name: str, args: ResourceHookArgs) -> None:
        given = {key: _told(getattr(args, key) or {}) for key in _PROPERTIES}
        self._note(f"hook {name}", args.urn, id=args.id, **given)
        if name in {"refuses", "ignored"}:
            raise HeardButRefused("the hook refuses as asked")

    def _failed(self, name: str, args: ErrorHookArgs) -> bool:
        self._note(f"hook {name}", args.urn, id=args.id, failed=args.failed_operation)
        self._again += name == "again"
        return name == "again" and self._again <= ATTEMPTS


HOOKS: Mapping[str, ResourceHookOptions] = {
    "heard": ResourceHookOptions(),
    "early": ResourceHookOptions(on_dry_run=True),
    "refuses": ResourceHookOptions(),
    "ignored": ResourceHookOptions(ignore_errors=True),
}
_PROPERTIES = ("new_inputs", "old_inputs", "new_outputs", "old_outputs")


def _told(value: Any) -> Any:
    """What a hook was given, as JSON has it."""
    if isinstance(value, Mapping):
        return {str(key): _told(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_told(item) for item in value]
    if isinstance(value, Output):
        return "an output"
    return "an unknown" if isinstance(value, Unknown) else value


# --- transforms --------------------------------------------------------------------------------------


def transform(name: str) -> Callable[[ResourceTransformArgs], ResourceTransformResult | None]:
    """A transform that the engine calls."""

    def change(args: ResourceTransformArgs) -> ResourceTransformResult | None:
        found = _changed(name, args.type_, args.props, args.opts)
        return None if found is None else ResourceTransformResult(*found)

    return change


def transformation(name: str) -> Callable[[ResourceTransformationArgs], ResourceTransformationResult | None]:
    """A transformation as it was in older programs: within the SDK."""

    def change(args: ResourceTransformationArgs) -> ResourceTransformationResult | None:
        found = _changed(name, args.type_, args.props, args.opts)
        return None if found is None else ResourceTransformationResult(*found)

    return change


def _changed(
    name: str, type_: str, props: Mapping[str, Any], opts: ResourceOptions
) -> tuple[dict[str, Any], ResourceOptions] | None:
    if name == "nothing" or type_.startswith("pulumi:"):
        return None
    return TRANSFORMS[name](props, opts)


def _with(opts: ResourceOptions, **more: Any) -> ResourceOptions:
    return ResourceOptions.merge(opts, ResourceOptions(**more))


TRANSFORMS: Mapping[str, Change] = {
    "nothing": lambda props, opts: ({**props}, opts),
    "passes": lambda props, opts: ({**props}, opts),
    "adds": lambda props, opts: ({**props, "t": "added"}, opts),
    "hides": lambda props, opts: ({k: Output.secret(v) if k == "v" else v for k, v in props.items()}, opts),
    "drops": lambda props, opts: ({k: v for k, v in props.items() if k != "w"}, opts),
    "retains": lambda props, opts: ({**props}, _with(opts, retain_on_delete=True)),
    "ignores": lambda props, opts: ({**props}, _with(opts, ignore_changes=["v"])),
}
