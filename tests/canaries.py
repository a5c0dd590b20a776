"""The canary scan: no secret of a test may be in anything that the test printed, or left in a file.

Two kinds of secrets are known without anybody saying so: texts that begin with `canary-`, and everything that
the shared keys of the tests' worlds seal while a test runs. After each test all that it printed, all that
processes of the product told it, and every file below its `tmp_path` is searched for them, as they are and in
the usual encodings; a find fails the test.

A test that shows a secret on purpose says so: `@pytest.mark.shows_secrets("why")`. What else is told (events,
answers of tools) is given to the fixture `canaries`: `canaries.saw("where", text)`.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import subprocess
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tomo.secrets.passphrase import PassphraseManager, PassphraseManagers

PREFIX = "canary-"
_CANARY = re.compile(rb"canary-[A-Za-z0-9][A-Za-z0-9_+.-]{5,}")
_ENCODED = base64.b64encode(PREFIX.encode())[:8]
"""What the prefix is in base64, as far as the next byte has no part in it."""
_PUBLIC = re.compile(r"(\d+\.){3}\d+|(ssh|ecdsa)-\S+ \S+")
"""Addresses and host keys: parts of a command's connection, which is sealed as a whole."""
_SHORTEST = 8
_OWN_SOURCES = (".py", ".pyc", ".pem", ".key")
"""What tests write to give a secret to the product: programs, keys."""
_LARGEST = 8 << 20
_OURS = re.compile(r"python[0-9.]*|tomo|mcp-inspector|bash")
"""Programs that the product runs in, in tests; what `docker` or `ssh` tells a test comes from a host."""


@dataclass
class Seen:
    """The secrets of one test and what it told."""

    secrets: set[str] = field(default_factory=set)
    texts: list[tuple[str, bytes]] = field(default_factory=list)
    inputs: set[Path] = field(default_factory=set)
    folders: set[Path] = field(default_factory=set)

    def learn(self, *secrets: str) -> None:
        """Has texts looked for from now on; short ones would be found everywhere."""
        self.secrets.update(
            secret for secret in secrets if len(secret) >= _SHORTEST and not _PUBLIC.fullmatch(secret)
        )

    def saw(self, where: str, text: str | bytes) -> None:
        """Something that left the product."""
        self.texts.append((where, text if isinstance(text, bytes) else text.encode("utf-8", "replace")))

    def given(self, *files: Path) -> None:
        """Files in which the test itself gives a secret to the product."""
        self.inputs.update(files)

    def watch(self, folder: Path) -> None:
        """Has the files of a folder searched too, as those below `tmp_path` are."""
        self.folders.add(folder)

    def leaks(self) -> list[str]:
        """Where a secret stands that must not; its value is not in it."""
        found = [f"{where}: {what}" for where, text in self.texts for what in self._in(text)]
        files = {file for folder in self.folders for file in _files(folder)}
        for file in sorted(files - self.inputs):
            found += [f"{file}: {what}" for what in self._in(_content(file))]
        return found

    def _in(self, text: bytes) -> Iterator[str]:
        if (at := _CANARY.search(text)) is not None:
            yield f"a canary at byte {at.start()}"
        elif _ENCODED in text:
            yield f"a canary in base64 at byte {text.index(_ENCODED)}"
        for secret in self.secrets:
            if any(form in text for form in forms(secret)):
                yield f"a sealed text of {len(secret)} characters"


def forms(secret: str) -> set[bytes]:
    """How a text looks where it leaks: as it is, in JSON, in a URL, in base64."""
    raw = secret.encode("utf-8", "replace")
    quoted = json.dumps(secret)[1:-1].encode()
    return {raw, quoted, quote(secret, safe="").encode(), base64.b64encode(raw).rstrip(b"=")}


