"""An image registry in memory: names and tags to image definitions."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import Any, Final

from tomo.frozen import frozen

_DEFAULT_DOMAIN: Final = "docker.io"
DEFAULT_PATH: Final = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_REFERENCE: Final = re.compile(
    r"^(?P<repository>[\w.-]+(?::\d+(?=/))?(?:/[\w.-]+)*)(?::(?P<tag>[\w][\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?$"
)
_IMAGE_FIELD: Final = re.compile(r"""^[ \-]+image:\s*["']?([^\s"'#]+)""", re.MULTILINE)


@frozen
class Reference:
    """An image's name in parts, as Docker shows it: `repository:tag` or `repository@digest`."""

    repository: str
    tag: str = ""
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Reads a name; without tag and digest it means `latest`. Raises ValueError for nonsense."""
        match = _REFERENCE.match(text)
        if match is None:
            raise ValueError(text)
        repository = match["repository"]
        for prefix in (f"index.{_DEFAULT_DOMAIN}/", f"{_DEFAULT_DOMAIN}/", "library/"):
            repository = repository.removeprefix(prefix)
        digest = match["digest"] or ""
        return cls(repository, match["tag"] or ("" if digest else "latest"), digest)

    @property
    def domain(self) -> str:
        """The registry's host."""
        first, slash, _rest = self.repository.partition("/")
        return first if slash and ("." in first or ":" in first or first == "localhost") else _DEFAULT_DOMAIN

    @property
    def full_repository(self) -> str:
        """The repository as pushes and pulls name it: `library/nginx`."""
        if self.domain != _DEFAULT_DOMAIN:
            return self.repository.split("/", 1)[1]
        return self.repository if "/" in self.repository else f"library/{self.repository}"

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.repository}{tag}" + (f"@{self.digest}" if self.digest else "")


@frozen
class Behaviour:
    """What a container of the image does once started.

    With `exit_code` it ends at once; None means it runs on. `health` is what its health check finds.
    `start_error` is the runtime's refusal to start it at all.
    """

    exit_code: int | None = None
    stdout: str = ""
    stderr: str = ""
    health: str = "healthy"
    health_output: str = ""
    start_error: str = ""


def exits(code: int, *, stdout: str = "", stderr: str = "") -> Behaviour:
    """Ends right after its start."""
    return Behaviour(exit_code=code, stdout=stdout, stderr=stderr)


def unhealthy(output: str = "connection refused") -> Behaviour:
    """Runs, and its health check never succeeds."""
    return Behaviour(health="unhealthy", health_output=output)


@frozen
class ImageDefinition:
    """An image: its name, Docker's `Config`, what it does, and a `revision` that tells builds apart."""

    name: str
    config: Mapping[str, Any] = field(default_factory=dict)
    behaviour: Behaviour = Behaviour()
    files: Mapping[str, bytes] = field(default_factory=dict)
    revision: int = 1
    size: int = 25_000_000
    layers: int = 2
    architecture: str = "amd64"

    @property
    def reference(self) -> Reference:
        """The name in parts."""
        return Reference.parse(self.name)

    @property
    def full_config(self) -> dict[str, Any]:
        """The config with what every image has."""
        defaults = {"Env": [DEFAULT_PATH], "Cmd": ["/usr/local/bin/serve"]}
        if self.config.get("Entrypoint"):
            del defaults["Cmd"]
        return {**defaults, **self.config}

    @property
    def id(self) -> str:
        """The image id: the digest of its configuration."""
        content = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(self.files.items())}
        return _digest("image", self.reference.repository, self._version, self.full_config, content)

    @property
    def digest(self) -> str:
        """The digest of its manifest, as the registry knows it."""
        return _digest("manifest", self.id)

    @property
    def layer_digests(self) -> list[str]:
        """Digests of the layers; images of one repository share all but the last."""
        base = [_digest("layer", self.reference.repository, number) for number in range(self.layers - 1)]
        return [*base, _digest("layer", self.id)]

    @property
    def _version(self) -> str:
        return f"{self.reference.tag}/{self.revision}"


