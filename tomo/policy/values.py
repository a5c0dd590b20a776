"""Reads inputs as rules need them: secrets opened and never shown, unknowns told apart."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Final

from tomo.errors import TomoError
from tomo.model.resource import ResourceState
from tomo.model.step import Step
from tomo.model.values import UNKNOWN, Secret, Unknown, Value
from tomo.policy.rule import Violation

UNTOLD: Final = "is known only after apply, so no rule can tell whether it is allowed"
UNTOLD_HINT: Final = "write the value itself, or leave this out of the rule: `except: [NAME]`"


def opened(value: Value) -> Value:
    """The value itself; an unknown stands for a secret that can't be opened here."""
    if not isinstance(value, Secret):
        return value
    try:
        return value.reveal()
    except TomoError:
        return UNKNOWN


def field(entry: ResourceState, name: str) -> Value:
    """One input, opened."""
    return opened(entry.inputs.get(name))


def items(entry: ResourceState, name: str) -> Iterator[tuple[str, Value]]:
    """The entries of a list input with their paths, opened; an unknown list is one unknown entry."""
    value = field(entry, name)
    if isinstance(value, Unknown):
        yield name, value
    for index, item in enumerate(value if isinstance(value, (list, tuple)) else ()):
        yield f"{name}[{index}]", opened(item)


def shown(value: Value, original: Value = None) -> str:
    """A value in a message; `original` is how it stood there, so that a secret is not told."""
    return "a secret value" if isinstance(original, Secret) else f"`{value}`"


def name_of(entry: ResourceState) -> str:
    """What people call a resource: the name it has on the host, or in the program."""
    given = entry.inputs.get("name")
    return given if isinstance(given, str) and given else entry.urn.name


def untold(step: Step, path: str) -> Violation:
    """What is said of a field whose value is not known yet."""
    return Violation(step.urn, path, f"`{path}` of `{name_of(step.entry)}` {UNTOLD}", UNTOLD_HINT)


def member(value: Value, name: str) -> Value:
    """A member of a mapping as it stands there; unknown where the mapping is."""
    if isinstance(value, Unknown):
        return value
    return value.get(name) if isinstance(value, Mapping) else None


# --- paths and patterns ------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def clean_path(path: str) -> str:
    """A path of a host without `.`, `..` and double slashes; `/var/run` is `/run` on every system."""
    clean = posixpath.normpath(f"/{path.lstrip('/')}") if path.startswith("/") else posixpath.normpath(path)
    return f"/run{clean[8:]}" if clean == "/var/run" or clean.startswith("/var/run/") else clean


def lies_in(path: str, roots: Iterable[str]) -> bool:
    """Whether a clean path is one of some folders or lies below one."""
    return any(root in {"/", path} or path.startswith(f"{root}/") for root in map(clean_path, roots))


def matches(text: str, patterns: Iterable[str]) -> bool:
    """Whether a text is what one of some patterns says: `*` is anything but `/`, `**` anything."""
    return any(_pattern(pattern).fullmatch(text) for pattern in patterns)


@lru_cache(maxsize=512)
def _pattern(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*|\*)", pattern)
    kinds = {"**": ".*", "*": "[^/]*"}
    return re.compile("".join(kinds.get(part) or re.escape(part) for part in parts), re.DOTALL)
