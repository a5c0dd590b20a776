"""Incremental backups in a restic repository: restic's own format, deduplication and encryption.

Each backup is one tar that restic reads from its standard input, so it needs no disk of this machine and
nothing on the servers; restic keeps only the pieces that it does not have yet.
"""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import field, replace
from typing import IO, Any, Final

from tomo.backup.manifest import SIDECAR, Manifest, manifest_text, read_manifest
from tomo.backup.streams import Reader
from tomo.errors import BackupDamaged, BackupError, NotSupported
from tomo.frozen import frozen
from tomo.model.values import Secret

_MARK: Final = "tomo"
_MANIFEST: Final = "manifest:"
_NAME: Final = "name:"
_SECONDS: Final = 3600.0
_PATIENCE: Final = 15.0
_NO_REPOSITORY: Final = ("unable to open config file", "Is there a repository at", "does not exist")


@frozen
class Repository:
    """A restic repository as `restic --repo` takes it; `environment` holds what its backend needs."""

    location: str
    password: Secret
    environment: Mapping[str, Secret | str] = field(default_factory=dict)
    options: tuple[str, ...] = ()


class Restic:
    """The restic of this machine, at work on one repository. `variables` are those of the environment."""

    def __init__(self, repository: Repository, variables: Mapping[str, str]) -> None:
        self._repository, self._variables = repository, variables
        self.location = repository.location

    def backup(self, manifest: Manifest, chunks: Iterable[bytes]) -> Manifest:
        """Keeps a tar as a new snapshot; the repository is made where there is none.

        What is raised while the tar is read leaves no snapshot.
        """
        self._ensure()
        told = base64.urlsafe_b64encode(manifest_text(manifest)).decode()
        arguments = [
            "backup", "--quiet", "--json", "--stdin", "--stdin-filename", f"{manifest.instance}.tar",
            "--host", manifest.server or _MARK, "--tag", _MARK, "--tag", f"{_NAME}{manifest.name}",
            "--tag", f"{_MANIFEST}{told}",
        ]  # fmt: skip
        with self._started(arguments, stdin=subprocess.PIPE) as (process, out, err):
            self._feed(process, chunks)
            code = process.wait(_SECONDS)
            if code:
                raise self._failed("backup", code, _text(err))
            said = _text(out)
        return replace(manifest, snapshot=_snapshot_id(said) or self._found(manifest.name).snapshot)

    def manifests(self) -> list[Manifest]:
        """What each snapshot of Tomo's is of, the oldest first; none where there is no repository."""
        code, out, err = self._ran(["snapshots", "--json", "--tag", _MARK])
        if code and any(text in err for text in _NO_REPOSITORY):
            return []
        if code:
            raise self._failed("list", code, err)
        found = [made for row in json.loads(out or "[]") if (made := _of_snapshot(row)) is not None]
        return sorted(found, key=lambda each: (each.time, each.name))

    @contextmanager
    def reading(self, manifest: Manifest) -> Iterator[Reader]:
        """The tar of a snapshot; raises BackupDamaged where restic could not give all of it."""
        arguments = ["dump", manifest.snapshot, f"/{manifest.instance}.tar"]
        with self._started(arguments, stdout=subprocess.PIPE) as (process, _, err):
            if process.stdout is None:  # pragma: no cover  # a pipe was asked for
                raise AssertionError
            yield process.stdout
            while process.stdout.read(1 << 16):
                pass
            code = process.wait(_PATIENCE)
            if code:
                raise BackupDamaged(
                    f"restic could not give all of `{manifest.name}`",
                    hint=f"look for damage: `restic --repo {self.location} check --read-data`",
                    detail=_text(err)[-2000:],
                )

    def forget(self, snapshots: Sequence[str]) -> None:
        """Removes snapshots, and the pieces that no other one needs."""
        code, _, err = self._ran(["forget", "--prune", "--quiet", *snapshots])
        if code:
            raise self._failed("forget", code, err)

    # --- parts ----------------------------------------------------------------------------------------

    def _ensure(self) -> None:
        code, _, err = self._ran(["cat", "config", "--quiet"])
        if code == 0:
            return
        if not any(text in err for text in _NO_REPOSITORY):
            raise self._failed("open", code, err)
        code, _, err = self._ran(["init", "--quiet"])
        if code:
            raise self._failed("init", code, err)

    def _found(self, name: str) -> Manifest:
        return next(each for each in self.manifests() if each.name == name)

    def _feed(self, process: subprocess.Popen[bytes], chunks: Iterable[bytes]) -> None:
        """Gives restic its input. An end that comes of an error must not look like the tar's own."""
        if process.stdin is None:  # pragma: no cover  # a pipe was asked for
            raise AssertionError
        try:
            for chunk in chunks:
                process.stdin.write(chunk)
            process.stdin.close()
        except BrokenPipeError:
            return  # restic has ended, and its exit code tells why
        except BaseException:
            _end(process)
            raise

    def _ran(self, arguments: Sequence[str]) -> tuple[int, str, str]:
        with self._started(arguments) as (process, out, err):
            code = process.wait(_SECONDS)
            return code, _text(out), _text(err)

    @contextmanager
    def _started(
        self, arguments: Sequence[str], *, stdin: int = subprocess.DEVNULL, stdout: int | None = None
    ) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes], IO[bytes]]]:
        """A restic at work; what it says goes to files, so that it never waits to be read."""
        options = [word for option in self._repository.options for word in ("--option", option)]
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            try:
                process = subprocess.Popen(  # noqa: S603  # a fixed program and a list of arguments
                    ["restic", *options, *arguments],  # noqa: S607  # found on the person's own path
                    stdin=stdin,
                    stdout=out if stdout is None else stdout,
                    stderr=err,
                    env=self._environment(),
                )
            except FileNotFoundError as error:
                raise NotSupported(
                    "incremental backups need the program `restic` on this machine",
                    hint="install it, such as with `sudo apt-get install restic`",
                ) from error
            try:
                yield process, out, err
            finally:
                _end(process)

    def _environment(self) -> dict[str, str]:
        """The person's own, and what opens the repository: never an argument, which others could read."""
        own = {key: text for key, text in self._variables.items() if not key.startswith("RESTIC_")}
        given = {
            key: str(text.reveal()) if isinstance(text, Secret) else text
            for key, text in self._repository.environment.items()
        }
        password = str(self._repository.password.reveal())
        return {**own, **given, "RESTIC_REPOSITORY": self.location, "RESTIC_PASSWORD": password}

    def _failed(self, doing: str, code: int, said: str) -> BackupError:
        if "wrong password" in said:
            return BackupError(
                f"the password does not open the restic repository `{self.location}`",
                hint="set the one that it was made with: `tomo secret set NAME`, as `backup.restic` names it",
            )
        lines = said.strip().splitlines()
        return BackupError(
            f"restic could not {doing} (exit code {code}): {lines[0] if lines else 'no reason given'}",
            hint=f"look at the repository: `restic --repo {self.location} check`",
            detail="\n".join(lines[-20:]),
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a restic that still runs by the signal at which it takes its lock along."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read(1 << 20).decode("utf-8", "replace")


def _snapshot_id(said: str) -> str:
    for line in reversed(said.splitlines()):
        with suppress(ValueError):
            found: Any = json.loads(line)
            if isinstance(found, dict) and found.get("message_type") == "summary":
                return str(found.get("snapshot_id", ""))
    return ""


def _of_snapshot(row: Mapping[str, Any]) -> Manifest | None:
    told = next((tag for tag in row.get("tags") or () if tag.startswith(_MANIFEST)), None)
    if told is None:
        return None
    try:
        raw = base64.urlsafe_b64decode(told.removeprefix(_MANIFEST))
    except ValueError as error:
        raise BackupDamaged(f"snapshot `{row.get('id')}` has a tag that can't be read", hint="") from error
    return replace(read_manifest(raw, f"snapshot {row.get('short_id')}{SIDECAR}"), snapshot=str(row["id"]))
