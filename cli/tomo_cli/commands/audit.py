"""audit list, verify, export, retain: the record of what was done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tomo_cli.options import Commands, JsonOption, add_group

if TYPE_CHECKING:
    from tomo.audit.check import Checked
    from tomo.audit.retention import Removal
    from tomo.model.audit import AuditEntry


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    commands: Commands = {"list": list_, "verify": verify, "export": export, "retain": retain}
    add_group(app, "audit", "Show and check the record of acts", commands)


def list_(
    count: Annotated[
        int, typer.Option("-n", "--count", metavar="N", min=1, max=100_000, help="How many entries to show.")
    ] = 20,
    everything: Annotated[
        bool, typer.Option("--all", help="Also the beginnings of acts whose end is recorded.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what was done, the newest last."""
    from tomo.audit.chain import entry_json
    from tomo.service.audits import Audits, ListAuditRequest
    from tomo_cli.console import print_json, say, table
    from tomo_cli.doors import doors

    entries = Audits(doors()).list(ListAuditRequest(count, everything))
    if as_json:
        print_json([entry_json(entry) for entry in entries])
    elif not entries:
        say("Nothing is recorded yet.")
    else:
        names = ("NO", "TIME (UTC)", "WHO", "WHAT", "OF", "OUTCOME")
        table(names, [_row(entry) for entry in entries], whole=("NO", "TIME (UTC)", "WHAT"))


def _row(entry: AuditEntry) -> tuple[object, ...]:
    event = entry.event
    time = event.time[:16].replace("T", " ")
    error = event.details.get("error", "")
    outcome = f"{event.outcome} ({error})" if error else str(event.outcome)
    return entry.number, time, event.actor, event.action, event.object, outcome


def verify(
    head: Annotated[
        str,
        typer.Option(
            "--head", metavar="NUMBER:DIGEST", help="A head noted earlier, which must still be in the record."
        ),
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Check that nothing in the record was changed."""
    from tomo.service.audits import Audits, VerifyAuditRequest
    from tomo_cli.console import print_json
    from tomo_cli.doors import doors

    checked = Audits(doors()).verify(VerifyAuditRequest(head))
    if as_json:
        print_json(_checked_json(checked))
    else:
        _show_checked(checked)
    raise typer.Exit(1 if checked.findings else 0)


def _checked_json(checked: Checked) -> dict[str, object]:
    return {
        "whole": not checked.findings,
        "entries": checked.entries,
        "removedByRetention": checked.removed,
        "head": str(checked.head),
        "findings": [{"number": each.number, "message": each.message} for each in checked.findings],
    }


def _show_checked(checked: Checked) -> None:
    from tomo.errors import AuditBroken
    from tomo_cli.console import fields, show_error

    if checked.findings:
        first, *others = checked.findings
        shown = AuditBroken(
            f"the audit record is not whole: {first.message}",
            detail="\n".join(each.message for each in others),
            hint="compare with an export or a copy of the database; see docs/audit.md",
        )
        show_error(shown)
        return
    fields(
        {
            "entries": f"{checked.entries}, all as they were written",
            "removed": f"{checked.removed}, by retention",
            "head": str(checked.head),
        }
    )


def export(
    first: Annotated[int, typer.Option("--from", metavar="NUMBER", min=1, help="Begin with this entry.")] = 1,
) -> None:
    """Print all entries, one JSON object a line."""
    from tomo.audit.chain import entry_json
    from tomo.service.audits import Audits, ExportAuditRequest
    from tomo_cli.console import print_json_line
    from tomo_cli.doors import doors

    for entry in Audits(doors()).export(ExportAuditRequest(first)):
        print_json_line(entry_json(entry))


def retain(
    days: Annotated[
        int, typer.Option("--days", metavar="N", min=1, max=36_500, help="Keep what is younger than this.")
    ],
    entries: Annotated[
        int,
        typer.Option("--entries", metavar="N", min=0, help="Keep at least so many; 0: no such rule."),
    ] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Go on without asking.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove the oldest entries; the rest stays verifiable."""
    from tomo.audit.retention import Policy
    from tomo.service.audits import Audits, RetainAuditRequest
    from tomo_cli.console import confirm, print_json, say
    from tomo_cli.doors import doors

    service, policy = Audits(doors()), Policy(days, entries)
    found = service.retain(RetainAuditRequest(policy, dry_run=True))
    done = False
    if found.count and not dry_run:
        if not as_json:
            say(_removal_line(found, "Would remove"))
        if not confirm("Remove them for good?", yes=yes):
            say("Nothing was done.")
            raise typer.Exit(1)
        found, done = service.retain(RetainAuditRequest(policy)), True
    if as_json:
        shown = {"count": found.count, "from": found.first, "to": found.last, "done": done}
        print_json({**shown, "oldest": found.oldest, "newest": found.newest})
    else:
        say(_removal_line(found, "Removed" if done else "Would remove"))


def _removal_line(found: Removal, verb: str) -> str:
    if not found.count:
        return "Every entry is one that this policy keeps."
    times = f"{found.oldest[:10]} to {found.newest[:10]}"
    return f"{verb} {found.count} entries, {found.first} to {found.last} ({times})."
