"""What a run was shown as secret stands in no text for people."""

import pytest

from tomo.model.values import Secret, Value
from tomo.service.wiring import LazyRedactor

CONNECTION = {
    "host": "192.0.2.1",
    "user": "root",
    "privateKey": "KEYTEXT",
    "proxy": {"host": "gate", "password": "pw-of-gate"},
}


def redacted(learned: Value, text: str) -> str:
    redactor = LazyRedactor()
    redactor.learn(learned)
    return redactor.redact(text)


@pytest.mark.parametrize(
    "secret", [Secret("hunter22"), {"a": [Secret("hunter22")]}, Secret({"b": Secret("hunter22")})]
)
def test_a_secret_is_hidden_however_deep_it_stands(secret: Value) -> None:
    assert redacted(secret, "it is hunter22!") == "it is [secret]!"


def test_of_a_secret_connection_only_the_credentials_are_hidden() -> None:
    text = "root at 192.0.2.1 with KEYTEXT through gate with pw-of-gate"

    assert redacted({"connection": Secret(CONNECTION)}, text) == (
        "root at 192.0.2.1 with [secret] through gate with [secret]"
    )


def test_what_is_no_secret_stands() -> None:
    assert redacted({"a": "plain"}, "it is plain") == "it is plain"
