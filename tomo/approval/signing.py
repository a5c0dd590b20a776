"""Has a person sign an agreement: with a passphrase typed at the terminal, or by touching a device."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import IO

from tomo.approval.agreement import NAMESPACE, Agreement, SignedAgreement
from tomo.approval.keygen import ssh_keygen
from tomo.approval.keys import guard_of
from tomo.approval.touch import require_touch
from tomo.errors import ApprovalRefused
from tomo.settings import Settings

_TERMINAL = Path("/dev/tty")


def open_terminal() -> IO[bytes]:
    """The controlling terminal; raises ApprovalRefused where there is none."""
    try:
        return _TERMINAL.open("rb")
    except OSError as error:
        raise ApprovalRefused(
            "approving needs a person at a terminal, and there is none",
            hint="type the command yourself, in a terminal",
        ) from error


def require_terminal() -> None:
    """Raises ApprovalRefused where the process has no controlling terminal."""
    open_terminal().close()


def signed(agreement: Agreement, key: Path, settings: Settings) -> SignedAgreement:
    """The agreement with a signature of the key in a file.

    Asks for the key's passphrase at the controlling terminal. Raises ApprovalRefused where there is none,
    where the key can be used without a person, or where it could not be opened, or signed without a touch.
    """
    guard_of(key)
    with tempfile.TemporaryDirectory(prefix="tomo-approval-") as folder:
        text = Path(folder, "agreement")
        text.write_bytes(agreement.text)
        # It asks at its standard input's terminal; with a pipe there it would look for an agent or a window.
        with open_terminal() as terminal:
            said = ssh_keygen(settings, ["-Y", "sign", "-f", key, "-n", NAMESPACE, text], terminal=terminal)
        signature = text.with_suffix(".sig")
        if said.code or not signature.is_file():
            reason = said.err.strip().splitlines()[-1:] or ["ssh-keygen gave no signature"]
            raise ApprovalRefused(
                f"the key `{key}` did not sign: {reason[0]}", hint="check the passphrase, and try again"
            )
        made = SignedAgreement(agreement, signature.read_text("utf-8"))
    require_touch(made.signature, str(key))
    return made
