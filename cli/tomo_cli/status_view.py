"""Shows what runs where: a tree of servers, apps and containers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from rich.text import Text
from rich.tree import Tree

from tomo.model.values import masked
from tomo.service.status import AppStatus, ContainerStatus, ServerStatus, Status
from tomo_cli.console import clean, out, say

_GIB = 1 << 30


def show_status(status: Status) -> None:
    """The whole status on stdout; what is wrong with a host on stderr."""
    console = out()
    source = (
        "as the hosts say"
        if status.live
        else f"as recorded at {status.time[:19]}Z"
        if status.time
        else "not applied yet"
    )
    console.print(Text(clean(f"{status.project}/{status.stack}, {source}"), style="bold"), soft_wrap=True)
    if not status.servers:
        say("No servers; add one with `tomo server add NAME USER@HOST`.")
    for server in status.servers:
        console.print()
        console.print(_tree(server))
    if status.pending:
        say(f"warning: {status.pending} operations were begun and never finished; see `tomo state list`")
    for server in status.servers:
        if server.problem:
            say(Text.assemble(("error: ", "bold red"), clean(f"{server.name}: {server.problem}")))
            if server.hint:
                say(Text.assemble(("  hint: ", "cyan"), clean(server.hint)))


def status_json(status: Status) -> dict[str, object]:
    """The same as plain data."""
    return {
        "project": status.project,
        "stack": status.stack,
        "time": status.time,
        "live": status.live,
        "pendingOperations": status.pending,
        "servers": [_server_json(server) for server in status.servers],
    }


def _server_json(server: ServerStatus) -> dict[str, object]:
    made = {
        "name": server.name,
        "address": server.address,
        "facts": masked(dict(server.facts)),
        "apps": [_app_json(app) for app in server.apps],
    }
    if server.problem:
        made["problem"] = {"code": server.code, "message": server.problem, "hint": server.hint}
    return made


def _app_json(app: AppStatus) -> dict[str, object]:
    return {
        "name": app.name,
        "version": app.version,
        "url": app.url,
        "containers": [{**asdict(c), "ports": list(c.ports)} for c in app.containers],
    }


def _tree(server: ServerStatus) -> Tree:
    name = Text.assemble(
        (clean(server.name), "bold"), f"  {clean(server.address)}", (_facts(server.facts), "dim")
    )
    tree = Tree(name, guide_style="dim")
    if server.problem:
        tree.add(Text("could not be asked; below is what is recorded", style="yellow"))
    for app in server.apps:
        branch = tree
        if app.name:
            title = Text.assemble(
                (clean(app.name), "bold"), f" {clean(app.version)}  {clean(app.url)}".rstrip()
            )
            branch = tree.add(title)
            if not app.containers:
                branch.add(Text("absent, its data is kept", style="dim"))
        for container in app.containers:
            branch.add(_line(container))
    if not server.apps:
        tree.add(Text("no containers", style="dim"))
    return tree


def _line(container: ContainerStatus) -> Text:
    style = (
        "green" if container.is_well and container.state == "running" else "" if container.is_well else "red"
    )
    line = Text.assemble((container.word.ljust(9), style), " ", (clean(container.name), "bold"))
    for part in (container.image, *container.ports):
        line.append(f"  {clean(part)}", style="dim")
    if container.detail and not container.is_well:
        line.append(f"  {clean(container.detail)}")
    return line


def _facts(facts: Mapping[str, object]) -> str:
    if not facts.get("osName"):
        return ""
    memory = facts.get("memory")
    size = f", {memory / _GIB:.1f} GiB" if isinstance(memory, int | float) else ""
    docker = facts.get("dockerVersion")
    engine = f", Docker {docker}" if docker else ""
    return clean(f"  {facts['osName']}{size}{engine}")
