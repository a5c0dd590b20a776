"""A FIDO device signs without a touch for whoever asks it to: such a signature is nobody's."""

import base64
import hashlib
from pathlib import Path
from typing import Protocol

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tomo.approval.agreement import NAMESPACE, Agreement, SignedAgreement
from tomo.approval.keygen import ssh_keygen
from tomo.approval.signers import read_signers, signer_of
from tomo.approval.touch import require_touch
from tomo.errors import ApprovalRefused
from tomo.settings import Settings

APPLICATION = b"ssh:"
TOUCHED, VERIFIED = 0x01, 0x04


def text(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value


def number(value: int) -> bytes:
    return text(value.to_bytes(value.bit_length() // 8 + 1, "big"))


class Device(Protocol):
    """A key on a device, in software: its type, its public half, and what it says to some bytes."""

    kind: bytes

    def public(self) -> bytes: ...

    def sign(self, data: bytes) -> bytes: ...


class Ed25519Device:
    kind = b"sk-ssh-ed25519@openssh.com"

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()

    def public(self) -> bytes:
        return text(self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))

    def sign(self, data: bytes) -> bytes:
        return self._key.sign(data)


class EcdsaDevice:
    kind = b"sk-ecdsa-sha2-nistp256@openssh.com"

    def __init__(self) -> None:
        self._key = generate_private_key(SECP256R1())

    def public(self) -> bytes:
        point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return text(b"nistp256") + text(point)

    def sign(self, data: bytes) -> bytes:
        return b"".join(map(number, decode_dss_signature(self._key.sign(data, ECDSA(SHA256())))))


def public_key(device: Device) -> bytes:
    return text(device.kind) + device.public() + text(APPLICATION)


def signed_by(device: Device, agreement: Agreement, flags: int) -> SignedAgreement:
    """What the device signs, as `ssh-keygen -Y sign` writes it (PROTOCOL.u2f, PROTOCOL.sshsig)."""
    hashed = hashlib.sha512(agreement.text).digest()
    common = text(NAMESPACE.encode()) + text(b"") + text(b"sha512")
    told = bytes([flags]) + (7).to_bytes(4, "big")
    message = hashlib.sha256(b"SSHSIG" + common + text(hashed)).digest()
    said = device.sign(hashlib.sha256(APPLICATION).digest() + told + message)
    signature = text(device.kind) + text(said) + told
    blob = b"SSHSIG" + (1).to_bytes(4, "big") + text(public_key(device)) + common + text(signature)
    body = base64.b64encode(blob).decode()
    lines = "\n".join(body[start : start + 70] for start in range(0, len(body), 70))
    return SignedAgreement(
        agreement, f"-----BEGIN SSH SIGNATURE-----\n{lines}\n-----END SSH SIGNATURE-----\n"
    )


@pytest.fixture(params=[Ed25519Device, EcdsaDevice])
def device(request: pytest.FixtureRequest) -> Device:
    made: Device = request.param()
    return made


def approvers(folder: Path, device: Device) -> Path:
    file = folder / "approvers"
    file.write_text(f"kim {device.kind.decode()} {base64.b64encode(public_key(device)).decode()}\n")
    return file


@pytest.mark.parametrize("flags", [TOUCHED, TOUCHED | VERIFIED])
def test_a_touch_counts(
    device: Device, flags: int, agreement: Agreement, settings: Settings, tmp_path: Path
) -> None:
    signed = signed_by(device, agreement, flags)

    assert signer_of(signed, read_signers(approvers(tmp_path, device)), settings, "x") == "kim"


@pytest.mark.parametrize("flags", [0, VERIFIED])
def test_without_a_touch_nobody_has_agreed_although_ssh_keygen_finds_the_signature_good(
    device: Device, flags: int, agreement: Agreement, settings: Settings, tmp_path: Path
) -> None:
    signed, file = signed_by(device, agreement, flags), approvers(tmp_path, device)
    (tmp_path / "signature").write_text(signed.signature)
    asked = ["-Y", "verify", "-n", NAMESPACE, "-I", "kim", "-f", file, "-s", tmp_path / "signature"]
    assert ssh_keygen(settings, asked, feed=agreement.text).code == 0

    with pytest.raises(ApprovalRefused, match="that nobody touched") as caught:
        signer_of(signed, read_signers(file), settings, "x")

    assert "ssh-keygen -t ed25519-sk" in caught.value.hint


@pytest.mark.parametrize(
    "signature",
    ["", "text", "-----BEGIN SSH SIGNATURE-----\n!\n-----END SSH SIGNATURE-----\n"]
    + [
        f"-----BEGIN SSH SIGNATURE-----\n{base64.b64encode(blob).decode()}\n-----END SSH SIGNATURE-----\n"
        for blob in (b"", b"SSHSIG", b"SSHSIG\0\0\0\1" + text(text(b"sk-x")))
    ],
)
def test_what_can_not_be_read_has_no_touch(signature: str) -> None:
    with pytest.raises(ApprovalRefused, match="nobody was there"):
        require_touch(signature, "x")
