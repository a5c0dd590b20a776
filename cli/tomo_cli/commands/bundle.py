"""bundle create, show, load."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tomo_cli.options import HERE, Commands, DirectoryOption, FileOption, JsonOption, StackOption, add_group

if TYPE_CHECKING:
    from tomo.service.bundles import BundleContents

BundleArgument = Annotated[Path, typer.Argument(metavar="FILE", help="The bundle.")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    commands: Commands = {"create": create, "show": show, "load": load}
    add_group(app, "bundle", "Images and apps in one file", commands)


def create(
    bundle: BundleArgument,
    apps: Annotated[
        list[str] | None,
        typer.Argument(metavar="[APP...]", help="Apps of the fleet; all by default."),
    ] = None,
    server: Annotated[
        str, typer.Option("--from", metavar="SERVER", help="The server that images are taken from.")
    ] = "",
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a fleet's images and apps to a file."""
    from tomo.service.bundles import Bundles, CreateBundle
    from tomo_cli.console import say
    from tomo_cli.doors import doors, place

    request = CreateBundle(place(directory, file, stack), bundle, tuple(apps or ()), server, say)
    _show(Bundles(doors()).create(request), as_json=as_json)


def show(bundle: BundleArgument, as_json: JsonOption = False) -> None:
    """Check a bundle and show what it holds."""
    from tomo.service.bundles import Bundles, ShowBundle
    from tomo_cli.doors import doors

    _show(Bundles(doors()).show(ShowBundle(bundle)), as_json=as_json)


def load(
    bundle: BundleArgument,
    into: Annotated[
        Path | None,
        typer.Option("--into", metavar="FOLDER", help="For app files; the first of `catalogs` by default."),
    ] = None,
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Have the fleet take its images from a bundle."""
    from tomo.service.bundles import Bundles, LoadBundle
    from tomo_cli.console import print_json, say
    from tomo_cli.doors import doors, place

    result = Bundles(doors()).load(LoadBundle(place(directory, file, stack), bundle, into))
    if as_json:
        print_json(asdict(result))
        return
    _show(result.contents, as_json=False)
    for app in result.written:
        say(f"{app}.yaml written to {result.folder}")
    say("The fleet file names the bundle; `tomo apply` loads what servers lack.")


def _show(contents: BundleContents, *, as_json: bool) -> None:
    from tomo_cli.console import print_json, table

    if as_json:
        print_json(asdict(contents))
        return
    rows = [(image.name, _shown(image.size), image.sha256[:12]) for image in contents.images]
    rows += [(app.id, _shown(app.size), app.sha256[:12]) for app in contents.apps]
    table(("IMAGE OR APP", "SIZE", "SHA-256"), rows)


def _shown(size: int) -> str:
    return f"{size / 1_000_000:.1f} MB" if size >= 100_000 else f"{size / 1000:.1f} kB"  # noqa: PLR2004
