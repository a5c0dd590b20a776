"""A bundle: images and catalog entries in one file, with a manifest of what it holds and their digests.

Format `tomo.bundle/v1`: an uncompressed tar file of plain files only. `images/SHA256.tar` each hold what
`docker save` gives for one image, `catalog/ID.yaml` an app file; `manifest.json`, the last one, names all.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, Self, cast

import orjson

from tomo.catalog.tar_members import BLOCK, TarReader, header_of
from tomo.errors import BundleDamaged, ImageNotFound, UsageError
from tomo.frozen import frozen
from tomo.model.image import ImageName

SCHEMA: Final = "tomo.bundle/v1"
MANIFEST: Final = "manifest.json"
_CHUNK: Final = 1 << 20
_LARGEST_TEXT: Final = 4 << 20
_MEMBER: Final = re.compile(r"images/[0-9a-f]{64}\.tar|catalog/[a-z0-9][a-z0-9-]{0,39}\.yaml|manifest\.json")
_HEX: Final = re.compile(r"[0-9a-f]{64}")
_OCI_NAMES: Final = ("io.containerd.image.name",)


@frozen
class BundledImage:
    """An image by the name that it is pulled under; `sha256` and `size` are of what `docker save` gave."""

    name: str
    sha256: str
    size: int

    @property
    def member(self) -> str:
        """Where it is in the file."""
        return f"images/{self.sha256}.tar"


@frozen
class BundledApp:
    """An app file of a catalog."""

    id: str
    sha256: str
    size: int

    @property
    def member(self) -> str:
        """Where it is in the file."""
        return f"catalog/{self.id}.yaml"


@frozen
class Contents:
    """What a bundle's manifest says that it holds."""

    images: tuple[BundledImage, ...]
    apps: tuple[BundledApp, ...]


class BundleWriter:
    """Writes a bundle beside its place and puts it there when it is whole."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._images: list[BundledImage] = []
        self._apps: list[BundledApp] = []

    def __enter__(self) -> Self:
        """Begins the file."""
        try:
            number, path = tempfile.mkstemp(dir=self._file.parent, prefix=f".{self._file.name}.")
        except OSError as error:
            raise UsageError(
                f"`{self._file}` can't be written: {error.strerror}", hint="name a file in a folder of yours"
            ) from error
        self._path, self._out = Path(path), os.fdopen(number, "wb")
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Ends the file, or removes what there is of it after a failure."""
        try:
            if kind is None:
                text = orjson.dumps(_as_json(self._images, self._apps), option=orjson.OPT_INDENT_2)
                self._add(MANIFEST, [text], len(text))
                self._out.write(bytes(2 * BLOCK))
                self._out.flush()
                os.fsync(self._out.fileno())
                self._path.replace(self._file)
        finally:
            self._out.close()
            self._path.unlink(missing_ok=True)

    def add_image(self, name: str, chunks: Iterable[bytes]) -> BundledImage:
        """Takes what `docker save` gives for an image; never more than a piece of it is in memory."""
        digest, size = hashlib.sha256(), 0
        with tempfile.TemporaryFile(dir=self._file.parent) as spool:
            for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
                spool.write(chunk)
            spool.seek(0)
            image = BundledImage(name, digest.hexdigest(), size)
            if all(each.sha256 != image.sha256 for each in self._images):
                self._add(image.member, iter(lambda: spool.read(_CHUNK), b""), size)
        self._images.append(image)
        return image

    def add_app(self, app_id: str, content: bytes) -> None:
        """Takes an app file."""
        app = BundledApp(app_id, hashlib.sha256(content).hexdigest(), len(content))
        self._add(app.member, [content], app.size)
        self._apps.append(app)

    def _add(self, name: str, chunks: Iterable[bytes], size: int) -> None:
        self._out.write(header_of(name, size))
        for chunk in chunks:
            self._out.write(chunk)
        self._out.write(bytes(-size % BLOCK))


