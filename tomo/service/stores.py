"""The stores that one command uses: each server is reached once, and left when the command ends."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TypeAlias

from tomo.errors import TomoError
from tomo.model.storage import Storage
from tomo.settings import Settings
from tomo.ssh.store_address import SCHEME, StoreAddress, parse_store_address
from tomo.state.backend import FileBackend

AskPassphrase: TypeAlias = Callable[[str], str | None]
OpenStorage: TypeAlias = Callable[[StoreAddress, Settings, AskPassphrase | None], Storage]


def ssh_storage(address: StoreAddress, settings: Settings, ask: AskPassphrase | None) -> Storage:
    """A store on a server."""
    from tomo.ssh.storage import open_store  # noqa: PLC0415  # brings paramiko, which costs 0.2 s

    return open_store(address, settings, ask)


@dataclass(slots=True)
class Stores:
    """Finds the store that an address names."""

    open_storage: OpenStorage = ssh_storage
    _open: dict[str, Storage] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def backend(self, url: str, settings: Settings, ask: AskPassphrase | None, *, base: Path) -> FileBackend:
        """The backend at an address: on a server, or below a folder; a relative one starts at `base`."""
        if not is_on_a_server(url):
            return FileBackend.from_url(url, base=base, home=settings.home)
        address = parse_store_address(url)
        with self._lock:
            if address.url not in self._open:
                self._open[address.url] = self.open_storage(address, settings, ask)
            return FileBackend(self._open[address.url])

    def close(self) -> None:
        """Ends the connections."""
        with self._lock:
            storages = list(self._open.values())
            self._open.clear()
        for storage in storages:
            with suppress(TomoError):
                storage.close()


def is_on_a_server(url: str) -> bool:
    """Whether a state address names a server of one's own."""
    return url.startswith(f"{SCHEME}://")
