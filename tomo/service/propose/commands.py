"""What the policies in force say about a proposed command: the rule `commands` is for those, too."""

from __future__ import annotations

from typing import Final

from tomo.model.finding import Finding, Judgement, Level
from tomo.model.urn import Urn
from tomo.policy.judge import matches_any
from tomo.service.policies import Held
from tomo.service.propose.other_changes import RunCommand
from tomo.service.workspace import Workspace
from tomo.spec.shown import shown

_RULE: Final = "commands"


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
