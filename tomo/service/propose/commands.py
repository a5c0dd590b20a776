"""What the policies in force say about changes without a plan: commands, and backups put back or removed."""

from __future__ import annotations

from typing import Final

from tomo.model.finding import Finding, Judgement, Level
from tomo.model.urn import Urn
from tomo.policy.judge import matches_any
from tomo.service.policies import Held
from tomo.service.propose.other_changes import DataChange, PruneBackups, RestoreBackup, RunCommand
from tomo.service.workspace import Workspace
from tomo.spec.shown import shown

_RULE: Final = "commands"
_DATA_RULE: Final = "data-removal"


def judged_command(held: Held, workspace: Workspace, change: RunCommand) -> Judgement:
    """The judgement of a command that would run on a server."""
    found = next(each for each in held.in_force.policies.settings if each.rule.name == _RULE)
    source = held.in_force.source
    if found.level is Level.OFF or (found.exempt and matches_any((change.server,), found.exempt)):
        return Judgement(source, held.digest)
    finding = Finding(
        found.level,
        _RULE,
        Urn.stack_urn(workspace.stack, workspace.project),
        "",
        f"`{shown(change.argv[0])}` would run on `{shown(change.server)}`",
        "look at every argument before you agree",
        change.server,
        found.quorum if found.level is Level.REQUIRE_APPROVAL else None,
    )
    return Judgement(source, held.digest, (finding,))


def judged_data(held: Held, workspace: Workspace, change: DataChange) -> Judgement:
    """The judgement of what would be done with backups: the rule `data-removal` is for data that goes."""
    found = next(each for each in held.in_force.policies.settings if each.rule.name == _DATA_RULE)
    source = held.in_force.source
    if found.level is Level.OFF or not isinstance(change, RestoreBackup | PruneBackups):
        return Judgement(source, held.digest)
    if isinstance(change, RestoreBackup):
        message = f"the backup `{shown(change.backup)}` takes the place of data that is there"
        hint = "what is there is backed up before, unless that is left out" if change.first else _LEFT_OUT
    else:
        message, hint = f"{len(change.backups)} backups are removed for good", "look at each before you agree"
    asked = found.quorum if found.level is Level.REQUIRE_APPROVAL else None
    urn = Urn.stack_urn(workspace.stack, workspace.project)
    finding = Finding(found.level, _DATA_RULE, urn, "", message, hint, "", asked)
    return Judgement(source, held.digest, (finding,))


_LEFT_OUT: Final = "what is there is not backed up before"
