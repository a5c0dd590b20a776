"""What an assistant proposed, as a person at a terminal sees it, decides about it and has it applied."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.approval.people import PASSPHRASE, ROOT, Person, at_a_terminal, person
from tests.cli.conftest import Tomo
from tests.databases import put_database
from tests.worlds import World
from tomo.service.app_edits import AppSettings
from tomo.service.propose.changes import InstallApp, SetServer, UpdateApp
from tomo.service.propose.other_changes import RunCommand
from tomo.service.propose.proposing import Change, ProposeRequest, Proposing
from tomo.service.wiring import Doors
from tomo.service.workspace import Place
from tomo.settings import Settings

__all__ = ["person"]

COMMAND = [sys.executable, "-c", "from tomo_cli.main import main; main()"]
ASSISTANT = "claude-code 2.0"


# --- screens ---------------------------------------------------------------------------------------------


@pytest.fixture
def kept(world: World) -> World:
    put_database(world.settings.data_folder)
    return world


def propose(doors: Doors, place: Place, change: Change, **options: str) -> str:
    request = ProposeRequest(place, change, assistant=ASSISTANT, person="kim", **options)  # type: ignore[arg-type]
    return Proposing(doors).propose(request).proposal.id


def proposed(world: World, change: Change | None = None, **options: str) -> str:
    return propose(world.doors, world.place, change or InstallApp("miniflux", ("nas",)), **options)


def test_without_any_the_list_says_so(kept: World, tomo: Tomo) -> None:
    ran = tomo(kept.doors, "proposals", "list")

    assert (ran.code, ran.out) == (0, "")
    assert ran.err == "There are no proposals.\n"


def test_the_list_has_a_line_for_each_and_can_be_narrowed(kept: World, tomo: Tomo) -> None:
    one, two = proposed(kept), proposed(kept)
    tomo(kept.doors, "reject", one, "--why", "not now")

    listed = tomo(kept.doors, "proposals", "list")
    narrowed = tomo(kept.doors, "proposals", "list", "--state", "rejected", "--json")

    assert re.search(
        rf"{two}  proposed  .*{ASSISTANT}.*\n[^p]*{one}  rejected", listed.out.replace("\n ", "  ")
    )
    assert all(len(line) <= 80 for line in listed.out.splitlines())
    assert [(each["id"], each["state"]) for each in narrowed.json] == [(one, "rejected")]
    assert narrowed.json[0]["transitions"][-1]["note"] == "not now"


def test_a_proposal_is_shown_with_why_cost_file_and_plan(kept: World, tomo: Tomo) -> None:
    kept.apply()
    change = UpdateApp("web", AppSettings(exposure="public"), images={"": "tomo-test/web:2.0"})
    id_ = proposed(kept, change, why="a fix\x1b[2J for the login")

    ran = tomo(kept.doors, "proposals", "show", id_)

    assert ran.code == 0
    assert "by        claude-code 2.0, for kim (account tester), through cli" in ran.out
    assert "why       a fix[2J for the login" in ran.out
    assert "web on nas is replaced: it stops until the new one is well" in ran.out
    assert "+    exposure: public" in ran.out
    assert "Newly reachable" in ran.out
    assert "1 to replace" in ran.out
    assert f"`tomo approve {id_}`" in ran.err
    assert "\x1b" not in ran.out


def test_its_json_has_the_diff_and_the_plan(kept: World, tomo: Tomo) -> None:
    shown = tomo(kept.doors, "proposals", "show", proposed(kept), "--json").json

    assert "+  miniflux:" in shown["diff"]
    assert shown["plan"]["changeSummary"]["create"] == shown["review"]["counts"]["create"]
    assert shown["change"] == {
        **shown["change"],
        "kind": "install-app",
        "app": "miniflux",
        "servers": ["nas"],
    }


def test_the_diff_is_shown_by_itself(kept: World, tomo: Tomo) -> None:
    ran = tomo(kept.doors, "proposals", "diff", proposed(kept))
    none = tomo(kept.doors, "proposals", "diff", proposed(kept, RunCommand("nas", ("uptime",))))

    assert ran.out.startswith("--- fleet.yaml\n+++ fleet.yaml (proposed)\n")
    assert none.err == "It changes no fleet file: run uptime on nas.\n"


def test_a_command_is_shown_argument_by_argument(kept: World, tomo: Tomo) -> None:
    ran = tomo(kept.doors, "proposals", "show", proposed(kept, RunCommand("nas", ("df", "/; reboot"))))

    assert "What would run on nas, each argument by itself\n  df\n  '/; reboot'\n" in ran.out


def test_an_argument_can_neither_hide_anything_nor_look_like_what_tomo_says(kept: World, tomo: Tomo) -> None:
    argv = ("sh", "-c", "true\u200b\x1b[2J\n\nWhat became of it\n  approved")

    ran = tomo(kept.doors, "proposals", "show", proposed(kept, RunCommand("nas", argv)))

    assert "  'true\\u200b\\x1b[2J\n  | \n  | What became of it\n  |   approved'\n" in ran.out
    assert ran.out.count("\nWhat became of it\n") == 1


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("proposals show p-nothing0", 1, "there is no proposal `p-nothing0`"),
        ("proposals list --state open", 64, "there is no state `open`"),
        ("reject p-nothing0", 1, "there is no proposal"),
        ("apply p-nothing0 --yes", 1, "there is no proposal"),
        ("apply ./p-nothing0", 64, "the plan `p-nothing0` can't be read"),
        ("approve p-nothing0", 64, "approving needs a person at a terminal"),
    ],
)
def test_what_is_not_there_is_named(kept: World, tomo: Tomo, words: str, code: int, said: str) -> None:
    ran = tomo(kept.doors, *words.split())

    assert (ran.code, said in ran.err) == (code, True), ran.err


def test_what_nobody_approved_is_not_applied_with_yes(kept: World, tomo: Tomo) -> None:
    ran = tomo(kept, "apply", proposed(kept), "--yes")

    assert ran.code == 4
    assert "`claude-code 2.0` proposed this, and nobody has approved it; nothing was done" in ran.err
    assert kept.nas.docker.container_names == []


# --- a person at a terminal ------------------------------------------------------------------------------

FLEET = """\
fleet: here
servers:
  # this machine
  here: {host: local, docker: false}
