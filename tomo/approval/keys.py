"""Whether a private key can sign only while a person is present (key formats: PROTOCOL.key, RFC 7468)."""

from __future__ import annotations

import base64
import binascii
from enum import StrEnum
from pathlib import Path
from typing import Final

from tomo.errors import ApprovalRefused

_MAGIC: Final = b"openssh-key-v1\0"
_BEGIN: Final = "-----BEGIN OPENSSH PRIVATE KEY-----"
_END: Final = "-----END OPENSSH PRIVATE KEY-----"
_MOST_BYTES: Final = 64 * 1024


class Guard(StrEnum):
    """What keeps a program from using a key by itself."""

    PASSPHRASE = "a passphrase"  # noqa: S105  # names a kind
    TOUCH = "a touch of its device"


def guard_of(file: Path) -> Guard:
    """What guards the private key in a file; raises ApprovalRefused for one that anything could use."""
    text = _read(file)
    blob = _openssh(text)
    if blob is not None:
        cipher, rest = ssh_string(blob[len(_MAGIC) :])
        if _public_type(rest).startswith(b"sk-"):
            return Guard.TOUCH
        if cipher != b"none":
            return Guard.PASSPHRASE
        raise _unguarded(file)
    if "PRIVATE KEY-----" in text:
        if "ENCRYPTED" in text:
            return Guard.PASSPHRASE
        raise _unguarded(file)
    if text.startswith(("ssh-", "ecdsa-", "sk-")):
        raise ApprovalRefused(
            f"`{file}` is a public key: an agent would have to sign with it, and an agent is no person",
            hint="name the private key, which has a passphrase or lies on a FIDO device",
        )
    raise ApprovalRefused(
        f"`{file}` holds no private key that OpenSSH can read", hint="name another: `--key`"
    )


def _read(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(_MOST_BYTES).decode("ascii", "replace")
    except OSError as error:
        raise ApprovalRefused(
            f"the key `{file}` can't be read: {error.strerror}",
            hint="name another: `--key FILE`, or make one: `ssh-keygen -t ed25519`",
        ) from error


def _openssh(text: str) -> bytes | None:
    start, end = text.find(_BEGIN), text.find(_END)
    if start < 0 or end < 0:
        return None
    try:
        blob = base64.b64decode("".join(text[start + len(_BEGIN) : end].split()), validate=True)
    except binascii.Error:
        return None
    return blob if blob.startswith(_MAGIC) else None


def _public_type(after_cipher: bytes) -> bytes:
    """The key type in the first public key: after KDF name, KDF options and the number of keys."""
    _, rest = ssh_string(after_cipher)
    _, rest = ssh_string(rest)
    public, _ = ssh_string(rest[4:])
    return ssh_string(public)[0]


def ssh_string(blob: bytes) -> tuple[bytes, bytes]:
    """A string of the SSH wire format (RFC 4251), and what comes after it."""
    length = int.from_bytes(blob[:4], "big")
    return blob[4 : 4 + length], blob[4 + length :]


def _unguarded(file: Path) -> ApprovalRefused:
    return ApprovalRefused(
        f"the key `{file}` has no passphrase: any program of yours could approve with it",
        hint=f"give it one: `ssh-keygen -p -f {file}`; or use one on a FIDO device",
    )
