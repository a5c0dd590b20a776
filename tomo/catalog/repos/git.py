"""Reads app files out of a git repository, by the `git` program: nothing is ever checked out or run.

A fetch of one commit goes into an empty bare repository of its own; then single objects are read. So hooks,
filters, attributes, submodules and links of the remote have nothing to work on.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Final

from tomo.catalog.repos.address import Address, Protocol
from tomo.catalog.repos.content import APPS, MOST_IN_ALL, SUFFIX, Content, Entry, wanted
from tomo.errors import RepositoryError
from tomo.spec.shown import shown

SECONDS: Final = 120.0
MOST_FETCHED: Final = 256 * 2**20
"""Bytes on the disk that one fetch may take."""
_LOOK: Final = 0.05
_MOST_TOLD: Final = 64 * 1024
_OBJECT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_PLAIN: Final = frozenset({"100644", "100755"})
_HARDENED: Final = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.symlinks=false",
    "core.bigFileThreshold=1m",
    "fetch.fsckObjects=true",
    "fetch.recurseSubmodules=false",
    "submodule.recurse=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "pack.threads=1",
    "protocol.allow=never",
)


class Git:
    """The `git` program; `variables` is the environment that it gets, of which it may know too much."""

    def __init__(
        self, variables: Mapping[str, str], *, seconds: float = SECONDS, most: int = MOST_FETCHED
    ) -> None:
        self._variables, self._seconds, self._most = variables, seconds, most

    def read(self, address: Address, branch: str = "", commit: str = "") -> Content:
        """The app files of a commit, or of a branch's newest; raises RepositoryError where they can't be had.

        `apps/ID.yaml` are read, or `ID.yaml` of the top where there is no `apps`.
        """
        with tempfile.TemporaryDirectory(prefix="tomo-repo-") as folder:
            place = Path(folder)
            self._run(["init", "--quiet", "--bare", "--template=", "."], place, address)
            found = self._fetched(place, address, branch, commit)
            return Content(self._files(place, address, found), found)

    # --- parts ----------------------------------------------------------------------------------------

    def _fetched(self, place: Path, address: Address, branch: str, commit: str) -> str:
        what = commit or branch or "HEAD"
        fetch = [
            "fetch",
            "--quiet",
            "--depth=1",
            "--no-tags",
            "--no-recurse-submodules",
            "--no-auto-maintenance",
        ]
        self._run([*fetch, "--", address.url, what], place, address)
        told = self._run(["rev-parse", "--verify", "--quiet", "FETCH_HEAD^{commit}"], place, address)
        found = told.decode("ascii", "replace").strip()
        if not _OBJECT.fullmatch(found) or (commit and found != commit):
            raise RepositoryError(f"`{shown(address.url)}` has no commit `{shown(what)}`")
        return found

    def _files(self, place: Path, address: Address, commit: str) -> dict[str, bytes]:
        """The trees are listed one by one: listing them all would follow whatever they contain."""
        top = self._entries(place, address, f"{commit}^{{tree}}")
        inner = next((entry for entry in top if entry.name == APPS and entry.size < 0), None)
        files = wanted(top if inner is None else self._entries(place, address, inner.key))
        asked = "".join(f"{entry.key}\n" for entry in files).encode()
        told = self._run(["cat-file", "--batch"], place, address, asked)
        return dict(_contents(told, files))

    def _entries(self, place: Path, address: Address, tree: str) -> list[Entry]:
        told = self._run(["ls-tree", "-z", "--long", "--full-tree", tree], place, address)
        return [_entry(line) for line in told.split(b"\0") if line]

    def _run(self, words: Sequence[str], place: Path, address: Address, asked: bytes = b"") -> bytes:
        """What a git command writes, told `asked`; files take both, so nobody waits for a pipe."""
        options = [part for each in (*_HARDENED, *_allowed(address)) for part in ("-c", each)]
        with ExitStack() as stack:
            told, out, err = (stack.enter_context(tempfile.TemporaryFile()) for _ in range(3))
            told.write(asked)
            told.seek(0)
            try:
                process = subprocess.Popen(  # noqa: S603  # a list of arguments; what varies is checked or follows `--`
                    ["git", *options, *words],  # noqa: S607  # a person's own git, wherever it is installed
                    cwd=place, stdin=told, stdout=out, stderr=err, env=self._environment(),
                    start_new_session=True,
                )  # fmt: skip
            except FileNotFoundError as error:
                raise RepositoryError(
                    "the program `git` is missing", hint="install it: `apt-get install git`"
                ) from error
            self._wait(process, place, out, address)
            self._require_small(place, out, address)
            if process.returncode:
                raise _failed(address, err)
            out.seek(0)
            return out.read(MOST_IN_ALL)

    def _wait(self, process: subprocess.Popen[bytes], place: Path, out: IO[bytes], address: Address) -> None:
        """Waits for the end, or ends it where it takes too long or too much."""
        until = time.monotonic() + self._seconds
        try:
            while True:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_LOOK)
                    return
                if time.monotonic() > until:
                    raise RepositoryError(
                        f"`{shown(address.url)}` takes longer than {self._seconds:g} seconds",
                        hint="check the network, and run the command again",
                    )
                self._require_small(place, out, address)
        finally:
            if process.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def _require_small(self, place: Path, out: IO[bytes], address: Address) -> None:
        if _taken(place) + os.fstat(out.fileno()).st_size > self._most:
            raise RepositoryError(
                f"`{shown(address.url)}` is larger than {self._most >> 20} MiB, too much for a catalog"
            )

    def _environment(self) -> dict[str, str]:
        """The person's own, for credentials and proxies, without what would ask or redirect git."""
        own = {name: value for name, value in self._variables.items() if not name.startswith("GIT_")}
        ssh = "ssh -oBatchMode=yes -oStrictHostKeyChecking=yes -oConnectTimeout=15"
        return own | {
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "true",
            "SSH_ASKPASS_REQUIRE": "never",
            "GIT_SSH_COMMAND": ssh,
            "GIT_PROTOCOL_FROM_USER": "0",
            "GIT_NO_LAZY_FETCH": "1",
            "LC_ALL": "C",
        }


