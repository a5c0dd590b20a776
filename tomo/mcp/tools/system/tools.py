"""The tools of the module `system`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tomo.mcp.declaration import Answer, Call, ToolEffect, tool
from tomo.mcp.envelope import OWN_CODES
from tomo.mcp.toolbox import Toolbox
from tomo.model.people import Role
from tomo.service.read.system import SystemReads, error_codes


class Tools:
    """This installation, and the tools themselves."""

    def __init__(self, system: SystemReads, toolbox: Toolbox) -> None:
        self._system, self._toolbox = system, toolbox

    @tool(role=Role.READONLY, effect=ToolEffect.READ)
    def search_tools(
        self,
        call: Call,
        words: Annotated[str, Field(description="What you want to do; empty for all.")] = "",
        count: Annotated[int, Field(description="How many.", ge=1, le=60)] = 5,
    ) -> Answer:
        """Find tools that you are not shown. They can be called by name, or shown by another profile."""
        del call
        found = self._toolbox.search(words, count)
        return Answer(f"{len(found)} tools", list(found))

    @tool(role=Role.READONLY, effect=ToolEffect.READ)
    def get_system_info(self, call: Call) -> Answer:
        """Say which Tomo this is, and on which fleet and state it works."""
        found = self._system.installation(call.by)
        data = {
            "tomo": found.version,
            "python": found.python,
            "system": found.system,
            "kind": found.kind,
            "stack": found.stack,
            "engine": found.engine.value,
            "servers": found.servers,
            "apps": found.apps,
        }
        return Answer(f"Tomo {found.version} for `{found.stack}`", data)

    @tool(role=Role.READONLY, effect=ToolEffect.READ)
    def explain_error_code(
        self, call: Call, code: Annotated[str, Field(description="The code, such as `host-key-changed`.")]
    ) -> Answer:
        """Say what an error code means."""
        del call
        known = {**error_codes(), **OWN_CODES}
        if code not in known:
            return Answer("there is no such code", {"codes": sorted(known)})
        return Answer(known[code], {"code": code})
