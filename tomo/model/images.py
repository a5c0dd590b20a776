"""Images in a file, for hosts that can ask no registry."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol


class ImageArchive(Protocol):
    """Images by the names that they are pulled under."""

    name: str
    """What people know it by."""

    def open(self, image: str) -> AbstractContextManager[BinaryIO]:
        """What `docker load` takes, checked whole before its first byte is given.

        Raises ImageNotFound where the archive has no such image, BundleDamaged where it isn't what it says.
        """
        ...
