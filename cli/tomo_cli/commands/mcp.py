"""mcp: the server for assistants."""

from __future__ import annotations

from typing import Annotated

import typer

from tomo_cli.options import (
    HERE,
    DirectoryOption,
    FileOption,
    PolicyOption,
    StackOption,
    add_command,
)


def register(app: typer.Typer) -> None:
    """Adds the command."""
    add_command(app, mcp)


def mcp(
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    policy: PolicyOption = None,
    profile: Annotated[
        str, typer.Option("--profile", metavar="NAME", help="Which tools are shown; `all` shows every one.")
    ] = "default",
    http: Annotated[
        bool,
        typer.Option("--http", help="Serve over HTTP, for programs with a token of `tomo token create`."),
    ] = False,
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="Listen there; loopback addresses only.")
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            "--port", metavar="N", min=0, max=65535, help="Listen on this port; 0 takes a free one."
        ),
    ] = 8765,
) -> None:
    """Serve assistants, which look and propose."""
    import logging
    import sys

    from tomo import __version__
    from tomo.mcp.serving import Terms, over_http, over_stdio, run_http, run_stdio
    from tomo.service.propose.desk import ProposalDesk
    from tomo.service.read.services import Reading, for_assistants
    from tomo_cli.console import at_terminal, say
    from tomo_cli.doors import doors, place

    # Stdout is the protocol's: whatever a library has to say goes to stderr.
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s"
    )
    terms = Terms(__version__, profile, host, port)
    where = place(directory.absolute(), file, stack, policy=policy)
    through = for_assistants(doors(), where)
    reading, desk = Reading.of(through, where), ProposalDesk(through, where)
    if not http:
        if at_terminal():
            say("Waiting for a client's messages on stdin; clients start this themselves. Ctrl-C ends it.")
        run_stdio(over_stdio(reading, desk, terms, through.log))
        return
    built = over_http(reading, desk, terms, through.log)

    def bound(address: str) -> None:
        say(f"Serving assistants at {address}")
        if not reading.people.has_tokens():
            say("Nobody can come in yet, for there is no token; `tomo token create NAME` makes one.")

    run_http(built, reading.people.by_token, terms, bound)
