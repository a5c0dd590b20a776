"""People with real keys, and a terminal at which they type."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tomo.approval.agreement import Agreement, SignedAgreement, read_agreement

ROOT = Path(__file__).resolve().parents[2]
PASSPHRASE = "correct horse battery staple"
PLAN = "sha256:" + "ab" * 32
SIGN = """
import sys
from pathlib import Path
from tomo.approval.agreement import Agreement
from tomo.approval.signing import signed
from tomo.errors import TomoError
from tomo.settings import Settings

key, out, *parts = sys.argv[1:]
try:
    Path(out).write_bytes(signed(Agreement(*parts), Path(key), Settings.from_environment()).text)
except TomoError as error:
    sys.exit(f"{error.message}; {error.hint}")
"""


@dataclass(frozen=True)
class Person:
    """Somebody with a key."""

    name: str
    key: Path

    @property
    def line(self) -> str:
        """Their line in the file of approvers."""
        return f"{self.name} {self.key.with_suffix('.pub').read_text().strip()}\n"

    def signs(self, agreement: Agreement, *, typed: str = PASSPHRASE) -> SignedAgreement:
        """Their signature, typed at a terminal of its own."""
        out = self.key.with_suffix(".out")
        parts = (agreement.stack_id, agreement.plan, agreement.nonce, agreement.expires)
        code, text = at_a_terminal([sys.executable, "-c", SIGN, str(self.key), str(out), *parts], typed)
        assert code == 0, text
        return read_agreement(out.read_bytes(), str(out))


def at_a_terminal(argv: list[str], typed: str, *, first: tuple[tuple[str, str], ...] = ()) -> tuple[int, str]:
    """Runs a command with a terminal, types a line once it is asked for a passphrase, and waits.

    `first` are other questions, each with what is typed.
    """
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "cli")])
        os.execv(argv[0], argv)
    shown, waiting = b"", [*first, ("Enter passphrase", typed)]
    while True:
        try:
            piece = os.read(terminal, 4096)
        except OSError:
            break
        if not piece:
            break
        shown += piece
        if waiting and waiting[0][0].encode() in shown:
            os.write(terminal, f"{waiting.pop(0)[1]}\n".encode())
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    return os.waitstatus_to_exitcode(status), shown.decode()


@pytest.fixture
def person(tmp_path: Path) -> Callable[..., Person]:
    """Makes somebody with a key of their own."""

    def make(name: str, *options: str, passphrase: str = PASSPHRASE) -> Person:
        key = tmp_path / f"id_{name}"
        kind = options or ("-t", "ed25519")
        argv = ["ssh-keygen", "-q", *kind, "-a", "1", "-N", passphrase, "-C", name, "-f", str(key)]
        subprocess.run(argv, check=True)
        return Person(name, key)

    return make
