"""A very small shell: enough for the commands that tests, health checks and remote commands use."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

from tomo.frozen import frozen
from tomo.testing.files import FileTree

NOT_FOUND: Final = 127
_SEPARATORS: Final = frozenset({";", "&&", "||"})
_VARIABLE: Final = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


@frozen
class Outcome:
    """How a command ended, and what it wrote."""

    exit_code: int = 0
    stdout: str = ""
    stderr: str = ""


class RunsOn(Exception):
    """The command does not end by itself; `before` is what it did first."""

    def __init__(self, before: Outcome) -> None:
        super().__init__("the command runs on")
        self.before = before


Command: TypeAlias = Callable[[Sequence[str], str], Outcome]
"""Takes the arguments after the command's name, and stdin."""


class Shell:
    """Runs `a && b; c > file` with variables and quotes over a table of commands. No pipes, no loops."""

    def __init__(
        self,
        files: FileTree,
        commands: Mapping[str, Command] | None = None,
        env: Mapping[str, str] | None = None,
        *,
        unknown_runs_on: bool = False,
    ) -> None:
        self._files = files
        self._commands = {**_builtin(files), **(commands or {})}
        self._env = dict(env or {})
        self._unknown_runs_on = unknown_runs_on

    def run(self, argv: Sequence[str], stdin: str = "") -> Outcome:
        """Runs one command; raises RunsOn where it would never end."""
        name = argv[0].rsplit("/", 1)[-1]
        if name == "busybox" and len(argv) > 1:
            return self.run(argv[1:], stdin)
        if name in {"sh", "bash", "ash"}:
            return self._shell(argv[1:], stdin)
        if name == "sleep" and self._unknown_runs_on:
            raise RunsOn(Outcome())
        command = self._commands.get(name)
        if command is not None:
            return command(argv[1:], stdin)
        if self._unknown_runs_on:
            raise RunsOn(Outcome())
        return Outcome(NOT_FOUND, "", f"sh: 1: {name}: not found\n")

    def text(self, script: str, stdin: str = "") -> Outcome:
        """Runs shell text; the last command's exit code counts."""
        total, skip = Outcome(), False
        for words, joiner in _commands_of(script):
            if not skip and words:
                if words[0] == "exit":
                    return _joined(total, Outcome(int(words[1]) if len(words) > 1 else total.exit_code))
                total = self._step(words, stdin, total)
            # A skipped command keeps the exit code of the one before, so chains read as in a real shell.
            skip = (joiner == "&&" and total.exit_code != 0) or (joiner == "||" and total.exit_code == 0)
        return total

    def _shell(self, arguments: Sequence[str], stdin: str) -> Outcome:
        rest = [word for word in arguments if word not in {"-e", "-u", "-x", "-eu", "-l", "-s", "--"}]
        if rest and rest[0].startswith("-") and rest[0].endswith("c") and len(rest) > 1:
            return self.text(rest[1], stdin)
        return self.text(stdin)

    def _step(self, words: list[str], stdin: str, total: Outcome) -> Outcome:
        expanded = [self._expand(word) for word in words]
        if "=" in words[0] and words[0].split("=", 1)[0].isidentifier():
            name, value = expanded[0].split("=", 1)
            self._env[name] = value
            return _joined(total, Outcome())
        argv, targets = _redirections(expanded)
        try:
            outcome = self.run(argv, stdin) if argv else Outcome()
        except RunsOn as runs_on:
            raise RunsOn(_joined(total, runs_on.before)) from None
        return _joined(total, self._redirect(outcome, targets))

    def _redirect(self, outcome: Outcome, targets: Mapping[str, str]) -> Outcome:
        out, err = outcome.stdout, outcome.stderr
        if ">&2" in targets:
            out, err = "", err + out
        for operator in (">", ">>"):
            if operator in targets:
                self._write(targets[operator], out, append=operator == ">>")
                out = ""
        return Outcome(outcome.exit_code, out, "" if "2>" in targets else err)

    def _write(self, path: str, text: str, *, append: bool) -> None:
        if path == "/dev/null":
            return
        before = self._files.read(path) or b"" if append else b""
        self._files.write(path, before + text.encode())

    def _expand(self, word: str) -> str:
        def value(match: re.Match[str]) -> str:
            return self._env.get(match.group(1) or match.group(2), "")

        return _VARIABLE.sub(value, word)


def _commands_of(script: str) -> list[tuple[list[str], str]]:
    """The script's commands, each with what joins it to the next."""
    found: list[tuple[list[str], str]] = []
    for line in script.splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|<>")
        lexer.whitespace_split = True
        lexer.commenters = "#"
        words: list[str] = []
        for word in lexer:
            if word in _SEPARATORS:
                found.append((words, word))
                words = []
            else:
                words.append(word)
        found.append((words, ";"))
    return found


