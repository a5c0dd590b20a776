"""The shell scripts that Tomo runs on hosts; their first line says which one it is."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

DOCKER_SITE: Final = "download.docker.com"
"""Docker's own package repository: the only place besides a host's own mirrors that a script asks."""
PIN: Final = "pin="
"""How the parameter of the facts script begins that says which versions Docker is kept within."""

_FOLDER = Path(__file__).parent


@cache
def facts_script() -> str:
    """Prints what a host is, as KEY=VALUE lines."""
    return _assembled("facts")


@cache
def docker_install_script() -> str:
    """Installs and sets up Docker; its parameters are `TOMO_DOCKER_…` variables."""
    return _assembled("docker-install")


@cache
def proxy_reload_script() -> str:
    """Has a server's proxy take up its configuration; its parameters are `TOMO_PROXY_…` variables."""
    return _assembled("proxy-reload")


@cache
def docker_prune_script() -> str:
    """Removes images by their ids; its parameter is `TOMO_PRUNE_IMAGES`."""
    return _assembled("docker-prune")


@cache
def volume_swap_script() -> str:
    """Puts what was unpacked in a volume in the place of what is there, takes it back, or cleans up."""
    return (_FOLDER / "volume-swap.sh").read_text(encoding="utf-8")


def _assembled(name: str) -> str:
    parts = [(_FOLDER / file).read_text(encoding="utf-8") for file in ("common.sh", f"{name}.sh")]
    return "\n".join([f"# tomo-script: {name}", *parts])
