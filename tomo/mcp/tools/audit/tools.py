"""The tools of the module `audit`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tomo.mcp.declaration import Answer, Call, Remote, ToolEffect, tool
from tomo.model.people import Role
from tomo.service.read.records import RecordReads


class Tools:
    """The audit record."""

    def __init__(self, records: RecordReads) -> None:
        self._records = records

    @tool(role=Role.ADMIN, effect=ToolEffect.READ)
    def list_audit_entries(
        self,
        call: Call,
        count: Annotated[int, Field(description="How many of the newest.", ge=1, le=200)] = 50,
    ) -> Answer:
        """List who did what, newest last: acts that ended, with plan, approval and run."""
        found = self._records.audit(call.by, count)
        # Names of actors and objects are what people and files called them.
        entries = Remote("the audit record", found)
        return Answer(f"{len(found)} entries", {"entries": entries})

    @tool(role=Role.ADMIN, effect=ToolEffect.READ)
    def verify_audit(self, call: Call) -> Answer:
        """Check that no entry of the audit record was changed, removed or put in between."""
        found = self._records.verify(call.by)
        data = {
            "entries": found.entries,
            "head": str(found.head),
            "removed_by_retention": found.removed,
            "whole": not found.findings,
            "findings": [{"entry": each.number, "message": each.message} for each in found.findings],
        }
        return Answer("the record is whole" if not found.findings else "the record is not whole", data)
