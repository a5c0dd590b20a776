"""Every tool of the server, to search in: an assistant is shown few of them at first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tomo.mcp.discovery import FoundTool
from tomo.mcp.profiles import profiles_of


class Toolbox:
    """The tools that were found, and which of them a session is shown."""

    def __init__(self, found: Iterable[FoundTool], shown: frozenset[str]) -> None:
        self._found, self._shown = tuple(found), shown

    def search(self, words: str, most: int) -> tuple[Mapping[str, Any], ...]:
        """The tools that fit words best; without words all of them, by name."""
        wanted = [word.casefold() for word in words.replace("_", " ").split()]
        ranked = sorted(self._found, key=lambda tool: (-_score(tool, wanted), tool.name))
        fitting = [tool for tool in ranked if not wanted or _score(tool, wanted)]
        return tuple(self._described(tool) for tool in fitting[:most])

    def _described(self, tool: FoundTool) -> Mapping[str, Any]:
        return {
            "name": tool.name,
            "module": tool.module,
            "role": tool.declared.role.value,
            "effect": tool.declared.effect.value,
            "shown": tool.name in self._shown,
            "profiles": list(profiles_of(tool)),
            "description": tool.description,
            "arguments": dict(tool.arguments.schema),
        }


def _score(tool: FoundTool, words: Iterable[str]) -> int:
    """A word of the name counts most, one of the module more than one of the description."""
    name, text = tool.name.split("_"), tool.description.casefold()
    return sum(4 * (word in name) + 2 * (word == tool.module) + (word in text) for word in words)
