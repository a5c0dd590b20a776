"""The tools of the module `settings`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tomo.mcp.declaration import Answer, Call, ToolEffect, tool
from tomo.mcp.proposing import Why, proposed
from tomo.model.people import Role
from tomo.service.propose.desk import ProposalDesk
from tomo.service.propose.other_changes import ChangeSetting
from tomo.service.read.system import SystemReads


class Tools:
    """What a stack is set to."""

    def __init__(self, system: SystemReads, desk: ProposalDesk) -> None:
        self._system, self._desk = system, desk

    @tool(role=Role.USER, effect=ToolEffect.PROPOSE)
    def propose_setting(
        self,
        call: Call,
        key: Annotated[str, Field(description="The key, such as `project:size`.")],
        why: Why,
        value: Annotated[
            str | None, Field(description="Its value, which is no secret; none removes it.")
        ] = None,
    ) -> Answer:
        """Propose another value for a setting of a hand-written program's stack."""
        return proposed(self._desk, call, ChangeSetting(key, value), why)

    @tool(role=Role.READONLY, effect=ToolEffect.READ)
    def get_settings(self, call: Call) -> Answer:
        """Show the stack's settings, and the names of its secrets. Values of secrets are shown to nobody."""
        found = self._system.settings(call.by)
        plain = {
            each.key: {"value": each.value, "inherited": each.inherited} for each in found if not each.secret
        }
        names = [
            {"name": each.name, "used_by": list(each.uses)} for each in self._system.secret_names(call.by)
        ]
        return Answer(f"{len(plain)} settings, {len(names)} secrets", {"settings": plain, "secrets": names})

    @tool(role=Role.READONLY, effect=ToolEffect.READ)
    def get_policies(self, call: Call) -> Answer:
        """Show the policies that proposals are held against. Only people change them."""
        found = self._system.policies(call.by).in_force
        rules = [
            {"rule": each.rule.name, "level": each.level.value, "meaning": each.rule.summary}
            for each in found.policies.settings
        ]
        return Answer(f"{len(rules)} rules", {"source": found.source or "built in", "rules": rules})