class FakeRegistry:
    """Knows the images it was given, those of the catalog, or any name at all. Safe for several threads.

    `accept_all` makes an image for every name asked for. `unreachable` makes every pull fail.
    """

    def __init__(
        self,
        images: Iterable[ImageDefinition] = (),
        *,
        names: Iterable[str] = (),
        accept_all: bool = False,
    ) -> None:
        self._lock = threading.Lock()
        self._images = {str(image.reference): image for image in images}
        self._names = {str(Reference.parse(name)) for name in names}
        self._logins: dict[str, tuple[str, str]] = {}
        self.accept_all = accept_all
        self.unreachable = False

    @classmethod
    def of_catalog(cls, images: Iterable[ImageDefinition] = ()) -> FakeRegistry:
        """Knows what the apps of the shipped catalog name, besides the images given."""
        return cls(images, names=catalog_image_names())

    def add(self, image: ImageDefinition) -> ImageDefinition:
        """Publishes an image under its name, in place of the one there was."""
        with self._lock:
            self._images[str(image.reference)] = image
        return image

    def republish(self, name: str) -> ImageDefinition:
        """Moves a tag to a new build of the same image."""
        image = self.find(Reference.parse(name))
        if image is None:
            raise KeyError(name)
        return self.add(replace(image, revision=image.revision + 1))

    def remove(self, name: str) -> None:
        """Forgets a name."""
        reference = str(Reference.parse(name))
        with self._lock:
            self._images.pop(reference, None)
            self._names.discard(reference)

    def require_login(self, repository: str, user: str, password: str) -> None:
        """Makes a repository private."""
        with self._lock:
            self._logins[Reference.parse(repository).repository] = (user, password)

    def may_pull(self, reference: Reference, credentials: Mapping[str, Any]) -> bool:
        """Whether these credentials, as Docker's X-Registry-Auth holds them, open the repository."""
        with self._lock:
            wanted = self._logins.get(reference.repository)
        return wanted is None or wanted == (credentials.get("username"), credentials.get("password"))

    def find(self, reference: Reference) -> ImageDefinition | None:
        """The image of that name, made up where the registry may."""
        with self._lock:
            if reference.digest:
                return self._by_digest(reference)
            found = self._images.get(str(reference))
            if found is None and (self.accept_all or str(reference) in self._names):
                found = self._images[str(reference)] = ImageDefinition(str(reference))
            return found

    def tags(self, repository: str) -> tuple[str, ...]:
        """The tags that are known of a repository, sorted."""
        with self._lock:
            known = [Reference.parse(name) for name in {*self._images, *self._names}]
        return tuple(sorted(each.tag for each in known if each.repository == repository and each.tag))

    def _by_digest(self, reference: Reference) -> ImageDefinition | None:
        for image in self._images.values():
            if image.reference.repository == reference.repository and image.digest == reference.digest:
                return image
        # A name with tag and digest that was never pulled by its tag: the tag tells which image it is.
        tagged = str(Reference(reference.repository, reference.tag))
        if reference.tag and (self.accept_all or tagged in self._names):
            image = self._images.setdefault(tagged, ImageDefinition(tagged))
            return image if image.digest == reference.digest else None
        return None


def catalog_image_names(folders: Iterable[Path] = ()) -> Iterator[str]:
    """Every image that an app of the shipped catalog, or of other folders, names.

    Only this one field is read, so the double stays as quick as the catalog is long.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in tuple(folders) or (package / "_data" / "catalog", package.parent / "catalog"):
        for file in sorted(folder.rglob("*.yaml")):
            names = _IMAGE_FIELD.findall(file.read_text("utf-8"))
            yield from (name for name in names if _REFERENCE.match(name))


def _digest(*parts: object) -> str:
    text = json.dumps(parts, sort_keys=True, default=str)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()
