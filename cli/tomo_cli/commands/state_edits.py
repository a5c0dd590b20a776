"""state delete and state rename: the recorded state, changed by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tomo_cli.options import HERE, DirectoryOption, FileOption, JsonOption, StackOption, YesOption

if TYPE_CHECKING:
    from tomo.service.state_edits import Edit

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
