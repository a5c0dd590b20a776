"""Sessions (JWT) and tokens of programs: made here, shown once, kept as digests."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import field
from typing import Final

import jwt

from tomo.errors import LoginFailed
from tomo.frozen import frozen

SESSION_SECONDS: Final = 24 * 3600
_ALGORITHM: Final = "HS256"
_AUDIENCE: Final = "tomo"
_KEY_BYTES: Final = 32
_BEGIN: Final = "tomo_"
_SHOWN: Final = 10
_CODE_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


@frozen
class Made:
    """A new secret text, its digest to keep, and how it begins."""

    text: str = field(repr=False)
    digest: str
    prefix: str = ""


@frozen
class Claims:
    """What a session's text says of itself, found authentic."""

    user: str
    digest: str


def digest_of(text: str) -> str:
    """SHA-256 in hexadecimal; enough for what has 256 random bits."""
    return hashlib.sha256(text.encode()).hexdigest()


def new_token() -> Made:
    """A token with 256 random bits."""
    text = _BEGIN + secrets.token_urlsafe(_KEY_BYTES)
    return Made(text, digest_of(text), text[:_SHOWN])


def new_key() -> str:
    """A key that signs sessions."""
    return secrets.token_hex(_KEY_BYTES)


def new_code() -> Made:
    """A code to be typed from a screen: `XXXX-XXXX`, without letters that look alike."""
    text = "".join(secrets.choice(_CODE_LETTERS) for _ in range(8))
    return Made(f"{text[:4]}-{text[4:]}", code_digest(text))


def code_digest(typed: str) -> str:
    """The digest of a code as somebody types it."""
    return digest_of(typed.strip().upper().replace("-", ""))


def new_session(key: str, user: str, now: int) -> Made:
    """A signed session of 24 hours. What is kept is the digest of its id: who reads that can't make one."""
    id_ = secrets.token_urlsafe(24)
    claims = {"sub": user, "jti": id_, "iat": now, "exp": now + SESSION_SECONDS, "aud": _AUDIENCE}
    return Made(jwt.encode(claims, key, algorithm=_ALGORITHM), digest_of(id_))


def read_session(text: str, key: str) -> Claims:
    """What a session says; raises LoginFailed for one that isn't authentic or has ended by its time."""
    try:
        found = jwt.decode(
            text,
            key,
            algorithms=[_ALGORITHM],
            audience=_AUDIENCE,
            options={"require": ["sub", "jti", "exp", "iat", "aud"]},
        )
        return Claims(str(found["sub"]), digest_of(str(found["jti"])))
    except (jwt.PyJWTError, ValueError):
        raise LoginFailed(
            "the session is not one of this installation, or it has ended", hint="log in again"
        ) from None
