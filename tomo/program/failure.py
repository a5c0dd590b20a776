"""An exception of a program, told in its author's terms: the author's lines only, no secret in them."""

from __future__ import annotations

import re
import sysconfig
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tomo.errors import ConfigMissing, NotSupported, ProgramFailed, TomoError
from tomo.model.values import SECRET_SHOWN

_SDK_REFUSAL: Final = re.compile(
    r"The Pulumi CLI does not support (?:the )?(.+?)(?: option)?\. Please update"
)
_TOMO: Final = Path(__file__).resolve().parent.parent
_PACKAGES: Final = "site-packages"
_STDLIB: Final = Path(sysconfig.get_path("stdlib")).resolve()
_SHORTEST_SECRET: Final = 4
"""Shorter texts stand in too many places to be told from others."""


def failure_of(error: BaseException, root: Path, secrets: Iterable[str] = ()) -> TomoError:
    """What to raise for an exception that left the program; errors of the engine stay themselves."""
    if isinstance(error, TomoError):
        return error
    told = _Told(error, root, tuple(secrets))
    from pulumi.config import ConfigMissingError  # noqa: PLC0415  # the SDK is loaded for programs only
    from pulumi.errors import RunError  # noqa: PLC0415

    if isinstance(error, ConfigMissingError):
        return _config_missing(error.key, secret=error.secret, where=told.where)
    if refused := _SDK_REFUSAL.search(str(error)):
        # The SDK's own text would send people off to update a CLI that isn't there.
        hint = "see docs/pulumi.md for what is"
        return NotSupported(f"{refused[1]}: not supported", where=told.where, hint=hint)
    if isinstance(error, RunError):
        return ProgramFailed(told.hidden(str(error)), where=told.where)
    return ProgramFailed(told.message(), where=told.where, detail=told.detail())


def exit_failure(exit_: SystemExit, root: Path, secrets: Iterable[str] = ()) -> ProgramFailed | None:
    """What to raise where the program called `sys.exit`; None where it said that all is well."""
    if exit_.code is None or exit_.code == 0:
        return None
    told = _Told(exit_, root, tuple(secrets))
    if isinstance(exit_.code, int):
        return ProgramFailed(f"the program ended itself with exit code {exit_.code}", where=told.where)
    return ProgramFailed(told.hidden(str(exit_.code)), where=told.where)


def _config_missing(key: str, *, secret: bool, where: str) -> ConfigMissing:
    if secret:
        return ConfigMissing(
            f"the program needs the secret `{key}`, which is not set",
            where=where,
            hint=f"tomo secret set {key}",
        )
    return ConfigMissing(
        f"the program needs the config value `{key}`, which is not set",
        where=where,
        hint=f"tomo config set {key} VALUE",
    )


class _Told:
    """An exception with the frames of its author, and without the secrets it was given."""

    def __init__(self, error: BaseException, root: Path, secrets: tuple[str, ...]) -> None:
        import pulumi  # noqa: PLC0415  # loaded for programs only

        self._sdk = Path(pulumi.__file__).resolve().parent
        self._root = root
        self._secrets = sorted(
            (text for text in secrets if len(text) >= _SHORTEST_SECRET), key=len, reverse=True
        )
        self._report = traceback.TracebackException.from_exception(error)
        self._keep_own_frames(self._report)
        self.where = self._where(error)

    def message(self) -> str:
        """`Type: text`, the last line of a traceback."""
        lines = list(self._report.format_exception_only())
        return self.hidden(lines[-1].strip())

    def detail(self) -> str:
        """The traceback of the author's own frames; empty where there are none."""
        if not self._report.stack and not isinstance(self._report.__cause__, traceback.TracebackException):
            return ""
        return self.hidden("".join(self._report.format()).rstrip())

    def hidden(self, text: str) -> str:
        """The text without the values of secret config."""
        for secret in self._secrets:
            text = text.replace(secret, SECRET_SHOWN)
        return text

    def _where(self, error: BaseException) -> str:
        if isinstance(error, SyntaxError) and error.filename:
            return f"{self._shown(error.filename)}:{error.lineno}"
        frames = list(self._report.stack)
        inside = [frame for frame in frames if self._is_inside(frame.filename)]
        last = (inside or frames)[-1:]
        return f"{self._shown(last[0].filename)}:{last[0].lineno}" if last else ""

    def _keep_own_frames(self, report: traceback.TracebackException) -> None:
        seen: list[traceback.TracebackException] = []
        queue = [report]
        while queue:
            current = queue.pop()
            seen.append(current)
            own = [frame for frame in current.stack if self._is_own(frame.filename)]
            current.stack = traceback.StackSummary.from_list(own)
            linked = [report for report in (current.__cause__, current.__context__) if report is not None]
            queue += [report for report in linked if all(report is not other for other in seen)]

    def _is_own(self, filename: str) -> bool:
        if self._is_inside(filename):
            return True
        if filename.startswith("<"):
            return False
        path = Path(filename)
        if _PACKAGES in path.parts:
            package = path.parts[len(path.parts) - path.parts[::-1].index(_PACKAGES)]
            return not package.startswith("pulumi")
        return not any(path.is_relative_to(place) for place in (_TOMO, _STDLIB, self._sdk))

    def _is_inside(self, filename: str) -> bool:
        path = Path(filename)
        return path.is_relative_to(self._root) and _PACKAGES not in path.parts

    def _shown(self, filename: str) -> str:
        path = Path(filename)
        return path.relative_to(self._root).as_posix() if path.is_relative_to(self._root) else filename
