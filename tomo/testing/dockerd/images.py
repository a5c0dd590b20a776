"""Images on the host: pull, tag, push, build, delete."""

from __future__ import annotations

import base64
import binascii
import fnmatch
import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tomo.testing.clock import rfc3339
from tomo.testing.dockerd.core import ROOT, Core, Route, check_filters, matches_labels, route
from tomo.testing.dockerd.dockerfile import Builder, change_config
from tomo.testing.dockerd.http import Json, Request, Response
from tomo.testing.dockerd.refused import ApiError, no_such_image
from tomo.testing.registry import FakeRegistry, ImageDefinition, Reference

_SHORT: Final = 12
_FILTERS: Final = frozenset({"dangling", "label", "before", "since", "reference"})
_CONFIG_KEYS: Final[Json] = {
    "Hostname": "",
    "Domainname": "",
    "User": "",
    "AttachStdin": False,
    "AttachStdout": False,
    "AttachStderr": False,
    "Tty": False,
    "OpenStdin": False,
    "StdinOnce": False,
    "Env": None,
    "Cmd": None,
    "Image": "",
    "Volumes": None,
    "WorkingDir": "",
    "Entrypoint": None,
    "OnBuild": None,
    "Labels": None,
}


@dataclass
class Image:
    """An image on the host: what it is, and the names that point to it."""

    definition: ImageDefinition
    id: str
    created: int
    tags: list[str] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    tagged: int = 0
    comment: str = ""

    @property
    def config(self) -> Json:
        """Docker's `Config`, whole."""
        given = self.definition.config if self.comment else self.definition.full_config
        return {**_CONFIG_KEYS, **given}

    @property
    def short(self) -> str:
        """The first digits of the id."""
        return self.id.removeprefix("sha256:")[:_SHORT]


