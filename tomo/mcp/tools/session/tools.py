"""The tools of the module `session`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tomo.mcp.declaration import Answer, Call, ToolEffect, tool
from tomo.mcp.views import moment
from tomo.model.people import Role
from tomo.service.read.people import PeopleReads

_SHOWN = 12


class Tools:
    """Own logins."""

    def __init__(self, people: PeopleReads) -> None:
        self._people = people

    @tool(role=Role.READONLY, effect=ToolEffect.READ)
    def list_sessions(self, call: Call) -> Answer:
        """List your person's own logins that still count."""
        found = [
            {
                "id": each.id[:_SHOWN],
                "begun": moment(each.created),
                "ends": moment(each.expires),
                "address": each.address,
            }
            for each in self._people.sessions(call.by)
        ]
        return Answer(f"{len(found)} sessions", found)

    @tool(role=Role.READONLY, effect=ToolEffect.OWN_SESSION)
    def end_session(
        self,
        call: Call,
        id: Annotated[str, Field(description="How its id begins.", min_length=6, max_length=64)],  # noqa: A002
    ) -> Answer:
        """End one of your person's own logins."""
        ended = self._people.end_session(call.by, id)
        return Answer(f"the session `{ended.id[:_SHOWN]}` has ended", {"id": ended.id[:_SHOWN]})