def _redirections(words: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The command without its redirections, and these by operator."""
    argv: list[str] = []
    targets: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        if word == ">&":
            targets[">&" + next(rest, "")] = ""
        elif word in {">", ">>"}:
            stream = argv.pop() if argv and argv[-1] == "2" else ""
            targets[stream + word] = next(rest, "")
        else:
            argv.append(word)
    return argv, targets


def _joined(first: Outcome, second: Outcome) -> Outcome:
    return Outcome(second.exit_code, first.stdout + second.stdout, first.stderr + second.stderr)


def _builtin(files: FileTree) -> dict[str, Command]:
    """Commands that need nothing but the files."""
    return {
        "true": lambda _args, _stdin: Outcome(),
        ":": lambda _args, _stdin: Outcome(),
        "set": lambda _args, _stdin: Outcome(),
        "sleep": lambda _args, _stdin: Outcome(),
        "false": lambda _args, _stdin: Outcome(1),
        "echo": _echo,
        "printf": _printf,
        "cat": lambda args, stdin: _cat(files, args, stdin),
        "test": lambda args, _stdin: _test(files, args),
        "mkdir": lambda args, _stdin: _mkdir(files, args),
        "rm": lambda args, _stdin: _rm(files, args),
        "touch": lambda args, _stdin: _touch(files, args),
        "ls": lambda args, _stdin: _ls(files, args),
        "chmod": lambda args, _stdin: _chmod(files, args),
        "chown": lambda args, _stdin: _chown(files, args),
        "sha256sum": lambda args, _stdin: _sha256sum(files, args),
    }


def _plain(arguments: Sequence[str]) -> list[str]:
    return [word for word in arguments if not word.startswith("-")]


def _echo(arguments: Sequence[str], _stdin: str) -> Outcome:
    bare = arguments[:1] == ["-n"]
    return Outcome(0, " ".join(arguments[1:] if bare else arguments) + ("" if bare else "\n"))


def _printf(arguments: Sequence[str], _stdin: str) -> Outcome:
    if not arguments:
        return Outcome(2, "", "printf: usage: printf format [arguments]\n")
    text, rest = arguments[0].replace("\\n", "\n"), list(arguments[1:])
    while "%s" in text and rest:
        text = text.replace("%s", rest.pop(0), 1)
    return Outcome(0, text.replace("%s", ""))


def _cat(files: FileTree, arguments: Sequence[str], stdin: str) -> Outcome:
    if not _plain(arguments):
        return Outcome(0, stdin)
    parts, errors = [], []
    for path in _plain(arguments):
        content = files.read(path)
        if content is None:
            errors.append(f"cat: {path}: No such file or directory\n")
        else:
            parts.append(content.decode("utf-8", "replace"))
    return Outcome(1 if errors else 0, "".join(parts), "".join(errors))


def _test(files: FileTree, arguments: Sequence[str]) -> Outcome:
    match list(arguments):
        case [("-e" | "-f" | "-d" | "-r" | "-w" | "-s") as flag, path]:
            node = files.get(path)
            if node is None:
                return Outcome(1)
            wanted = {"-d": node.is_directory, "-f": not node.is_directory, "-s": bool(node.content)}
            return Outcome(0 if wanted.get(flag, True) else 1)
        case ["-n", text] | [text]:
            return Outcome(0 if text else 1)
        case ["-z", text]:
            return Outcome(1 if text else 0)
        case [left, "=", right]:
            return Outcome(0 if left == right else 1)
        case [left, "!=", right]:
            return Outcome(0 if left != right else 1)
        case _:
            return Outcome(2, "", "test: unknown operator\n")


def _mkdir(files: FileTree, arguments: Sequence[str]) -> Outcome:
    for path in _plain(arguments):
        files.make_directory(path)
    return Outcome()


def _rm(files: FileTree, arguments: Sequence[str]) -> Outcome:
    forced = any("f" in word for word in arguments if word.startswith("-"))
    missing = [path for path in _plain(arguments) if not files.remove(path)]
    if not missing or forced:
        return Outcome()
    return Outcome(
        1, "", "".join(f"rm: cannot remove '{path}': No such file or directory\n" for path in missing)
    )


def _touch(files: FileTree, arguments: Sequence[str]) -> Outcome:
    for path in _plain(arguments):
        if files.get(path) is None:
            files.write(path, b"")
    return Outcome()


def _ls(files: FileTree, arguments: Sequence[str]) -> Outcome:
    names: list[str] = []
    for path in _plain(arguments) or ["/"]:
        node = files.get(path)
        if node is None:
            return Outcome(2, "", f"ls: cannot access '{path}': No such file or directory\n")
        names += files.children(path) if node.is_directory else [path]
    return Outcome(0, "".join(f"{name}\n" for name in names))


def _chmod(files: FileTree, arguments: Sequence[str]) -> Outcome:
    mode, *paths = _plain(arguments)
    for path in paths:
        if files.get(path) is None:
            return Outcome(1, "", f"chmod: cannot access '{path}': No such file or directory\n")
        files.change(path, mode=int(mode, 8))
    return Outcome()


def _chown(files: FileTree, arguments: Sequence[str]) -> Outcome:
    owner, *paths = _plain(arguments)
    for path in paths:
        if files.get(path) is None:
            return Outcome(1, "", f"chown: cannot access '{path}': No such file or directory\n")
        files.change(path, owner=owner)
    return Outcome()


def _sha256sum(files: FileTree, arguments: Sequence[str]) -> Outcome:
    lines, errors = [], []
    for path in _plain(arguments):
        node = files.get(path)
        if node is None or node.is_directory:
            errors.append(f"sha256sum: {path}: No such file or directory\n")
        else:
            lines.append(f"{node.sha256}  {path}\n")
    return Outcome(1 if errors else 0, "".join(lines), "".join(errors))
