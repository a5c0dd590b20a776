"""backup create, list, verify, restore, prune."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tomo_cli.options import (
    HERE,
    Commands,
    DirectoryOption,
    FileOption,
    JsonOption,
    LockWaitOption,
    StackOption,
    add_group,
)

if TYPE_CHECKING:
    from tomo.backup.manifest import Manifest
    from tomo.service.backups.requests import CreatedBackups

AppsArgument = Annotated[
    list[str] | None, typer.Argument(metavar="[APP|APP@SERVER]...", help="Only these apps; all by default.")
]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    commands: Commands = {"create": create, "list": list_}
    add_group(app, "backup", "Copies of what apps hold, sealed", commands)


def create(
    apps: AppsArgument = None,
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    incremental: Annotated[
        bool, typer.Option("--incremental", help="Into the restic repository: only what is new is kept.")
    ] = False,
    lock_wait: LockWaitOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Back up apps, and without names the installation too."""
    from tomo.service.backups.cases import Backups
    from tomo.service.backups.requests import CreateBackupRequest
    from tomo_cli.console import say
    from tomo_cli.doors import doors, place
    from tomo_cli.runs import lock_terms

    request = CreateBackupRequest(
        place(directory, file, stack), tuple(apps or ()), incremental, lock_terms(lock_wait), say
    )
    made = Backups(doors()).create(request)
    _show_created(made, as_json=as_json)
    raise typer.Exit(int(made.exit_code))


def _show_created(made: CreatedBackups, *, as_json: bool) -> None:
    from tomo_cli.console import print_json, say, show_error

    if as_json:
        failed = [
            {"instance": each.instance, "code": each.error.code, "error": each.error.message}
            for each in made.failed
        ]
        print_json({"made": [manifest_json(each) for each in made.made], "failed": failed})
    elif made.made:
        _show_table(made.made)
    elif not made.failed:
        say("No app has data that a backup should hold.")
    for each in made.failed:
        show_error(each.error)


def list_(
    apps: AppsArgument = None,
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """List backups, the newest last; needs no key."""
    from tomo.service.backups.listing import listed_backups
    from tomo.service.backups.requests import ListBackupsRequest
    from tomo_cli.console import print_json, say
    from tomo_cli.doors import doors, place

    found = listed_backups(doors(), ListBackupsRequest(place(directory, file, stack), tuple(apps or ())))
    if as_json:
        print_json([manifest_json(each) for each in found])
    elif not found:
        say("There are no backups yet: `tomo backup create` makes them.")
    else:
        _show_table(found)


def _show_table(found: list[Manifest] | tuple[Manifest, ...]) -> None:
    from tomo_cli.console import table

    rows = [
        (each.name, each.kind, each.reason, human_size(each.size) if each.size else "-") for each in found
    ]
    table(("BACKUP", "KIND", "WHY", "SIZE"), rows)


def manifest_json(manifest: Manifest) -> dict[str, object]:
    """A backup for other programs."""
    return {
        "name": manifest.name,
        "fleet": manifest.fleet,
        "app": manifest.app,
        "server": manifest.server,
        "time": manifest.time,
        "kind": manifest.kind,
        "reason": manifest.reason,
        "version": manifest.version,
        "images": dict(manifest.images),
        "volumes": [{"name": each.name, "dockerName": each.docker_name} for each in manifest.volumes],
        "contents": list(manifest.contents),
        "size": manifest.size,
        "sha256": manifest.sha256,
        "snapshot": manifest.snapshot,
    }


def human_size(size: int) -> str:
    """A number of bytes in a word."""
    amount, unit = float(size), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if amount < 1024 or unit == "TiB":  # noqa: PLR2004
            break
        amount /= 1024
    return f"{int(amount)} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
