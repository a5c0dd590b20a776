"""The tools of the module `app`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tomo.mcp.declaration import Answer, Call, Remote, ToolEffect, tool
from tomo.mcp.proposing import Replaces, Why, proposed
from tomo.mcp.views import app_page, app_status, app_view
from tomo.model.catalog import AppFilter
from tomo.model.people import Role
from tomo.service.propose.changes import InstallApp, NewVersions, RollBackApp, UninstallApp, UpdateApp
from tomo.service.propose.desk import ProposalDesk
from tomo.service.propose.words import AppSettings
from tomo.service.read.apps import AppReads
from tomo.service.read.servers import ServerReads

Name = Annotated[str, Field(description="The app's name in the fleet.")]

Inputs = Annotated[dict[str, str], Field(description="Its inputs by name; none that is a secret.")]
SecretNames = Annotated[
    dict[str, str], Field(description="Names of secrets of `tomo secret set`, by the input they are for.")
]
Ports = Annotated[dict[str, str], Field(description="Ports on the server, by the port's name.")]
Reach = Annotated[
    Literal["none", "local", "lan", "public"] | None, Field(description="How far its ports reach.")
]
Hostnames = Annotated[
    tuple[str, ...], Field(description="Names that its servers' proxy serves it under, in place of others.")
]


class Tools:
    """The apps of the fleet and of the catalog."""

    def __init__(self, apps: AppReads, servers: ServerReads, desk: ProposalDesk) -> None:
        self._apps, self._servers, self._desk = apps, servers, desk

    @tool(role=Role.READONLY, effect=ToolEffect.READ)
    def search_apps(
        self,
        call: Call,
        words: Annotated[str, Field(description="What it should do or be called; empty for all.")] = "",
        category: Annotated[str, Field(description="Only of this category, such as `media`.")] = "",
        tag: Annotated[str, Field(description="Only with this tag.")] = "",
        architecture: Annotated[str, Field(description="Only for this one, such as `arm64`.")] = "",
        memory_mib: Annotated[int, Field(description="Only what needs no more; 0: any.", ge=0)] = 0,
        count: Annotated[int, Field(description="How many.", ge=1, le=50)] = 10,
    ) -> Answer:
        """Find ready-made apps in the catalog and in repositories (`REPOSITORY/ID`), the best first."""
        found = self._apps.search(call.by, words, AppFilter(category, tag, architecture, memory_mib << 20))
        apps = [
            {
                "id": app.ref,
                "title": app.title,
                "tagline": app.tagline,
                "version": app.version,
                "risk": app.risk,
                "categories": list(app.categories),
            }
            for app in found.apps[:count]
        ]
        return Answer(f"{len(found.apps)} apps fit", {"apps": Remote("the catalog", apps)})

    @tool(role=Role.READONLY, effect=ToolEffect.READ)
    def get_app_details(
        self, call: Call, app: Annotated[str, Field(description="The app's id in the catalog.")]
    ) -> Answer:
        """Show an app of the catalog: inputs, ports, data, needs and risks."""
        page = self._apps.page(call.by, app)
        return Answer(f"`{page.definition.id}` {page.definition.version}", app_page(page))

    @tool(role=Role.USER, effect=ToolEffect.PROPOSE, long=True)
    def install_app(
        self,
        call: Call,
        app: Annotated[str, Field(description="The app's id in the catalog.")],
        servers: Annotated[tuple[str, ...], Field(description="Where it is to be.", min_length=1)],
        why: Why,
        name: Annotated[str, Field(description="Its name in the fleet; the app's id by default.")] = "",
        inputs: Inputs = {},
        secret_names: SecretNames = {},
        ports: Ports = {},
        exposure: Reach = None,
        hostnames: Hostnames = (),
        replaces: Replaces = "",
    ) -> Answer:
        """Propose to put an app of the catalog on servers. Secrets it generates are made on apply."""
        settings = AppSettings(inputs, secret_names, ports, exposure, hostnames=hostnames)
        return proposed(self._desk, call, InstallApp(app, servers, name, settings), why, replaces)

    @tool(role=Role.USER, effect=ToolEffect.PROPOSE, long=True)
    def update_app(
        self,
        call: Call,
        name: Name,
        why: Why,
        inputs: Inputs = {},
        secret_names: SecretNames = {},
        ports: Ports = {},
        exposure: Reach = None,
        hostnames: Hostnames = (),
        images: Annotated[dict[str, str], Field(description="Images by service; `` is its main one.")] = {},
        unset: Annotated[tuple[str, ...], Field(description="Inputs and ports to take back.")] = (),
        replaces: Replaces = "",
    ) -> Answer:
        """Propose the catalog's newer version of an app; or other settings or images where some are given."""
        settings = AppSettings(inputs, secret_names, ports, exposure, hostnames=hostnames)
        given = bool(settings or images or unset)
        change = UpdateApp(name, settings, images, unset=unset) if given else NewVersions((name,))
        return proposed(self._desk, call, change, why, replaces)

    @tool(role=Role.USER, effect=ToolEffect.PROPOSE, long=True)
    def roll_back_app(
        self,
        call: Call,
        name: Name,
        why: Why,
        version: Annotated[
            int | None, Field(description="A version of the history; the last where it was otherwise.", ge=1)
        ] = None,
        replaces: Replaces = "",
    ) -> Answer:
        """Propose to bring an app back to an earlier recorded state: image, env, mounts and ports."""
        return proposed(self._desk, call, RollBackApp(name, version), why, replaces)

    @tool(role=Role.USER, effect=ToolEffect.PROPOSE, long=True)
    def uninstall_app(
        self,
        call: Call,
        name: Name,
        why: Why,
        remove_data: Annotated[bool, Field(description="Remove its data too, for good.")] = False,
        replaces: Replaces = "",
    ) -> Answer:
        """Propose to take an app off its servers; its data stays, unless that is to go too."""
        return proposed(self._desk, call, UninstallApp(name, remove_data), why, replaces)

    @tool(role=Role.READONLY, effect=ToolEffect.READ)
    def list_apps(self, call: Call) -> Answer:
        """List the apps that the fleet declares: where they run, their inputs and ports. Dials nothing."""
        found = [app_view(view) for view in self._apps.list(call.by)]
        return Answer(f"{len(found)} apps", found)

    @tool(role=Role.READONLY, effect=ToolEffect.READ, long=True)
    def check_app_status(self, call: Call, name: Name) -> Answer:
        """Ask the servers of an app how its containers are."""
        view = self._apps.show(call.by, name)
        call.tell(f"asking {', '.join(view.servers)}")
        servers = []
        for server in self._servers.status(call.by, live=True, names=view.servers).servers:
            found = [app_status(each, server.name) for each in server.apps if each.name == name]
            problem = Remote(f"error of {server.name}", server.problem) if server.problem else None
            servers.append({"server": server.name, "apps": found, "problem": problem, "code": server.code})
        return Answer(f"`{name}` on {len(servers)} servers", {"app": view.app, "servers": servers})