class Bundle:
    """A bundle that is there. What it holds is checked before it is given out."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.name = file.name
        self._places: dict[str, tuple[int, int]] = {}
        self._contents: Contents | None = None

    @property
    def contents(self) -> Contents:
        """What it holds; raises BundleDamaged where it is no bundle, or holds more than its manifest says."""
        if self._contents is None:
            with self._opened() as stream:
                self._contents = self._read(stream)
        return self._contents

    def verify(self) -> Contents:
        """Checks every byte of it."""
        contents = self.contents
        with self._opened() as stream:
            for app in contents.apps:
                self._text(stream, app)
            for image in contents.images:
                self._check_image(stream, image)
        return contents

    def app(self, app: BundledApp) -> bytes:
        """An app file's text, checked."""
        with self._opened() as stream:
            return self._text(stream, app)

    @contextmanager
    def open(self, image: str) -> Iterator[BinaryIO]:
        """What `docker load` takes for an image; raises ImageNotFound and BundleDamaged."""
        wanted = str(ImageName.parse(image))
        found = next(
            (each for each in self.contents.images if str(ImageName.parse(each.name)) == wanted), None
        )
        if found is None:
            raise ImageNotFound(
                f"the bundle `{self.name}` has no image `{image}`",
                host="",
                hint="make it anew with `tomo bundle create` where there is a registry; none is asked here",
            )
        with self._opened() as stream:
            self._check_image(stream, found)
            yield cast("BinaryIO", self._section(stream, found.member))

    # --- reading ---------------------------------------------------------------------------------

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        try:
            stream = self.file.open("rb")
        except OSError as error:
            raise UsageError(
                f"the bundle `{self.file}` can't be read: {error.strerror}",
                hint="make it with `tomo bundle create FILE`, or correct `bundle` in the fleet file",
            ) from error
        with stream:
            yield stream

    def _read(self, stream: BinaryIO) -> Contents:
        reader, text = TarReader(stream, f"`{self.name}`"), b""
        for member in reader:
            if not member.is_file or not _MEMBER.fullmatch(member.name):
                raise self._damaged(f"holds `{member.name[:80]!r}`, which no bundle has")
            if member.name in self._places:
                raise self._damaged(f"holds `{member.name}` twice")
            self._places[member.name] = (stream.tell(), member.size)
            if member.name == MANIFEST:
                text = reader.read(min(member.size, _LARGEST_TEXT))
                break
        contents = self._manifest(text)
        listed = {each.member: each.size for each in contents.images}
        listed |= {each.member: each.size for each in contents.apps}
        there = {name: size for name, (_, size) in self._places.items() if name != MANIFEST}
        if listed != there:
            wrong = sorted({name for name, _ in listed.items() ^ there.items()})
            raise self._damaged(f"and its manifest differ in `{wrong[0]}`")
        return contents

    def _manifest(self, text: bytes) -> Contents:
        try:
            value = orjson.loads(text)
            if value["schema"] != SCHEMA:
                raise self._damaged(f"is of the format `{str(value['schema'])[:40]}`, not `{SCHEMA}`")
            return Contents(
                tuple(BundledImage(**_typed(each, "name")) for each in value["images"]),
                tuple(BundledApp(**_typed(each, "id")) for each in value["apps"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise self._damaged("has no manifest that can be read") from error

    def _text(self, stream: BinaryIO, app: BundledApp) -> bytes:
        if app.size > _LARGEST_TEXT:
            raise self._damaged(f"holds an app file of {app.size} bytes")
        text = self._section(stream, app.member).read(app.size)
        if hashlib.sha256(text).hexdigest() != app.sha256:
            raise self._damaged(f"has other bytes of `{app.id}` than its manifest says")
        return text

    def _check_image(self, stream: BinaryIO, image: BundledImage) -> None:
        """One pass: the digest, and that the image brings its own name and no other."""
        section = _Hashed(self._section(stream, image.member))
        names: set[str] | None = None
        reader = TarReader(cast("BinaryIO", section), f"the image `{image.name}` in `{self.name}`")
        for member in reader:
            if member.name.removeprefix("./") in {MANIFEST, "index.json", "repositories"}:
                names = (names or set()) | self._tags(reader, member.name, member.size)
        section.drain()
        if section.digest() != image.sha256:
            raise self._damaged(f"has other bytes of `{image.name}` than its manifest says")
        if names != {str(ImageName.parse(image.name))}:
            told = ", ".join(sorted(names)) if names else "no image"
            raise self._damaged(f"would load {told[:120]} as `{image.name}`")

    def _tags(self, reader: TarReader, name: str, size: int) -> set[str]:
        if size > _LARGEST_TEXT:
            raise self._damaged(f"holds an image with a `{name}` of {size} bytes")
        try:
            found = set(_tags_in(name.removeprefix("./"), orjson.loads(reader.read(size))))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._damaged(f"holds an image whose `{name}` can't be read") from error
        return {str(ImageName.parse(str(tag))) for tag in found}

    def _section(self, stream: BinaryIO, member: str) -> _Section:
        start, size = self._places[member]
        return _Section(stream, start, size)

    def _damaged(self, why: str) -> BundleDamaged:
        return BundleDamaged(f"the bundle `{self.name}` {why}", hint="make it anew with `tomo bundle create`")


def _as_json(images: list[BundledImage], apps: list[BundledApp]) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "images": [{"name": each.name, "sha256": each.sha256, "size": each.size} for each in images],
        "apps": [{"id": each.id, "sha256": each.sha256, "size": each.size} for each in apps],
    }


def _typed(entry: Mapping[str, Any], key: str) -> dict[str, Any]:
    name, digest, size = entry[key], entry["sha256"], entry["size"]
    if not (isinstance(name, str) and isinstance(digest, str) and type(size) is int and size >= 0):
        raise TypeError(key)
    if len(entry) != 3 or not _HEX.fullmatch(digest) or len(name) > 300:  # noqa: PLR2004
        raise ValueError(key)
    return {key: name, "sha256": digest, "size": size}


def _tags_in(name: str, value: Any) -> Iterator[str]:
    """The names that Docker gives images of one of its archives, by each of the files that say so."""
    if name == MANIFEST:
        for entry in value:
            yield from entry.get("RepoTags") or ("<none>",)
    elif name == "repositories":
        yield from (f"{repository}:{tag}" for repository, tags in value.items() for tag in tags)
    else:
        for entry in value["manifests"]:
            notes = entry.get("annotations") or {}
            yield from (notes[key] for key in _OCI_NAMES if key in notes)


class _Section:
    """A part of a file, as a file of its own."""

    def __init__(self, stream: BinaryIO, start: int, size: int) -> None:
        self._stream, self._start, self._size = stream, start, size
        self._at = 0

    def read(self, size: int = -1) -> bytes:
        left = self._size - self._at
        self._stream.seek(self._start + self._at)
        data = self._stream.read(left if size < 0 else min(size, left))
        self._at += len(data)
        return data

    def __len__(self) -> int:
        return self._size


class _Hashed:
    """Reads through a digest."""

    def __init__(self, inner: _Section) -> None:
        self._inner, self._digest = inner, hashlib.sha256()

    def read(self, size: int) -> bytes:
        data = self._inner.read(size)
        self._digest.update(data)
        return data

    def drain(self) -> None:
        while self.read(_CHUNK):
            pass

    def digest(self) -> str:
        return self._digest.hexdigest()
