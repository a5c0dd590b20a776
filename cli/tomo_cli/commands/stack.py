"""secret, config, state and stack: what is kept of one stack."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tomo_cli.commands.history import state_history
from tomo_cli.commands.repair import state_repair
from tomo_cli.commands.state_edits import state_delete, state_move, state_rename
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
    from tomo.model.resource import ResourceState
    from tomo.service.states import ImportResult, States
    from tomo.service.workspace import Place

SecretArgument = Annotated[str, typer.Argument(metavar="NAME", help="The secret's name.")]
KeyArgument = Annotated[str, typer.Argument(metavar="KEY", help="`name`, or `namespace:name`.")]
ShowSecretsOption = Annotated[bool, typer.Option("--show-secrets", help="Print secret values as they are.")]
ValueArgument = Annotated[list[str] | None, typer.Argument(hidden=True)]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    secrets: Commands = {"set": secret_set, "list": secret_list, "remove": secret_remove}
    add_group(app, "secret", "Keep secrets of a stack", secrets)
    config: Commands = {"get": config_get, "set": config_set, "list": config_list, "remove": config_remove}
    add_group(app, "config", "Set what a Pulumi program reads", config)
    state: Commands = {
        "list": state_list,
        "show": state_show,
        "history": state_history,
        "export": state_export,
        "import": state_import,
        "unlock": state_unlock,
        "delete": state_delete,
        "rename": state_rename,
        "move": state_move,
        "repair": state_repair,
    }
    add_group(app, "state", "Look at and move the recorded state", state)
    add_group(app, "stack", "Show the stacks of a project", {"list": stack_list})


# --- secrets -----------------------------------------------------------------------------------------


def secret_set(
    name: SecretArgument,
    value: ValueArgument = None,
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Set a secret, typed or piped to the command."""
    from tomo.model.values import Secret
    from tomo.service.secret_names import Secrets, SetSecretRequest
    from tomo_cli.console import print_json, say
    from tomo_cli.doors import doors, place
    from tomo_cli.pairs import read_secret, refuse_argument

    refuse_argument(value)
    where, service = place(directory, file, stack), Secrets(doors())
    service.check(where, name)
    changed = service.set(SetSecretRequest(where, name, Secret(read_secret(name))))
    if as_json:
        print_json({"name": name, "stack": changed.stack, "file": changed.file, "replaced": changed.replaced})
    else:
        say(f"{'Replaced' if changed.replaced else 'Sealed'} {name} in {changed.file}.")


