"""db status, upgrade, downgrade: the database of the audit record and of people."""

from __future__ import annotations

from typing import Annotated

import typer

from tomo_cli.options import Commands, JsonOption, YesOption, add_group


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    commands: Commands = {"status": status, "upgrade": upgrade, "downgrade": downgrade}
    add_group(app, "db", "Look after the database", commands)


def status(as_json: JsonOption = False) -> None:
    """Show where the database is, and its form."""
    from dataclasses import asdict

    from tomo.service.databases import Databases
    from tomo_cli.console import fields, print_json
    from tomo_cli.doors import doors

    found = Databases(doors()).status()
    if as_json:
        print_json(asdict(found))
        return
    form = found.current or "none: the first command that needs it makes it"
    if not found.is_new and not found.is_current:
        form = f"{found.current}; this version of Tomo needs {found.newest}: `tomo db upgrade`"
    fields({"database": found.address, "kind": found.kind, "form": form, "waiting": found.waiting})


def upgrade(as_json: JsonOption = False) -> None:
    """Bring the database to this version's form."""
    from dataclasses import asdict

    from tomo.service.databases import Databases
    from tomo_cli.console import print_json, say
    from tomo_cli.doors import doors

    moved = Databases(doors()).upgrade()
    if as_json:
        print_json(asdict(moved))
    elif moved.before == moved.after:
        say(f"The database has the form {moved.after} already.")
    else:
        say(f"The database has the form {moved.after} now.")
        if moved.copy:
            say(f"As it was before, it is in {moved.copy}.")


def downgrade(
    form: Annotated[
        str, typer.Argument(metavar="FORM", help="The older form, such as `0001`; `base` removes all tables.")
    ],
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take the database back to an older form."""
    from dataclasses import asdict

    from tomo.service.databases import Databases
    from tomo_cli.console import confirm, print_json, say
    from tomo_cli.doors import doors

    service = Databases(doors())
    service.require_older(form)
    if not confirm(f"Go back to {form}? What that form has no place for is removed.", yes=yes):
        say("Nothing was done.")
        raise typer.Exit(1)
    moved = service.downgrade(form)
    if as_json:
        print_json(asdict(moved))
        return
    say(f"The database has the form {moved.after or 'of an empty one'} now.")
    if moved.copy:
        say(f"As it was before, it is in {moved.copy}.")
