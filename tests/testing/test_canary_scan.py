"""The canary scan finds what leaks, in a run of its own, and lets the rest be."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.canaries import PREFIX, Seen, WatchedKeys
from tests.worlds import PASSPHRASE, make_world, salt

ROOT = Path(__file__).resolve().parents[2]
CANARY = PREFIX + "of-this-test"

TESTS = """
import base64, pytest
SECRET = "canary-" + "of-a-run"

def test_prints(): print(SECRET)
def test_prints_to_stderr(capsys):
    import sys; sys.stderr.write(SECRET); assert capsys.readouterr().err
def test_leaves_a_file(tmp_path): (tmp_path / "log").write_text("x " + SECRET)
def test_leaves_it_in_base64(tmp_path): (tmp_path / "log").write_bytes(base64.b64encode(SECRET.encode()))
def test_tells_it(canaries): canaries.saw("event", SECRET)
def test_tells_what_was_sealed(canaries):
    canaries.learn("a sealed text"); canaries.saw("event", "it is 'a sealed text'")
def test_is_told_it_by_a_process():
    import subprocess, sys; subprocess.run([sys.executable, "-c", f"print({SECRET!r})"], capture_output=True)
def test_raises_with_it_in_a_fixtures_output(noisy): pass
@pytest.fixture
def noisy():
    yield
    print(SECRET)

def test_is_clean(tmp_path, capsys):
    (tmp_path / "program.py").write_text(SECRET); print("fine"); assert capsys.readouterr().out
@pytest.mark.shows_secrets("asks for it")
def test_shows_it_on_purpose(): print(SECRET)
def test_gives_it(tmp_path, canaries):
    (tmp_path / "in").write_text(SECRET); canaries.given(tmp_path / "in")
"""


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What pytest says of tests that leak and of others that don't, under this very scan."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "test_leaks.py").write_text(TESTS)
    conftest = (ROOT / "tests" / "conftest.py").read_text()
    (folder / "conftest.py").write_text(conftest)
    (folder / "pytest.ini").write_text(
        "[pytest]\nmarkers =\n  shows_secrets: x\n  hosts: x\n  timeout: x\naddopts = --import-mode=importlib -p no:cacheprovider\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-rfE", "--tb=short", str(folder)]
    environment = {"PYTHONPATH": f"{ROOT}:{ROOT}/cli", "PATH": "/usr/bin:/bin", "HOME": str(folder)}
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return ran.stdout + ran.stderr


@pytest.mark.slow  # a run of pytest's own
@pytest.mark.shows_secrets("pytest shows the captured output of the tests that fail")
def test_each_test_that_leaks_fails_and_no_other(outcome: str) -> None:
    names = set(re.findall(r"^(?:FAILED|ERROR) test_leaks\.py::(\w+)", outcome, re.MULTILINE))

    assert names == {
        "test_prints",
        "test_prints_to_stderr",
        "test_leaves_a_file",
        "test_leaves_it_in_base64",
        "test_tells_it",
        "test_tells_what_was_sealed",
        "test_is_told_it_by_a_process",
        "test_raises_with_it_in_a_fixtures_output",
    }, outcome
    assert "a secret leaked" in outcome


@pytest.mark.parametrize(
    "told",
    [
        CANARY,
        f'"{CANARY}"',
        base64.b64encode(CANARY.encode()).decode(),
        f"https://host/?token={quote(CANARY)}",
    ],
)
def test_a_canary_is_found_in_every_form(told: str) -> None:
    seen = Seen()
    seen.saw("text", f"before {told} after")

    assert seen.leaks()
    assert CANARY not in "".join(seen.leaks())


@pytest.mark.parametrize(
    "form",
    ['se"cret\nof mine', 'se\\"cret\\nof mine', "se%22cret%0Aof%20mine", "c2UiY3JldApvZiBtaW5l"],
    ids=["plain", "json", "url", "base64"],
)
def test_a_sealed_text_is_found_in_every_form(form: str) -> None:
    seen = Seen()
    seen.learn('se"cret\nof mine')
    seen.saw("text", f"x{form}y")

    assert seen.leaks() == ["text: a sealed text of 15 characters"]


def test_what_the_shared_keys_seal_is_looked_for() -> None:
    seen = Seen()
    key = WatchedKeys(lambda: PASSPHRASE, lambda: seen).for_salt(salt())

    key.encrypt("hunter2-and-more")
    key.encrypt_for("place", '"sealed as JSON"')

    assert seen.secrets == {"hunter2-and-more", "sealed as JSON"}


def test_a_password_that_an_apply_generates_is_looked_for(tmp_path: Path, canaries: Seen) -> None:
    world = make_world(tmp_path)

    world.apply()

    env = world.nas.docker.inspect("web")["Config"]["Env"]
    (token,) = [each.partition("=")[2] for each in env if each.startswith("TOKEN=")]
    assert token in canaries.secrets
    assert canaries.leaks() == []


def test_short_texts_and_addresses_are_not_looked_for() -> None:
    seen = Seen()

    seen.learn("short", "192.0.2.10", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5")

    assert seen.secrets == set()


def test_nothing_leaks_where_nothing_was_told(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("{}")
    seen = Seen()
    seen.learn("some secret text")
    seen.watch(tmp_path)

    assert seen.leaks() == []
