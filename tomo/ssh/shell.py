"""What SSH and the local machine have in common: both run commands through a POSIX shell's tools."""

from __future__ import annotations

import re
import secrets
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from tomo.errors import BecomeRefused, CommandFailed, CommandTimeout, DiskFull, HostError, UsageError
from tomo.model.connection import Argv, ByteStream, CommandResult, FileStat, HostSpec
from tomo.ssh import files, quote
from tomo.ssh.docker_road import DockerRoad

if TYPE_CHECKING:
    from collections.abc import Iterator

SUDO: Final = ("sudo", "-n", "--")
OUTPUT_LIMIT: Final = 64 << 20
_LONG: Final = 100_000
_SHOWN_LENGTH = 120
_SHOWN_LINES = 10
_KILL_MARKED: Final = """read -r mark
groups=
for file in $(printf '%s\\n' "$mark" | grep -lsF -f - /proc/[0-9]*/cmdline); do
  facts=$(cat "${file%cmdline}stat" 2>/dev/null) || continue
  set -- ${facts##*) }
  case "$groups " in *" -$3 "*) ;; *) groups="$groups -$3" ;; esac
done
[ -n "$groups" ] || exit 0
kill -TERM $groups 2>/dev/null
sleep 1
kill -KILL $groups 2>/dev/null
exit 0
"""
"""Finds a command by the mark in its shell's arguments; it reads the mark, so as not to find itself."""
_NO_SPACE: Final = (b"No space left on device", b"Disk quota exceeded")


