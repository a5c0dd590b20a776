"""What is said of a server, checked and turned into its part of a fleet file."""

from __future__ import annotations

from collections.abc import Sequence

from tomo.errors import UsageError
from tomo.frozen import frozen
from tomo.model.snapshot import Snapshot
from tomo.service.addresses import Address
from tomo.service.workspace import Workspace
from tomo.spec.fleet import Fleet, Server
from tomo.spec.load import LoadedFleet
from tomo.spec.near import did_you_mean
from tomo.spec.shown import shown
from tomo.ssh.hostkeys import parse_host_key


@frozen
class NewServer:
    """What a person says about a server to add."""

    name: str
    address: Address
    host_keys: tuple[str, ...] = ()
    identity: str | None = None
    become: bool = False

    def entry(self) -> dict[str, object]:
        """The server as it stands in a fleet file."""
        if "PRIVATE KEY" in (self.identity or ""):
            raise UsageError(
                "what was given as `identity` is a private key itself, not the path of its file",
                hint="name the file, such as `~/.ssh/id_ed25519`; and make a new key, for this one was shown",
            )
        keys = [parse_host_key(text).text for text in self.host_keys]
        given: dict[str, object | None] = {
            "host": self.address.host,
            "port": self.address.port,
            "user": self.address.user,
            "identity": self.identity,
            "host_key": keys[0] if len(keys) == 1 else keys or None,
            "become": "sudo" if self.become else None,
        }
        return {key: value for key, value in given.items() if value is not None}


def fleet_of(workspace: Workspace) -> LoadedFleet:
    """The workspace's fleet; raises UsageError in the folder of a hand-written program."""
    if workspace.fleet is None:
        raise UsageError(
            f"`{workspace.directory}` holds a Pulumi project, and this command edits fleet files",
            hint="edit the program itself, or begin a fleet elsewhere: `tomo init -C DIR`",
        )
    return workspace.fleet


def server_of(loaded: LoadedFleet, name: str) -> Server:
    """The server of a name; raises UsageError with the nearest one."""
    servers = loaded.fleet.servers
    if name not in servers:
        hint = did_you_mean(name, servers, "`tomo server list` shows all")
        raise UsageError(f"the fleet has no server `{shown(name)}`", hint=hint)
    return servers[name]


def refuse_in_use(fleet: Fleet, name: str, server: Server) -> None:
    """Raises UsageError where apps of the fleet are on a server."""
    by_name = [key for key, app in fleet.apps.items() if name == app.server or name in app.servers]
    alone = [
        key
        for key, app in fleet.apps.items()
        if app.labels.items() <= server.labels.items() and app.labels and fleet.servers_of(app) == (name,)
    ]
    if users := [*by_name, *alone]:
        raise UsageError(
            f"apps of the fleet are on server `{name}`: {_listed(users)}",
            hint=f"move each to another server in the fleet file, or `tomo app remove {users[0]}`",
        )


def refuse_installed(snapshot: Snapshot, name: str) -> None:
    """The state must not hold what only a server no longer in the file could remove."""
    held = [
        entry.urn.name.rpartition("@")[0]
        for entry in snapshot.resources
        if entry.urn.name.endswith(f"@{name}") and entry.custom and not entry.retain_on_delete
    ]
    if held:
        raise UsageError(
            f"server `{name}` still holds what Tomo made there: {_listed(sorted(set(held)))}",
            hint="run `tomo apply` first, which removes what the fleet file no longer has",
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
