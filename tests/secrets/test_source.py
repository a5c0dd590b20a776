from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

from tomo.errors import PassphraseMissing
from tomo.secrets.source import find_passphrase, needs_a_person
from tomo.settings import Settings


def empty(_service: str, _user: str) -> None:
    return None


def test_the_environment_comes_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    file.write_text("from file\n")
    settings = Settings(passphrase="from environment", passphrase_file=file)

    assert find_passphrase(settings, stack="s", keyring=empty)() == "from environment"


def test_the_file_is_read_without_its_last_newline(tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    file.write_text("from file\n")

    assert find_passphrase(Settings(passphrase_file=file), stack="s", keyring=empty)() == "from file"


def test_pulumis_names_work_too() -> None:
    settings = Settings.from_environment({"PULUMI_CONFIG_PASSPHRASE": "theirs"})

    assert find_passphrase(settings, stack="s", keyring=empty)() == "theirs"


def test_an_empty_passphrase_counts_as_set() -> None:
    assert find_passphrase(Settings(passphrase=""), stack="s", keyring=empty)() == ""


def test_the_keyring_is_asked_for_service_tomo_and_the_stack() -> None:
    stored = {("tomo", "prod"): "kept"}

    found = find_passphrase(Settings(), stack="prod", keyring=lambda *names: stored.get(names))

    assert found() == "kept"


def test_a_person_is_asked_last_and_once() -> None:
    prompts: list[str] = []

    def ask(prompt: str) -> str:
        prompts.append(prompt)
        return "typed"

    found = find_passphrase(Settings(), stack="prod", ask=ask, keyring=empty)

    assert [found(), found()] == ["typed", "typed"]
    assert prompts == ["Passphrase of stack `prod`"]


def test_nothing_is_looked_up_before_it_is_needed() -> None:
    asked: list[str] = []

    find_passphrase(Settings(), stack="s", ask=lambda p: asked.append(p) or "x", keyring=empty)

    assert asked == []


def test_without_any_source_the_error_names_the_ways() -> None:
    with pytest.raises(PassphraseMissing) as caught:
        find_passphrase(Settings(), stack="prod", keyring=empty)()

    assert "`prod`" in caught.value.message
    for way in ("TOMO_PASSPHRASE", "TOMO_PASSPHRASE_FILE", "PULUMI_CONFIG_PASSPHRASE", "keyring set tomo"):
        assert way in caught.value.hint


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    settings = Settings(passphrase_file=tmp_path / "nowhere")

    with pytest.raises(PassphraseMissing, match="nowhere"):
        find_passphrase(settings, stack="s", keyring=empty)()


def test_it_says_whether_only_a_prompt_can_help() -> None:
    assert needs_a_person(Settings(), stack="s", keyring=empty)
    assert not needs_a_person(Settings(passphrase=""), stack="s", keyring=empty)
    assert not needs_a_person(Settings(), stack="s", keyring=lambda *_names: "kept")


@pytest.fixture
def system_keyring_with() -> Iterator[Callable[[KeyringBackend], None]]:
    before = keyring.get_keyring()
    yield keyring.set_keyring
    keyring.set_keyring(before)


class Stored(KeyringBackend):
    priority = -1  # never chosen by itself

    def get_password(self, service: str, username: str) -> str:
        return f"{service}/{username}"

    def set_password(self, service: str, username: str, password: str) -> None:
        raise NotImplementedError


class Locked(Stored):
    def get_password(self, service: str, username: str) -> str:
        raise KeyringLocked


def test_the_system_s_keyring_is_the_one_asked(system_keyring_with: Callable[[KeyringBackend], None]) -> None:
    system_keyring_with(Stored())

    assert find_passphrase(Settings(), stack="prod")() == "tomo/prod"


def test_a_locked_or_missing_keyring_holds_nothing(
    system_keyring_with: Callable[[KeyringBackend], None],
) -> None:
    system_keyring_with(Locked())

    assert find_passphrase(Settings(), stack="prod", ask=lambda _prompt: "typed")() == "typed"
