"""The tools of the module `docker`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal

from pydantic import Field

from tomo.mcp.declaration import Answer, Call, Remote, ToolEffect, tool
from tomo.mcp.proposing import Replaces, Why, proposed
from tomo.model.people import Role
from tomo.service.propose.changes import InstallDocker
from tomo.service.propose.desk import ProposalDesk
from tomo.service.read.servers import ServerReads

Server = Annotated[str, Field(description="A server's name in the fleet.")]


class Tools:
    """Docker on the servers."""

    def __init__(self, servers: ServerReads, desk: ProposalDesk) -> None:
        self._servers, self._desk = servers, desk

    @tool(role=Role.USER, effect=ToolEffect.PROPOSE, long=True)
    def install_docker(
        self,
        call: Call,
        server: Server,
        why: Why,
        channel: Annotated[
            Literal["distro", "docker"], Field(description="The distribution's package, or Docker's own.")
        ] = "distro",
        version: Annotated[str, Field(description="A version to pin, with `docker`; empty for any.")] = "",
        registry_mirrors: Annotated[tuple[str, ...], Field(description="Addresses to pull through.")] = (),
        replaces: Replaces = "",
    ) -> Answer:
        """Propose to install Docker on a server, or to change how it is installed there."""
        return proposed(
            self._desk, call, InstallDocker(server, channel, version, registry_mirrors), why, replaces
        )

    @tool(role=Role.READONLY, effect=ToolEffect.READ, long=True)
    def verify_docker(self, call: Call, server: Server) -> Answer:
        """Ask whether Docker answers on a server, and which version it is."""
        call.tell(f"asking Docker on {server}")
        found = self._servers.docker(call.by, server)
        said = Remote(
            f"docker on {server}", {"version": found.version, "api": found.api, "problem": found.problem}
        )
        if not found.reachable:
            message = f"no Docker answers on `{server}`; `install_docker` proposes to install it"
        else:
            message = f"Docker answers on `{server}`"
        return Answer(message, {"server": server, "reachable": found.reachable, "docker": said})

    @tool(role=Role.READONLY, effect=ToolEffect.READ, long=True)
    def list_containers(
        self,
        call: Call,
        server: Server,
        state: Annotated[str, Field(description="Only in this state, such as `running` or `exited`.")] = "",
    ) -> Answer:
        """List the containers on a server as Docker there says them now, also those that are not Tomo's."""
        call.tell(f"asking Docker on {server}")
        found = [each for each in self._servers.containers(call.by, server) if state in {"", each.state}]
        said = Remote(f"docker on {server}", [asdict(each) for each in found])
        return Answer(f"{len(found)} containers on `{server}`", {"server": server, "containers": said})
