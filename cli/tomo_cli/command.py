"""Commands as quick as their arguments are simple.

Typer turns every value into its type by a pydantic adapter, and builds every command to run one. A plan of
a small stack spends a quarter of its time on that, for paths, texts and defaults that are their types.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup


class Command(TyperCommand):
    """A command that has typer turn only those values into their types that aren't of them already."""

    def get_params(self, ctx: Any) -> list[Any]:
        """As typer has them."""
        return _lightened(super().get_params(ctx))


class Group(TyperGroup):
    """A group of commands, alike."""

    def get_params(self, ctx: Any) -> list[Any]:
        """As typer has them."""
        return _lightened(super().get_params(ctx))


def _lightened(params: list[Any]) -> list[Any]:
    for param in params:
        # Versions of typer that have no such method don't use pydantic.
        of_typer = getattr(param, "get_runtime_param", None)
        if of_typer is not None and not isinstance(of_typer, _Coercion):
            param.get_runtime_param = _Coercion(of_typer)
    return params


class _Coercion:
    """Stands for typer's own coercion of one parameter, which is made when it is needed."""

    def __init__(self, of_typer: Callable[[], Any]) -> None:
        self._of_typer = of_typer

    def __call__(self) -> _Coercion:
        return self

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """A value of a parameter's type; raises typer's error for one that can't be."""
        if value is None:
            return () if param.multiple or param.nargs == -1 else None
        wanted = param.type_descriptor.annotation
        if isinstance(wanted, type) and isinstance(value, wanted):
            return value
        if wanted is Path and isinstance(value, str):
            return Path(value)
        if (
            wanted == list[str]
            and isinstance(value, list | tuple)
            and all(isinstance(one, str) for one in value)
        ):
            return list(value)
        return self._of_typer().coerce(value, param=param, ctx=ctx)


def narrowed(app: typer.Typer, arguments: Sequence[str]) -> typer.Typer:
    """The app with the named command or group alone; the whole app where none is named."""
    name = next((argument for argument in arguments if not argument.startswith("-")), None)
    commands = [info for info in app.registered_commands if info.name == name]
    groups = [info for info in app.registered_groups if _name_of(info) == name]
    if not commands and not groups:
        return app
    one = copy.copy(app)
    one.registered_commands, one.registered_groups = commands, groups
    return one


def _name_of(group: Any) -> Any:
    return group.typer_instance.info.name if group.typer_instance is not None else None
