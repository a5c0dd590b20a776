"""Puts an exported installation into a folder."""

from __future__ import annotations

from pathlib import Path

from tomo.errors import UsageError


def import_bundle(
    directory: Path,
    bundle: Path,
    identity: list[Path] | None,
    server: str,
    file: Path | None,
    stack: str | None,
    without_database: bool,
    *,
    as_json: bool,
) -> None:
    """Imports it, and says what is where."""
    from tomo.service.backups.moving import ImportBundleRequest, Moving
    from tomo_cli.console import print_json, say
    from tomo_cli.doors import doors

    if server or file is not None or stack is not None:
        raise UsageError(
            "a bundle has a fleet of its own", hint="name only the folder: `tomo import --bundle FILE -C DIR`"
        )
    request = ImportBundleRequest(directory, bundle, tuple(identity or ()), not without_database)
    done = Moving(doors()).import_bundle(request)
    if as_json:
        told = {"bundle": done.manifest.name, "files": list(done.files), "state": done.state}
        print_json({**told, "rows": done.rows, "approvers": done.approvers})
        return
    say(f"Imported {done.manifest.name}: {', '.join(done.files)}; {done.state} files of the state")
    if done.rows:
        say(f"and {done.rows} rows of the database.")
    if done.approvers:
        say(f"The approvers' public keys are in `{done.approvers}`: set TOMO_APPROVERS to it.")
    say("Look before you apply: `tomo plan`.")
