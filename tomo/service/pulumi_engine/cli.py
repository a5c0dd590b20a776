"""The installed Pulumi CLI: found, run, listened to, ended."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final

from tomo.errors import PluginMissing, PulumiFailed, PulumiMissing, StackNotFound, TomoError
from tomo.frozen import frozen
from tomo.settings import Settings

CLI_VARIABLE: Final = "TOMO_PULUMI"
_NO_SUCH_STACK: Final = 6
_GRACE_SECONDS: Final = 30.0
_INSTALL: Final = "pulumi plugin install resource"
_NO_PLUGIN: Final = re.compile(
    r"no resource plugin 'pulumi-resource-([\w-]+)' found in the workspace(?: at version (v[\w.+-]+))?"
)

HearEvent = Callable[[Mapping[str, Any]], None]


def find_cli(settings: Settings) -> Path:
    """The CLI that `TOMO_PULUMI` names, or the one on the PATH; raises PulumiMissing."""
    named = settings.variables.get(CLI_VARIABLE)
    found = shutil.which(named or "pulumi", path=settings.variables.get("PATH", os.defpath))
    if found is None:
        where = f"`{CLI_VARIABLE}` names `{named}`, which is no program" if named else "it is not on the PATH"
        raise PulumiMissing(
            f"the `pulumi` engine needs the Pulumi CLI, and {where}",
            hint=f"install it from www.pulumi.com/docs/install, or set {CLI_VARIABLE}=PATH",
        )
    return Path(found).absolute()


@frozen
class Ended:
    """How a command of the CLI ended."""

    code: int
    said: str


class PulumiCli:
    """Runs the CLI's commands, one at a time, each in a session of its own: Ctrl-C is ours to pass on."""

    def __init__(self, binary: Path, directory: Path, environment: Mapping[str, str]) -> None:
        self._binary, self._directory, self._environment = binary, directory, environment
        self._process: subprocess.Popen[str] | None = None

    def ask(self, *arguments: str) -> str:
        """The output of a command that tells something; raises what its failure means."""
        lines: list[str] = []
        ended = self._run([*arguments, "--non-interactive", "--color", "never"], lines.append)
        if ended.code:
            raise failure_of_cli(ended)
        return "".join(lines)

    def follow(self, arguments: Sequence[str], heard: HearEvent) -> Ended:
        """Runs a command that streams events, and passes each on."""

        def hear(line: str) -> None:
            with suppress(json.JSONDecodeError):
                heard(json.loads(line))

        return self._run([*arguments, "--json", "--non-interactive", "--color", "never"], hear)

    def cancel(self) -> None:
        """Asks the running command to begin nothing new, as the CLI does at Ctrl-C."""
        self._signal(signal.SIGINT)

    def _run(self, arguments: Sequence[str], hear: Callable[[str], None]) -> Ended:
        process = self._started(arguments)
        said: list[str] = []
        reader = threading.Thread(target=_collect, args=(process.stderr, said), daemon=True)
        reader.start()
        try:
            if process.stdout is not None:
                with process.stdout as stream:
                    for line in stream:
                        hear(line)
            code = process.wait()
        except BaseException:
            # A second Ctrl-C ends the CLI at once; it records what it can.
            self._end(process)
            raise
        finally:
            self._process = None
        reader.join()
        return Ended(code, "".join(said).strip())

    def _started(self, arguments: Sequence[str]) -> subprocess.Popen[str]:
        try:
            process = subprocess.Popen(  # noqa: S603  # the CLI that a person installed
                [str(self._binary), *arguments],
                cwd=self._directory,
                env=dict(self._environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,
            )
        except OSError as error:
            raise PulumiMissing(
                f"`{self._binary.name}` can't be started: {error.strerror or error}",
                hint="install the Pulumi CLI again",
            ) from error
        self._process = process
        return process

    def _end(self, process: subprocess.Popen[str]) -> None:
        self._signal(signal.SIGINT)
        self._signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_SECONDS)
        self._signal(signal.SIGKILL)
        process.wait()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)


def _collect(stream: IO[str] | None, said: list[str]) -> None:
    if stream is not None:
        with stream:
            said.extend(stream)


def failure_of_cli(ended: Ended) -> TomoError:
    """What a failed command of the CLI means, in its own words."""
    said = ended.said.removeprefix("error: ") or f"it ended with exit code {ended.code}"
    first, _, rest = said.partition("\n")
    missing = _NO_PLUGIN.search(said)
    if missing is not None:
        # The CLI has no code of its own for this; only its words say what to install.
        return PluginMissing(first, hint=" ".join(filter(None, (_INSTALL, *missing.groups()))), detail=rest)
    if ended.code == _NO_SUCH_STACK:
        return StackNotFound(f"pulumi: {first}", hint="run `tomo apply` first", detail=rest)
    return PulumiFailed(f"pulumi: {first}", detail=rest)
