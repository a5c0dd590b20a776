"""backup create, list, verify, restore, prune."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tomo_cli.options import (
    HERE,
    Commands,
    DirectoryOption,
    FileOption,
    IdentityOption,
    JsonOption,
    LockWaitOption,
    StackOption,
    YesOption,
    add_command,
    add_group,
)

if TYPE_CHECKING:
    from tomo.backup.keep import Judged
    from tomo.backup.manifest import Manifest
    from tomo.service.backups.requests import CreatedBackups, RestorePlan, VerifiedBackup
    from tomo.service.propose.other_changes import OtherChange
    from tomo.service.workspace import Place

AppsArgument = Annotated[
    list[str] | None, typer.Argument(metavar="[APP|APP@SERVER]...", help="Only these apps; all by default.")
]

BackupArgument = Annotated[
    str, typer.Argument(metavar="BACKUP|APP", help="A backup's name, or an app for its newest one.")
]
ProposeOption = Annotated[
    str, typer.Option("--propose", metavar="WHY", help="Do nothing, but propose it for a person to approve.")
]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    commands: Commands = {
        "create": create, "list": list_, "verify": verify, "restore": restore, "prune": prune,
    }  # fmt: skip
    add_group(app, "backup", "Copies of what apps hold, sealed", commands)
    add_command(app, export)


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
    from tomo_cli.console import ended_by_ctrl_c, say
    from tomo_cli.doors import doors, place
    from tomo_cli.runs import lock_terms

    request = CreateBackupRequest(
        place(directory, file, stack), tuple(apps or ()), incremental, lock_terms(lock_wait), say
    )
    with ended_by_ctrl_c():
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


def verify(
    backup: BackupArgument,
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    identity: IdentityOption = None,
    server: Annotated[
        str, typer.Option("--server", metavar="NAME", help="Where it is unpacked; the app's own by default.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Unpack a backup into scratch volumes and compare."""
    from tomo.service.backups.cases import Backups
    from tomo.service.backups.requests import VerifyBackupRequest
    from tomo_cli.console import ended_by_ctrl_c, print_json, say
    from tomo_cli.doors import doors, place

    request = VerifyBackupRequest(place(directory, file, stack), backup, tuple(identity or ()), server, say)
    with ended_by_ctrl_c():
        found = Backups(doors()).verify(request)
    if as_json:
        print_json(_verified_json(found))
    else:
        _show_verified(found)
    raise typer.Exit(0 if found.is_whole else 1)


def _verified_json(found: VerifiedBackup) -> dict[str, object]:
    volumes = [
        {"name": each.name, "same": each.is_same, "entries": each.entries, "size": each.size}
        for each in found.volumes
    ]
    whole = {"whole": found.is_whole, "seal": found.seal, "volumes": volumes, "files": found.files}
    return {"backup": manifest_json(found.manifest), **whole}


def _show_verified(found: VerifiedBackup) -> None:
    from tomo.errors import BackupDamaged
    from tomo_cli.console import fields, show_error

    name = found.manifest.name
    if not found.is_whole:
        wrong = [each.name for each in found.volumes if not each.is_same]
        told = f"volumes differ: {', '.join(wrong)}" if wrong else found.seal
        hint = "make a new one, and look at the disks: `tomo backup create`"
        show_error(BackupDamaged(f"`{name}` is not whole: {told}", hint=hint))
        return
    told = ", ".join(
        f"{each.name} ({each.entries} entries, {human_size(each.size)})" for each in found.volumes
    )
    fields({"backup": f"{name}, whole", "volumes": told or "none", "files": found.files})


