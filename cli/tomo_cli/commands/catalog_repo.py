"""catalog repo add, list, sync, pin, remove; catalog rate and feature."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

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
    from tomo.service.marketplace.repositories import Repositories

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The repository's name.")]


def register(catalog: typer.Typer) -> None:
    """Adds the commands to those of the catalog."""
    commands: Commands = {"add": add, "list": list_, "sync": sync, "pin": pin, "remove": remove}
    add_group(catalog, "repo", "Use catalogs of others", commands)


def _repositories() -> Repositories:
    from tomo.service.marketplace.repositories import Repositories
    from tomo_cli.doors import doors

    return Repositories(doors(), time.time)


def add(
    url: Annotated[str, typer.Argument(metavar="ADDRESS", help="A git address (https or ssh), or a folder.")],
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="What to call it; by its address by default.")
    ] = "",
    branch: Annotated[
        str, typer.Option("--branch", metavar="NAME", help="The branch or tag to follow; the remote's own.")
    ] = "",
    commit: Annotated[
        str, typer.Option("--commit", metavar="ID", help="The commit to begin with; the branch's newest.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Add a repository of catalogs, once it is checked."""
    from tomo.service.marketplace.repositories import AddRepositoryRequest
    from tomo_cli.console import print_json
    from tomo_cli.doors import place
    from tomo_cli.repo_view import show_added, synced_json

    request = AddRepositoryRequest(place(directory, file, stack), url, name, branch, commit)
    done = _repositories().add(request)
    if as_json:
        print_json(synced_json(done))
    else:
        show_added(done)


def list_(
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the repositories, and apps that several have."""
    from tomo_cli.console import print_json
    from tomo_cli.doors import place
    from tomo_cli.repo_view import show_repositories, view_json

    found = _repositories().list(place(directory, file, stack))
    if as_json:
        print_json([view_json(each) for each in found])
    else:
        show_repositories(found)


def sync(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME...]", help="Which repositories; all by default.")
    ] = None,
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring repositories up to date, and fetch pinned ones."""
    from tomo.service.marketplace.repositories import SyncRepositoriesRequest
    from tomo_cli.console import print_json
    from tomo_cli.doors import place
    from tomo_cli.repo_view import show_synced, synced_json

    request = SyncRepositoriesRequest(place(directory, file, stack), tuple(names or ()))
    done = _repositories().sync(request)
    if as_json:
        print_json([synced_json(each) for each in done])
    else:
        show_synced(done)


def pin(
    name: NameArgument,
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Pin a repository's synced state in the fleet file."""
    from dataclasses import asdict

    from tomo.service.marketplace.repositories import PinRepositoryRequest
    from tomo_cli.console import print_json, say
    from tomo_cli.doors import place

    pinned = _repositories().pin(PinRepositoryRequest(place(directory, file, stack), name))
    if as_json:
        print_json(asdict(pinned))
        return
    at = f"commit {pinned.commit[:12]}" if pinned.commit else pinned.digest[:19]
    say(f"The fleet file pins {pinned.name} to {at}. See what that changes: `tomo plan`.")


def remove(
    name: NameArgument,
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Forget a repository; what fleet files pin stays theirs."""
    from tomo_cli.console import confirm, print_json, say
    from tomo_cli.doors import place

    where = place(directory, file, stack)
    _repositories().newest(name)
    if not confirm(f"Forget the repository {name} with its apps?", yes=yes):
        raise typer.Exit(1)
    removed = _repositories().remove(where, name)
    if as_json:
        print_json({"name": removed.name, "url": removed.url})
    else:
        say(f"{removed.name} is forgotten; fleet files that pin it can fetch it again.")


def rate(
    app: Annotated[str, typer.Argument(metavar="APP", help="The app's id, or REPOSITORY/ID.")],
    stars: Annotated[int, typer.Argument(metavar="STARS", min=1, max=5, help="1 to 5.")],
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="Why, in a line.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Rate an app; lists show the average."""
    from dataclasses import asdict

    from tomo.service.marketplace.opinions import Opinions, RateAppRequest
    from tomo_cli.console import print_json, say
    from tomo_cli.doors import doors, place

    request = RateAppRequest(place(directory, file, stack), app, stars, note)
    rating = Opinions(doors(), time.time).rate(request)
    if as_json:
        print_json(asdict(rating))
    else:
        say(f"{rating.person} gives {rating.ref} {rating.stars} of 5 stars.")


def feature(
    app: Annotated[str, typer.Argument(metavar="APP", help="The app's id, or REPOSITORY/ID.")],
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    off: Annotated[bool, typer.Option("--off", help="Lists no longer show it first.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Have lists show an app first."""
    from tomo.service.marketplace.opinions import FeatureAppRequest, Opinions
    from tomo_cli.console import print_json, say
    from tomo_cli.doors import doors, place

    request = FeatureAppRequest(place(directory, file, stack), app, not off)
    Opinions(doors(), time.time).feature(request)
    if as_json:
        print_json({"ref": app, "featured": not off})
    else:
        say(f"Lists show {app} first." if not off else f"Lists show {app} in its own place.")