class WatchedKeys(PassphraseManagers):
    """Keys that note what they seal."""

    def __init__(self, passphrase: Callable[[], str], seen: Callable[[], Seen]) -> None:
        super().__init__(passphrase)
        self._seen = seen

    def for_salt(self, salt_text: str) -> PassphraseManager:
        with self._lock:
            found = self._by_salt.get(salt_text)
            if found is None:
                found = self._by_salt[salt_text] = _WatchedKey.of(salt_text, self._passphrase, self._seen)
            return found

    def create(self) -> PassphraseManager:
        return self.for_salt(PassphraseManager.create(self._passphrase).salt)


class _WatchedKey(PassphraseManager):
    @classmethod
    def of(cls, salt: str, passphrase: Callable[[], str], seen: Callable[[], Seen]) -> _WatchedKey:
        made = cls(salt, passphrase)
        made._seen = seen
        return made

    _seen: Callable[[], Seen]

    def encrypt(self, text: str) -> str:
        self._seen().learn(_told(text))
        return super().encrypt(text)

    def encrypt_for(self, place: str, text: str) -> str:
        self._seen().learn(_told(text))
        return super().encrypt_for(place, text)


def _told(text: str) -> str:
    """A text of the state is sealed as JSON."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, str) else text


# --- pytest ------------------------------------------------------------------------------------------


@dataclass
class _Now:
    """The test that runs, one at a time in a process; `lasting` are secrets of what several tests share."""

    seen: Seen = field(default_factory=Seen)
    lasting: Seen = field(default_factory=Seen)


_NOW = _Now()


def now() -> Seen:
    """What is seen of the running test."""
    return _NOW.seen


def begin() -> None:
    """A test begins."""
    _NOW.seen = Seen(set(_NOW.lasting.secrets))


def lasting() -> Seen:
    """What is known to every test from now on."""
    return _NOW.lasting


def scan(item: pytest.Item, report: pytest.TestReport) -> None:
    """Fails a test that told a secret, or left one in a file."""
    if item.get_closest_marker("shows_secrets") or report.when == "setup":
        return
    seen = now()
    for title, text in report.sections:
        seen.saw(title, text)
    folder = getattr(item, "funcargs", {}).get("tmp_path")
    if folder is not None and report.when == "call":
        seen.watch(folder)
    leaks = seen.leaks()
    seen.texts.clear()
    seen.folders.clear()
    if leaks and report.outcome != "failed":
        report.outcome = "failed"
        report.longrepr = "\n".join(["a secret leaked (tests/canaries.py):", *leaks])


class WatchedProcess(subprocess.Popen[Any]):
    """A process of which the scan sees what a test is told, where the product runs in it."""

    def communicate(self, *given: Any, **named: Any) -> tuple[Any, Any]:
        told = super().communicate(*given, **named)
        name = _program(self.args)
        if _OURS.fullmatch(name):
            for stream, text in zip(("stdout", "stderr"), told, strict=True):
                now().saw(f"{stream} of {name}", text or b"")
        return told


def watch_processes() -> None:
    """Has every process that a test starts from now on be a watched one."""
    subprocess.Popen = WatchedProcess  # type: ignore[misc]


def _program(arguments: Any) -> str:
    first = arguments[0] if isinstance(arguments, list | tuple) else arguments
    return Path(os.fsdecode(first)).name


@pytest.fixture
def canaries() -> Seen:
    """For what a test is told otherwise than by streams and files."""
    return now()


@pytest.fixture
def capsys(capsys: pytest.CaptureFixture[str]) -> Generator[pytest.CaptureFixture[str], None, None]:
    """As pytest's own; what a test reads is searched too."""
    read = capsys.readouterr

    def readouterr() -> object:
        captured = read()
        now().saw("stdout", captured.out)
        now().saw("stderr", captured.err)
        return captured

    capsys.readouterr = readouterr  # type: ignore[method-assign, assignment]
    yield capsys
    del capsys.readouterr


def _files(folder: Path) -> Iterable[Path]:
    for path in folder.rglob("*"):
        if path.suffix not in _OWN_SOURCES and path.is_file() and not path.is_symlink():
            yield path


def _content(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            raw = opened.read(_LARGEST)
    except OSError:
        return b""
    return gzip.decompress(raw) if file.suffix == ".gz" and raw[:2] == b"\x1f\x8b" else raw