def restore(
    backup: BackupArgument,
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    identity: IdentityOption = None,
    volume: Annotated[
        list[str] | None,
        typer.Option("--volume", metavar="NAME", help="Only this volume of the app; repeatable."),
    ] = None,
    no_backup: Annotated[
        bool, typer.Option("--no-backup", help="Do not back up what is there before.")
    ] = False,
    propose: ProposeOption = "",
    yes: YesOption = False,
    lock_wait: LockWaitOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Put a backup in the place of an app's data."""
    from tomo.service.backups.cases import Backups
    from tomo.service.backups.listing import found_backup
    from tomo.service.backups.requests import RestoreBackupRequest
    from tomo.service.propose.other_changes import RestoreBackup
    from tomo_cli.console import confirm, ended_by_ctrl_c, print_json, say
    from tomo_cli.doors import doors, place
    from tomo_cli.runs import lock_terms

    where, volumes = place(directory, file, stack), tuple(volume or ())
    if propose:
        name = found_backup(doors(), where, backup).name
        _propose(where, RestoreBackup(name, volumes, not no_backup), propose, as_json=as_json)
        return

    def agreed(plan: RestorePlan) -> bool:
        _show_plan(plan)
        return confirm("Overwrite this data?", yes=yes)

    request = RestoreBackupRequest(
        where, backup, agreed, tuple(identity or ()), volumes, not no_backup, lock_terms(lock_wait), say
    )
    with ended_by_ctrl_c():
        done = Backups(doors()).restore(request)
    if as_json:
        volumes_done = [each.docker_name for each in done.plan.overwrites]
        shown = {"backup": done.plan.manifest.name, "done": not done.declined, "volumes": volumes_done}
        print_json({**shown, "before": done.before})
    elif done.declined:
        say("Nothing was done.")
    else:
        say(f"Restored. What was there before is in `{done.before}`." if done.before else "Restored.")
    raise typer.Exit(1 if done.declined else 0)


def _show_plan(plan: RestorePlan) -> None:
    from tomo_cli.console import say

    manifest = plan.manifest
    version = f", version {manifest.version}" if manifest.version else ""
    say(f"{plan.instance}, from {manifest.name} ({manifest.kind}, {_moment(manifest.time)}{version}):")
    for each in plan.overwrites:
        say(f"  ~ {each.name}: all that is in the volume `{each.docker_name}` is overwritten")
    for name in plan.stops:
        say(f"  ~ {name}: stops meanwhile")
    say("  What is there is backed up before." if plan.first else "  What is there is NOT backed up before.")


def prune(
    apps: AppsArgument = None,
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    last: Annotated[
        int | None,
        typer.Option(
            "--last",
            metavar="N",
            min=0,
            help="Keep the newest N; with the next three, instead of the fleet's rules.",
        ),
    ] = None,
    daily: Annotated[
        int | None, typer.Option("--daily", metavar="N", min=0, help="Keep the newest of N days.")
    ] = None,
    weekly: Annotated[
        int | None, typer.Option("--weekly", metavar="N", min=0, help="Keep the newest of N weeks.")
    ] = None,
    monthly: Annotated[
        int | None, typer.Option("--monthly", metavar="N", min=0, help="Keep the newest of N months.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    propose: ProposeOption = "",
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Remove backups that no rule keeps."""
    from tomo.backup.keep import Keep
    from tomo.service.backups.cases import Backups
    from tomo.service.backups.listing import prunable
    from tomo.service.backups.requests import PruneBackupsRequest
    from tomo.service.propose.other_changes import PruneBackups
    from tomo_cli.console import confirm
    from tomo_cli.doors import doors, place

    where, names = place(directory, file, stack), tuple(apps or ())
    given = (last, daily, weekly, monthly)
    keep = Keep(*(count or 0 for count in given)) if any(count is not None for count in given) else None
    if dry_run or propose:
        found = prunable(doors(), where, names, keep)
        goes = tuple(each.manifest.name for each in found if each.goes)
        if propose and goes:
            _propose(where, PruneBackups(goes), propose, as_json=as_json)
        else:
            _show_judged(found, done=False, as_json=as_json)
        return

    def agreed(shown: tuple[Judged, ...]) -> bool:
        if not as_json:
            _show_judged(shown, done=False, as_json=False)
        return confirm("Remove them for good?", yes=yes)

    done = Backups(doors()).prune(PruneBackupsRequest(where, agreed, names, keep))
    _show_pruned(done.judged, done=done.done, as_json=as_json)


def _show_pruned(judged: tuple[Judged, ...], *, done: bool, as_json: bool) -> None:
    from tomo_cli.console import say

    goes = sum(each.goes for each in judged)
    if as_json:
        _show_judged(judged, done=done, as_json=True)
    elif not goes:
        say("Every backup is one that a rule keeps.")
    else:
        say(f"Removed {goes}." if done else "Nothing was done.")
    raise typer.Exit(0 if done or not goes else 1)


def export(
    target: Annotated[Path, typer.Argument(metavar="FILE", help="A file that is not there yet.")],
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    recipient: Annotated[
        list[str] | None,
        typer.Option(
            "--recipient",
            metavar="KEY",
            help="Who can open it, `age1…`; the fleet's own by default; repeatable.",
        ),
    ] = None,
    unencrypted: Annotated[
        bool, typer.Option("--unencrypted", help="Leave it open to whoever has the file.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write the whole installation into one file."""
    from tomo.service.backups.moving import ExportRequest, Moving
    from tomo_cli.console import print_json, say
    from tomo_cli.doors import doors, place

    where = place(directory, file, stack)
    made = Moving(doors()).export(ExportRequest(where, target, tuple(recipient or ()), unencrypted))
    if as_json:
        told = {"file": str(made.file), "size": made.size, "sealed": made.sealed}
        print_json({**told, "contents": list(made.contents)})
        return
    say(f"Wrote `{made.file}` ({human_size(made.size)}): {', '.join(made.contents)}.")
    if not made.sealed:
        say("It is not sealed: secrets in it are, by the stack's passphrase, but nothing else.")
    say("Put it in an empty folder elsewhere: `tomo import --bundle FILE`. Data of apps is not in it.")


def _show_judged(judged: tuple[Judged, ...], *, done: bool, as_json: bool) -> None:
    from tomo_cli.console import print_json, say, table

    if as_json:
        rows = [
            {"name": each.manifest.name, "kind": each.manifest.kind, "keptBy": list(each.kept_by)}
            for each in judged
        ]
        print_json({"done": done, "backups": rows})
    elif not judged:
        say("There are no backups yet.")
    else:
        table(
            ("BACKUP", "KIND", "STAYS BY"),
            [(each.manifest.name, each.manifest.kind, ", ".join(each.kept_by) or "goes") for each in judged],
        )


def _propose(where: Place, change: OtherChange, why: str, *, as_json: bool) -> None:
    from tomo.service.propose.proposing import ProposeRequest, Proposing
    from tomo_cli.console import print_json, say
    from tomo_cli.doors import doors
    from tomo_cli.proposal_view import proposal_json, tell_next

    made = Proposing(doors()).propose(ProposeRequest(where, change, why)).proposal
    if as_json:
        print_json(proposal_json(made))
        return
    say(f"`{made.id}` is proposed: {made.title}. Nothing was done.")
    tell_next(made)


def _moment(time: str) -> str:
    return time[:16].replace("T", " ") + " UTC"


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