class ShellConnection(ABC):
    """A host on which argument lists run; a subclass says how, and how its Docker socket is opened."""

    def __init__(self, spec: HostSpec) -> None:
        self.spec = spec
        self._docker = DockerRoad(self)

    @abstractmethod
    def execute(
        self, argv: Argv, *, stdin: bytes, timeout: float | None, limit: int, shown: str
    ) -> CommandResult:
        """Runs a command as the login user; never raises for an exit code."""

    @abstractmethod
    def open_socket(self) -> ByteStream | None:
        """A stream to Docker's socket as the login user; None where that is refused."""

    @abstractmethod
    def open_process(self, argv: Argv) -> ByteStream:
        """A command's stdin and stdout as a stream."""

    @abstractmethod
    def close(self) -> None:
        """Ends the connection; streams of it end too."""

    @property
    @abstractmethod
    def is_root(self) -> bool:
        """Whether the login user is root, who needs no sudo."""

    @property
    def sudo(self) -> tuple[str, ...]:
        """What stands before a command where the spec says `become`."""
        return SUDO if self.spec.become and not self.is_root else ()

    def run(
        self, argv: Argv, *, stdin: bytes = b"", timeout: float | None = None, check: bool = True
    ) -> CommandResult:
        """Runs a command; with `check` a non-zero exit code raises CommandFailed with its stderr."""
        result = self._run(argv, stdin, timeout, shown(argv))
        if check and result.exit_code:
            raise failed(self.spec.label, shown(argv), result)
        return result

    def run_text(
        self,
        text: str,
        *,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> CommandResult:
        """Runs a person's own shell text with `env` exported to it; never built from values.

        Text and variables travel on stdin before the command's own, so that `ps` shows neither.
        """
        with self._named():
            script = quote.packed(quote.assign(env or {}) + text)
        return self._run(["sh", "-c", quote.LOADER], script + stdin, timeout, _shortened(text))

    def read_file(self, path: str, *, limit: int = 16 << 20) -> bytes | None:
        """A file's content, None where there is none; raises HostError above `limit` bytes."""
        what = f"read {path}"
        arguments = [files.operand(path), str(limit + 1)]
        result = self._script(files.READ, arguments, what=what, limit=limit + OUTPUT_LIMIT)
        if result.exit_code and files.is_missing(result):
            return None
        if result.exit_code:
            raise failed(self.spec.label, what, result)
        if len(result.stdout) > limit:
            label = self.spec.label
            raise HostError(f"`{path}` on `{label}` is larger than the {limit} bytes allowed", host=label)
        return result.stdout

    def stat_files(self, paths: Sequence[str]) -> list[FileStat | None]:
        """What is at each path, None where nothing is; one round trip for all."""
        if not paths:
            return []
        what = f"look at {paths[0]}" + (f" and {len(paths) - 1} more" if len(paths) > 1 else "")
        result = self._script(files.STAT, [files.operand(path) for path in paths], what=what)
        if result.exit_code:
            raise failed(self.spec.label, what, result)
        try:
            return files.parse_stats(result.text, paths)
        except ValueError as error:
            raise HostError(f"`{self.spec.label}` answers oddly: {error}", host=self.spec.label) from error

    def write_file(self, path: str, content: bytes, *, mode: int = 0o644, owner: str = "") -> None:
        """Writes a file whole, making missing parents; one that exists keeps its inode (bind mounts)."""
        arguments = files.write_arguments(path, content, mode, owner)
        what = f"write {path}"
        result = self._script(files.WRITE, arguments, stdin=content, what=what)
        if result.exit_code:
            raise failed(self.spec.label, what, result)

    def remove_file(self, path: str, *, below: str = "") -> None:
        """Removes a file, and the folders that are empty then, as long as they lie below `below`."""
        what = f"remove {path}"
        result = self._script(files.REMOVE, [files.operand(path), below], what=what)
        if result.exit_code:
            raise failed(self.spec.label, what, result)

    def open_docker(self) -> ByteStream:
        """A new stream to the host's Docker socket; raises DockerUnavailable where none answers."""
        return self._docker.open()

    def forget_docker(self) -> None:
        """Forgets how Docker was last reached, as after its installation or a change of groups."""
        self._docker.forget()

    def _script(
        self,
        script: str,
        arguments: Sequence[str],
        *,
        what: str,
        stdin: bytes = b"",
        limit: int = OUTPUT_LIMIT,
    ) -> CommandResult:
        return self._run(["sh", "-c", script, "sh", *arguments], stdin, None, _shortened(what), limit)

    def _run(
        self, argv: Argv, stdin: bytes, timeout: float | None, what: str, limit: int = OUTPUT_LIMIT
    ) -> CommandResult:
        with self._named():
            if sum(map(len, argv)) > _LONG:  # more than one argument of the kernel's may hold
                argv, stdin = ["sh", "-c", quote.LOADER], quote.packed(f"exec {quote.join(argv)}") + stdin
            quote.join(argv)
        command = [*self.sudo, *argv]
        if timeout is not None:
            mark = f"tomo-{secrets.token_hex(8)}"
            command = [*self.sudo, *_marked(argv, mark)]
        try:
            result = self.execute(command, stdin=stdin, timeout=timeout, limit=limit, shown=what)
        except CommandTimeout:
            self._kill_marked(mark)
            raise
        if self.sudo and result.exit_code:
            self._check_sudo(result)
        return result

    def _kill_marked(self, mark: str) -> None:
        """Ends a command that took too long, its children too.

        sshd's own signals don't do it: they reach nothing of root's, and sudo hands them to one process only.
        """
        argv = [*self.sudo, "sh", "-c", _KILL_MARKED]
        with suppress(HostError):
            self.execute(argv, stdin=f"{mark}\n".encode(), timeout=10, limit=1 << 20, shown="kill")

    def _check_sudo(self, result: CommandResult) -> None:
        """Tells sudo's own refusal from the failure of what it ran."""
        if b"sudo" not in result.stderr[:4096]:
            return
        probe = self.execute([*SUDO, "true"], stdin=b"", timeout=30, limit=1 << 20, shown="sudo -n true")
        if probe.exit_code:
            raise become_refused(self.spec, probe)

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Gives a value that can't be a command's argument the host's name."""
        try:
            yield
        except UsageError as error:
            label = self.spec.label
            raise HostError(f"{error.message} (for `{label}`)", host=label, hint=error.hint) from error


def _marked(argv: Argv, mark: str) -> Argv:
    """The command with a mark to find it by; a shell that reads its script from stdin carries it itself."""
    return [*argv, mark] if list(argv) == ["sh", "-s"] else ["sh", "-c", '"$@"; exit', mark, *argv]


def failed(label: str, what: str, result: CommandResult) -> HostError:
    """The error for a command that ended badly: its last words, and DiskFull where they say so."""
    lines = _last_lines(result.stderr) or _last_lines(result.stdout)
    if any(text in result.stderr for text in _NO_SPACE):
        return DiskFull(
            f"`{label}` has no space left: `{what}` failed",
            host=label,
            hint="See `df -h` on the host; `docker system df` shows what images and containers take",
            detail="\n".join(lines),
        )
    last = f": {lines[-1]}" if lines else ""
    return CommandFailed(
        f"`{what}` on `{label}` ended with exit code {result.exit_code}{last}",
        host=label,
        detail="\n".join(lines),
    )


def become_refused(spec: HostSpec, result: CommandResult) -> BecomeRefused:
    """The error for `become` where sudo isn't there or wants a password."""
    lines = _last_lines(result.stderr)
    missing = any("not found" in line for line in lines)
    user = spec.user or "the login user"
    if missing:
        problem, hint = "sudo is not installed", "Install sudo on the host, or log in as root"
    else:
        problem = f"sudo does not let `{user}` run commands without a password"
        hint = (
            f"Add `{spec.user or 'USER'} ALL=(ALL) NOPASSWD: ALL` to /etc/sudoers.d/tomo on the host, "
            "or log in as root"
        )
    return BecomeRefused(
        f"no root on `{spec.label}`: {problem}", host=spec.label, hint=hint, detail="\n".join(lines)
    )


def shown(argv: Argv) -> str:
    """A command as messages show it: one line, shortened."""
    return _shortened(" ".join(argv))


def _shortened(text: str) -> str:
    line = _clean(" ".join(text.split()))
    return line if len(line) <= _SHOWN_LENGTH else line[: _SHOWN_LENGTH - 1] + "…"


def _last_lines(output: bytes) -> list[str]:
    text = output[-8192:].decode("utf-8", "replace")
    return [_clean(line.rstrip())[:400] for line in text.splitlines() if line.strip()][-_SHOWN_LINES:]


def _clean(line: str) -> str:
    """Text of a host without what could steer a terminal."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", line)
