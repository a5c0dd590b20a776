"""Passwords: the rules of NIST SP 800-63B-4 (section 3.1.1.2), and how they are kept."""

from __future__ import annotations

import base64
import hashlib
import unicodedata
from collections.abc import Sequence
from typing import Final

import bcrypt

from tomo.errors import PasswordRefused
from tomo.identity.blocklist import why_common

SHORTEST: Final = 15
"""What the standard asks for where a password is the only factor."""
LONGEST: Final = 1024
ROUNDS: Final = 12
_BCRYPT_BYTES: Final = 72
_PLAIN: Final = "bcrypt"
_PREHASHED: Final = "bcrypt-sha256"
_OF_NOBODY: Final = f"{_PLAIN}:$2b${ROUNDS}${'.' * 53}"
"""What an unknown person's password is compared with: no text has this digest, and it takes as long."""
_CONTEXT: Final = ("tomo",)


def require_good(password: str, context: Sequence[str] = ()) -> None:
    """Raises PasswordRefused for one that is too short, or guessed first; asks for no kinds of characters."""
    text = normal(password)
    if len(text) < SHORTEST:
        raise PasswordRefused(
            f"the password has {len(text)} characters, and {SHORTEST} are the least",
            hint="four or five words that have nothing to do with each other are easy to remember",
        )
    if len(text) > LONGEST:
        raise PasswordRefused(f"the password has more than {LONGEST} characters", hint="choose a shorter one")
    if "\x00" in text:
        raise PasswordRefused("the password holds a NUL character", hint="type another")
    if why := why_common(text, (*_CONTEXT, *context)):
        raise PasswordRefused(f"the password is guessed too easily: {why}", hint="choose another")


def normal(password: str) -> str:
    """The same text however a keyboard composes its accents."""
    return unicodedata.normalize("NFC", password)


def hashed(password: str, *, rounds: int = ROUNDS) -> str:
    """`SCHEME:BCRYPT`. Past 72 bytes bcrypt gets the base64 of the text's SHA-256 instead of a cut text."""
    text = normal(password).encode()
    scheme = _PLAIN if len(text) <= _BCRYPT_BYTES else _PREHASHED
    return f"{scheme}:{bcrypt.hashpw(_given(text, scheme), bcrypt.gensalt(rounds)).decode()}"


def matches(password: str, kept: str) -> bool:
    """Whether a password is the one that is kept; takes as long where none is kept (`""`)."""
    text = normal(password).encode()
    scheme, _, digest = (kept or _OF_NOBODY).partition(":")
    longer = len(text) > _BCRYPT_BYTES
    fits = longer == (scheme == _PREHASHED)
    # Also where it can't be the right one, so that the time tells nothing.
    right = bcrypt.checkpw(_given(text, _PREHASHED if longer else _PLAIN), digest.encode())
    return right and fits and bool(kept)


def _given(text: bytes, scheme: str) -> bytes:
    return base64.b64encode(hashlib.sha256(text).digest()) if scheme == _PREHASHED else text
