"""The tools of the module `retention`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tomo.mcp.declaration import Answer, Call, ToolEffect, tool
from tomo.mcp.proposing import Why, proposed
from tomo.model.people import Role
from tomo.service.propose.desk import ProposalDesk
from tomo.service.propose.other_changes import RetainAudit
from tomo.service.read.records import RecordReads


class Tools:
    """How long the audit record is kept."""

    def __init__(self, records: RecordReads, desk: ProposalDesk) -> None:
        self._records, self._desk = records, desk

    @tool(role=Role.ADMIN, effect=ToolEffect.PROPOSE)
    def propose_retention(
        self,
        call: Call,
        days: Annotated[int, Field(description="Keep entries younger than so many days.", ge=1, le=36_500)],
        why: Why,
        entries: Annotated[
            int, Field(description="Keep so many of the newest in any case.", ge=0, le=10**9)
        ] = 0,
    ) -> Answer:
        """Propose to remove old audit entries; `preview_retention` says which."""
        return proposed(self._desk, call, RetainAudit(days, entries), why)

    @tool(role=Role.ADMIN, effect=ToolEffect.READ)
    def preview_retention(
        self,
        call: Call,
        days: Annotated[int, Field(description="Keep entries younger than so many days.", ge=1, le=36_500)],
        entries: Annotated[
            int, Field(description="Keep so many of the newest in any case.", ge=0, le=10**9)
        ] = 0,
    ) -> Answer:
        """Say which audit entries a retention policy would remove. Removes none."""
        found = self._records.removal(call.by, days, entries)
        data = {
            "removes": found.count,
            "first": found.first,
            "last": found.last,
            "oldest": found.oldest,
            "newest": found.newest,
        }
        return Answer(f"{found.count} entries would go; none has", data)
