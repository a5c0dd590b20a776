"""App files on this machine, by their repository's digest: what fleet files that pin it are planned with.

A shelf is a folder named by the digest, with the listing that the digest is of and the files in it. What is
read is held against both, so neither a fault of the disk nor a hand in it changes a plan.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Final

from tomo.catalog.repos.content import APPS, SUFFIX, digest_of
from tomo.errors import RepositoryError
from tomo.frozen import frozen
from tomo.spec.shown import shown

_LISTING: Final = "listing"
_REFUSED: Final = "refused"
_FOLDER: Final = "repositories"
_SHA256: Final = 64


@frozen
class Pin:
    """What a fleet file says of a repository: its name in apps, where it is, and exactly what of it."""

    name: str
    url: str
    digest: str
    commit: str = ""


class Shelf:
    """One repository's apps at one digest. Nothing is read before it is needed."""

    def __init__(self, pin: Pin, folder: Path) -> None:
        self.pin, self.folder = pin, folder

    @property
    def is_here(self) -> bool:
        """Whether this machine has it."""
        return (self.folder / _LISTING).is_file()

    @cached_property
    def digests(self) -> Mapping[str, str]:
        """Each file's digest by the app's id; raises RepositoryError where it isn't here, or was changed."""
        name = self.pin.name
        try:
            text = (self.folder / _LISTING).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            at = f"commit `{self.pin.commit[:12]}`" if self.pin.commit else f"`{shown(self.pin.digest)}`"
            raise RepositoryError(
                f"the repository `{name}` is pinned to {at}, which isn't on this machine",
                hint=f"fetch it: `tomo catalog repo sync {name}`",
            ) from error
        if digest_of(text) != self.pin.digest:
            raise self._changed()
        lines = (line.partition("  ") for line in text.splitlines())
        return {app: digest for digest, _, app in lines}

    def known_digests(self) -> Mapping[str, str]:
        """The same, and nothing where it isn't here or was changed."""
        try:
            return self.digests
        except RepositoryError:
            return {}

    def is_whole(self) -> bool:
        """Whether every file is here as it was pinned; those that may not be used needn't be."""
        try:
            for app in self.digests:
                self.read(app)
        except RepositoryError:
            return False
        return True

    def ids(self) -> tuple[str, ...]:
        """The apps that may be used, sorted."""
        return tuple(app for app in sorted(self.digests) if self.path(app).is_file())

    def path(self, app: str) -> Path:
        """Where an app's file is."""
        return self.folder / APPS / f"{app}{SUFFIX}"

    def read(self, app: str) -> bytes | None:
        """An app's file, None where none may be used; raises RepositoryError where it was changed."""
        wanted = self.digests.get(app)
        if wanted is None:
            return None
        try:
            content = self.path(app).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._changed() from error
        if hashlib.sha256(content).hexdigest() != wanted:
            raise self._changed()
        return content

    def refused(self) -> tuple[str, ...]:
        """Why files of it aren't used, one text each."""
        try:
            return tuple((self.folder / _REFUSED).read_text("utf-8").splitlines())
        except OSError:
            return ()

    def _changed(self) -> RepositoryError:
        name = self.pin.name
        return RepositoryError(
            f"the files of the repository `{name}` on this machine are not those that were pinned",
            hint=f"fetch them again: `tomo catalog repo sync {name}`",
        )


class Shelves:
    """Every shelf of a person, below a data folder."""

    def __init__(self, data_folder: Path) -> None:
        self._folder = data_folder / _FOLDER

    def shelf(self, pin: Pin) -> Shelf:
        """The shelf of a pin, whether it is here or not."""
        return Shelf(pin, self._folder / pin.digest.rpartition(":")[2][:_SHA256])

    def put(self, pin: Pin, listing: str, files: Mapping[str, bytes], refused: Iterable[str]) -> Shelf:
        """Puts one there, whole or not at all, in place of what was there; raises RepositoryError."""
        made = self.shelf(pin)
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            temporary = Path(tempfile.mkdtemp(dir=self._folder, prefix=".new-"))
            try:
                (temporary / APPS).mkdir()
                for app, content in files.items():
                    (temporary / APPS / f"{app}{SUFFIX}").write_bytes(content)
                (temporary / _REFUSED).write_text("".join(f"{line}\n" for line in refused), "utf-8")
                (temporary / _LISTING).write_text(listing, "utf-8")
                shutil.rmtree(made.folder, ignore_errors=True)
                temporary.replace(made.folder)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
        except OSError as error:
            raise RepositoryError(
                f"`{self._folder}` can't be written: {error.strerror}",
                hint="check its owner and the disk's space",
            ) from error
        return made

    def remove(self, pin: Pin) -> None:
        """Takes one away; another one stays."""
        shutil.rmtree(self.shelf(pin).folder, ignore_errors=True)