class Images:
    """The image store. `users` tells which containers use an image: (container id, running)."""

    def __init__(self, core: Core, registry: FakeRegistry) -> None:
        self._core = core
        self.registry = registry
        self._images: dict[str, Image] = {}
        self.users: Callable[[str], list[tuple[str, bool]]] = lambda _image: []

    def routes(self) -> list[Route]:
        """The endpoints."""
        return [
            route("GET", "/images/json", self._list),
            route("POST", "/images/create", self._create),
            route("POST", "/images/{name}/tag", self._tag),
            route("POST", "/images/{name}/push", self._push),
            route("GET", "/images/{name}/json", self._inspect),
            route("DELETE", "/images/{name}", self._delete),
            route("POST", "/build", self._build),
            route("GET", "/distribution/{name}/json", self._distribution),
            route("POST", "/auth", self._auth),
        ]

    # --- lookups -----------------------------------------------------------------------------------

    def all(self) -> list[Image]:
        """Every image, the newest first."""
        return sorted(self._images.values(), key=lambda image: image.created, reverse=True)

    def find(self, name: str) -> Image | None:
        """The image of an id, the beginning of one, a tag or a digest."""
        bare = name.removeprefix("sha256:")
        if f"sha256:{bare}" in self._images:
            return self._images[f"sha256:{bare}"]
        try:
            reference = Reference.parse(name)
        except ValueError:
            return None
        for image in self._images.values():
            if _has_name(image, reference):
                return image
        found = [image for image in self._images.values() if image.id[7:].startswith(bare)]
        return found[0] if len(found) == 1 and bare else None

    def need(self, name: str) -> Image:
        """The image, or Docker's 404."""
        image = self.find(name)
        if image is None:
            raise no_such_image(_shown(name))
        return image

    # --- changes -----------------------------------------------------------------------------------

    def install(self, definition: ImageDefinition, *, tag: bool = True, pulled: bool = False) -> Image:
        """Puts an image on the host and points its name to it."""
        image = self._images.get(definition.id)
        if image is None:
            image = Image(definition, definition.id, self._core.now())
            self._images[image.id] = image
        repository = definition.reference.repository
        digest = f"{repository}@{definition.digest}"
        if pulled and digest not in image.digests:
            image.digests.append(digest)
        if tag:
            self.point(str(definition.reference), image)
        return image

    def point(self, name: str, image: Image) -> None:
        """Moves a tag to an image."""
        for other in self._images.values():
            if name in other.tags and other is not image:
                other.tags.remove(name)
        if name not in image.tags:
            image.tags.append(name)
            image.tags.sort()
        image.tagged = self._core.now()
        self._core.emit("image", "tag", image.id, {"name": name})

    def remove(self, name: str, *, force: bool = False) -> list[Json]:
        """Untags or deletes as `docker rmi` does; what was done, in Docker's form."""
        image = self.need(name)
        by_id = name.removeprefix("sha256:") and image.id[7:].startswith(name.removeprefix("sha256:"))
        users = self.users(image.id)
        if by_id and not _tag_named(image, name):
            return self._remove_by_id(image, users, force=force)
        reference = str(Reference.parse(name))
        left = [tag for tag in image.tags if tag != reference]
        if not left and users and not force:
            raise ApiError(
                409,
                f'conflict: unable to remove repository reference "{name}" (must force) - '
                f"container {users[0][0][:_SHORT]} is using its referenced image {image.short}",
            )
        done: list[Json] = []
        if reference in image.tags:
            image.tags.remove(reference)
            done.append({"Untagged": reference})
        return done if left or users else done + self._discard(image)

    def _remove_by_id(self, image: Image, users: list[tuple[str, bool]], *, force: bool) -> list[Json]:
        running = next((container for container, is_running in users if is_running), None)
        if running:
            raise _conflict(
                image, "cannot be forced", f"image is being used by running container {running[:_SHORT]}"
            )
        repositories = {tag.rsplit(":", 1)[0] for tag in image.tags}
        if len(repositories) > 1 and not force:
            raise _conflict(image, "must be forced", "image is referenced in multiple repositories")
        if users and not force:
            stopped = users[0][0][:_SHORT]
            raise _conflict(image, "must be forced", f"image is being used by stopped container {stopped}")
        untagged: list[Json] = [{"Untagged": tag} for tag in image.tags]
        image.tags.clear()
        return untagged + self._discard(image)

    def _discard(self, image: Image) -> list[Json]:
        done: list[Json] = [{"Untagged": digest} for digest in image.digests]
        del self._images[image.id]
        self._core.emit("image", "delete", image.id, {"name": image.id})
        kept = {layer for other in self._images.values() for layer in other.definition.layer_digests}
        gone = [layer for layer in reversed(image.definition.layer_digests) if layer not in kept]
        return [*done, {"Deleted": image.id}, *({"Deleted": layer} for layer in gone)]

    # --- endpoints ---------------------------------------------------------------------------------

    def _list(self, request: Request) -> Response:
        filters = check_filters(request, _FILTERS)
        return Response.of_json([_summary(image) for image in self.all() if _matches(image, filters)])

    def _inspect(self, _request: Request, name: str) -> Response:
        image = self.find(name)
        if image is None:
            # Docker says it twice here, and clients show it so.
            raise ApiError(404, f"no such image: {name}: No such image: {_shown(name)}")
        return Response.of_json(_inspected(image, self._core.version))

    def _tag(self, request: Request, name: str) -> Response:
        image = self.need(name)
        try:
            target = Reference.parse(request.query.get("repo", ""))
        except ValueError as error:
            raise ApiError(400, "invalid reference format") from error
        self.point(f"{target.repository}:{request.query.get('tag') or target.tag}", image)
        return Response(201)

    def _delete(self, request: Request, name: str) -> Response:
        return Response.of_json(self.remove(name, force=request.flag("force")))

    def _create(self, request: Request) -> Response:
        if request.query.get("fromSrc"):
            return self._import(request)
        name = request.query.get("fromImage", "")
        tag = request.query.get("tag", "")
        separator = "@" if tag.startswith("sha256:") else ":"
        try:
            reference = Reference.parse(f"{name}{separator}{tag}" if tag else name)
        except ValueError as error:
            raise ApiError(400, "invalid reference format") from error
        definition = self._from_registry(reference, request)
        self._core.need_space(f"{ROOT}/image")
        return Response(content_type="application/json", chunks=_lines(self._pull(reference, definition)))

    def _from_registry(self, reference: Reference, request: Request) -> ImageDefinition:
        if self.registry.unreachable:
            raise ApiError(500, f'Get "https://{reference.domain}/v2/": dial tcp: i/o timeout')
        if not self.registry.may_pull(reference, _credentials(request)):
            raise ApiError(
                404,
                f"pull access denied for {reference.repository}, repository does not exist or may require "
                "'docker login': denied: requested access to the resource is denied",
            )
        definition = self.registry.find(reference)
        if definition is None:
            raise ApiError(404, f"manifest for {reference} not found: manifest unknown: manifest unknown")
        return definition

    def _pull(self, reference: Reference, definition: ImageDefinition) -> Iterator[Json]:
        yield {"status": f"Pulling from {reference.full_repository}", "id": reference.tag or reference.digest}
        present = {layer for image in self.all() for layer in image.definition.layer_digests}
        known = self.find(definition.id)
        was_tagged = known is not None and (bool(reference.digest) or str(reference) in known.tags)
        for layer in [] if was_tagged else definition.layer_digests:
            yield from _layer_progress(layer, definition.size, present=layer in present)
        self.install(definition, tag=not reference.digest, pulled=True)
        self._core.emit("image", "pull", str(reference), {"name": reference.repository})
        yield {"status": f"Digest: {definition.digest}"}
        outcome = "Image is up to date" if was_tagged else "Downloaded newer image"
        yield {"status": f"Status: {outcome} for {reference}"}

    def _import(self, request: Request) -> Response:
        tag = request.query.get("tag") or "latest"
        name = str(Reference.parse(f"{request.query.get('repo', 'imported')}:{tag}"))
        content = hashlib.sha256(request.body).hexdigest()
        config: Json = {"Labels": None}
        for change in request.queries.get("changes", []):
            config = change_config(config, change)
        definition = ImageDefinition(
            name, config, files={"/.imported": content.encode()}, layers=1, size=len(request.body)
        )
        image = self.install(definition)
        image.comment = "Imported from -"
        return Response.of_json({"status": image.id})

    def _push(self, request: Request, name: str) -> Response:
        tag = request.query.get("tag") or "latest"
        reference = Reference.parse(f"{name}:{tag}")
        image = self.find(str(reference))
        where = f"{reference.domain}/{reference.full_repository}"
        start: Json = {"status": f"The push refers to repository [{where}]"}
        if image is None:
            message = f"An image does not exist locally with the tag: {where}"
            failed = {"errorDetail": {"message": message}, "error": message}
            return Response(content_type="application/json", chunks=_lines(iter([start, failed])))
        return Response(content_type="application/json", chunks=_lines(self._pushed(reference, image, start)))

    def _pushed(self, reference: Reference, image: Image, start: Json) -> Iterator[Json]:
        yield start
        definition = self.registry.add(replace(image.definition, name=str(reference)))
        for layer in definition.layer_digests:
            yield {"status": "Pushed", "progressDetail": {}, "id": layer[7:][:_SHORT]}
        digest = f"{reference.repository}@{definition.digest}"
        if digest not in image.digests:
            image.digests.append(digest)
        yield {"status": f"{reference.tag}: digest: {definition.digest} size: 528"}
        aux = {"Tag": reference.tag, "Digest": definition.digest, "Size": 528}
        yield {"progressDetail": {}, "aux": aux}

    def _build(self, request: Request) -> Response:
        if request.query.get("version", "1") == "2":
            raise ApiError(500, "BuildKit is not enabled on this daemon")
        builder = Builder(self._base_image, request.query, request.body)
        return Response(content_type="application/json", chunks=_lines(self._built(builder, request)))

    def _built(self, builder: Builder, request: Request) -> Iterator[Json]:
        names = [str(Reference.parse(name)) for name in request.queries.get("t", [])]
        try:
            for line in builder.steps():
                yield {"stream": line}
        except ApiError as error:
            yield {"errorDetail": {"message": error.message}, "error": error.message}
            return
        image = self.install(builder.result(names[0] if names else "built"), tag=False)
        yield {"aux": {"ID": image.id}}
        yield {"stream": f"Successfully built {image.short}\n"}
        for name in names:
            self.point(name, image)
            yield {"stream": f"Successfully tagged {name}\n"}

    def _base_image(self, name: str) -> ImageDefinition:
        if name == "scratch":
            return ImageDefinition("scratch", {"Cmd": None, "Env": None}, layers=1, size=0)
        image = self.find(name)
        if image is not None:
            return image.definition
        definition = self._from_registry(Reference.parse(name), Request("POST", "/build"))
        self.install(definition, pulled=True)
        return definition

    def _distribution(self, request: Request, name: str) -> Response:
        definition = self._from_registry(Reference.parse(name), request)
        kind = "application/vnd.docker.distribution.manifest.v2+json"
        descriptor = {"mediaType": kind, "digest": definition.digest, "size": 528}
        platforms = [{"architecture": definition.architecture, "os": "linux"}]
        return Response.of_json({"Descriptor": descriptor, "Platforms": platforms})

    def _auth(self, _request: Request) -> Response:
        return Response.of_json({"Status": "Login Succeeded", "IdentityToken": ""})


