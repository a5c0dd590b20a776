"""Host keys: their text, their fingerprints, and which ones a host has."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import TYPE_CHECKING, Final

from tomo.errors import UsageError
from tomo.frozen import frozen

if TYPE_CHECKING:
    from tomo.model.connection import HostSpec
    from tomo.settings import Settings
    from tomo.ssh.link import Links

ALGORITHMS: Final = {
    "ssh-ed25519": ("ssh-ed25519",),
    "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
    "ecdsa-sha2-nistp384": ("ecdsa-sha2-nistp384",),
    "ecdsa-sha2-nistp521": ("ecdsa-sha2-nistp521",),
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
}
"""The signature algorithms to offer for each type of key; SHA-1 is not among them."""

_LENGTH = 4


@frozen
class HostKey:
    """One public key of a host."""

    kind: str
    blob: bytes

    @property
    def text(self) -> str:
        """The key as `TYPE BASE64`, as a spec pins it."""
        return f"{self.kind} {base64.b64encode(self.blob).decode()}"

    @property
    def fingerprint(self) -> str:
        """The fingerprint as OpenSSH shows it: `SHA256:…`."""
        digest = base64.b64encode(hashlib.sha256(self.blob).digest()).decode()
        return f"SHA256:{digest.rstrip('=')}"


def parse_host_key(text: str) -> HostKey:
    """The key in a `TYPE BASE64 [comment]` text; says what is wrong with any other."""
    kind, _, rest = text.strip().partition(" ")
    if kind not in ALGORITHMS:
        raise _bad_key(f"`{kind[:40]}` is no type of host key that Tomo checks")
    body = rest.split()
    if not body:
        raise _bad_key(f"the `{kind}` host key has no base64 part")
    try:
        blob = base64.b64decode(body[0], validate=True)
    except binascii.Error as error:
        raise _bad_key(f"the `{kind}` host key is not base64: {error}") from error
    inner = _kind_inside(blob)
    if inner != kind:
        raise _bad_key(f"the host key says `{kind}` but holds `{inner or 'no key'}`")
    return HostKey(kind, blob)


def fingerprint(text: str) -> str:
    """The `SHA256:…` fingerprint of a `TYPE BASE64` text."""
    return parse_host_key(text).fingerprint


def scan(spec: HostSpec, settings: Settings | None = None, links: Links | None = None) -> list[HostKey]:
    """Every host key the host shows, best first; sends it no credential.

    Behind a jump host, `links` is the pool that reaches that one; logging in there does take a credential.
    """
    from tomo.settings import Settings  # noqa: PLC0415
    from tomo.ssh.dial import scan_keys  # noqa: PLC0415  # brings paramiko, which costs 0.2 s

    return scan_keys(spec, settings or Settings.from_environment(), links)


def _kind_inside(blob: bytes) -> str:
    size = int.from_bytes(blob[:_LENGTH], "big")
    if len(blob) <= _LENGTH + size:
        return ""
    return blob[_LENGTH : _LENGTH + size].decode("ascii", "replace")


def _bad_key(problem: str) -> UsageError:
    return UsageError(
        problem,
        hint="Write it as `TYPE BASE64`, as in /etc/ssh/ssh_host_ed25519_key.pub: `ssh-ed25519 AAAAC3…`; "
        f"types: {', '.join(ALGORITHMS)}",
    )
