"""The tools of the module `deployment`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tomo.mcp.declaration import Answer, Call, Remote, ToolEffect, tool
from tomo.mcp.proposing import Replaces, Why, proposal_page, proposal_view, proposed, step_view
from tomo.mcp.views import drift_view, run_view
from tomo.model.people import Role
from tomo.model.proposal import ProposalState
from tomo.service.propose.changes import AsDeclared
from tomo.service.propose.desk import ProposalDesk
from tomo.service.propose.other_changes import RunCommand
from tomo.service.read.records import RecordReads
from tomo.service.read.stacks import StackReads

ProposalId = Annotated[str, Field(description="Its id, such as `p-1a2b3c4d`.")]


class Tools:
    """Plans, proposals and runs."""

    def __init__(self, stacks: StackReads, records: RecordReads, desk: ProposalDesk) -> None:
        self._stacks, self._records, self._desk = stacks, records, desk

    @tool(role=Role.USER, effect=ToolEffect.PROPOSE, long=True)
    def propose_plan(
        self,
        call: Call,
        why: Why,
        replaces: Replaces = "",
    ) -> Answer:
        """Propose to make the servers as the fleet file declares them: what differs, planned by a look."""
        return proposed(self._desk, call, AsDeclared(), why, replaces)

    @tool(role=Role.USER, effect=ToolEffect.PROPOSE)
    def propose_command(
        self,
        call: Call,
        server: Annotated[str, Field(description="A server's name in the fleet.")],
        argv: Annotated[
            tuple[str, ...], Field(description="Program and arguments; no shell reads them.", min_length=1)
        ],
        why: Why,
        timeout: Annotated[int, Field(description="Seconds it may take.", ge=1, le=3600)] = 60,
    ) -> Answer:
        """Propose one command, once, on a server. Put no secret into it: a person reads it."""
        return proposed(self._desk, call, RunCommand(server, argv, timeout), why)

    @tool(role=Role.READONLY, effect=ToolEffect.READ)
    def get_plan(self, call: Call, proposal_id: ProposalId) -> Answer:
        """Show a proposal: its plan, the change of the fleet file, findings, and what became of it."""
        page = self._desk.show(call.by, proposal_id)
        return Answer(f"`{page.proposal.id}` is {page.proposal.state.value}", proposal_page(page))

    @tool(role=Role.READONLY, effect=ToolEffect.READ)
    def list_proposals(
        self,
        call: Call,
        state: Annotated[ProposalState | None, Field(description="Only in this state.")] = None,
        count: Annotated[int, Field(description="How many, newest first.", ge=1, le=50)] = 10,
    ) -> Answer:
        """List proposals with their states."""
        found = self._desk.list(call.by, (state,) if state is not None else (), count)
        return Answer(f"{len(found)} proposals", [proposal_view(each) for each in found])

    @tool(role=Role.READONLY, effect=ToolEffect.READ)
    def explain_change(
        self,
        call: Call,
        proposal_id: ProposalId,
        resource: Annotated[str, Field(description="A resource of its plan, an app or a server.")],
    ) -> Answer:
        """Explain what a proposal does to one resource or app, and by which properties."""
        steps = self._desk.steps(call.by, proposal_id, resource)
        data = {"steps": Remote(f"the plan of {proposal_id}", [step_view(each) for each in steps])}
        return Answer(f"{len(steps)} steps", data)

    @tool(role=Role.READONLY, effect=ToolEffect.READ, long=True)
    def detect_drift(self, call: Call) -> Answer:
        """Look at the servers for what was changed there outside Tomo. Changes nothing anywhere."""
        found = self._stacks.drift(call.by, call.tell)
        return Answer(f"{len(found.found)} resources differ from what is recorded", drift_view(found))

    @tool(role=Role.READONLY, effect=ToolEffect.READ)
    def get_outputs(self, call: Call) -> Answer:
        """Show the stack's outputs as last recorded; secrets are masked."""
        found = self._stacks.outputs(call.by)
        return Answer(f"{len(found)} outputs", {"outputs": Remote("outputs of the last run", dict(found))})

    @tool(role=Role.READONLY, effect=ToolEffect.READ)
    def show_fleet_file(self, call: Call) -> Answer:
        """Show the fleet file as a person wrote it. Secrets stand in it by name only."""
        text = self._stacks.fleet_text(call.by)
        return Answer("the fleet file", {"file": Remote("the fleet file", text)})

    @tool(role=Role.READONLY, effect=ToolEffect.READ)
    def show_program(self, call: Call) -> Answer:
        """Show the fleet as the Pulumi program that it stands for, to read."""
        program = Remote("the program made of the fleet and the catalog", self._stacks.program(call.by))
        return Answer("a program to read; the fleet file is what counts", {"program": program})

    @tool(role=Role.READONLY, effect=ToolEffect.READ)
    def get_run(
        self, call: Call, number: Annotated[int, Field(description="Its number; 0 for the newest.", ge=0)] = 0
    ) -> Answer:
        """Say what a finished run did, and how it ended."""
        found = self._records.version(call.by, number)
        return Answer(f"run {found.number}", run_view(found))
