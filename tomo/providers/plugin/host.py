"""The plugins of one session: found, started when first asked, all ended with it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Self

from tomo.errors import TomoError
from tomo.model.events import Severity
from tomo.model.provider import Provider
from tomo.providers.plugin.find import Attached, Binary, find_plugin
from tomo.settings import Settings

if TYPE_CHECKING:
    from tomo.providers.plugin.channel import LogServer
    from tomo.providers.plugin.line import PluginLine

Say = Callable[[Severity, str, str], None]


class PluginHost:
    """Makes providers of plugins. Each provider resource has a process of its own, as with Pulumi."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = Lock()
        self._lines: list[PluginLine] = []
        self._log: LogServer | None = None
        self._say: Say = _unheard
        self._told: set[str] = set()

    def listen(self, say: Say) -> None:
        """From now on what plugins say goes there."""
        self._say = say

    def provider(self, package: str, version: str, *, project: str, directory: Path) -> Provider:
        """A provider of a package; raises PluginMissing where its plugin is not installed.

        `directory` is where the plugin runs: the program's folder.
        """
        found = find_plugin(package, version, self._settings)
        if isinstance(found, Binary) and found.ambient:
            self._say_once(f"using `{found.path.name}` from the PATH, at {found.path}")
        from tomo.providers.plugin.provider import PluginProvider  # noqa: PLC0415  # imports gRPC

        return PluginProvider(package, lambda: self._line(package, found, project, directory), self._pass_on)

    def close(self) -> None:
        """Ends every process that it started."""
        with self._lock:
            lines, self._lines = self._lines, []
            log, self._log = self._log, None
        for line in lines:
            with suppress(TomoError):
                line.close()
        if log is not None:
            log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _line(self, package: str, found: Attached | Binary, project: str, directory: Path) -> PluginLine:
        from tomo.providers.plugin.line import PluginLine  # noqa: PLC0415  # imports gRPC

        line = PluginLine(package, self._pass_on)
        with self._lock:
            self._lines.append(line)
            engine = self._log_address()
        environment = {**self._settings.variables, "PULUMI_PROJECT": project}
        if isinstance(found, Attached):
            line.attach(found.port, engine)
        else:
            line.start(found.path, engine, directory, environment)
        return line

    def _log_address(self) -> str:
        from tomo.providers.plugin.channel import LogServer  # noqa: PLC0415  # imports gRPC

        if self._log is None:
            self._log = LogServer(self._pass_on)
        return self._log.address

    def _pass_on(self, severity: Severity, message: str, urn: str) -> None:
        self._say(severity, message, urn)

    def _say_once(self, message: str) -> None:
        with self._lock:
            news = message not in self._told
            self._told.add(message)
        if news:
            self._say(Severity.WARNING, message, "")


def _unheard(_severity: Severity, _message: str, _urn: str) -> None:
    """Nobody listens."""
