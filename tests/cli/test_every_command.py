"""Every command: in a story that uses them all, in its help, and against wrong input."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from tests.catalog.repos.worlds import app_text, put
from tests.cli.conftest import Ran, Tomo
from tests.worlds import World, host_key
from tomo.service.propose.other_changes import RunCommand
from tomo.service.propose.proposing import ProposeRequest, Proposing
from tomo_cli.main import app

ROOT = Path(__file__).resolve().parents[2]


def leaves(group: object = None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    """Every command that does something, with its words."""
    group = group or typer.main.get_command(app)
    for name, command in sorted(group.commands.items()):  # type: ignore[attr-defined]
        if hasattr(command, "commands"):
            yield from leaves(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = {" ".join(path): command for path, command in leaves()}
ISSUE = """
init | server add | server list | server show | server test | server remove | app add | app list | app config
app remove | catalog list | catalog search | catalog show | plan | apply | refresh | destroy | status | outputs
drift | policy list | policy test | secret set | secret list | secret remove | config get | config set | config list | config remove
state list | state show | state export | state import | state unlock | state repair | program | try | doctor | completion
"""


POLICIES = """\
schema: tomo.policy/v1
tests:
  - name: a privileged container is told
    resources: [{type: container, name: web, inputs: {privileged: true}}]
    expect: {privileged: warn}
