"""The app files of a repository, whatever they were read from: bounded, plain, and of one digest."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Final

from tomo.errors import RepositoryError
from tomo.frozen import frozen
from tomo.spec.near import NAME
from tomo.spec.shown import shown

APPS: Final = "apps"
SUFFIX: Final = ".yaml"
MOST_APPS: Final = 5_000
MOST_BYTES: Final = 256 * 1024
"""Of one app file; the largest that ships with Tomo has 20 KiB."""
MOST_IN_ALL: Final = 64 * 2**20
_FILE: Final = re.compile(rf"{NAME}{re.escape(SUFFIX)}")


@frozen
class Content:
    """App files by id, and the commit that they are of, `""` without git."""

    files: Mapping[str, bytes]
    commit: str = ""

    @property
    def digests(self) -> Mapping[str, str]:
        """Each file's SHA-256 in hex, by the app's id."""
        return {app: hashlib.sha256(content).hexdigest() for app, content in self.files.items()}

    @property
    def listing(self) -> str:
        """Each file's SHA-256 and id, a line each, sorted: what the digest is of."""
        return listing_of(self.digests)

    @property
    def digest(self) -> str:
        """`sha256:…` over names and bytes of all app files; another byte is another digest."""
        return digest_of(self.listing)


def listing_of(digests: Mapping[str, str]) -> str:
    """The lines of a listing."""
    return "".join(f"{digest}  {app}\n" for app, digest in sorted(digests.items()))


def digest_of(listing: str) -> str:
    """The digest of a listing."""
    return f"sha256:{hashlib.sha256(listing.encode()).hexdigest()}"


@frozen
class Entry:
    """A file or something else in the folder of apps; `size` is in bytes, `plain` an ordinary file."""

    name: str
    size: int
    plain: bool
    key: str = ""


def wanted(entries: Iterable[Entry]) -> list[Entry]:
    """The app files among entries; raises RepositoryError for what no repository may hold there."""
    found = [entry for entry in entries if entry.name.endswith(SUFFIX)]
    if not found:
        raise RepositoryError(
            f"the repository holds no app files: no `{APPS}/ID{SUFFIX}`",
            hint="take over another catalog from a copy: `tomo catalog import PATH`",
        )
    if len(found) > MOST_APPS:
        raise RepositoryError(f"the repository holds {len(found)} app files, more than {MOST_APPS}")
    for entry in found:
        _require_ordinary(entry)
    if sum(entry.size for entry in found) > MOST_IN_ALL:
        raise RepositoryError(f"the app files have more than {MOST_IN_ALL >> 20} MiB together")
    return sorted(found, key=lambda entry: entry.name)


def _require_ordinary(entry: Entry) -> None:
    name = shown(entry.name)
    if not entry.plain:
        raise RepositoryError(
            f"`{name}` is a link or no ordinary file, which is not followed", hint="put a plain file there"
        )
    if not _FILE.fullmatch(entry.name):
        raise RepositoryError(
            f"`{name}` can't be an app's file", hint="`ID.yaml`, of small letters, digits and `-`, up to 40"
        )
    if entry.size > MOST_BYTES:
        raise RepositoryError(f"`{name}` has more than {MOST_BYTES >> 10} KiB, too much for an app")
