"""`command:remote:CopyToRemote`: puts an asset's or archive's files on a host (engine-spec 7.2)."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from pathlib import Path

from tomo.errors import HostError, NotSupported, ProviderFailed
from tomo.frozen import frozen
from tomo.model.connection import Connection
from tomo.model.values import Archive, Asset, Value


@frozen
class Entry:
    """One thing to put: a file's content, or a folder that has to exist (content None).

    `path` is relative to the place copied to; `""` is that place itself.
    """

    path: str
    content: bytes | None


@frozen
class Cargo:
    """What a source holds: one file of some name (`""` for a text), or a folder's entries."""

    entries: tuple[Entry, ...]
    name: str = ""
    folder: bool = False


def cargo_of(source: Value, root: Path) -> Cargo:
    """Reads the source; relative paths start at the program's folder."""
    match source:
        case Asset(text=str() as text):
            return Cargo((Entry("", text.encode()),))
        case Asset(path=str() as path):
            return _file(root / path)
        case Archive(path=str() as path):
            return _folder(root / path, path) if (root / path).is_dir() else _file(root / path)
        case Archive(assets=assets) if assets is not None:
            return Cargo(tuple(_packed(source, root, "")), folder=True)
        case Asset() | Archive():
            raise NotSupported(
                "`source` by URI is not supported by `CopyToRemote`",
                hint="download the file first and give its path",
            )
    raise ProviderFailed("`source` must be an asset or an archive", hint="use `pulumi.FileAsset(path)`")


def deliver(connection: Connection, cargo: Cargo, remote_path: str, host: str) -> None:
    """Puts the cargo at the remote path; files that are there already and not in the cargo stay."""
    at = connection.stat_files([remote_path])[0]
    if cargo.folder and at is not None and not at.is_directory:
        raise HostError(f"`{remote_path}` is a file, and a folder is copied there", host=host)
    base = remote_path
    if not cargo.folder and (remote_path.endswith("/") or (at is not None and at.is_directory)):
        base = _inside(remote_path, cargo.name, host)
    elif cargo.folder and cargo.name:
        base = posixpath.join(remote_path, cargo.name)
    if cargo.folder:
        connection.run(["mkdir", "-p", "--", base])
    for entry in cargo.entries:
        _put(connection, entry, posixpath.join(base, entry.path) if entry.path else base)


def _put(connection: Connection, entry: Entry, path: str) -> None:
    if entry.content is None:
        connection.run(["mkdir", "-p", "--", path])
    else:
        connection.write_file(path, entry.content)


def _inside(folder: str, name: str, host: str) -> str:
    if not name:
        raise HostError(
            f"`{folder}` is a folder, and a text asset has no name to put there",
            host=host,
            hint="give the whole path of the file in `remote_path`",
        )
    return posixpath.join(folder, name)


def _file(path: Path) -> Cargo:
    return Cargo((Entry("", _content(path)),), name=path.name)


def _folder(folder: Path, written: str) -> Cargo:
    """A trailing slash means the folder's contents, none means the folder itself, as rsync has it."""
    entries = tuple(_walked(folder))
    return Cargo(entries, name="" if written.endswith("/") else folder.resolve().name, folder=True)


def _walked(folder: Path) -> Iterator[Entry]:
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder).as_posix()
        if path.is_dir():
            yield Entry(relative, None)
        else:
            yield Entry(relative, _content(path))


def _packed(archive: Archive, root: Path, prefix: str) -> Iterator[Entry]:
    for name, item in sorted((archive.assets or {}).items()):
        _refuse_escape(name)
        for entry in cargo_of(item, root).entries:
            path = posixpath.join(prefix, name, entry.path) if entry.path else posixpath.join(prefix, name)
            yield Entry(path, entry.content)


def _refuse_escape(name: str) -> None:
    if name.startswith("/") or ".." in name.split("/"):
        raise ProviderFailed(f"the archive entry `{name}` leaves the folder it is copied to")


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ProviderFailed(f"cannot read `{path}`: {error.strerror}") from error
