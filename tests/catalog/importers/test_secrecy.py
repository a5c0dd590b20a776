"""Which variables of other catalogs hold a secret that is to be made."""

from __future__ import annotations

import pytest

from tomo.catalog.importers.secrecy import from_outside, holds_secret


@pytest.mark.parametrize(
    ("variable", "known", "secret"),
    [
        ("DB_PASSWORD", None, True),
        ("DB_PASSWORD", "example", True),
        ("db_password", "1234", True),
        ("SECRET_KEY_BASE", "x", True),
        ("DB_PASSWORD", "", True),
        ("MYSQL_RANDOM_ROOT_PASSWORD", "yes", False),
        ("MYSQL_RANDOM_ROOT_PASSWORD", "1", False),
        ("TOKEN_TTL", "30d", False),
        ("JWT_TOKEN_EXPIRATION", None, False),
        ("TOKEN_TTL_SECONDS", "3600", False),
        ("DB_PASSWORD_FILE", "/run/secrets/x", False),
        ("DB_PASSWORD", "/run/secrets/x", False),
        ("TOKEN_URL", "https://example.org", False),
        ("LEVEL", "secret", False),
    ],
)
def test_a_name_and_a_value_say_whether_it_is_a_secret(
    variable: str, known: str | None, *, secret: bool
) -> None:
    assert holds_secret(variable, known) is secret


def test_keys_of_other_services_are_not_made() -> None:
    assert from_outside("SMTP_PASSWORD")
    assert from_outside("X", "OPENAI_API_KEY")
    assert not from_outside("DB_PASSWORD")