def secret_list(
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the names of secrets and their uses."""
    from tomo.service.secret_names import Secrets, SecretsRequest
    from tomo_cli.console import print_json, say, table
    from tomo_cli.doors import doors, place

    names = Secrets(doors()).list(SecretsRequest(place(directory, file, stack)))
    if as_json:
        print_json([{"name": each.name, "uses": list(each.uses)} for each in names])
    elif not names:
        say("No secrets are set; set one with `tomo secret set NAME`.")
    else:
        table(("NAME", "USED BY"), [(each.name, ", ".join(each.uses)) for each in names])


def secret_remove(
    name: SecretArgument,
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Remove a secret that nothing uses."""
    from tomo.service.secret_names import RemoveSecretRequest, Secrets
    from tomo_cli.console import confirm, print_json, say
    from tomo_cli.doors import doors, place

    where, service = place(directory, file, stack), Secrets(doors())
    service.require_removable(where, name)
    if not confirm(f"Remove the secret {name} for good?", yes=yes):
        say("Nothing was done.")
        raise typer.Exit(1)
    changed = service.remove(RemoveSecretRequest(where, name))
    if as_json:
        print_json({"name": name, "stack": changed.stack, "file": changed.file})
    else:
        say(f"Removed {name} from {changed.file}.")


# --- config ------------------------------------------------------------------------------------------


def config_get(
    key: KeyArgument,
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    show_secrets: ShowSecretsOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show one value of the stack's config."""
    from dataclasses import asdict

    from tomo.service.configs import ConfigRequest, Configs
    from tomo_cli.console import clean, print_json, say
    from tomo_cli.doors import doors, place

    entry = Configs(doors()).get(ConfigRequest(place(directory, file, stack), show_secrets), key)
    if as_json:
        print_json(asdict(entry))
        return
    # A script that reads the value gets its bytes; a terminal gets what cannot drive it.
    sys.stdout.write((clean(entry.value) if sys.stdout.isatty() else entry.value) + "\n")
    if entry.secret and not show_secrets:
        say("It is a secret; `--show-secrets` prints it.")


def config_set(
    key: KeyArgument,
    value: Annotated[
        str | None, typer.Argument(metavar="[VALUE]", help="The value; asked for or piped if left out.")
    ] = None,
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    secret: Annotated[
        bool, typer.Option("--secret", help="Seal the value, which is typed or piped.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Set a value of the stack's config."""
    from tomo.model.values import Secret
    from tomo.service.configs import Configs, SetConfigRequest
    from tomo_cli.console import print_json, say
    from tomo_cli.doors import doors, place
    from tomo_cli.pairs import read_secret, refuse_argument

    if secret:
        refuse_argument([value] if value is not None else None)
    where, service = place(directory, file, stack), Configs(doors())
    service.check(where, key, secret=secret)
    given = value if value is not None else read_secret(key)
    name = service.set(SetConfigRequest(where, key, Secret(given) if secret else given))
    if as_json:
        print_json({"key": name, "secret": secret})
    else:
        say(f"Set {name}.")


def config_list(
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    show_secrets: ShowSecretsOption = False,
    as_json: JsonOption = False,
) -> None:
    """List the stack's config."""
    from dataclasses import asdict

    from tomo.service.configs import ConfigRequest, Configs
    from tomo_cli.console import print_json, say, table
    from tomo_cli.doors import doors, place

    entries = Configs(doors()).list(ConfigRequest(place(directory, file, stack), show_secrets))
    if as_json:
        print_json([asdict(entry) for entry in entries])
    elif not entries:
        say("Nothing is set; `tomo config set KEY VALUE` sets a value.")
    else:
        rows = [(e.key, e.value, "project" if e.inherited else "stack") for e in entries]
        table(("KEY", "VALUE", "FROM"), rows)


def config_remove(
    key: KeyArgument,
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove a value from the stack's config."""
    from tomo.service.configs import Configs, RemoveConfigRequest
    from tomo_cli.console import print_json, say
    from tomo_cli.doors import doors, place

    name = Configs(doors()).remove(RemoveConfigRequest(place(directory, file, stack), key))
    if as_json:
        print_json({"key": name})
    else:
        say(f"Removed {name}.")


# --- state -------------------------------------------------------------------------------------------


def state_list(
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the recorded resources."""
    from tomo.service.states import StateRequest, States
    from tomo_cli.console import print_json, say, table
    from tomo_cli.doors import doors, place

    listing = States(doors()).list(StateRequest(place(directory, file, stack)))
    if as_json:
        resources = [
            {"urn": e.urn, "type": e.type, "name": e.urn.name, "id": e.id} for e in listing.resources
        ]
        pending = [{"urn": each.resource.urn, "type": each.type.value} for each in listing.pending]
        where = {"project": listing.project, "stack": listing.stack, "file": listing.file}
        print_json({**where, "time": listing.time, "resources": resources, "pendingOperations": pending})
        return
    table(("TYPE", "NAME"), [(entry.type, entry.urn.name) for entry in listing.resources])
    for operation in listing.pending:
        say(f"warning: {operation.type.value} {operation.resource.urn.name} was begun and never finished")


def state_show(
    resource: Annotated[
        str, typer.Argument(metavar="RESOURCE", help="Its URN, its name, or its name on the host.")
    ],
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one recorded resource, secrets masked."""
    from tomo.service.states import StateRequest, States
    from tomo_cli.console import print_json
    from tomo_cli.doors import doors, place

    entry = States(doors()).show(StateRequest(place(directory, file, stack)), resource)
    if as_json:
        print_json(_entry_json(entry))
    else:
        _show_entry(entry)


def _entry_json(entry: ResourceState) -> dict[str, object]:
    from tomo.service.present import shown_state

    return shown_state(entry)


def _show_entry(entry: ResourceState) -> None:
    import json

    from tomo.model.values import masked
    from tomo_cli.console import fields, heading

    fields(
        {
            "urn": entry.urn,
            "type": entry.type,
            "id": entry.id or "(component)",
            "parent": entry.parent.name if entry.parent else "(none)",
            "depends on": ", ".join(urn.name for urn in entry.dependencies) or "(nothing)",
            "protected": "yes" if entry.protect else "no",
            "kept on delete": "yes" if entry.retain_on_delete else "no",
        }
    )
    for title, values in (("Inputs", entry.inputs), ("Outputs", entry.outputs)):
        heading(title)
        plain = {key: masked(value) for key, value in values.items()}
        shown = {key: value for key, value in sorted(plain.items()) if value not in (None, "", [], {})}
        fields({key: json.dumps(value, ensure_ascii=False, default=repr) for key, value in shown.items()})


def state_export(
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write a new file, not stdout.")
    ] = None,
    show_secrets: ShowSecretsOption = False,
) -> None:
    """Print the state as Pulumi's CLI exports it."""
    from tomo.service.states import ExportRequest, States
    from tomo_cli.console import say
    from tomo_cli.doors import doors, place

    document = States(doors()).export(ExportRequest(place(directory, file, stack), show_secrets))
    if output is None:
        sys.stdout.write(document.decode())
        return
    _write_private(output, document)
    say(f"Wrote {output}.")


def _write_private(path: Path, content: bytes) -> None:
    import os

    from tomo.errors import TomoError, UsageError

    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(content)
    except FileExistsError:
        raise UsageError(f"`{path}` exists already", hint="name a new file") from None
    except OSError as error:
        raise TomoError(f"`{path}` cannot be written: {error.strerror}", hint="name another file") from error


def state_import(
    document: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help="An export, a checkpoint or a backup, also by its address; `-` for stdin."
        ),
    ],
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Put a document in the state's place."""
    from dataclasses import asdict

    from tomo.service.states import ImportRequest, States
    from tomo_cli.console import confirm, print_json, say
    from tomo_cli.doors import doors, place

    where, service = place(directory, file, stack), States(doors())

    def asked(foreseen: ImportResult) -> bool:
        had = "no readable state" if foreseen.before is None else f"{foreseen.before} resources"
        say(f"{foreseen.project}/{foreseen.stack} has {had}; the document has {foreseen.after}.")
        return confirm("Put the document in the state's place?", yes=yes)

    result = service.import_(ImportRequest(where, _document(document, where, service), asked))
    if as_json:
        print_json(asdict(result))
    elif result.done:
        say("Imported. The state before is kept beside it as a backup.")
    else:
        say("Nothing was done.")
    raise typer.Exit(0 if result.done else 1)


def _document(path: str, where: Place, service: States) -> bytes:
    from tomo.errors import UsageError
    from tomo.service.states import StateRequest

    if path == "-":
        return sys.stdin.buffer.read()
    if "://" in path:
        return service.file(StateRequest(where), path)
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        raise UsageError(
            f"`{path}` cannot be read: {reason}", hint="name a file that `tomo state export` wrote"
        ) from None


def state_unlock(
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Remove the lock of a run that is gone."""
    from tomo.service.states import States, UnlockRequest
    from tomo_cli.console import confirm, print_json, say
    from tomo_cli.doors import doors, place

    asked: list[str] = []

    def ask(holders: tuple[str, ...]) -> bool:
        asked.extend(holders)
        for holder in holders:
            say(f"held by {holder}")
        return confirm("Remove the lock? A run that still goes on will not stop.", yes=yes)

    removed = States(doors()).unlock(UnlockRequest(place(directory, file, stack), ask))
    if as_json:
        print_json({"holders": asked, "removed": len(removed)})
    elif not asked:
        say("Nobody holds the stack.")
    else:
        say("Removed." if removed else "Nothing was done.")
    raise typer.Exit(1 if asked and not removed else 0)


def stack_list(
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the stacks that have a state."""
    from tomo.service.states import StateRequest, States
    from tomo_cli.console import print_json, say, table
    from tomo_cli.doors import doors, place

    names = States(doors()).stacks(StateRequest(place(directory, file, stack)))
    if as_json:
        print_json([{"project": name.project, "stack": name.stack} for name in names])
    elif not names:
        say("There is no stack yet; `tomo apply` makes one.")
    else:
        table(("PROJECT", "STACK"), [(name.project, name.stack) for name in names])
