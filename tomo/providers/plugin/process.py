"""A plugin's process: started, asked for its port, listened to, ended."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, Final

from tomo.errors import ProviderFailed

Heard = Callable[[str], None]
"""Takes a line that the plugin wrote."""

START_SECONDS: Final = 60.0
_GRACE_SECONDS: Final = 5.0
_LAST_LINES: Final = 20
_UNTOLD: Final = (
    "TOMO_PASSPHRASE",
    "TOMO_PASSPHRASE_FILE",
    "PULUMI_CONFIG_PASSPHRASE",
    "PULUMI_CONFIG_PASSPHRASE_FILE",
)
"""The stack's passphrase is none of a plugin's business."""


class PluginProcess:
    """A running plugin, in a session of its own: a Ctrl-C at the terminal is Tomo's to deal with."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        directory: Path,
        environment: Mapping[str, str],
        heard: Heard,
        patience: float = START_SECONDS,
    ) -> None:
        self.name = Path(argv[0]).name
        self._heard, self._patience = heard, patience
        self._lines: deque[str] = deque(maxlen=_LAST_LINES)
        self._port: SimpleQueue[str] = SimpleQueue()
        self._process = self._started(argv, directory, environment)
        self._readers = [
            threading.Thread(target=self._read_stdout, name=f"{self.name}-stdout", daemon=True),
            threading.Thread(target=self._read_stderr, name=f"{self.name}-stderr", daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def port(self) -> int:
        """The port it serves on, its first line; raises ProviderFailed where it names none in time."""
        try:
            line = self._port.get(timeout=self._patience)
        except Empty:
            self.end()
            raise ProviderFailed(
                f"the plugin `{self.name}` did not name its port within {self._patience:.0f} s",
                detail=self.last_words(),
            ) from None
        if not line.isdecimal():
            self.end()
            said = f"said `{line}` instead of its port" if line else "ended before it named its port"
            raise ProviderFailed(f"the plugin `{self.name}` {said}", detail=self.last_words())
        return int(line)

    def await_end(self) -> None:
        """Waits a moment for a process that hung up, and for its last words."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_GRACE_SECONDS)
            for reader in self._readers:
                reader.join(_GRACE_SECONDS)

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs."""
        return self._process.poll()

    def last_words(self) -> str:
        """The last lines it wrote."""
        return "\n".join(self._lines)

    def end(self) -> None:
        """Ends it and whatever it started: politely, and after a few seconds for good."""
        if self._process.poll() is None:
            self._signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_GRACE_SECONDS)
        # Children that outlived it are still in its group.
        self._signal(signal.SIGKILL)
        self._process.wait()
        for reader in self._readers:
            reader.join(_GRACE_SECONDS)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _started(
        self, argv: Sequence[str], directory: Path, environment: Mapping[str, str]
    ) -> subprocess.Popen[str]:
        told = {name: value for name, value in environment.items() if name not in _UNTOLD}
        try:
            return subprocess.Popen(  # noqa: S603  # the plugin that a person installed
                argv,
                cwd=directory,
                env=told,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,
            )
        except OSError as error:
            raise ProviderFailed(
                f"the plugin `{self.name}` can't be started: {error.strerror or error}",
                hint="see that the file may be executed and is made for this machine",
            ) from error

    def _read_stdout(self) -> None:
        stream = _opened(self._process.stdout)
        self._port.put(stream.readline().strip())
        self._read(stream)

    def _read_stderr(self) -> None:
        self._read(_opened(self._process.stderr))

    def _read(self, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                text = line.rstrip("\n")
                self._lines.append(text)
                if text.strip():
                    self._heard(text)


def _opened(stream: IO[str] | None) -> IO[str]:
    if stream is None:
        raise ProviderFailed("the plugin's output is not connected")
    return stream
