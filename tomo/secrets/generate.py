"""Makes the secrets that catalog apps ask for."""

from __future__ import annotations

import base64
import secrets
import string
import uuid
from collections.abc import Callable, Mapping
from typing import Final

from tomo.errors import NotSupported, UsageError

_LETTERS_AND_DIGITS: Final = string.ascii_letters + string.digits
_LOWER_AND_DIGITS: Final = string.ascii_lowercase + string.digits
_LONGEST: Final = 4096


def generate(kind: str, length: int | None = None) -> str:
    """A new random text of a kind that a catalog entry may name; `length` None means the kind's own.

    `length` counts characters of the result; for `hex` and `base64` it counts the bytes that are encoded,
    as `openssl rand -hex N` does. A `uuid` has no length.
    """
    if kind == "vapid":
        raise NotSupported(
            "generating a `vapid` key pair is not supported",
            hint="make one with `npx web-push generate-vapid-keys` and store it with `tomo secret set`",
        )
    if kind not in _KINDS:
        raise NotSupported(
            f"generating a secret of kind `{kind}` is not supported", hint=f"use one of: {', '.join(KINDS)}"
        )
    make, usual, shortest = _KINDS[kind]
    count = usual if length is None else length
    if not shortest <= count <= _LONGEST:
        raise UsageError(f"a `{kind}` of length `{count}` can't be made: use {shortest} to {_LONGEST}")
    return make(count)


def _password(length: int) -> str:
    # Letters and digits only: it has to survive URLs, env files, YAML and connection strings.
    return _pick(_LETTERS_AND_DIGITS, length)


def _hex(length: int) -> str:
    return secrets.token_hex(length)


def _seed(length: int) -> str:
    return secrets.token_hex((length + 1) // 2)[:length]


def _base64(length: int) -> str:
    return base64.b64encode(secrets.token_bytes(length)).decode()


def _uuid(_length: int) -> str:
    return str(uuid.UUID(bytes=secrets.token_bytes(16), version=4))


def _username(length: int) -> str:
    # Databases and Linux want a letter first.
    return secrets.choice(string.ascii_lowercase) + _pick(_LOWER_AND_DIGITS, length - 1)


def _jwt_key(length: int) -> str:
    return secrets.token_urlsafe(length)[:length]


def _pick(alphabet: str, length: int) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))


_KINDS: Final[Mapping[str, tuple[Callable[[int], str], int, int]]] = {
    "password": (_password, 32, 8),
    "hex": (_hex, 32, 8),
    "base64": (_base64, 32, 8),
    "uuid": (_uuid, 36, 36),
    "username": (_username, 12, 3),
    "seed": (_seed, 64, 16),
    "jwt": (_jwt_key, 64, 32),
}
"""Kind → maker, usual length, shortest length allowed."""

KINDS: Final = tuple(_KINDS)
"""What `generate` makes."""
