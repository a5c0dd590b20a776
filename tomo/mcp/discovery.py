"""Finds the tools in `tomo/mcp/tools/MODULE/tools.py`; what is not declared rightly stops the server."""

from __future__ import annotations

import inspect
import pkgutil
import re
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any, Final

from tomo.errors import ToolsInvalid
from tomo.frozen import frozen
from tomo.mcp import tools
from tomo.mcp.arguments import Arguments
from tomo.mcp.declaration import Declared, declared_of

_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_FORBIDDEN: Final = re.compile(r"(apply|approve|exec|run)", re.IGNORECASE)
_VALUE_OF_A_SECRET: Final = re.compile(
    r"pass(word|phrase|wd)?|pwd|secret|token|credential|api_?key|private|pin$|auth", re.IGNORECASE
)
_ONLY_NAMED: Final = re.compile(r".*_(name|names|id|ids)|.*_secret_names?", re.IGNORECASE)
"""What takes the name of a secret, not its value."""


@frozen
class FoundTool:
    """A tool as it was found: module, name, what it says of itself, and what it takes."""

    module: str
    name: str
    description: str
    declared: Declared
    arguments: Arguments
    owner: type
    method: str


def found_tools(package: ModuleType = tools) -> tuple[FoundTool, ...]:
    """Every tool of the package, by module and in the order of its file.

    Raises ToolsInvalid for a method without role and effect, and for names that may not be.
    """
    found = tuple(tool for module in _modules(package) for tool in _of_module(package, module))
    mistakes = [*_mistakes(found)]
    if mistakes:
        raise ToolsInvalid(mistakes[0], hint="correct the tool; the server does not start with it")
    return found


def made(owner: type, services: Iterable[object]) -> object:
    """A module's tools, given the services that its constructor asks for by their types."""
    known = {type(service): service for service in services}
    constructor = getattr(owner, "__init__")  # noqa: B009  # mypy forbids `owner.__init__`
    wanted = {name: hint for name, hint in typing.get_type_hints(constructor).items() if name != "return"}
    lacking = [hint for hint in wanted.values() if hint not in known]
    if lacking:
        raise ToolsInvalid(f"`{owner.__module__}` asks for `{lacking[0]}`, and there is no such service")
    return owner(**{name: known[hint] for name, hint in wanted.items()})


def _modules(package: ModuleType) -> Iterator[str]:
    yield from sorted(each.name for each in pkgutil.iter_modules(package.__path__) if each.ispkg)


def _of_module(package: ModuleType, module: str) -> Iterator[FoundTool]:
    owner = getattr(import_module(f"{package.__name__}.{module}.tools"), "Tools", None)
    if not inspect.isclass(owner):
        raise ToolsInvalid(f"the module `{module}` has no class `Tools` in its `tools.py`")
    for name, method in vars(owner).items():
        if not name.startswith("_") and inspect.isfunction(method):
            yield _found(module, owner, name, method)


def _found(module: str, owner: type, name: str, method: Callable[..., Any]) -> FoundTool:
    declared = declared_of(method)
    if declared is None:
        raise ToolsInvalid(f"the tool `{name}` of `{module}` declares neither role nor effect")
    words = inspect.getdoc(method)
    if not words:
        raise ToolsInvalid(f"the tool `{name}` of `{module}` says nothing about what it does")
    return FoundTool(module, name, words, declared, Arguments.of(method), owner, name)


def _mistakes(found: Iterable[FoundTool]) -> Iterator[str]:
    modules: dict[str, str] = {}
    for tool in found:
        yield from name_mistakes(tool.name)
        if tool.name in modules:
            yield f"the tool `{tool.name}` is in `{modules[tool.name]}` and in `{tool.module}`"
        modules[tool.name] = tool.module
        yield from _parameter_mistakes(tool)


def name_mistakes(name: str) -> Iterator[str]:
    """What is wrong with a tool's name."""
    if not _NAME.fullmatch(name):
        yield f"`{name}` is no name for a tool: letters, digits, `_` and `-`, 64 at most"
    if _FORBIDDEN.match(name):
        yield f"the tool `{name}` is named as if it acted; no tool does"


def _parameter_mistakes(tool: FoundTool) -> Iterator[str]:
    for path in _property_names(tool.arguments.schema):
        if _VALUE_OF_A_SECRET.search(path) and not _ONLY_NAMED.fullmatch(path):
            yield f"`{path}` of the tool `{tool.name}` looks like a secret's value; take its name instead"


def _property_names(schema: Mapping[str, Any]) -> Iterator[str]:
    """The names of arguments, and of what lies in them."""
    for name, part in schema.get("properties", {}).items():
        yield name
        yield from _property_names(part)
    for definition in schema.get("$defs", {}).values():
        yield from _property_names(definition)
