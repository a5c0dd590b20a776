"""state delete, rename and move: the recorded state, changed by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tomo_cli.options import HERE, DirectoryOption, FileOption, JsonOption, StackOption, YesOption

if TYPE_CHECKING:
    from tomo.service.state_edits import Edit, Transfer

ResourceArgument = Annotated[
    str, typer.Argument(metavar="RESOURCE", help="Its URN, its name, or its name on the host.")
]


def state_delete(
    resource: ResourceArgument,
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    target_dependents: Annotated[
        bool, typer.Option("--target-dependents", help="Also forget what depends on it.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Also forget what is protected.")] = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Forget a resource; what it stands for stays."""
    from tomo.service.state_edits import ForgetRequest, StateEdits
    from tomo_cli.console import confirm, say
    from tomo_cli.doors import doors, place

    def asked(edit: Edit) -> bool:
        for urn in edit.gone:
            say(f"{urn.name}  {urn.type}")
        return confirm("Forget this? On its host it stays as it is.", yes=yes)

    where = place(directory, file, stack)
    request = ForgetRequest(where, resource, asked, target_dependents, force)
    _end(StateEdits(doors()).forget(request), as_json=as_json)


def state_rename(
    resource: ResourceArgument,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its new name, as the program has it.")],
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Give a recorded resource another name."""
    from tomo.service.state_edits import RenameRequest, StateEdits
    from tomo_cli.console import confirm, say
    from tomo_cli.doors import doors, place

    def asked(edit: Edit) -> bool:
        others = f", and {edit.mentions} that mention it" if edit.mentions else ""
        say(f"{edit.old}\nbecomes\n{edit.new}{others}")
        return confirm("Rename it in the state?", yes=yes)

    request = RenameRequest(place(directory, file, stack), resource, name, asked)
    _end(StateEdits(doors()).rename(request), as_json=as_json)


def state_move(
    resources: Annotated[
        list[str], typer.Argument(metavar="RESOURCE...", help="By URN, by name, or by name on the host.")
    ],
    to_stack: Annotated[
        str, typer.Option("--to-stack", metavar="NAME", help="The stack of the project that gets them.")
    ],
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    include_parents: Annotated[
        bool, typer.Option("--include-parents", help="Also what they lie in.")
    ] = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Move recorded resources into another stack."""
    from tomo.service.state_edits import MoveRequest, StateEdits
    from tomo_cli.console import confirm, print_json, say
    from tomo_cli.doors import doors, place

    def asked(transfer: Transfer) -> bool:
        for urn in transfer.urns:
            say(f"{urn.name}  {urn.type}")
        for link in transfer.links:
            say(f"dropped: {link.user.name} {link.how} {link.needed.name}")
        return confirm(f"Move this from {transfer.stack} to {transfer.to_stack}?", yes=yes)

    where = place(directory, file, stack)
    request = MoveRequest(where, tuple(resources), to_stack, asked, include_parents)
    transfer = StateEdits(doors()).move(request)
    if as_json:
        print_json(_transfer_json(transfer))
    elif transfer.done:
        say("Moved. Both states before are kept beside them as backups; both programs are yours to change.")
    else:
        say("Nothing was done.")
    raise typer.Exit(0 if transfer.done else 1)


def _transfer_json(transfer: Transfer) -> dict[str, object]:
    return {
        "project": transfer.project,
        "stack": transfer.stack,
        "toStack": transfer.to_stack,
        "moved": dict(transfer.urns),
        "copied": transfer.copied,
        "dropped": [{"urn": each.user, "of": each.needed, "how": each.how} for each in transfer.links],
        "done": transfer.done,
    }


def _end(edit: Edit, *, as_json: bool) -> None:
    from tomo_cli.console import print_json, say

    if as_json:
        print_json(
            {
                "project": edit.project,
                "stack": edit.stack,
                "deleted": edit.gone,
                "old": edit.old,
                "new": edit.new,
                "done": edit.done,
            }
        )
    else:
        say("Done. The state before is kept beside it as a backup." if edit.done else "Nothing was done.")
    raise typer.Exit(0 if edit.done else 1)