def _allowed(address: Address) -> tuple[str, ...]:
    return (f"protocol.{Protocol(address.protocol).value}.allow=always",)


def _entry(line: bytes) -> Entry:
    """One line of `ls-tree --long`: mode, kind, object, size, name; a folder's size is -1 here."""
    told, _, name = line.partition(b"\t")
    mode, kind, key, size = told.decode("ascii", "replace").split()
    plain = kind == "blob" and mode in _PLAIN
    return Entry(name.decode("utf-8", "replace"), int(size) if size.isdigit() else -1, plain, key)


def _contents(told: bytes, files: Sequence[Entry]) -> Iterator[tuple[str, bytes]]:
    """What `cat-file --batch` answers: a line with object, kind and size, the content, a line break."""
    start = 0
    for entry in files:
        head_end = told.index(b"\n", start)
        size = int(told[start:head_end].split()[-1])
        start = head_end + 1 + size + 1
        yield entry.name.removesuffix(SUFFIX), told[head_end + 1 : start - 1]


def _taken(place: Path) -> int:
    total = 0
    for folder, _, names in os.walk(place):
        for name in names:
            with suppress(OSError):
                total += (Path(folder) / name).lstat().st_size
    return total


def _failed(address: Address, err: IO[bytes]) -> RepositoryError:
    """Git's own last words, as they may stand in a message."""
    err.seek(0)
    lines = [
        line.strip() for line in err.read(_MOST_TOLD).decode("utf-8", "replace").splitlines() if line.strip()
    ]
    said = next((line for line in lines if line.startswith(("fatal:", "error:"))), lines[-1] if lines else "")
    reason = shown(said.partition(": ")[2] or said) or "git says nothing"
    hint = "try it by hand: `git ls-remote ADDRESS`; git's own logins and known hosts are used"
    return RepositoryError(f"`{shown(address.url)}` can't be fetched: {reason}", hint=hint)
