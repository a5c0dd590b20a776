"""The real CLI, as it is set up for a comparison."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from conformance.engines import ROOT, PulumiCli
from conformance.play import Theatre
from conformance.store import PASSPHRASE
from tomo.secrets.passphrase import PassphraseManagers

BUILD = ROOT / "scripts" / "pulumi-cli"


def built_cli() -> Path | None:
    """The CLI that scripts/pulumi-cli builds into .cache; None where it isn't there."""
    asked = subprocess.run([BUILD, "--path"], capture_output=True, text=True, check=True)
    binary = Path(asked.stdout.strip())
    return binary if binary.exists() else None


def installed(binary: Path, home: Path) -> PulumiCli:
    """The CLI with a home of its own, and the launcher of dynamic providers that its installer brings."""
    launcher = home / "bin" / "pulumi-resource-pulumi-python"
    launcher.parent.mkdir(parents=True)
    launcher.write_text(f'#!/bin/sh\nexec "{sys.executable}" -u -m pulumi.dynamic "$@"\n')
    launcher.chmod(0o755)
    return PulumiCli(binary, home)


def theatre(folder: Path) -> Theatre | None:
    """A place to play scenarios in; None where there is no CLI."""
    binary = built_cli()
    if binary is None:
        return None
    secrets = PassphraseManagers(lambda: PASSPHRASE)
    return Theatre(installed(binary, folder / "home"), folder, secrets, secrets.create().salt)
