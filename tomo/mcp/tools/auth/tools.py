"""The tools of the module `auth`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tomo.mcp.declaration import Answer, Call, ToolEffect, tool
from tomo.mcp.proposing import Why, proposed
from tomo.mcp.views import moment
from tomo.model.people import Permission, Role
from tomo.service.propose.desk import ProposalDesk
from tomo.service.propose.other_changes import AddUser, SetUserDisabled, SetUserRole
from tomo.service.read.people import PeopleReads


class Tools:
    """Who one is, and own tokens."""

    def __init__(self, people: PeopleReads, desk: ProposalDesk) -> None:
        self._people, self._desk = people, desk

    @tool(role=Role.ADMIN, effect=ToolEffect.PROPOSE)
    def propose_user(
        self,
        call: Call,
        name: Annotated[str, Field(description="The name.", min_length=1, max_length=64)],
        role: Annotated[Role, Field(description="The role.")],
        why: Why,
        account: Annotated[str, Field(description="The account at the command line.")] = "",
    ) -> Answer:
        """Propose to add somebody; a person sets the password."""
        return proposed(self._desk, call, AddUser(name, role, account), why)

    @tool(role=Role.ADMIN, effect=ToolEffect.PROPOSE)
    def propose_user_role(
        self,
        call: Call,
        name: Annotated[str, Field(description="The name.", min_length=1, max_length=64)],
        role: Annotated[Role, Field(description="The new role.")],
        why: Why,
    ) -> Answer:
        """Propose another role for somebody."""
        return proposed(self._desk, call, SetUserRole(name, role), why)

    @tool(role=Role.ADMIN, effect=ToolEffect.PROPOSE)
    def propose_user_access(
        self,
        call: Call,
        name: Annotated[str, Field(description="The name.", min_length=1, max_length=64)],
        disabled: Annotated[bool, Field(description="True keeps out, false lets in again.")],
        why: Why,
    ) -> Answer:
        """Propose to keep somebody out, or to let somebody in again."""
        return proposed(self._desk, call, SetUserDisabled(name, disabled), why)

    @tool(role=Role.READONLY, effect=ToolEffect.READ)
    def whoami(self, call: Call) -> Answer:
        """Say for whom you act, in which role, and what that allows."""
        by = call.by
        role = by.person.role.value if by.person.role else ""
        allowed = [permission.value for permission in Permission if by.may(permission)]
        data = {"person": by.person.name, "role": role, "permissions": allowed, "assistant": by.assistant}
        return Answer(f"you act for `{by.person.name}`; you may propose, and never apply or approve", data)

    @tool(role=Role.READONLY, effect=ToolEffect.READ)
    def list_tokens(self, call: Call) -> Answer:
        """List your person's own tokens for programs; their texts are shown to nobody."""
        found = [
            {
                "id": each.id,
                "name": each.name,
                "begins": each.prefix,
                "scopes": [scope.value for scope in each.scopes],
                "expires": moment(each.expires) if each.expires else "",
                "last_used": moment(each.last_used) if each.last_used else "",
            }
            for each in self._people.tokens(call.by)
        ]
        return Answer(f"{len(found)} tokens", found)

    @tool(role=Role.READONLY, effect=ToolEffect.OWN_SESSION)
    def revoke_token(
        self, call: Call, token_id: Annotated[str, Field(description="Its id.", min_length=6, max_length=64)]
    ) -> Answer:
        """Remove one of your person's own tokens, so that nobody gets in with it any more."""
        gone = self._people.revoke_token(call.by, token_id)
        return Answer(f"the token `{gone.id}` counts no more", {"id": gone.id, "name": gone.name})
