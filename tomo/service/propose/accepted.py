"""Which hosts a proposal may look at: those that the fleet has as a person has written them."""

# ruff: noqa: ARG002  # what refuses takes the same arguments as what does it

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NoReturn

from tomo.errors import HostError, HostNotAccepted
from tomo.model.connection import (
    Argv,
    ByteStream,
    CommandResult,
    Connection,
    Connections,
    FileStat,
    HostBook,
    HostSpec,
)
from tomo.service.wiring import Doors

if TYPE_CHECKING:
    from tomo.service.stores import AskPassphrase
    from tomo.settings import Settings


NOT_ACCEPTED: Final = "nobody has accepted this address, host key and login yet, so it was not dialled"


def accepted_only(doors: Doors, accepted: Sequence[HostSpec]) -> Doors:
    """Doors through which no other address, host key or credential is dialled than the accepted ones."""

    def connections(settings: Settings, book: HostBook, ask: AskPassphrase | None) -> Connections:
        return _AcceptedOnly(doors.connections(settings, book, ask), book, accepted)

    return replace(doors, connections=connections)


def not_accepted(hosts: Sequence[HostSpec], accepted: Sequence[HostSpec]) -> list[str]:
    """The names of hosts that would be dialled only after a person has accepted them."""
    known = [_road(spec) for spec in accepted]
    return [spec.label for spec in hosts if _road(spec) not in known]


class _AcceptedOnly:
    """The connections of a plan; implements `tomo.model.connection.Connections`."""

    def __init__(self, inner: Connections, book: HostBook, accepted: Sequence[HostSpec]) -> None:
        self._inner, self._book = inner, book
        self._known = HostBook(accepted)
        self._accepted = [_road(spec) for spec in accepted]

    def get(self, spec: HostSpec) -> Connection:
        """The connection of an accepted host; one that refuses every use for any other."""
        wanted = self._book.complete(spec)
        if wanted is spec:
            # What the proposed fleet no longer has may still be reached as the one before had it.
            wanted = self._known.complete(spec)
        return self._inner.get(wanted) if _road(wanted) in self._accepted else _NotAccepted(wanted)

    def prepare(self, spec: HostSpec) -> None:
        """Begins to dial an accepted host."""
        connection = self.get(spec)
        if not isinstance(connection, _NotAccepted):
            self._inner.prepare(connection.spec)

    def redial(self, error: HostError | None = None) -> None:
        """As the connections inside do."""
        self._inner.redial(error)

    def close(self) -> None:
        """Ends every connection."""
        self._inner.close()


def _road(spec: HostSpec) -> HostSpec:
    """What was accepted of a host: what it is called and whether `sudo` is used is not part of it."""
    return replace(spec, name="", become=False)


class _NotAccepted:
    """A host that is not dialled; implements `tomo.model.connection.Connection`."""

    def __init__(self, spec: HostSpec) -> None:
        self.spec = spec

    def _refuse(self) -> NoReturn:
        raise HostNotAccepted(
            NOT_ACCEPTED,
            host=self.spec.label,
            hint="whoever approves the proposal accepts it; applying it dials it first",
        )

    def run(
        self, argv: Argv, *, stdin: bytes = b"", timeout: float | None = None, check: bool = True
    ) -> CommandResult:
        """Refuses."""
        self._refuse()

    def run_text(
        self,
        text: str,
        *,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> CommandResult:
        """Refuses."""
        self._refuse()

    def read_file(self, path: str, *, limit: int = 16 << 20) -> bytes | None:
        """Refuses."""
        self._refuse()

    def stat_files(self, paths: Sequence[str]) -> list[FileStat | None]:
        """Refuses."""
        self._refuse()

    def write_file(self, path: str, content: bytes, *, mode: int = 0o644, owner: str = "") -> None:
        """Refuses."""
        self._refuse()

    def remove_file(self, path: str) -> None:
        """Refuses."""
        self._refuse()

    def open_docker(self) -> ByteStream:
        """Refuses."""
        self._refuse()

    def forget_docker(self) -> None:
        """There is nothing to forget."""

    def close(self) -> None:
        """There is nothing to end."""
