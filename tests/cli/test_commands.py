"""Single commands: exit codes, what goes where, what is asked, and what must never be seen."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Tomo
from tests.worlds import PASSPHRASE, World, host_key
from tomo.catalog.index import bundled_folder
from tomo.spec.load import load_fleet
from tomo.state.lock import LockOwner
from tomo_cli.main import run

ROOT = Path(__file__).resolve().parents[2]


# --- exit codes --------------------------------------------------------------------------------------


def test_a_plan_with_changes_says_so_only_where_it_is_asked(world: World, tomo: Tomo) -> None:
    assert tomo(world, "plan").code == 0
    assert tomo(world, "plan", "--detailed-exitcode").code == 2
    assert tomo(world, "plan", "--expect-no-changes").code == 7


@pytest.mark.parametrize(
    ("fault", "code"), [("unreachable", 1), ("login_refused", 5), ("host_key_changed", 5)]
)
def test_a_host_that_lets_nobody_in_has_its_exit_code(
    world: World, tomo: Tomo, fault: str, code: int
) -> None:
    tomo(world, "apply", "--yes")
    setattr(world.nas.faults, fault, True)

    codes = [tomo(world, *words.split()).code for words in ("plan", "drift", "status --live", "server test")]

    assert codes == [code] * 4


def test_apply_asks_at_a_terminal_only(world: World, tomo: Tomo) -> None:
    ran = tomo(world, "apply")

    assert ran.code == 64
    assert "--yes" in ran.err
    assert world.nas.docker.container_names == []


def test_a_failed_step_is_told_once_with_its_last_lines(world: World, tomo: Tomo) -> None:
    world.edit("tomo-test/web:1.0", "tomo-test/none:1")

    ran = tomo(world, "apply", "--yes")

    assert ran.code == 1
    assert ran.err.count("tomo-test/none:1") <= 2
    assert "Failed:" in ran.err


def test_every_mistake_of_a_file_is_told_with_its_line(world: World, tomo: Tomo) -> None:
    world.edit("    user: root\n", "    user: root\n    prot: 22\n")
    world.edit("    server: nas\n", "    server: nas\n    colour: red\n")

    ran = tomo(world, "plan")

    assert ran.code == 1
    assert ran.err.count("error: ") == 2
    assert ran.err.count("fleet.yaml:") == 2


# --- json --------------------------------------------------------------------------------------------


def test_plan_json_is_one_document_and_apply_json_event_lines(world: World, tomo: Tomo) -> None:
    plan = tomo(world, "plan", "--json")
    apply = tomo(world, "apply", "--yes", "--json")

    assert plan.json["changeSummary"]["create"] > 5
    events = [json.loads(line) for line in apply.out.splitlines()]
    assert [event["sequence"] for event in events] == list(range(len(events)))
    assert "cancelEvent" in events[-1]
    assert any("summaryEvent" in event for event in events)


@pytest.mark.parametrize(
    "words",
    ["plan", "drift", "status", "status --live", "outputs", "server list", "server show nas", "app list",
     "app config web", "catalog list", "catalog show miniflux", "secret list", "config list", "state list",
     "state show web-data@nas", "stack list", "doctor", "server test", "state unlock"],
)  # fmt: skip
def test_json_goes_to_stdout_whole_and_holds_no_secret(world: World, tomo: Tomo, words: str) -> None:
    tomo(world, "apply", "--yes")
    env = world.nas.docker.inspect("web")["Config"]["Env"]
    token = next(entry for entry in env if entry.startswith("TOKEN=")).removeprefix("TOKEN=")

    ran = tomo(world, *words.split(), "--json")

    assert ran.code == 0, ran.err
    assert ran.json is not None
    assert token not in ran.out + ran.err


# --- secrets -----------------------------------------------------------------------------------------


def test_a_secret_as_an_argument_is_refused_and_not_repeated(world: World, tomo: Tomo) -> None:
    given = [
        tomo(world, "secret", "set", "MAIL", "hunter2"),
        tomo(world, "config", "set", "MAIL", "hunter2", "--secret"),
        tomo(world, "app", "config", "web", "--set", "TOKEN=hunter2"),
        tomo(world, "app", "add", "miniflux", "--server", "nas", "--set", "DB_PASSWORD=hunter2"),
    ]

    assert [ran.code for ran in given] == [64] * 4
    assert all("hunter2" not in ran.out + ran.err for ran in given)


def test_a_piped_secret_keeps_all_but_its_last_line_break(world: World, tomo: Tomo) -> None:
    tomo(world, "secret", "set", "KEY", stdin=b"line one\nline two\n")

    value = world.doors.open(world.place).config().values["tomo:KEY"]

    assert value.reveal() == "line one\nline two"  # type: ignore[union-attr]


@pytest.mark.parametrize("stdin", [b"", b"\n", b"\xff\xfe", b"a\x00b"])
def test_a_piped_secret_that_is_none_is_refused(world: World, tomo: Tomo, stdin: bytes) -> None:
    before = world.config.read_bytes()

    ran = tomo(world, "secret", "set", "KEY", stdin=stdin)

    assert ran.code == 64
    assert world.config.read_bytes() == before


def test_outputs_and_config_show_secrets_only_where_asked(nothing: World, tomo: Tomo) -> None:
    (nothing.folder / "Pulumi.yaml").write_text("name: shop\nruntime: python\nconfig: {region: eu}\n")
    place = ["-C", str(nothing.folder), "--stack", "dev"]
    tomo(nothing.doors, "config", "set", "TOKEN", "--secret", *place, stdin=b"hunter2")
    tomo(nothing.doors, "config", "set", "size", "3", *place)

    masked = tomo(nothing.doors, "config", "list", *place)
    shown = tomo(nothing.doors, "config", "list", "--show-secrets", *place)

    assert "hunter2" not in masked.out
    assert "hunter2" in shown.out
    assert tomo(nothing.doors, "config", "get", "size", *place).out == "3\n"
    assert "shop:region" in masked.out
    assert tomo(nothing.doors, "config", "remove", "size", *place).code == 0
    assert tomo(nothing.doors, "config", "get", "size", *place).code == 1


# --- state -------------------------------------------------------------------------------------------


def test_unlock_shows_who_holds_the_stack_and_asks(world: World, tomo: Tomo) -> None:
    backend = world.doors.open(world.place).backend

    with backend.lock("tomo", "home", owner=LockOwner(7, "ann", "elsewhere")):
        refused = tomo(world, "apply", "--yes")
        asked = tomo(world, "state", "unlock")
        removed = tomo(world, "state", "unlock", "--yes")

    assert (refused.code, asked.code, removed.code) == (1, 64, 0)
    assert "ann" in refused.err
    assert "tomo state repair" in refused.err
    assert "ann" in removed.err
    assert tomo(world, "apply", "--yes").code == 0


def test_a_corrupt_state_is_mended_by_the_hint(world: World, tomo: Tomo) -> None:
    tomo(world, "apply", "--yes")
    world.state.write_text("{")

    broken = tomo(world, "plan")
    copy = broken.err.split("`tomo state import ")[1].split("`")[0]
    mended = tomo(world, "state", "import", copy, "--yes")

    assert broken.code == 1
    assert mended.code == 0, mended.err
    assert tomo(world, "plan", "--expect-no-changes").code == 0


def test_a_foreign_document_is_not_imported(world: World, tomo: Tomo, tmp_path: Path) -> None:
    tomo(world, "apply", "--yes")
    before = world.state.read_bytes()
    other = tmp_path / "other.json"
    other.write_text(tomo(world, "state", "export").out.replace("pulumi:home::", "pulumi:away::"))

    refused = [
        tomo(world, "state", "import", str(other), "--yes"),
        tomo(world, "state", "import", "-", "--yes", stdin=b"nonsense"),
        tomo(world, "state", "import", "-", "--yes", stdin=b"{}"),
        tomo(world, "state", "import", str(tmp_path), "--yes"),
    ]

    assert all(ran.code in {1, 64} for ran in refused)
    assert world.state.read_bytes() == before


def test_an_export_overwrites_nothing_and_is_private(world: World, tomo: Tomo, tmp_path: Path) -> None:
    tomo(world, "apply", "--yes")
    file = tmp_path / "state.json"

    first = tomo(world, "state", "export", "-o", str(file))
    second = tomo(world, "state", "export", "-o", str(file))

    assert (first.code, second.code) == (0, 64)
    assert file.stat().st_mode & 0o777 == 0o600


# --- hostile text ------------------------------------------------------------------------------------


def test_what_a_host_says_never_drives_the_terminal(world: World, tomo: Tomo) -> None:
    from dataclasses import replace

    world.nas._machine.hardware = replace(
        world.nas._machine.hardware, os_name="\x1b[2J\x1b]0;owned\x07\x9b31m"
    )

    ran = [
        tomo(world, *words.split())
        for words in ("apply --yes", "server test", "server list", "status", "plan")
    ]

    for each in ran:
        assert "\x1b" not in each.out + each.err
        assert "\x9b" not in each.out + each.err


@pytest.mark.parametrize("hostile", ["[bold]x[/bold]", "a\\", "`x`", "{x}", "%s", "\u202egnp.exe"])
def test_text_is_never_taken_for_markup(world: World, tomo: Tomo, hostile: str) -> None:
    value = json.dumps(hostile, ensure_ascii=False) if "\u202e" not in hostile else '"plain"'
    world.edit("    server: nas\n", f"    server: nas\n    inputs: {{GREETING: {value}}}\n")

    ran = tomo(world, "app", "config", "web")

    assert ran.code == 0, ran.err
    assert json.loads(value) in ran.out


# --- no terminal, and one ----------------------------------------------------------------------------


def test_init_asks_nothing_without_a_terminal(nothing: World, tomo: Tomo) -> None:
    ran = tomo(nothing, "init")

    assert ran.code == 0
    assert load_fleet(nothing.file).fleet.fleet == "fleet"
    assert tomo(nothing, "init").code == 64


def test_completion_completes(tomo: Tomo) -> None:
    scripts = {shell: tomo(None, "completion", shell).out for shell in ("bash", "zsh", "fish")}
    environment = {
        **os.environ,
        "_TOMO_COMPLETE": "complete_bash",
        "COMP_WORDS": "tomo sta",
        "COMP_CWORD": "1",
    }

    found = command(environment).stdout.split()

    assert all("_TOMO_COMPLETE" in script for script in scripts.values())
    assert found == ["state", "stack", "status"] or set(found) == {"state", "stack", "status"}


def command(environment: dict[str, str], *arguments: str, **more: object) -> subprocess.CompletedProcess[str]:
    """Tomo in a process of its own."""
    environment = {**environment, "PYTHONPATH": f"{ROOT}:{ROOT / 'cli'}"}
    program = "import sys; from tomo_cli.main import main; sys.argv[0] = 'tomo'; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=environment, capture_output=True, text=True, check=False, timeout=50, **more,  # type: ignore[call-overload]
    )  # fmt: skip


def test_a_process_of_its_own_does_the_same(nothing: World) -> None:
    environment = {
        "HOME": str(nothing.settings.home),
        "PATH": os.environ["PATH"],
        "TOMO_PASSPHRASE": PASSPHRASE,
    }
    place = ["-C", str(nothing.folder)]

    made = command(environment, "init", "root@192.0.2.1", "--host-key", host_key(), "--name", "home", *place)
    added = command(environment, "app", "add", "miniflux", "--server", "server", *place)
    plan = command(environment, "plan", "--no-refresh", *place)
    wrong = command(environment, "plam")

    assert (made.returncode, added.returncode, wrong.returncode) == (0, 0, 64), (made.stderr, added.stderr)
    assert "Traceback" not in made.stderr + added.stderr + plan.stderr
    assert "plan" in wrong.stderr
    assert "\x1b" not in plan.stdout


def test_help_imports_nothing_slow() -> None:
    program = "import sys; from tomo_cli.main import run; run(['--help']); print(sorted(sys.modules), file=sys.stderr)"
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'cli'}"}

    ran = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )

    slow = (
        "pydantic",
        "rich",
        "paramiko",
        "docker",
        "pulumi",
        "grpc",
        "ruamel",
        "cryptography",
        "yaml",
        "orjson",
    )
    assert [name for name in slow if f"'{name}'" in ran.stderr] == []


def at_a_terminal(where: World, answer: bytes, *arguments: str) -> tuple[int, str]:
    """Runs a command under a terminal of its own and types an answer to its first question."""
    environment = {
        "HOME": str(where.settings.home),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{ROOT}:{ROOT / 'cli'}",
        "TOMO_PASSPHRASE": PASSPHRASE,
        "TERM": "dumb",
    }
    program = "import sys; from tomo_cli.main import main; sys.argv[0] = 'tomo'; main()"
    child, terminal = pty.fork()
    if child == 0:
        os.execve(
            sys.executable, [sys.executable, "-c", program, *arguments, "-C", str(where.folder)], environment
        )
    seen = b""
    try:
        while chunk := os.read(terminal, 4096):
            seen += chunk
            if answer and (b"[y/N]" in seen or b": " in seen):
                os.write(terminal, answer)
                answer = b""
    except OSError:
        pass
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    return os.waitstatus_to_exitcode(status), seen.decode("utf-8", "replace")


@pytest.mark.parametrize(
    ("answer", "code", "left"), [(b"n\n", 1, True), (b"\n", 1, True), (b"y\n", 0, False)]
)
def test_a_person_is_asked_and_no_is_the_default(bare: World, answer: bytes, code: int, left: bool) -> None:
    ended, seen = at_a_terminal(bare, answer, "server", "remove", "nas")

    assert "[y/N]" in seen
    assert ended == code
    assert ("nas" in load_fleet(bare.file).fleet.servers) is left


# --- a real sshd -------------------------------------------------------------------------------------


@pytest.fixture
def sshd(tmp_path: Path) -> Callable[[], tuple[int, str]]:
    """Starts a real sshd on loopback; gives its port and the text of its ed25519 key."""
    import socket

    if shutil.which("sshd") is None and not Path("/usr/sbin/sshd").exists():
        pytest.skip("no sshd on this machine")
    folder = tmp_path / "sshd"
    folder.mkdir()
    for kind in ("ed25519", "ecdsa"):
        subprocess.run(["ssh-keygen", "-q", "-N", "", "-t", kind, "-f", str(folder / kind)], check=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = folder / "config"
    config.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder / 'ed25519'}\nHostKey {folder / 'ecdsa'}\n"
        f"PidFile {folder / 'pid'}\nUsePAM no\nStrictModes no\n"
    )
    Path("/run/sshd").mkdir(exist_ok=True)
    daemon = subprocess.Popen(
        ["/usr/sbin/sshd", "-D", "-e", "-f", str(config)], stderr=subprocess.PIPE, text=True
    )
    assert daemon.stderr is not None
    while "listening" not in (line := daemon.stderr.readline()):
        assert line, "sshd did not start"
    yield port, (folder / "ed25519.pub").read_text().rsplit(" ", 1)[0].strip()  # type: ignore[misc]
    daemon.terminate()
    daemon.wait(10)
    daemon.stderr.close()


@pytest.mark.sshd
def test_server_add_shows_every_key_and_pins_the_best_one(
    bare: World, tomo: Tomo, sshd: tuple[int, str]
) -> None:
    port, key = sshd

    refused = tomo(bare, "server", "add", "here", f"root@127.0.0.1:{port}")
    added = tomo(bare, "server", "add", "here", f"root@127.0.0.1:{port}", "--yes")

    assert refused.code == 64
    assert f"--host-key '{key}'" in refused.err
    assert refused.err.count("SHA256:") == 2
    assert added.code == 0, added.err
    assert load_fleet(bare.file).fleet.servers["here"].host_key == (key,)


@pytest.mark.sshd
def test_a_reinstalled_host_gets_its_new_key_only_when_told(
    bare: World, tomo: Tomo, sshd: tuple[int, str]
) -> None:
    port, key = sshd
    tomo(bare, "server", "add", "here", f"root@127.0.0.1:{port}", "--host-key", host_key(3))

    replaced = tomo(bare, "server", "add", "here", "--replace-key", "--yes")

    assert replaced.code == 0, replaced.err
    assert load_fleet(bare.file).fleet.servers["here"].host_key == (key,)


@pytest.mark.sshd
def test_a_key_accepted_at_the_terminal_is_pinned(bare: World, sshd: tuple[int, str]) -> None:
    port, key = sshd

    declined, seen = at_a_terminal(bare, b"n\n", "server", "add", "here", f"127.0.0.1:{port}", "--no-test")
    accepted, _ = at_a_terminal(bare, b"y\n", "server", "add", "here", f"127.0.0.1:{port}", "--no-test")

    assert "Is this the right host?" in seen
    assert declined == 5
    assert accepted == 0
    assert load_fleet(bare.file).fleet.servers["here"].host_key == (key,)


def test_nobody_listening_is_said_and_nothing_written(bare: World, tomo: Tomo) -> None:
    before = bare.file.read_bytes()

    ran = tomo(bare, "server", "add", "here", "root@127.0.0.1:1", "--yes")

    assert ran.code == 1
    assert "127.0.0.1" in ran.err
    assert bare.file.read_bytes() == before


def test_the_fields_of_a_fleet_file_can_be_asked_for_anywhere(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema"]) == 0
    page = capsys.readouterr().out
    assert run(["schema", "app", "--json"]) == 0
    schema = json.loads(capsys.readouterr().out)

    assert page.startswith("# Fleet reference")
    assert "host_key" in page
    assert schema["properties"]["services"]


BROKEN_APP = 'schema: tomo.app/v1\nid: other\ntitle: A\nversion: "1.0"\nservices:\n  s: {image: "a:latest"}\n'


def test_app_files_are_held_against_the_rules(bare: World, tomo: Tomo, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(BROKEN_APP)

    ran = tomo(bare, "catalog", "lint", str(file))
    as_json = tomo(bare, "catalog", "lint", str(tmp_path), "--json")

    assert ran.code == as_json.code == 1
    assert (
        f"{file}:2: id: the id `other` is not the file's name\n  hint: call the file `other.yaml`" in ran.out
    )
    assert "1 breach in 1 of 1 file." in ran.err
    assert as_json.json["files"] == [str(file)]
    assert as_json.json["problems"][0] == {
        "file": str(file),
        "line": 2,
        "message": "id: the id `other` is not the file's name",
        "hint": "call the file `other.yaml`",
    }


def test_app_files_of_the_fleets_own_folders_are_found(bare: World, tomo: Tomo) -> None:
    (bare.folder / "apps").mkdir()
    (bare.folder / "apps" / "mine.yaml").write_text(
        (bundled_folder() / "apps" / "nginx.yaml").read_text("utf-8")
    )
    fleet = bare.folder / "fleet.yaml"
    fleet.write_text(f"{fleet.read_text('utf-8')}\ncatalogs: [apps]\n")

    ran = tomo(bare, "catalog", "lint")

    assert ran.code == 1
    assert "the id `nginx` is not the file's name" in ran.out


@pytest.mark.parametrize(
    ("paths", "code", "said"),
    [
        ([], 64, "no app files of your own"),
        (["nowhere"], 1, "no such file or folder"),
        (["/dev/null"], 1, "/dev/null"),
    ],
)
def test_no_app_files_are_told(paths: list[str], code: int, said: str, bare: World, tomo: Tomo) -> None:
    ran = tomo(bare, "catalog", "lint", *paths)

    assert (ran.code, said in ran.err) == (code, True), ran.err
