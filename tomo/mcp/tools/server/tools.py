"""The tools of the module `server`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tomo.errors import UsageError
from tomo.mcp.declaration import Answer, Call, Remote, ToolEffect, tool
from tomo.mcp.proposing import Replaces, Why, proposed
from tomo.mcp.views import server_status, server_view
from tomo.model.people import Role
from tomo.service.propose.changes import AddServer, FullCleanup, RemoveServer, SetServer
from tomo.service.propose.desk import ProposalDesk
from tomo.service.propose.words import NewServer, parse_address
from tomo.service.read.servers import ServerReads

Name = Annotated[str, Field(description="A server's name in the fleet.")]


class Tools:
    """The servers of the fleet."""

    def __init__(self, servers: ServerReads, desk: ProposalDesk) -> None:
        self._servers, self._desk = servers, desk

    @tool(role=Role.READONLY, effect=ToolEffect.READ)
    def list_servers(self, call: Call) -> Answer:
        """List the fleet's servers with their apps and what the last look found. Dials nothing."""
        found = [server_view(view) for view in self._servers.list(call.by)]
        return Answer(f"{len(found)} servers", found)

    @tool(role=Role.USER, effect=ToolEffect.PROPOSE, long=True)
    def add_server(
        self,
        call: Call,
        name: Annotated[str, Field(description="Its name in the fleet, such as `nas`.")],
        address: Annotated[str, Field(description="`USER@HOST:PORT`, user and port optional; or `local`.")],
        why: Why,
        host_key: Annotated[
            str, Field(description="`TYPE BASE64`, as the person has it; empty: known_hosts decides.")
        ] = "",
        identity: Annotated[str, Field(description="Path of the private key file to log in with.")] = "",
        password_secret_name: Annotated[str, Field(description="Name of the secret with the password.")] = "",
        become: Annotated[bool, Field(description="Use sudo; for logins other than root.")] = False,
        docker: Annotated[bool, Field(description="Install Docker where it is missing.")] = True,
        replaces: Replaces = "",
    ) -> Answer:
        """Propose to add a server. It is not dialled before a person has accepted address and key."""
        keys = (host_key,) if host_key else ()
        server = NewServer(name, parse_address(address), keys, identity or None, become)
        change = AddServer(server, docker, password_secret_name)
        return proposed(self._desk, call, change, why, replaces)

    @tool(role=Role.USER, effect=ToolEffect.PROPOSE, long=True)
    def remove_server(
        self,
        call: Call,
        name: Name,
        why: Why,
        replaces: Replaces = "",
    ) -> Answer:
        """Propose to take a server out of the fleet; the machine is left alone. No app may be on it."""
        return proposed(self._desk, call, RemoveServer(name), why, replaces)

    @tool(role=Role.USER, effect=ToolEffect.PROPOSE, long=True)
    def prepare_server(
        self,
        call: Call,
        name: Name,
        why: Why,
        become: Annotated[bool | None, Field(description="Use sudo, or not.")] = None,
        timezone: Annotated[str, Field(description="Its time zone, such as `Europe/Berlin`.")] = "",
        lan: Annotated[str, Field(description="Its address in the LAN, where ports reach that far.")] = "",
        replaces: Replaces = "",
    ) -> Answer:
        """Propose what a server needs before apps come onto it: Docker, sudo, time zone, LAN address."""
        given: dict[str, object] = {
            "docker": True,
            "become": None if become is None else ("sudo" if become else False),
            "timezone": timezone or None,
            "lan": lan or None,
        }
        fields = {key: value for key, value in given.items() if value is not None}
        return proposed(self._desk, call, SetServer(name, fields), why, replaces)

    @tool(role=Role.READONLY, effect=ToolEffect.READ, long=True)
    def test_server_connection(self, call: Call, name: Name) -> Answer:
        """Log in to a server and look what it is. Changes nothing there."""
        call.tell(f"logging in to {name}")
        test = self._servers.test(call.by, name).tests[0]
        if test.error is not None:
            raise test.error
        data = {
            "name": name,
            "seconds": round(test.seconds, 2),
            "warning": test.warning,
            "facts": Remote(f"the server {name}", dict(test.facts)),
        }
        return Answer(f"the login to `{name}` works", data)

    @tool(role=Role.READONLY, effect=ToolEffect.READ, long=True)
    def get_server_status(
        self,
        call: Call,
        name: Name,
        live: Annotated[bool, Field(description="Ask the server now; false: as last recorded.")] = True,
    ) -> Answer:
        """Say what runs on a server: its apps and their containers, with state and health."""
        if live:
            call.tell(f"asking {name}")
        view, status = self._servers.show(call.by, name, live=live)
        data = {**server_view(view), **server_status(status)}
        return Answer(f"`{name}` {'now' if live else 'as recorded'}", data)

    @tool(role=Role.USER, effect=ToolEffect.PROPOSE, long=True)
    def full_cleanup(
        self,
        call: Call,
        name: Name,
        confirm: Annotated[str, Field(description="The server's name once more.")],
        why: Why,
        remove_data: Annotated[bool, Field(description="Remove the apps' data too, for good.")] = False,
        replaces: Replaces = "",
    ) -> Answer:
        """Propose to remove every app from a server; proposed again once that is done, the server itself."""
        if confirm != name:
            raise UsageError(f"`confirm` is not `{name}`", hint="write the server's name into both arguments")
        return proposed(self._desk, call, FullCleanup(name, remove_data), why, replaces)
