"""The tools of the module `health`."""

from __future__ import annotations

from tomo.mcp.declaration import Answer, Call, Remote, ToolEffect, tool
from tomo.model.people import Role
from tomo.service.read.servers import ServerReads
from tomo.service.read.system import SystemReads


class Tools:
    """Checks."""

    def __init__(self, system: SystemReads, servers: ServerReads) -> None:
        self._system, self._servers = system, servers

    @tool(role=Role.READONLY, effect=ToolEffect.READ, long=True)
    def check_health(self, call: Call) -> Answer:
        """Check what on this machine and in this folder would stop Tomo, each with what to do about it."""
        call.tell("checking this machine and folder")
        report = self._system.examine(call.by)
        checks = [
            {"check": each.name, "result": each.health.value, "said": each.message, "hint": each.hint}
            for each in report.checks
        ]
        bad = sum(each.health.value == "fail" for each in report.checks)
        said = Remote("checks of this machine and of its Docker", checks)
        return Answer(f"{len(checks)} checks, {bad} failed", {"failed": bad, "checks": said})

    @tool(role=Role.READONLY, effect=ToolEffect.READ, long=True)
    def check_fleet(self, call: Call) -> Answer:
        """Ask every server now, and name only what is not well: containers, and servers that don't answer."""
        call.tell("asking every server")
        status = self._servers.status(call.by, live=True)
        unwell = [
            {"server": server.name, "app": app.name, "container": each.name, "state": each.word}
            for server in status.servers
            for app in server.apps
            for each in app.containers
            if not each.is_well
        ]
        silent = [
            {
                "server": server.name,
                "code": server.code,
                "said": Remote(f"error of {server.name}", server.problem),
            }
            for server in status.servers
            if server.problem
        ]
        data = {
            "servers": len(status.servers),
            "silent": silent,
            "unwell": Remote("docker on the servers", unwell),
        }
        return Answer(f"{len(unwell)} containers are not well, {len(silent)} servers don't answer", data)
