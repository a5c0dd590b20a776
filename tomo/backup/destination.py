"""Where archives lie: a folder of this machine, one of a server, or a bucket."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Protocol

from tomo.backup.manifest import SIDECAR, SUFFIX, Manifest, is_archive_name, manifest_text, read_manifest
from tomo.backup.streams import Reader, Writer
from tomo.errors import BackupError, BackupNotFound

MOST_MANIFEST = 1 << 20
_PRIVATE_FOLDER = 0o700
_PRIVATE_FILE = 0o600


class Destination(Protocol):
    """A flat place of files. Methods raise BackupError and HostError's family."""

    location: str

    def names(self) -> list[str]:
        """The names of its files; none where there is no such place yet."""
        ...

    def reading(self, name: str) -> AbstractContextManager[Reader]:
        """A file to read; raises BackupNotFound where there is none."""
        ...

    def writing(self, name: str) -> AbstractContextManager[Writer]:
        """A new file to write, there whole or not at all; what is raised inside leaves nothing."""
        ...

    def remove(self, name: str) -> None:
        """Removes a file; one that is gone is fine."""
        ...

    def close(self) -> None:
        """Ends the connection to it."""
        ...


class Folder:
    """A folder of this machine."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.location = str(path)

    def names(self) -> list[str]:
        """The names of its files."""
        try:
            return sorted(entry.name for entry in os.scandir(self._path) if entry.is_file())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._refused("listed", error) from error

    @contextmanager
    def reading(self, name: str) -> Iterator[Reader]:
        """A file to read."""
        try:
            file = (self._path / name).open("rb")
        except FileNotFoundError as error:
            raise missing(name, self.location) from error
        except OSError as error:
            raise self._refused("read", error) from error
        with file:
            yield file

    @contextmanager
    def writing(self, name: str) -> Iterator[Writer]:
        """A new file, under another name until it is whole and on the disk."""
        part = self._path / f".{name}.part"
        try:
            self._path.mkdir(_PRIVATE_FOLDER, parents=True, exist_ok=True)
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE_FILE), "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._path / name)
        except OSError as error:
            with suppress(OSError):
                part.unlink()
            raise self._refused("written to", error) from error
        except BaseException:
            with suppress(OSError):
                part.unlink()
            raise

    def remove(self, name: str) -> None:
        """Removes a file."""
        try:
            (self._path / name).unlink(missing_ok=True)
        except OSError as error:
            raise self._refused("changed", error) from error

    def close(self) -> None:
        """There is nothing to end."""

    def _refused(self, what: str, error: OSError) -> BackupError:
        return BackupError(
            f"the backup folder `{self._path}` can't be {what}: {error.strerror or error}",
            hint="free some space or mend its rights, or write another one under `backup: {to: …}`",
        )


def missing(name: str, location: str) -> BackupNotFound:
    """That there is no such file."""
    return BackupNotFound(
        f"there is no `{name}` in `{location}`", hint="see what there is: `tomo backup list`"
    )


def manifests(place: Destination) -> list[Manifest]:
    """What every archive there is of, the oldest first; read without any key."""
    names = set(place.names())
    found = []
    for name in sorted(names):
        base = name.removesuffix(SIDECAR)
        if name.endswith(SIDECAR) and is_archive_name(base) and f"{base}{SUFFIX}" in names:
            found.append(manifest_of(place, base))
    return sorted(found, key=lambda each: (each.time, each.name))


def manifest_of(place: Destination, archive: str) -> Manifest:
    """What an archive is of; raises BackupNotFound."""
    if not is_archive_name(archive):
        raise missing(archive, place.location)
    with place.reading(f"{archive}{SIDECAR}") as file:
        raw = read_all(file, MOST_MANIFEST)
    return read_manifest(raw, f"{place.location}/{archive}{SIDECAR}")


def put_manifest(place: Destination, manifest: Manifest) -> None:
    """Puts the manifest beside its archive, which is not listed before."""
    with place.writing(f"{manifest.name}{SIDECAR}") as file:
        file.write(manifest_text(manifest))


def remove_archive(place: Destination, archive: str) -> None:
    """Removes an archive: first what has it listed."""
    place.remove(f"{archive}{SIDECAR}")
    place.remove(f"{archive}{SUFFIX}")


def read_all(file: Reader, most: int) -> bytes:
    """A small file whole; raises BackupError for one above `most` bytes."""
    parts, size = [], 0
    while part := file.read(1 << 16):
        parts.append(part)
        size += len(part)
        if size > most:
            raise BackupError(
                "a file that should be small is not", hint="look at what lies in the destination"
            )
    return b"".join(parts)
