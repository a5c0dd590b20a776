"""Gets a repository, checks it and puts it on its shelf. Only people's own commands come here."""

from __future__ import annotations

from pathlib import Path

from tomo.catalog.repos.address import Address, Protocol, read_address
from tomo.catalog.repos.content import Content
from tomo.catalog.repos.folder import read_folder
from tomo.catalog.repos.git import Git
from tomo.catalog.repos.shelf import Pin, Shelves
from tomo.catalog.repos.verify import Verified, verified
from tomo.errors import RepositoryError
from tomo.settings import Settings


def fetched(settings: Settings, address: Address, branch: str = "", commit: str = "") -> Verified:
    """What is at an address now, or was at a commit, held to the rules; raises RepositoryError."""
    return verified(_read(settings, address, branch, commit))


def fetched_as_pinned(settings: Settings, pin: Pin, base: Path) -> Verified:
    """Exactly what a fleet file pins; raises RepositoryError where that can't be had any more."""
    found = fetched(settings, read_address(pin.url, base), commit=pin.commit)
    if found.content.digest != pin.digest:
        raise RepositoryError(
            f"the repository `{pin.name}` at `{pin.url}` is not what the fleet file pins",
            hint=f"find out why it changed; then `tomo catalog repo pin {pin.name}` takes the newer one",
            detail=f"pinned {pin.digest}\nfound  {found.content.digest}",
        )
    return found


def shelve(settings: Settings, pin: Pin, found: Verified) -> None:
    """Puts what may be used of it where plans find it."""
    files = {app: found.content.files[app] for app in found.apps}
    Shelves(settings.data_folder).put(pin, found.content.listing, files, found.refused)


def _read(settings: Settings, address: Address, branch: str, commit: str) -> Content:
    if address.protocol is Protocol.FOLDER and address.folder is not None:
        return read_folder(address.folder)
    return Git(settings.variables).read(address, branch, commit)
