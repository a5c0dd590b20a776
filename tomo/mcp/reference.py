"""The page of all tools, made of their own declarations."""

from __future__ import annotations

from collections.abc import Iterator

from tomo.mcp.discovery import FoundTool, found_tools
from tomo.mcp.profiles import profiles_of

_HEAD = """\
# Tools for assistants

What [`tomo mcp`](mcp.md) offers. The role is the least that may call a tool. The effect is `read`, \
`propose` (makes a proposal and does nothing) or `own-session` (ends an own login or token).
"""


def tools_page() -> str:
    """Markdown: one table of all tools, then what each takes."""
    found = found_tools()
    return "\n".join([_HEAD, *_table(found), "", *_arguments(found)])


def _table(found: tuple[FoundTool, ...]) -> Iterator[str]:
    yield "| tool | module | role | effect | profiles |"
    yield "|---|---|---|---|---|"
    for tool in found:
        profiles = ", ".join(name for name in profiles_of(tool) if name != "all")
        role, effect = tool.declared.role.value, tool.declared.effect.value
        yield f"| [`{tool.name}`](#{tool.name}) | {tool.module} | {role} | {effect} | {profiles} |"


def _arguments(found: tuple[FoundTool, ...]) -> Iterator[str]:
    for tool in found:
        yield f"## {tool.name}\n\n{tool.description}\n"
        schema = tool.arguments.schema
        if not schema["properties"]:
            continue
        yield "| argument | needed | meaning |"
        yield "|---|---|---|"
        required = schema.get("required", [])
        for name, part in schema["properties"].items():
            needed = "yes" if name in required else "no"
            yield f"| `{name}` | {needed} | {part.get('description', '').replace('|', chr(92) + '|')} |"
        yield ""
