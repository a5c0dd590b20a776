"""Whether somebody touched the device that a FIDO key signs with (PROTOCOL.sshsig, PROTOCOL.u2f).

A device signs without a touch for whoever asks it to, and says so in the signature. `ssh-keygen -Y verify`
does not look at that.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final

from tomo.approval.keys import ssh_string
from tomo.errors import ApprovalRefused

_BEGIN: Final = "-----BEGIN SSH SIGNATURE-----\n"
_END: Final = "\n-----END SSH SIGNATURE-----"
_MAGIC: Final = b"SSHSIG"
_VERSION_BYTES: Final = 4
_PRESENT: Final = 0x01


def require_touch(signature: str, where: str) -> None:
    """Raises ApprovalRefused for the signature of a FIDO key that nobody touched, or one that can't be read.

    Signatures of other keys pass: what guards those is their passphrase.
    """
    if not _was_touched(_blob(signature)):
        raise ApprovalRefused(
            f"the approval `{where}` was signed by a FIDO key that nobody touched, so nobody was there",
            hint="sign with a key that asks for a touch, one made without `no-touch-required`: "
            "`ssh-keygen -t ed25519-sk`",
        )


def _was_touched(blob: bytes) -> bool:
    if not blob.startswith(_MAGIC):
        return False
    public, rest = ssh_string(blob[len(_MAGIC) + _VERSION_BYTES :])
    kind, _ = ssh_string(public)
    if not kind.startswith(b"sk-"):
        return bool(kind)
    for _ in ("namespace", "reserved", "hash"):
        _, rest = ssh_string(rest)
    signed, _ = ssh_string(rest)
    _, flags = ssh_string(ssh_string(signed)[1])
    return bool(flags) and bool(flags[0] & _PRESENT)


def _blob(signature: str) -> bytes:
    end = signature.find(_END)
    if not signature.startswith(_BEGIN) or end < 0:
        return b""
    try:
        return base64.b64decode("".join(signature[len(_BEGIN) : end].split()), validate=True)
    except (binascii.Error, ValueError):
        return b""
