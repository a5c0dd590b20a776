"""init, schema, program, try, doctor, completion."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tomo_cli.commands.servers import BecomeOption, HostKeyOption, IdentityOption
from tomo_cli.options import (
    COMPLETE_VARIABLE,
    HERE,
    DirectoryOption,
    FileOption,
    JsonOption,
    StackOption,
    add_command,
)

if TYPE_CHECKING:
    from tomo.service.server_edits import NewServer


class Shell(StrEnum):
    """Shells that completion is written for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


class Format(StrEnum):
    """Files that people write."""

    FLEET = "fleet"
    APP = "app"
    POLICY = "policy"


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    for command in (init, schema, program, try_, doctor, completion):
        add_command(app, command)


def init(
    address: Annotated[
        str | None,
        typer.Argument(metavar="[USER@HOST[:PORT]]", help="The first server; `local` for this machine."),
    ] = None,
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="The fleet's name; the folder's by default.")
    ] = "",
    server_name: Annotated[
        str, typer.Option("--server-name", metavar="NAME", help="The server's; from its host by default.")
    ] = "",
    identity: IdentityOption = None,
    host_key: HostKeyOption = None,
    become: BecomeOption = False,
    yes: Annotated[
        bool, typer.Option("-y", "--yes", help="Accept the key the host shows, without asking.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Begin a fleet in this folder."""
    from dataclasses import replace

    from tomo.service.projects import InitRequest, Projects
    from tomo_cli.console import print_json, say
    from tomo_cli.doors import place

    request = InitRequest(place(directory, file, stack), name)
    Projects().require_new(request)
    if address is not None:
        server = _first_server(address, server_name, identity, tuple(host_key or ()), become=become, yes=yes)
        request = replace(request, server=server)
    made = Projects().init(request)
    if as_json:
        server_json = {"name": request.server.name} if request.server else None
        print_json({"file": str(made.file), "fleet": made.name, "server": server_json})
        return
    say(f"Wrote {made.file}: the fleet {made.name}.")
    if made.ignore_file is not None:
        say(f"Git ignores the state in .pulumi/ ({made.ignore_file}).")
    if request.server is None:
        say("Next: `tomo server add NAME USER@HOST`.")
    else:
        say(f"Next: `tomo server test`, then `tomo app add APP --server {request.server.name}`.")


def _first_server(
    address: str, name: str, identity: str | None, keys: tuple[str, ...], *, become: bool, yes: bool
) -> NewServer:
    from tomo.service.addresses import name_for, parse_address
    from tomo.service.server_edits import NewServer
    from tomo.service.servers import Servers
    from tomo_cli.commands.servers import accepted_keys
    from tomo_cli.doors import doors

    target = parse_address(address)
    if not keys and not target.is_local:
        keys = accepted_keys(Servers(doors()), target, identity, yes=yes)
    return NewServer(name or name_for(target.host), target, keys, identity, become)


def schema(
    of: Annotated[
        Format,
        typer.Argument(
            metavar="[fleet|app|policy]",
            help="Which file: the fleet's, an app's, or policies.",
        ),
    ] = Format.FLEET,
    as_json: Annotated[bool, typer.Option("--json", help="The JSON Schema, for editors.")] = False,
) -> None:
    """List every field of a fleet, app or policy file."""
    from tomo.service.formats import FormatRequest, Formats
    from tomo_cli.console import print_json, print_markdown

    described = Formats().describe(FormatRequest(of.value))
    if as_json:
        print_json(described.schema)
    else:
        print_markdown(described.reference)


def program(
    directory_to_write: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the fleet as a standalone Pulumi program."""
    from tomo.service.programs import ProgramRequest, Programs
    from tomo_cli.console import print_json, say
    from tomo_cli.doors import doors, place

    request = ProgramRequest(place(directory, file, stack), directory_to_write)
    written = Programs(doors()).write(request)
    if as_json:
        print_json(
            {"directory": str(written.directory), "stack": written.stack, "files": list(written.files)}
        )
        return
    say(f"Wrote {', '.join(written.files)} into {written.directory}.")
    say(f"Run it with `tomo plan -C {written.directory} --stack {written.stack}`, or with Pulumi's CLI.")


def try_(as_json: JsonOption = False) -> None:
    """Try everything on a server in memory."""
    import time

    from tomo.settings import Settings
    from tomo_cli.console import print_json, say
    from tomo_cli.try_view import run_trial

    begun = time.monotonic()
    well, steps = run_trial(Settings.from_environment(), quiet=as_json)
    seconds = time.monotonic() - begun
    if as_json:
        print_json({"ok": well, "seconds": round(seconds, 3), "steps": steps})
    elif well:
        say()
        say(f"Done in {seconds:.1f} s; nothing is left behind. Begin your own with `tomo init USER@HOST`.")
    else:
        say("error: the last step did not go as it should; please report this with `tomo doctor`'s output")
    raise typer.Exit(0 if well else 1)


def doctor(
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check this machine and folder for problems."""
    from dataclasses import asdict

    from tomo.service.doctor import Doctor, DoctorRequest
    from tomo_cli.console import fields, print_json
    from tomo_cli.doors import doors, place

    report = Doctor(doors()).examine(DoctorRequest(place(directory, file, stack)))
    if as_json:
        print_json([asdict(check) for check in report.checks])
    else:
        for check in report.checks:
            fields({f"{check.health.value:<5} {check.name:<12}": check.message})
            if check.hint and check.health.value != "ok":
                fields({" " * 18: f"hint: {check.hint}"})
    raise typer.Exit(int(report.exit_code))


def completion(
    shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")],
) -> None:
    """Print a shell's completion script."""
    from typer.completion import get_completion_script  # type: ignore[attr-defined]  # its own, re-exported

    script = get_completion_script(prog_name="tomo", complete_var=COMPLETE_VARIABLE, shell=shell.value)
    sys.stdout.write(script + "\n")
