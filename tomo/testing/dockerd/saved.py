"""Images as archives: `docker save` and `docker load`, as much of their format as says which image it is."""

from __future__ import annotations

import base64
import io
import json
import tarfile

from tomo.testing.dockerd.core import Route, route
from tomo.testing.dockerd.http import Json, Request, Response
from tomo.testing.dockerd.images import Image, Images, read_tar
from tomo.testing.dockerd.refused import ApiError
from tomo.testing.registry import ImageDefinition, Reference

_MANIFEST = "manifest.json"


class SavedImages:
    """The endpoints that give images out whole, and take them."""

    def __init__(self, images: Images) -> None:
        self._images = images

    def routes(self) -> list[Route]:
        """The endpoints."""
        return [
            route("GET", "/images/{name}/get", self._get),
            route("POST", "/images/load", self._load),
        ]

    def _get(self, _request: Request, name: str) -> Response:
        image = self._images.need(name)
        buffer = io.BytesIO()
        config = f"{image.id.removeprefix('sha256:')}.json"
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            _add(archive, config, _described(image))
            tag = str(Reference.parse(name)) if ":" in name else name
            _add(archive, _MANIFEST, [{"Config": config, "RepoTags": [tag], "Layers": []}])
        return Response(200, buffer.getvalue(), "application/x-tar")

    def _load(self, request: Request) -> Response:
        found = {entry.name: content for entry, content in read_tar(request.body)}
        if _MANIFEST not in found:
            raise ApiError(500, "invalid archive: no manifest.json")
        lines: list[bytes] = []
        for each in json.loads(found[_MANIFEST]):
            image = self._images.install(_definition(json.loads(found[each["Config"]])), tag=False)
            for tag in each["RepoTags"]:
                self._images.point(str(Reference.parse(tag)), image)
                lines.append(json.dumps({"stream": f"Loaded image: {tag}\n"}).encode() + b"\r\n")
        return Response(200, b"".join(lines), "application/json")


def _add(archive: tarfile.TarFile, name: str, value: object) -> None:
    content = json.dumps(value).encode()
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def _described(image: Image) -> Json:
    made = image.definition
    return {
        "name": made.name,
        "config": dict(made.config),
        "files": {path: base64.b64encode(content).decode() for path, content in made.files.items()},
        "revision": made.revision,
        "size": made.size,
        "layers": made.layers,
        "architecture": made.architecture,
    }


def _definition(described: Json) -> ImageDefinition:
    files = {path: base64.b64decode(text) for path, text in described["files"].items()}
    return ImageDefinition(**{**described, "files": files})
