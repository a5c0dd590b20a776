"""An image's name, as Docker reads it."""

from __future__ import annotations

from typing import Final

from tomo.frozen import frozen

DOCKER_HUB: Final = "docker.io"


@frozen
class ImageName:
    """An image's name in its parts; `registry` is `docker.io` where the name has none."""

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> ImageName:
        """Splits a name as Docker does; without tag and digest the tag is `latest`."""
        rest, _, digest = text.partition("@")
        head, slash, tail = rest.partition("/")
        is_registry = bool(slash) and ("." in head or ":" in head or head == "localhost")
        registry, path = (head, tail) if is_registry else (DOCKER_HUB, rest)
        registry = DOCKER_HUB if registry == "index.docker.io" else registry
        repository, _, tag = path.rpartition(":") if ":" in path.rsplit("/", 1)[-1] else (path, "", "")
        if registry == DOCKER_HUB and "/" not in repository:
            repository = f"library/{repository}"
        return cls(registry, repository, tag or ("" if digest else "latest"), digest)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag and not self.digest else ""
        return f"{self.registry}/{self.repository}{tag}{'@' if self.digest else ''}{self.digest}"

    @property
    def familiar(self) -> str:
        """The name without tag, as Docker shows it: no `docker.io/library/`."""
        if self.registry != DOCKER_HUB:
            return f"{self.registry}/{self.repository}"
        return self.repository.removeprefix("library/")

    def below(self, place: str) -> str:
        """The same repository, tag and digest under another registry, `HOST[:PORT][/PATH]`."""
        tag = f":{self.tag}" if self.tag else ""
        return f"{place}/{self.repository}{tag}{'@' if self.digest else ''}{self.digest}"
