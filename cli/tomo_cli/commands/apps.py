"""app add, list, config, remove."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tomo_cli.commands import app_updates
from tomo_cli.options import (
    HERE,
    Commands,
    DirectoryOption,
    FileOption,
    JsonOption,
    StackOption,
    YesOption,
    add_group,
)

if TYPE_CHECKING:
    from tomo.service.app_edits import AppSettings
    from tomo.service.apps import AppView

AppArgument = Annotated[str, typer.Argument(metavar="NAME", help="The app's name in the fleet.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="INPUT=VALUE", help="Set an input; may be repeated. Not for secrets."),
]
SecretOption = Annotated[
    list[str] | None,
    typer.Option(
        "--secret", metavar="INPUT=NAME", help="Take an input from a secret of `tomo secret set NAME`."
    ),
]
PortOption = Annotated[
    list[str] | None,
    typer.Option("--port", metavar="NAME=HOST_PORT", help="Put a port elsewhere; may be repeated."),
]
ExposureOption = Annotated[
    str | None,
    typer.Option("--exposure", metavar="REACH", help="How far ports reach: none, local, lan or public."),
]
HostnameOption = Annotated[
    list[str] | None,
    typer.Option(
        "--hostname", metavar="NAME", help="A name that its server's proxy serves; may be repeated."
    ),
]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    commands: Commands = {
        "add": add,
        "list": list_,
        "config": config,
        "outdated": app_updates.outdated,
        "update": app_updates.update,
        "rollback": app_updates.rollback,
        "history": app_updates.history,
        "remove": remove,
    }
    add_group(app, "app", "Add, change and remove apps", commands)


def add(
    app: Annotated[str, typer.Argument(metavar="APP", help="The app's id in the catalog.")],
    server: Annotated[
        list[str], typer.Option("--server", metavar="NAME", help="Where it runs; may be repeated.")
    ],
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="Its name in the fleet; the app's id by default.")
    ] = "",
    set_: SetOption = None,
    secret: SecretOption = None,
    port: PortOption = None,
    exposure: ExposureOption = None,
    hostname: HostnameOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put an app of the catalog on a server."""
    from tomo.service.apps import AddAppRequest, Apps
    from tomo_cli.console import print_json, say
    from tomo_cli.doors import doors, place

    settings = _settings(set_, secret, port, exposure, hostname)
    request = AddAppRequest(place(directory, file, stack), app, tuple(server), name, settings)
    added = Apps(doors()).add(request)
    if as_json:
        print_json({**_view_json(added.view), "file": str(added.file), "generated": list(added.generated)})
        return
    say(f"Wrote app {added.view.name} into {added.file}.")
    if added.generated:
        say(f"Generated and sealed: {', '.join(added.generated)}.")
    for url in added.view.urls.values():
        say(f"Its page will be {url}.")
    if added.notes:
        say(added.notes)
    say("See what changes with `tomo plan`, and make it so with `tomo apply`.")