def read_tar(body: bytes) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    """Entries of a tar archive, compressed or not, with their content."""
    try:
        with tarfile.open(fileobj=io.BytesIO(body), mode="r:*") as archive:
            for entry in archive:
                reader = archive.extractfile(entry) if entry.isfile() else None
                yield entry, reader.read() if reader else b""
    except tarfile.TarError as error:
        raise ApiError(500, f"archive/tar: {error}") from error


def _has_name(image: Image, reference: Reference) -> bool:
    if reference.digest:
        return f"{reference.repository}@{reference.digest}" in image.digests
    return str(reference) in image.tags


def _tag_named(image: Image, name: str) -> bool:
    try:
        return _has_name(image, Reference.parse(name))
    except ValueError:
        return False


def _shown(name: str) -> str:
    """The name as Docker's message has it: with the tag it looked for."""
    try:
        return str(Reference.parse(name)) if not name.startswith("sha256:") else name
    except ValueError:
        return name


def _conflict(image: Image, force: str, why: str) -> ApiError:
    return ApiError(409, f"conflict: unable to delete {image.short} ({force}) - {why}")


def _credentials(request: Request) -> Mapping[str, Any]:
    text = request.headers.get("x-registry-auth", "")
    try:
        value = json.loads(base64.urlsafe_b64decode(text)) if text else {}
    except (ValueError, binascii.Error):
        return {}
    return value if isinstance(value, dict) else {}


