"""An assistant lists backups and proposes; what it proposes is done when a person agrees, and not before."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyrage
import pytest

from tests.databases import put_database
from tests.mcp.conftest import Assistant
from tests.worlds import World
from tomo.model.proposal import ProposalState
from tomo.service.backups.cases import Backups
from tomo.service.backups.requests import CreateBackupRequest
from tomo.service.decisions import AppliedProposal, ApplyProposalRequest, Decisions


@pytest.fixture
def backed_up(world: World) -> str:
    """The name of a backup of the app, whose data has changed since."""
    pair = pyrage.x25519.Identity.generate()
    key = world.folder.parent / "backup.key"
    key.write_text(str(pair))
    world.settings = replace(world.settings, backup_identity=key)
    put_database(world.settings.data_folder)
    world.edit("servers:\n", f"backup: {{to: backups, recipients: [{pair.to_public()}]}}\nservers:\n")
    world.nas.docker.volume_files("web-data").write("/notes", b"milk")
    made = Backups(world.doors).create(CreateBackupRequest(world.place, ("web",)))
    world.nas.docker.volume_files("web-data").write("/notes", b"garbage")
    return made.made[0].name


def agreed(world: World, id_: str) -> AppliedProposal:
    request = ApplyProposalRequest(id_, lambda _: True, lambda _: None)
    return Decisions(world.doors, terminal=lambda: None).apply(request)


def asked(world: World, tool: str, **arguments: Any) -> dict[str, Any]:
    answer = Assistant(world).call(tool, **arguments)
    assert answer["success"], answer
    return answer["data"]


def test_backups_are_listed_with_what_they_are_and_nothing_of_what_they_hold(
    world: World, backed_up: str
) -> None:
    found = asked(world, "list_backups", app="web")["backups"]["value"]

    assert [(each["name"], each["volumes"]) for each in found] == [(backed_up, ["data"])]


def test_a_proposed_restore_changes_nothing_before_a_person_agrees(world: World, backed_up: str) -> None:
    data = world.nas.docker.volume_files("web-data")

    made = asked(world, "restore_backup", backup="web", why="the notes are garbage")
    before = data.read("/notes")
    done = agreed(world, made["id"])

    assert before == b"garbage"
    assert done.proposal.state is ProposalState.APPLIED
    assert done.output is not None
    assert backed_up in done.output.stdout
    assert data.read("/notes") == b"milk"
    assert "data-removal" in {each["rule"] for each in made["says"]["value"]["findings"]}


def test_proposed_backups_are_made_and_verified_when_a_person_agrees(world: World, backed_up: str) -> None:
    verify = asked(world, "verify_backup", backup=backed_up, why="to be sure")
    create = asked(world, "create_backup", apps=["web@nas"], why="before a change")

    states = [agreed(world, each["id"]).proposal.state for each in (verify, create)]

    assert states == [ProposalState.APPLIED, ProposalState.APPLIED]
    assert len(asked(world, "list_backups")["backups"]["value"]) == 2


def test_a_backup_that_is_not_there_can_not_be_proposed(world: World, backed_up: str) -> None:
    answer = Assistant(world).call("restore_backup", backup="../../etc/passwd", why="x")

    assert answer["success"] is False
    assert answer["error"]["code"] == "backup-not-found"