def list_(
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the fleet's apps."""
    from tomo.service.apps import Apps, AppsRequest
    from tomo_cli.console import print_json, say, table
    from tomo_cli.doors import doors, place

    views = Apps(doors()).list(AppsRequest(place(directory, file, stack)))
    if as_json:
        print_json([_view_json(view) for view in views])
    elif not views:
        say("The fleet has no apps yet; find one with `tomo catalog list`.")
    else:
        rows = [(v.name, v.app, _version(v), ", ".join(v.servers), _where(v)) for v in views]
        table(("NAME", "APP", "VERSION", "SERVERS", "PAGE"), rows)


def _version(view: AppView) -> str:
    return f"as in version {view.rolled_back_to}" if view.rolled_back_to else view.version


def _where(view: AppView) -> str:
    return ", ".join(view.urls.values()) if view.state == "present" else "(absent, data kept)"


def config(
    name: AppArgument,
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    set_: SetOption = None,
    unset: Annotated[
        list[str] | None,
        typer.Option("--unset", metavar="NAME", help="Take an input or port back to the app's own value."),
    ] = None,
    secret: SecretOption = None,
    port: PortOption = None,
    exposure: ExposureOption = None,
    hostname: HostnameOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show or change what an app is set to."""
    from tomo.service.apps import Apps, AppsRequest, ChangeAppRequest
    from tomo_cli.console import print_json, say
    from tomo_cli.doors import doors, place

    where, service = place(directory, file, stack), Apps(doors())
    settings = _settings(set_, secret, port, exposure, hostname)
    changes = bool(settings or unset)
    if changes:
        view = service.change(ChangeAppRequest(where, name, settings, tuple(unset or ())))
    else:
        view = service.show(AppsRequest(where), name)
    if as_json:
        print_json(_view_json(view))
    else:
        _show(view)
    if changes and not as_json:
        say("See what changes with `tomo plan`, and make it so with `tomo apply`.")


def remove(
    name: AppArgument,
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    remove_data: Annotated[
        bool, typer.Option("--remove-data", help="Remove its volumes too, for good.")
    ] = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Remove an app; its data and secrets stay."""
    from tomo.service.apps import Apps, AppsRequest, RemoveAppRequest
    from tomo_cli.console import confirm, print_json, say
    from tomo_cli.doors import doors, place

    where, service = place(directory, file, stack), Apps(doors())
    data = service.data_of(AppsRequest(where), name)
    if remove_data and data:
        question = f"Remove the data of {name} for good at the next apply ({', '.join(data)})?"
        if not confirm(question, yes=yes):
            say("Nothing was done.")
            raise typer.Exit(1)
    removed = service.remove(RemoveAppRequest(where, name, remove_data))
    if as_json:
        print_json(
            {
                "name": name,
                "file": str(removed.file),
                "data": list(data),
                "removeData": remove_data,
                "forgotten": removed.forgotten,
            }
        )
    elif removed.forgotten:
        say(f"Took app {name} out of {removed.file}; nothing of it is on a server.")
    else:
        what = "and its data" if remove_data else "and keeps its data"
        say(f"Marked app {name} as absent in {removed.file}; `tomo apply` removes it {what}.")


def _settings(
    set_: list[str] | None,
    secret: list[str] | None,
    port: list[str] | None,
    exposure: str | None,
    hostnames: list[str] | None,
) -> AppSettings:
    from typing import get_args

    from tomo.errors import UsageError
    from tomo.service.app_edits import AppSettings
    from tomo.spec.app import Expose
    from tomo.spec.near import did_you_mean
    from tomo.spec.shown import shown
    from tomo_cli.pairs import pairs

    known = get_args(Expose)
    if exposure is not None and exposure not in known:
        raise UsageError(f"`--exposure {shown(exposure)}` is no reach", hint=did_you_mean(exposure, known))
    return AppSettings(
        pairs(set_, "--set"),
        pairs(secret, "--secret"),
        pairs(port, "--port"),
        exposure,  # type: ignore[arg-type]  # it is one of the literals
        hostnames=tuple(hostnames or ()),
    )


def _show(view: AppView) -> None:
    from tomo_cli.console import fields, heading, table

    fields(
        {
            "name": view.name,
            "app": f"{view.app} {view.version}",
            "state": view.state,
            **({"rolled back to": f"version {view.rolled_back_to}"} if view.rolled_back_to else {}),
            "servers": ", ".join(view.servers),
            "page": ", ".join(view.urls.values()) or "(none)",
            **({"names": ", ".join(view.hostnames)} if view.hostnames else {}),
            "volumes": ", ".join(view.volumes) or "(none)",
        }
    )
    if view.inputs:
        heading("Inputs")
        table(("INPUT", "VALUE", "FROM"), [(i.name, i.value, i.source) for i in view.inputs])
    ports = [
        (server, b.port, f"{b.address}:{b.host}", f"{b.service}:{b.container}/{b.protocol}", b.expose)
        for server, bound in view.ports.items()
        for b in bound
    ]
    if ports:
        heading("Ports")
        table(("SERVER", "PORT", "BOUND TO", "CONTAINER", "REACH"), ports)
    heading("Containers")
    for service, image in view.images.items():
        fields({service: image, **{f"  {key}": value for key, value in view.env[service].items()}})


def _view_json(view: AppView) -> dict[str, object]:
    from dataclasses import asdict

    return {
        "name": view.name,
        "app": view.app,
        "version": view.version,
        "state": view.state,
        "servers": list(view.servers),
        "urls": dict(view.urls),
        "hostnames": list(view.hostnames),
        "inputs": [asdict(entry) for entry in view.inputs],
        "ports": {server: [asdict(port) for port in ports] for server, ports in view.ports.items()},
        "images": dict(view.images),
        "volumes": list(view.volumes),
        "env": {service: dict(env) for service, env in view.env.items()},
        "rolledBackTo": view.rolled_back_to,
    }
