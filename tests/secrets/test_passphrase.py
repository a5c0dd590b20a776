from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from tomo.errors import PassphraseWrong, SecretsError
from tomo.secrets.passphrase import PassphraseManager, PassphraseManagers

GOLDEN_SALT = "v1:iidoP0YpTW0=:v1:7zmqQ12ZXdpD57Fj:7yaDL0yFvR+kFYuxhGX4LweehHt7VA=="
GOLDEN_HUSH = "v1:qV0Yv2XtK4L86/+S:soGg3KWMHZOO8p9zmTtaxjuT61sPSg=="


class Counting:
    """A passphrase that counts how often it is asked for."""

    def __init__(self, text: str) -> None:
        self.text, self.asked = text, 0

    def __call__(self) -> str:
        self.asked += 1
        return self.text


@pytest.fixture(scope="module")
def golden() -> PassphraseManager:
    return PassphraseManagers(lambda: "golden").for_salt(GOLDEN_SALT)


@pytest.fixture(scope="module")
def made() -> PassphraseManager:
    return PassphraseManager.create(lambda: "a new one")


def test_a_secret_of_the_real_cli_is_opened(golden: PassphraseManager) -> None:
    assert golden.decrypt(GOLDEN_HUSH) == '"hush"'


def test_what_is_sealed_is_opened_again(golden: PassphraseManager) -> None:
    text = 'päss"word\n\0'

    sealed = golden.encrypt(text)

    assert sealed.startswith("v1:")
    assert text not in sealed
    assert golden.decrypt(sealed) == text


def test_the_same_text_is_sealed_differently_each_time(golden: PassphraseManager) -> None:
    assert golden.encrypt("x") != golden.encrypt("x")


def test_a_new_salt_opens_with_its_passphrase_only(made: PassphraseManager) -> None:
    sealed = made.encrypt("value")

    again = PassphraseManager(made.salt, lambda: "a new one")
    other = PassphraseManager(made.salt, lambda: "another")

    assert again.decrypt(sealed) == "value"
    with pytest.raises(PassphraseWrong) as caught:
        other.verify()
    assert "TOMO_PASSPHRASE" in caught.value.hint
    assert "another" not in str(caught.value)


def test_the_passphrase_is_asked_for_once_and_late() -> None:
    passphrase = Counting("golden")
    managers = PassphraseManagers(passphrase)

    manager = managers.for_salt(GOLDEN_SALT)
    before = passphrase.asked
    threads = [threading.Thread(target=manager.verify) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    managers.for_salt(GOLDEN_SALT).decrypt(GOLDEN_HUSH)

    assert before == 0
    assert passphrase.asked == 1


def test_preparing_in_the_background_reports_a_wrong_passphrase_later() -> None:
    manager = PassphraseManager(GOLDEN_SALT, lambda: "wrong")

    manager.prepare()

    with pytest.raises(PassphraseWrong):
        manager.encrypt("x")


def test_preparing_derives_the_key_once() -> None:
    passphrase = Counting("golden")
    manager = PassphraseManager(GOLDEN_SALT, passphrase)

    manager.prepare()

    assert manager.decrypt(GOLDEN_HUSH) == '"hush"'
    manager.verify()
    assert passphrase.asked <= 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda sealed: sealed[:-6] + ("AAAA==" if not sealed.endswith("AAAA==") else "BBBB=="),
        lambda sealed: sealed.replace("v1:", "v2:", 1),
        lambda sealed: sealed.rpartition(":")[0],
        lambda sealed: "v1:!!!:???",
        lambda sealed: "v1::",
        lambda sealed: "",
    ],
)
def test_a_damaged_secret_is_refused(golden: PassphraseManager, damage: Callable[[str], str]) -> None:
    sealed = damage(golden.encrypt("the value"))

    with pytest.raises(SecretsError) as caught:
        golden.decrypt(sealed)

    assert "the value" not in str(caught.value)


@pytest.mark.parametrize("salt", ["", "v1", "v1:abc", "v2:iidoP0YpTW0=:v1:a:b", "v1:***:v1:a:b", "v1:a:b"])
def test_a_malformed_salt_is_refused(salt: str) -> None:
    with pytest.raises(SecretsError):
        PassphraseManager(salt, lambda: "golden").verify()


def test_the_empty_passphrase_is_a_passphrase() -> None:
    made = PassphraseManager.create(lambda: "")

    assert made.decrypt(made.encrypt("x")) == "x"


def test_a_created_salt_is_known_to_its_managers() -> None:
    passphrase = Counting("p")
    managers = PassphraseManagers(passphrase)

    made = managers.create()

    assert managers.for_salt(made.salt) is made
    made.verify()
    assert passphrase.asked == 1