apps: {}
"""


@dataclass
class Desk:
    """A fleet of this machine, with an environment for commands as processes of their own."""

    folder: Path
    environment: dict[str, str]

    @property
    def doors(self) -> Doors:
        return Doors(Settings.from_environment(self.environment))

    def proposed(self, change: Change) -> str:
        return propose(self.doors, Place(self.folder), change)

    def tomo(self, *arguments: str, code: int = 0) -> str:
        """A command without a terminal."""
        done = subprocess.run(
            [*COMMAND, *arguments],
            env=self.environment,
            cwd=self.folder.parent,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            start_new_session=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def typed(self, monkeypatch: pytest.MonkeyPatch, *arguments: str, answer: str = "y") -> tuple[int, str]:
        """A command at a terminal, where a question is answered and a passphrase typed."""
        with monkeypatch.context() as patch:
            for name, value in self.environment.items():
                patch.setenv(name, value)
            patch.chdir(self.folder.parent)
            code, screen = at_a_terminal([*COMMAND, *arguments], PASSPHRASE, first=(("[y/N]", answer),))
        return code, re.sub(r"\x1b\[[0-9;]*m", "", screen)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    folder, home = tmp_path / "fleet", tmp_path / "home"
    for each in (folder, home):
        each.mkdir()
    (folder / "fleet.yaml").write_text(FLEET)
    environment = {
        **os.environ,
        "HOME": str(home),
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "cli")]),
        "TOMO_PASSPHRASE": "a passphrase of the stack",
        "COLUMNS": "200",
    }
    desk = Desk(folder, environment)
    put_database(desk.doors.settings.data_folder)
    return desk


@pytest.fixture
def kim(desk: Desk, person: Callable[..., Person]) -> Person:
    """Kim, who alone may approve."""
    kim = person("kim")
    file = desk.folder.parent / "approvers"
    file.write_text(kim.line)
    desk.environment["TOMO_APPROVERS"] = str(file)
    return kim


def test_a_proposal_is_approved_by_a_yes_at_the_terminal_and_applied(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = desk.proposed(SetServer("here", {"timezone": "Europe/Berlin"}))

    code, screen = desk.typed(monkeypatch, "approve", id_)

    assert code == 0, screen
    assert "timezone: Europe/Berlin" in screen
    assert f"Apply exactly this, once, with `tomo apply {id_}`." in screen
    assert "Done: " in desk.tomo("apply", id_)
    assert (
        "here: {host: local, docker: false, timezone: Europe/Berlin}"
        in (desk.folder / "fleet.yaml").read_text()
    )
    assert "was applied by" in desk.tomo("apply", id_, code=3)


def test_a_no_at_the_terminal_leaves_it_as_it_was(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    id_ = desk.proposed(RunCommand("here", ("true",)))

    code, screen = desk.typed(monkeypatch, "apply", id_, answer="n")

    assert code == 1, screen
    assert "Nothing was done." in screen
    assert json.loads(desk.tomo("proposals", "show", id_, "--json"))["state"] == "proposed"


def test_a_command_is_applied_at_the_terminal_in_one_go(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    id_ = desk.proposed(RunCommand("here", ("echo", "$HOME is; not $(read)")))

    code, screen = desk.typed(monkeypatch, "apply", id_)

    assert code == 0, screen
    assert "  $HOME is; not $(read)" in screen
    assert "Applied: run echo on here." in screen


def test_with_json_an_approved_command_leaves_one_document_and_what_nobody_approved_is_not_asked_about(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = desk.proposed(RunCommand("here", ("echo", "hello")))

    code, screen = desk.typed(monkeypatch, "apply", id_, "--json")
    assert (code, "agree to it first" in screen) == (64, True), screen
    desk.typed(monkeypatch, "approve", id_)
    done = json.loads(desk.tomo("apply", id_, "--json"))

    assert (done["state"], done["output"]["stdout"]) == ("applied", "hello\n")


def test_where_approvals_are_on_a_person_signs_a_proposal_and_a_command(
    desk: Desk, kim: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [
        desk.proposed(SetServer("here", {"timezone": "Europe/Berlin"})),
        desk.proposed(RunCommand("here", ("true",))),
    ]

    for id_ in reversed(ids):
        assert "nobody has approved" in desk.tomo("apply", id_, "--yes", code=4)
        code, screen = desk.typed(monkeypatch, "approve", id_, "--key", str(kim.key))
        assert code == 0, screen
        assert f"kim agrees to {id_}, until " in screen
        assert f"Apply exactly this, once, with `tomo apply {id_}`." in screen
        assert json.loads(desk.tomo("proposals", "show", id_, "--json"))["state"] == "approved"
        assert PASSPHRASE not in screen
        assert json.loads(desk.tomo("approvals", id_, "--json"))["approvals"][0]["person"] == "kim"
        desk.tomo("apply", id_)


def test_who_signs_first_is_told_that_more_have_to(
    desk: Desk, kim: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    (desk.folder / "tomo-policy.yaml").write_text(
        "schema: tomo.policy/v1\nrules:\n  commands: {level: require_approval, approvals: {count: 2}}\n"
    )
    id_ = desk.proposed(RunCommand("here", ("true",)))

    code, screen = desk.typed(monkeypatch, "approve", id_, "--key", str(kim.key))

    assert code == 0, screen
    assert f"In all it needs 2 approvals; `tomo approvals {id_}` tells who has agreed." in screen
    assert json.loads(desk.tomo("proposals", "show", id_, "--json"))["state"] == "proposed"
    assert "needs 2 approvals" in desk.tomo("apply", id_, code=4)


def test_without_a_terminal_nobody_approves(desk: Desk, kim: Person) -> None:
    id_ = desk.proposed(RunCommand("here", ("true",)))

    told = desk.tomo("approve", id_, "--key", str(kim.key), code=64)

    assert "approving needs a person at a terminal" in told
