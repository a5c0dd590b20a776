"""What an approver signs, and the file that carries it (JSON in one form, as saved plans have it).

The signed text is `{"envelope": …, "format": "tomo.approval/v1"}` in UTF-8 with sorted keys, no space between
tokens and one line break at the end; the signature is OpenSSH's (PROTOCOL.sshsig) in the namespace
`tomo-approval`.
"""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Final

import orjson

from tomo.errors import ApprovalRefused
from tomo.frozen import frozen

FORMAT: Final = "tomo.approval/v1"
NAMESPACE: Final = "tomo-approval"
_MEMBERS: Final = {"envelope", "format", "signature"}
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}\Z")
_NONCE: Final = re.compile(r"[0-9a-f]{32}\Z")
_MOST_BYTES: Final = 64 * 1024


@frozen
class Agreement:
    """One plan that somebody agrees to.

    `plan` is its digest, `nonce` 16 random bytes in hex, `expires` a time like `2026-01-31T12:00:00Z`.
    """

    stack_id: str
    plan: str
    nonce: str
    expires: str

    @property
    def text(self) -> bytes:
        """The bytes that are signed."""
        return orjson.dumps({"envelope": asdict(self), "format": FORMAT}, option=orjson.OPT_SORT_KEYS) + b"\n"

    @property
    def end(self) -> datetime:
        """When it ends to count, in UTC."""
        return datetime.fromisoformat(self.expires)


@frozen
class SignedAgreement:
    """An agreement with an OpenSSH signature in its armor; who signed is not said here but found."""

    agreement: Agreement
    signature: str

    @property
    def text(self) -> bytes:
        """The whole file."""
        members = {"envelope": asdict(self.agreement), "format": FORMAT, "signature": self.signature}
        return orjson.dumps(members, option=orjson.OPT_SORT_KEYS) + b"\n"


def expiry(moment: datetime) -> str:
    """A moment as an agreement tells it: whole seconds, UTC."""
    return moment.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")


def read_agreement(text: bytes, where: str) -> SignedAgreement:
    """The agreement in a file; raises ApprovalRefused for bytes that Tomo would not have written."""
    try:
        document = orjson.loads(text) if len(text) <= _MOST_BYTES else None
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict) or document.get("format") != FORMAT or document.keys() != _MEMBERS:
        raise ApprovalRefused(f"`{where}` is no approval", hint="make one: `tomo approve PLAN`")
    envelope, signature = document["envelope"], document["signature"]
    if not _is_envelope(envelope) or not isinstance(signature, str):
        raise _damaged(where)
    signed = SignedAgreement(Agreement(**envelope), signature)
    if signed.text != text:
        raise _damaged(where)
    return signed


def _is_envelope(envelope: object) -> bool:
    if not isinstance(envelope, dict) or envelope.keys() != set(Agreement.__dataclass_fields__):
        return False
    if not all(isinstance(value, str) for value in envelope.values()):
        return False
    try:
        end = datetime.fromisoformat(envelope["expires"])
    except ValueError:
        return False
    told_in_utc = end.tzinfo is not None and expiry(end) == envelope["expires"]
    return bool(told_in_utc and _DIGEST.match(envelope["plan"]) and _NONCE.match(envelope["nonce"]))


def _damaged(where: str) -> ApprovalRefused:
    return ApprovalRefused(
        f"the approval `{where}` was changed after it was made", hint="ask its maker for a new one"
    )