def _lines(messages: Iterator[Json]) -> Iterator[bytes]:
    """The messages as a stream of lines. They are made now, while the daemon's lock is held."""
    return iter([json.dumps(one, separators=(",", ":")).encode() + b"\r\n" for one in messages])


def _layer_progress(layer: str, size: int, *, present: bool) -> Iterator[Json]:
    short = layer.removeprefix("sha256:")[:_SHORT]
    if present:
        yield {"status": "Already exists", "progressDetail": {}, "id": short}
        return
    yield {"status": "Pulling fs layer", "progressDetail": {}, "id": short}
    for word in ("Downloading", "Extracting"):
        for current in (size // 2, size):
            detail = {"current": current, "total": size}
            yield {"status": word, "progressDetail": detail, "progress": f"{current}B/{size}B", "id": short}
        if word == "Downloading":
            yield {"status": "Download complete", "progressDetail": {}, "id": short}
    yield {"status": "Pull complete", "progressDetail": {}, "id": short}


def _matches(image: Image, filters: Mapping[str, list[str]]) -> bool:
    if not matches_labels(image.config["Labels"], filters.get("label", [])):
        return False
    if "dangling" in filters and (filters["dangling"][0] in {"true", "1"}) == bool(image.tags):
        return False
    if "reference" in filters:
        return any(_like(tag, pattern) for tag in image.tags for pattern in filters["reference"])
    return True


def _like(tag: str, pattern: str) -> bool:
    repository = tag.rsplit(":", 1)[0]
    return fnmatch.fnmatchcase(tag, pattern) or fnmatch.fnmatchcase(repository, pattern)


def _summary(image: Image) -> Json:
    size = image.definition.size
    return {
        "Containers": -1,
        "Created": image.created // 1_000_000_000,
        "Id": image.id,
        "Labels": image.config["Labels"],
        "ParentId": "",
        "RepoDigests": image.digests or (None if image.tags else ["<none>@<none>"]),
        "RepoTags": image.tags or ["<none>:<none>"],
        "SharedSize": -1,
        "Size": size,
        "VirtualSize": size,
    }


def _inspected(image: Image, version: str) -> Json:
    size = image.definition.size
    layer = f"{ROOT}/overlay2/{image.id[7:]}"
    return {
        "Id": image.id,
        "RepoTags": image.tags,
        "RepoDigests": image.digests,
        "Parent": "",
        "Comment": image.comment,
        "Created": rfc3339(image.created),
        "Container": "",
        "ContainerConfig": dict(_CONFIG_KEYS),
        "DockerVersion": version,
        "Author": "",
        "Config": image.config,
        "Architecture": image.definition.architecture,
        "Os": "linux",
        "Size": size,
        "VirtualSize": size,
        "GraphDriver": {
            "Data": {name: f"{layer}/{folder}" for name, folder in _LAYER_FOLDERS},
            "Name": "overlay2",
        },
        "RootFS": {"Type": "layers", "Layers": image.definition.layer_digests},
        "Metadata": {"LastTagTime": rfc3339(image.tagged)},
    }


_LAYER_FOLDERS: Final = (("MergedDir", "merged"), ("UpperDir", "diff"), ("WorkDir", "work"))
