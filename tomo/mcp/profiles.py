"""Which tools an assistant is shown: few at first, for each is paid for in every conversation."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from tomo.errors import UsageError
from tomo.mcp.declaration import ToolEffect
from tomo.mcp.discovery import FoundTool

DEFAULT: Final = "default"
ALL: Final = "all"
MOST_TOOLS: Final = 15
MOST_TOKENS: Final = 6000
_BYTES_A_TOKEN: Final = 4

_MODULES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "servers": ("server", "docker", "health", "logs"),
        "apps": ("app", "logs", "marketplace"),
        "deployments": ("deployment",),
        "people": ("session", "auth"),
        "backups": ("backup",),
        "records": ("audit", "retention", "settings", "system"),
    }
)
"""The other profiles, by the modules whose tools they show."""
_DEFAULT_TOOLS: Final = frozenset(
    {
        "search_tools",
        "list_servers",
        "add_server",
        "get_server_status",
        "search_apps",
        "get_app_details",
        "list_apps",
        "install_app",
        "update_app",
        "uninstall_app",
        "check_app_status",
        "propose_plan",
        "list_proposals",
        "get_plan",
        "get_container_logs",
    }
)
NAMES: Final = (DEFAULT, *_MODULES, "look", ALL)


def shown_tools(profile: str, found: Iterable[FoundTool]) -> frozenset[str]:
    """The names of a profile's tools; raises UsageError for a profile that there isn't."""
    if profile not in NAMES:
        raise UsageError(
            f"there is no profile `{profile}`",
            hint=f"there are {', '.join(NAMES)}",
        )
    return frozenset(tool.name for tool in found if profile in profiles_of(tool))


def profiles_of(tool: FoundTool) -> tuple[str, ...]:
    """The profiles that show a tool."""
    member = {
        DEFAULT: tool.name in _DEFAULT_TOOLS,
        "look": tool.declared.effect is ToolEffect.READ,
        ALL: True,
        **{name: tool.module in modules or tool.name == "search_tools" for name, modules in _MODULES.items()},
    }
    return tuple(name for name in NAMES if member[name])


def tokens(definitions: Iterable[Mapping[str, Any]]) -> int:
    """About how many tokens definitions take: a quarter of their bytes as JSON, which is rather too many."""
    return (
        sum(len(json.dumps(each, separators=(",", ":")).encode()) for each in definitions) // _BYTES_A_TOKEN
    )