"""


def test_every_command_of_the_contract_is_there() -> None:
    promised = {words.strip() for words in re.split(r"[|\n]", ISSUE) if words.strip()}

    assert promised <= COMMANDS.keys()


def backup_key(folder: Path) -> tuple[Path, str]:
    """A file with an age identity, and its public half."""
    import pyrage

    pair = pyrage.x25519.Identity.generate()
    file = folder / "backup.key"
    file.write_text(f"{pair}\n")
    return file, str(pair.to_public())


def test_a_story_uses_every_command(nothing: World, tomo: Tomo, tmp_path: Path) -> None:
    used: set[str] = set()

    def does(words: str, *more: str, stdin: bytes = b"", code: int = 0) -> Ran:
        ran = tomo(nothing, *words.split(), *more, stdin=stdin)
        assert ran.code == code, f"{words}: {ran.err}{ran.out}"
        path = [name for name in COMMANDS if f"{words} ".startswith(f"{name} ")]
        used.update(path)
        return ran

    does("init root@192.0.2.10 --name home --server-name nas", "--host-key", host_key())
    does("server add pi root@192.0.2.11", "--host-key", host_key(1))
    assert "192.0.2.11" in does("server list").out
    assert "SHA256:" in does("server show nas").out
    assert [each["ok"] for each in does("server test --json").json] == [True, True]
    assert "miniflux" in does("catalog list").out
    assert "miniflux" in does("catalog search feed reader").out
    assert "postgres" in does("catalog show miniflux").out
    compose = nothing.folder / "compose.yaml"
    compose.write_text("services: {web: {image: 'a:1.0', ports: ['80']}}")
    does("catalog import", str(compose), "--into", str(tmp_path / "apps"), "--format", "compose")
    compose.unlink()
    assert "has no health check" in does("catalog lint", str(tmp_path / "apps"), code=1).out
    lab = str(put(tmp_path / "lab", {"apps/wiki.yaml": app_text("wiki")}))
    assert "1 app" in does("catalog repo add", lab, "--name", "lab").err
    assert "lab" in does("catalog repo list").out
    does("catalog repo sync")
    does("catalog repo pin lab")
    does("catalog rate lab/wiki 5 --note good")
    does("catalog feature lab/wiki")
    assert "featured, 5.0/5 (1)" in does("catalog search wiki").out
    assert "good" in does("catalog show lab/wiki").out
    assert does("catalog show lab/wiki --json").json["versions"][0]["version"] == "1.0"
    does("catalog repo remove lab --yes")
    bare = tmp_path / "apps" / "page.yaml"
    bare.write_text("services: {}\n")
    assert "0 images pinned" in does("catalog pin", str(bare)).err
    bare.unlink()
    does("secret set MINE", stdin=b"hunter2\n")
    does("app add miniflux --server nas --name feeds --secret ADMIN_PASSWORD=MINE --port web=8090")
    assert "http://127.0.0.1:8090" in does("app list").out
    assert "hunter2" not in does("app config feeds").out
    does("app config feeds --set POLLING_MINUTES=30")
    assert "feeds" in does("plan").out
    kept = str(tmp_path / "plan.json")
    does("plan --out", kept)
    assert "feeds-server" in does("show", kept).out
    does("apply", kept)
    assert "No changes" in does("plan --expect-no-changes").out
    assert "feeds-server" in does("status").out
    assert "healthy" in does("status --live").out
    assert does("outputs --json").json["urls"] == {"feeds": "http://127.0.0.1:8090"}
    carried = str(nothing.folder / "carried.tomo")
    assert "IMAGE OR APP" in does("bundle create", carried).out
    assert tomo(None, "bundle", "show", carried, "--json").json["images"]
    used.add("bundle show")
    unbundled = nothing.folder / "fleet.yaml"
    before = unbundled.read_text()
    assert "`tomo apply` loads" in does("bundle load", carried).err
    assert "No changes" in does("plan --expect-no-changes").out
    unbundled.write_text(before)
    nothing.nas.docker.stop_by_hand("feeds-server")
    assert "stopped" in does("drift --detailed-exitcode", code=2).out
    does("refresh --yes")
    does("apply --yes")
    assert "MINE" in does("secret list").out
    assert "feeds-db" in does("state list").out
    assert "unless-stopped" in does("state show feeds-server").out
    versions = does("state history --json").json["versions"]
    assert [version["version"] for version in versions] == [3, 2, 1]
    assert "No changes" in does("plan --to 3 --expect-no-changes").out
    assert "none of them behind" in does("app outdated").err
    does("app update feeds --yes")
    assert "miniflux" in does("app history feeds").out
    does("app rollback feeds --to 3 --yes")
    assert "none of them behind" in does("app outdated").err
    does("app update feeds --yes")
    exported = does("state export").out
    copy = tmp_path / "copy.json"
    copy.write_text(exported)
    does("state import --yes", str(copy))
    assert "Nobody" in does("state unlock").err
    assert "nothing to repair" in does("state repair").err
    assert "home" in does("stack list").out
    assert "In force: the default set" in does("policy list").err
    (nothing.folder / "tomo-policy.yaml").write_text(POLICIES)
    assert "pass  a privileged container is told" in does("policy test").out
    assert "0 denied" in does("policy test --present").err
    plan = str(tmp_path / "kept.json")
    does("plan", "-o", plan)
    assert "needs a person at a terminal" in does("approve", plan, code=64).err
    assert "Approvals are off here" in does("approvals", plan).err
    does("ci plan --markdown", str(tmp_path / "plan.md"))
    assert "which ends with the job" in does("ci apply", plan, code=64).err
    # Nobody speaks to it: it ends with its input.
    does("mcp --profile all")
    (nothing.folder / "tomo-policy.yaml").unlink()
    does("config set EXTRA --secret", stdin=b"x")
    assert "[secret]" in does("config list").out
    assert does("config get EXTRA --show-secrets").out == "x\n"
    does("config remove EXTRA", code=64)
    does("secret remove EXTRA --yes")
    does("program", str(tmp_path / "program"))
    assert (tmp_path / "program" / "__main__.py").exists()
    assert "ok" in does("doctor").out
    key, public = backup_key(tmp_path)
    file = nothing.folder / "fleet.yaml"
    file.write_text(file.read_text() + f"backup: {{to: {tmp_path}/backups, recipients: [{public}]}}\n")
    backup = does("backup create feeds --json").json["made"][0]["name"]
    assert backup in does("backup list").out
    assert "whole" in does("backup verify", backup, "--identity", str(key)).out
    assert "overwritten" in does("backup restore feeds --yes --identity", str(key)).err
    assert "before-restore" in does("backup list feeds").out
    does("backup create feeds")
    assert "goes" in does("backup prune --last 1 --dry-run").out
    assert "Removed 1" in does("backup prune --last 1 --yes").err
    assert "state" in does("export", str(tmp_path / "bundle"), "--unencrypted").err
    (tmp_path / "new").mkdir()
    words = (
        "import",
        "--bundle",
        str(tmp_path / "bundle"),
        "--without-database",
        "-C",
        str(tmp_path / "new"),
    )
    moved = tomo(nothing.doors, *words)
    assert moved.code == 0, moved.err

    nothing.nas.docker.run_by_hand("page", "tomo-test/web:1.0")
    assert "= container page" in does("import nas page --yes").out
    assert "No changes" in does("plan --expect-no-changes").out
    does("state rename feeds-server elsewhere --yes")
    does("state rename elsewhere feeds-server --yes")
    does("state move feeds-server --to-stack nowhere --yes", code=1)
    does("state delete feeds-server --yes --target-dependents")
    does("state import --yes", str(copy))
    does("app remove feeds")
    does("server remove pi --yes")
    does("destroy --yes")
    for words in (
        "audit list",
        "audit verify",
        "audit export",
        "audit retain --days 1",
        "db status",
        "db upgrade",
    ):
        assert tomo(nothing.doors, *words.split()).code == 0
    for words in ("user list", "token list", "session list"):
        assert tomo(nothing.doors, *words.split()).code == 0
    asked = ProposeRequest(nothing.place, RunCommand("nas", ("uptime",)), assistant="a client")
    id_ = Proposing(nothing.doors).propose(asked).proposal.id
    for words in ("proposals list", f"proposals show {id_}", f"proposals diff {id_}", f"reject {id_}"):
        assert tomo(nothing.doors, *words.split()).code == 0
    assert tomo(nothing.doors, "db", "downgrade", "base", "--yes").code == 0
    used.update(
        name
        for name in COMMANDS
        if name.startswith(("audit ", "db ", "proposals ", "reject", "session ", "token ", "user "))
    )
    used.update(("completion", "schema"))
    assert "complete" in tomo(None, "completion", "bash").out
    assert "host_key" in tomo(None, "schema").out
    used.add("try")
    assert tomo(None, "try", "--json").json["ok"]

    assert used == COMMANDS.keys()


@pytest.mark.parametrize("words", COMMANDS)
def test_help_begins_with_a_short_order(words: str, tomo: Tomo) -> None:
    ran = tomo(None, *words.split(), "--help")

    line = ran.out.split("\n")[2].strip()
    assert ran.code == 0
    assert line
    assert not line.endswith(".")
    assert len(line.split()) <= 10, line
    assert all(len(text) <= 80 for text in ran.out.splitlines())


OF_NO_FLEET = {"bundle show", "try", "completion", "schema"} | {
    words
    for words in COMMANDS
    if words.partition(" ")[0] in {"audit", "db", "proposals", "reject", "session", "token", "user"}
}
"""Commands that are about a person or this machine, whatever the folder."""


@pytest.mark.parametrize("words", sorted(COMMANDS.keys() - OF_NO_FLEET))
def test_every_command_takes_the_place_options(words: str) -> None:
    names = {name for parameter in COMMANDS[words].params for name in parameter.opts}  # type: ignore[attr-defined]

    assert {"-C", "-f", "--stack"} <= names


@pytest.mark.parametrize(
    "words", sorted(COMMANDS.keys() - {"completion", "mcp", "state export", "audit export"})
)
def test_every_command_that_shows_something_has_json(words: str) -> None:
    names = {name for parameter in COMMANDS[words].params for name in parameter.opts}  # type: ignore[attr-defined]

    assert "--json" in names


# --- wrong input -------------------------------------------------------------------------------------

NEEDED = {
    "server add": ["x", "192.0.2.99"], "server show": ["x"], "server remove": ["x", "--yes"],
    "app add": ["nonesuch", "--server", "nas"], "app config": ["x"], "app remove": ["x"], "app rollback": ["x"], "app history": ["x"],
    "backup verify": ["nonesuch"], "export": ["/dev/null/nowhere"], "backup restore": ["nonesuch", "--yes"],
    "catalog import": ["/nowhere"], "catalog show": ["nonesuch"], "catalog search": ["zzzz"], "secret set": ["1x"], "secret remove": ["x"],
    "catalog rate": ["nonesuch", "3"], "catalog feature": ["nonesuch"], "catalog pin": ["/nowhere"],
    "catalog repo add": ["/nowhere"], "catalog repo pin": ["x"], "catalog repo remove": ["x", "--yes"],
    "config get": ["x"], "import": ["nas", "x"], "config set": ["x", "y"], "config remove": ["x"], "state show": ["x"],
    "state import": ["/nowhere"], "show": ["/nowhere"], "program": ["/dev/null"], "completion": ["powershell"], "schema": ["server"],
}  # fmt: skip
WRONG: dict[str, list[str]] = {
    "unknown option": ["--no-such-option"],
    "option with a control character": ["--\x1b[31mred"],
    "no folder": ["-C", "/dev/null/nowhere"],
    "no file": ["-f", "nowhere.yaml"],
    "a folder as file": ["-f", "."],
    "another stack": ["--stack", "other"],
    "a hostile stack": ["--stack", "$(id)\x1b[2J"],
    "too many arguments": ["a", "b", "c", "d", "e'; reboot"],
    "an option without value": ["-C"],
    "a broken file": ["-f", "broken.yaml"],
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("words", COMMANDS)
def test_wrong_input_is_refused_with_a_hint(words: str, wrong: str, world: World, tomo: Tomo) -> None:
    (world.folder / "broken.yaml").write_text("fleet: [\n\tservers: \x1b[31m")
    before = sorted(path.name for path in world.folder.iterdir())
    place = [] if wrong in {"no folder", "an option without value"} else ["-C", str(world.folder)]
    if words in OF_NO_FLEET:
        place = []

    ran = tomo(
        None if not place else world.doors, *words.split(), *NEEDED.get(words, []), *place, *WRONG[wrong]
    )

    assert ran.code in {1, 64} or (words, wrong) in _FINE, (ran.code, ran.out, ran.err)
    assert "Traceback" not in ran.err
    assert "defect" not in ran.err, ran.err
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", ran.err + ran.out)
    assert sorted(path.name for path in world.folder.iterdir()) == before or words == "init"


# What reads nothing of a fleet has nothing to complain about.
_FINE = {
    ("catalog list", "no folder"),
    ("catalog list", "another stack"),
    ("catalog repo list", "no folder"),
    ("catalog repo sync", "no folder"),
    ("doctor", "no folder"),
    ("doctor", "another stack"),
    ("doctor", "a hostile stack"),
    ("init", "no file"),
}


def test_every_command_that_a_hint_names_exists() -> None:
    groups = {" ".join(name.split()[:count]) for name in COMMANDS for count in (1, 2)}
    named = set()
    for file in [*(ROOT / "tomo").rglob("*.py"), *(ROOT / "cli").rglob("*.py")]:
        for words in re.findall(r"`tomo ([a-z]+(?: [a-z]+)?)", file.read_text()):
            named.add((words, file.name))

    unknown = [
        (words, name)
        for words, name in named
        if words not in COMMANDS and words.split()[0] not in COMMANDS and (words not in groups)
    ]

    assert unknown == []
