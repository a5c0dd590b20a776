"""Digests of assets and archives: two are the same when their digests are (engine-spec 0.3)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from tomo.errors import NotSupported, ProgramFailed
from tomo.model.values import Archive, Asset, Properties, Secret, Value, only_plain, transform

_ARCHIVE_SUFFIXES: Final = (".tar", ".tgz", ".tar.gz", ".zip", ".jar")
_BLOCK: Final = 512
_NAME_MAX: Final = 100
_PREFIX_MAX: Final = 155
_CHUNK: Final = 1 << 20


def with_hashes(properties: Properties, root: Path) -> dict[str, Value]:
    """The properties with a digest in every asset and archive; relative paths start at `root`."""
    if only_plain(properties):
        return dict(properties)

    def complete(leaf: Value) -> Value:
        if isinstance(leaf, Asset):
            return hashed_asset(leaf, root)
        if isinstance(leaf, Archive):
            return hashed_archive(leaf, root)
        if isinstance(leaf, Secret) and leaf.ciphertext is None:
            return Secret(transform(leaf.reveal(), complete))
        return leaf

    return {key: transform(item, complete) for key, item in properties.items()}


def hashed_asset(asset: Asset, root: Path) -> Asset:
    """The asset with the SHA-256 of its content."""
    if asset.hash:
        return asset
    if asset.text is not None:
        return replace(asset, hash=hashlib.sha256(asset.text.encode()).hexdigest())
    return replace(asset, hash=_file_digest(_place(asset, root)))


def hashed_archive(archive: Archive, root: Path) -> Archive:
    """The archive with the SHA-256 of the file itself, or of the tar its files make."""
    if archive.hash:
        return archive
    if archive.assets is None:
        place = _place(archive, root)
        if not place.is_dir():
            return replace(archive, hash=_file_digest(_checked_archive(place)))
    digest = hashlib.sha256()
    for part in _tar(_members(archive, root)):
        digest.update(part)
    return replace(archive, assets=_hashed_members(archive, root), hash=digest.hexdigest())


def _hashed_members(archive: Archive, root: Path) -> dict[str, Asset | Archive] | None:
    if archive.assets is None:
        return None
    return {
        name: hashed_asset(item, root) if isinstance(item, Asset) else hashed_archive(item, root)
        for name, item in archive.assets.items()
    }


def _place(source: Asset | Archive, root: Path) -> Path:
    """Where the content lies; a relative path belongs to the program's folder."""
    if source.path is not None:
        return root / source.path
    parts = urlsplit(source.uri or "")
    if parts.scheme != "file":
        raise NotSupported(
            f"an asset from a `{parts.scheme or 'relative'}` address is not supported",
            hint="download the file and use pulumi.FileAsset(PATH)",
        )
    return Path(unquote(parts.path))


def _file_digest(path: Path) -> str:
    digest = hashlib.sha256()
    for chunk in _content(path):
        digest.update(chunk)
    return digest.hexdigest()


def _content(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk
    except OSError as error:
        raise ProgramFailed(
            f"the file `{path}` of an asset can't be read: {error.strerror}",
            hint="paths of assets are relative to the program's folder",
        ) from error


def _checked_archive(path: Path) -> Path:
    if path.exists() and not path.name.endswith(_ARCHIVE_SUFFIXES):
        raise ProgramFailed(
            f"`{path.name}` is neither a folder nor an archive",
            hint=f"an archive's name ends with {', '.join(_ARCHIVE_SUFFIXES)}",
        )
    return path


# --- the tar that Pulumi hashes: plain files in order, mode 0600, no owner, no time ------------------


def _members(archive: Archive, root: Path, below: str = "") -> Iterator[tuple[str, Asset | Path]]:
    if archive.assets is None:
        yield from _files(_place(archive, root), below)
        return
    for name in sorted(archive.assets):
        item = archive.assets[name]
        if isinstance(item, Asset):
            yield below + name, item if item.text is not None else _place(item, root)
        else:
            yield from _members(item, root, f"{below}{name}/")


def _files(folder: Path, below: str) -> Iterator[tuple[str, Path]]:
    if not folder.is_dir():
        raise NotSupported(
            f"the archive `{folder.name}` inside another one is not supported", hint="use its unpacked folder"
        )
    for path in sorted(item for item in folder.rglob("*") if item.is_file()):
        yield below + path.relative_to(folder).as_posix(), path


def _tar(members: Iterator[tuple[str, Asset | Path]]) -> Iterator[bytes]:
    seen: set[str] = set()
    for name, source in members:
        if name in seen:
            continue
        seen.add(name)
        yield from _tar_member(name, source)
    yield bytes(2 * _BLOCK)


def _tar_member(name: str, source: Asset | Path) -> Iterator[bytes]:
    if isinstance(source, Asset):
        text = (source.text or "").encode()
        size, content = len(text), iter([text])
    else:
        size = source.stat().st_size if source.exists() else 0
        content = _content(source)
    yield _header(name, size)
    yield from content
    yield bytes(-size % _BLOCK)


def _header(name: str, size: int) -> bytes:
    """A USTAR header as Go's archive/tar writes it; Python's leaves the device fields empty."""
    split = _split_name(name.encode("ascii", "replace") if name.isascii() else None)
    if split is None:
        import tarfile  # noqa: PLC0415  # few names are so long

        return tarfile.TarInfo(name).tobuf(tarfile.PAX_FORMAT)
    prefix, short = split
    zero = b"0000000\0"
    head = b"".join(
        (short.ljust(100, b"\0"), b"0000600\0", zero, zero, b"%011o\0" % size, b"%011o\0" % 0, b" " * 8)
    )
    tail = b"".join(
        (b"0", bytes(100), b"ustar\00000", bytes(64), zero, zero, prefix.ljust(155, b"\0"), bytes(12))
    )
    checksum = b"%06o\0 " % (sum(head) + sum(tail))
    return head[:-8] + checksum + tail


def _split_name(name: bytes | None) -> tuple[bytes, bytes] | None:
    """The name as USTAR holds it: prefix and name; None where it doesn't fit."""
    if name is None:
        return None
    if len(name) <= _NAME_MAX:
        return b"", name
    cut = name.rfind(b"/", 0, _PREFIX_MAX + 1)
    prefix, short = name[:cut], name[cut + 1 :]
    fits = cut > 0 and len(short) <= _NAME_MAX and short
    return (prefix, short) if fits else None
