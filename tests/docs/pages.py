"""A world for the commands of a page: a folder, hosts in memory, a person who answers yes."""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from pathlib import Path

import pytest

from tests import canaries
from tests.contracts.sftp import SftpServers
from tests.databases import put_database
from tomo.model.connection import Connections, HostBook, HostSpec
from tomo.service.recording import Actor, Trail
from tomo.service.stores import AskPassphrase, Stores
from tomo.service.wiring import Doors
from tomo.settings import Settings
from tomo.ssh.hostkeys import HostKey
from tomo.ssh.storage import SshStorage
from tomo.ssh.store_address import StoreAddress
from tomo.testing.fake_host import FakeConnections, FakeHost
from tomo_cli.console import say
from tomo_cli.doors import through
from tomo_cli.main import run

ROOT = Path(__file__).resolve().parents[2]
ADDRESSES = {"192.0.2.10": "nas", "192.0.2.11": "attic"}
_ASSIGNMENT = re.compile(r"^[A-Z_]+=")
_EXIT_CODE = re.compile(r"# exit code (\d+)")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page: its language, the rest of its first line, its lines."""

    language: str
    name: str
    lines: tuple[str, ...]
    line: int


@dataclass(frozen=True)
class Line:
    """A command of a page and the screen shown below it."""

    command: str
    screen: tuple[str, ...]
    line: int


def blocks(text: str) -> Iterator[Block]:
    """The fenced blocks of a Markdown page."""
    opened: tuple[str, int] | None = None
    lines: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith("```"):
            lines.append(line)
        elif opened is None:
            opened, lines = (line[3:].strip(), number), []
        else:
            language, _, name = opened[0].partition(" ")
            yield Block(language, name, tuple(lines), opened[1])
            opened = None


def commands(block: Block) -> Iterator[Line]:
    """The commands of a block: each line of `sh`, the `$` lines of `console` with what follows them."""
    if block.language == "sh":
        for offset, line in enumerate(block.lines, 1):
            if line.strip() and not line.startswith("#"):
                yield Line(line, (), block.line + offset)
        return
    starts = [i for i, line in enumerate(block.lines) if line.startswith("$ ")]
    for start, end in zip(starts, [*starts[1:], len(block.lines)], strict=True):
        screen = tuple(line.rstrip() for line in block.lines[start + 1 : end])
        yield Line(block.lines[start][2:], screen, block.line + start + 1)


class _Screen(io.StringIO):
    """What both streams show, as one terminal does."""

    def isatty(self) -> bool:
        return True


class _Person(io.StringIO):
    """Types `y` at every question, and is seen typing."""

    def __init__(self, screen: io.StringIO) -> None:
        super().__init__()
        self._screen = screen

    def isatty(self) -> bool:
        return True

    def readline(self, _size: int | None = -1, /) -> str:
        self._screen.write("y\n")
        return "y\n"


class _Pipe(io.TextIOWrapper):
    def __init__(self, content: bytes) -> None:
        super().__init__(io.BytesIO(content), "utf-8")


@dataclass
class World:
    """Where the commands of one page run, one after the other."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    hosts: dict[str, FakeHost] = field(
        default_factory=lambda: {
            address: FakeHost(name, docker_installed=name == "attic") for address, name in ADDRESSES.items()
        }
    )
    sftp: SftpServers = field(default_factory=SftpServers)
    environment: dict[str, str] = field(default_factory=lambda: {"TOMO_PASSPHRASE": "a test's own"})

    def type(self, command: str) -> tuple[int, str]:
        """Runs one command line; gives its exit code and what the terminal shows."""
        words = shlex.split(command, comments=True)
        words = words[1:] if words[:1] == ["export"] else words
        given = dict(word.split("=", 1) for word in takewhile(_ASSIGNMENT.match, words))
        words = words[len(given) :]
        words, source = _redirected(words, "<")
        words, target = _redirected(words, ">")
        if not words:
            self.environment.update(given)
            return 0, ""
        with self.monkeypatch.context() as patch:
            patch.chdir(self.folder)
            code, shown = self._run(words, given, source, patch)
            if target:
                Path(target).write_text(shown, "utf-8")
        return code, shown

    def _run(
        self, words: list[str], given: dict[str, str], source: str, patch: pytest.MonkeyPatch
    ) -> tuple[int, str]:
        match words:
            case ["tomo", *arguments]:
                return self._tomo(arguments, given, source, patch)
            case ["make", target, *_]:
                return int(not re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)), ""
            case ["pip", "install", "."]:
                return _installs(self.folder / "installed"), ""
            case ["python", "-c", text]:
                path = {**os.environ, "PYTHONPATH": str(ROOT)}
                call = [sys.executable, "-c", text]
                done = subprocess.run(call, capture_output=True, text=True, check=False, env=path)
                return done.returncode or int(bool(done.stdout)), done.stdout + done.stderr
            case ["cd", place]:
                self.folder = (self.folder / place).resolve()
                return int(not self.folder.is_dir()), ""
            case ["ssh", address, "docker", "run", *rest]:
                return self._docker_run(address.partition("@")[2], rest), ""
            case ["mkdir" | "cp" | "rm" | "printf" | "cat", *_]:
                done = subprocess.run(words, capture_output=True, text=True, check=False)
                return done.returncode, done.stdout + done.stderr
        pytest.fail(f"no test runs `{words[0]}`: teach tests/docs/conftest.py how, or write it as prose")

    def _docker_run(self, address: str, words: list[str]) -> int:
        """`docker run -d`, with the few options that the pages use."""
        options = dict(zip(words[1:-1:2], words[2:-1:2], strict=True))
        published, _, inside = options.get("-p", "").rpartition(":")
        host = {
            "RestartPolicy": {"Name": options.get("--restart", "no")},
            "Binds": [options["-v"]] if "-v" in options else [],
            "PortBindings": {f"{inside}/tcp": [{"HostIp": "", "HostPort": published}]} if published else {},
        }
        env = [options["-e"]] if "-e" in options else []
        self.hosts[address].docker.run_by_hand(options["--name"], words[-1], HostConfig=host, Env=env)
        return 0

    def _tomo(
        self, arguments: list[str], given: dict[str, str], source: str, patch: pytest.MonkeyPatch
    ) -> tuple[int, str]:
        screen = _Screen()
        secret = arguments[:2] == ["secret", "set"] or "--secret" in arguments[:2]
        piped = Path(source).read_bytes() if source else b"canary-of-a-page\n" if secret else None
        patch.setattr(sys, "stdin", _Person(screen) if piped is None else _Pipe(piped))
        patch.setattr(sys, "stdout", screen)
        patch.setattr(sys, "stderr", screen)
        for name, value in {"COLUMNS": "80", "TERM": "dumb", "NO_COLOR": "1"}.items():
            patch.setenv(name, value)
        with through(self._doors({**self.environment, **given})):
            code = run(arguments)
        canaries.now().saw(f"tomo {' '.join(arguments)}", screen.getvalue())
        return code, screen.getvalue()

    def _doors(self, environment: dict[str, str]) -> Doors:
        home = self.folder.parent / "me"
        home.mkdir(exist_ok=True, parents=True)
        settings = Settings.from_environment({**environment, "HOME": str(home), "USER": "me"})

        def connections(_settings: Settings, _book: HostBook, _ask: AskPassphrase | None) -> Connections:
            return FakeConnections(self.hosts)

        put_database(settings.data_folder)
        trail = Trail(settings, Actor("me@desk", "owner", "cli"), say)
        return Doors(settings, connections, scan=_scan, stores=Stores(self._store), trail=trail)

    def _store(self, address: StoreAddress, _settings: Settings, _ask: AskPassphrase | None) -> SshStorage:
        """The files of any server: each is a folder of this machine, behind a real SFTP server."""
        root = self.folder.parent / address.server / address.root.lstrip("/")
        return SshStorage(replace(address, root=str(root)), self.sftp.open, lambda: None)

    def put(self, name: str, lines: Sequence[str]) -> None:
        """Writes a file that a page shows."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n", "utf-8")

    def apply(self) -> None:
        """A fleet with two servers and an app, applied."""
        for command in (
            "tomo init root@192.0.2.10 --name home --server-name nas",
            "tomo server add attic root@192.0.2.11 --no-test",
            "tomo app add miniflux --server nas",
            "tomo apply --yes",
        ):
            code, shown = self.type(command)
            assert code == 0, shown


def _scan(spec: HostSpec, _settings: Settings) -> Sequence[HostKey]:
    """A key that is always the same for one address."""
    kind = b"ssh-ed25519"
    key = spec.host.encode().ljust(32, b".")[:32]
    return [HostKey(kind.decode(), b"\0\0\0\x0b" + kind + b"\0\0\0\x20" + key)]


def _redirected(words: list[str], sign: str) -> tuple[list[str], str]:
    if sign not in words:
        return words, ""
    at = words.index(sign)
    return [*words[:at], *words[at + 2 :]], words[at + 1]


def _installs(target: Path) -> int:
    """Really builds and installs the distribution, beside the packages that are there."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target), str(ROOT)]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    if done.returncode:
        return done.returncode
    environment = {**os.environ, "PYTHONPATH": str(target)}
    shown = subprocess.run(
        [target / "bin" / "tomo", "catalog", "list"], env=environment, capture_output=True, check=False
    )
    return shown.returncode or int(b"miniflux" not in shown.stdout)


def expected_code(command: str) -> int:
    """What a page says of a command's exit code: a comment `# exit code N` behind it."""
    found = _EXIT_CODE.search(command)
    return int(found[1]) if found else 0


def shows(screen: Sequence[str], shown: str) -> bool:
    """Whether a screen in a page is what was shown; `…` stands for any text, or alone for any lines."""
    wanted = "\n".join(screen).strip("\n").split("\n")
    pattern = "".join(r"(?:.*\n)*?" if line == "…" else _pattern(line) + r"\n" for line in wanted)
    text = "".join(f"{line.rstrip()}\n" for line in shown.strip("\n").splitlines())
    return re.fullmatch(pattern, text) is not None


def _pattern(line: str) -> str:
    return ".*".join(re.escape(part) for part in line.split("…"))
