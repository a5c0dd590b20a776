"""An image's name in the parts that a registry is asked by, with Docker's own defaults."""

from __future__ import annotations

import re
from typing import Final

from tomo.errors import UsageError
from tomo.frozen import frozen
from tomo.spec.shown import shown

DOCKER_HUB: Final = "docker.io"
_HUB_NAMES: Final = frozenset({DOCKER_HUB, f"index.{DOCKER_HUB}", f"registry-1.{DOCKER_HUB}"})
_REGISTRY: Final = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?"
)
_PART: Final = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REPOSITORY: Final = re.compile(rf"{_PART}(?:/{_PART})*")
TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_LONGEST: Final = 255


@frozen
class ImageName:
    """`registry/repository:tag@digest`: a host with its port, a path, and a tag or digest or both."""

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> ImageName:
        """Reads a name; without tag and digest it means `latest`. Raises UsageError for anything else."""
        name, at, digest = text.partition("@")
        before, colon, tag = name.rpartition(":")
        if not colon or "/" in tag:
            before, tag = name, ""
        first, slash, rest = before.partition("/")
        if not slash or not ("." in first or ":" in first or first == "localhost"):
            first, rest = DOCKER_HUB, before if slash else f"library/{before}"
        registry = DOCKER_HUB if first.lower() in _HUB_NAMES else first
        fits = (
            _REGISTRY.fullmatch(registry)
            and _REPOSITORY.fullmatch(rest)
            and len(rest) <= _LONGEST
            and (not tag or TAG.fullmatch(tag))
            and not name.endswith(":")
            and (not at or DIGEST.fullmatch(digest))
        )
        if not fits:
            raise UsageError(f"`{shown(text)}` is not an image's name", hint="such as `nginx:1.30.4`")
        return cls(registry, rest, tag or ("" if digest else "latest"), digest)

    @property
    def wanted(self) -> str:
        """What a registry is asked for: the digest where there is one, else the tag."""
        return self.digest or self.tag

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.registry}/{self.repository}{tag}" + (f"@{self.digest}" if self.digest else "")
