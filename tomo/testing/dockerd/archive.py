"""Files into and out of containers, as tar archives."""

from __future__ import annotations

import base64
import io
import json
import tarfile
from collections.abc import Callable
from posixpath import basename, join, normpath
from typing import Final

from tomo.testing.dockerd.container import Container
from tomo.testing.dockerd.core import ROOT, Core, Route, route
from tomo.testing.dockerd.http import Request, Response
from tomo.testing.dockerd.images import read_tar
from tomo.testing.dockerd.refused import ApiError

# Go's os.FileMode marks folders with its highest bit.
_GO_DIRECTORY: Final = 1 << 31


class Archives:
    """The archive endpoints; what lies in a mounted volume is the volume's."""

    def __init__(self, core: Core, need: Callable[[str], Container]) -> None:
        self._core = core
        self._need = need

    def routes(self) -> list[Route]:
        """The endpoints."""
        path = "/containers/{name}/archive"
        return [route("PUT", path, self._put), route("GET", path, self._get), route("HEAD", path, self._get)]

    def _put(self, request: Request, name: str) -> Response:
        container, folder = self._need(name), request.query.get("path", "")
        tree, inside = container.tree_of(folder)
        node = tree.get(inside)
        if node is None:
            raise _no_file(folder, name)
        if not node.is_directory:
            raise ApiError(400, "extraction point is not a directory")
        self._core.need_space(f"{ROOT}/overlay2")
        for entry, content in read_tar(request.body):
            target, path = container.tree_of(join(folder, entry.name.lstrip("/")))
            if entry.isdir():
                target.make_directory(path, entry.mode)
            elif entry.isfile():
                target.write(path, content, entry.mode, f"{entry.uid}:{entry.gid}")
        return Response()

    def _get(self, request: Request, name: str) -> Response:
        container, path = self._need(name), request.query.get("path", "")
        tree, inside = container.tree_of(path)
        node = tree.get(inside)
        if node is None:
            raise _no_file(path, name)
        shown = {
            "name": basename(normpath(path)) or "/",
            "size": len(node.content),
            "mode": node.mode | (_GO_DIRECTORY if node.is_directory else 0),
            "mtime": "1970-01-01T00:00:00Z",
            "linkTarget": "",
        }
        text = base64.b64encode(json.dumps(shown, separators=(",", ":")).encode()).decode()
        headers = {"X-Docker-Container-Path-Stat": text}
        body = b"" if request.method == "HEAD" else _packed(container, path)
        return Response(200, body, "application/x-tar", headers)


def _packed(container: Container, path: str) -> bytes:
    tree, inside = container.tree_of(path)
    top = basename(normpath(path))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, node in tree.below(inside):
            entry = tarfile.TarInfo(normpath(join(top, name[len(inside.rstrip("/")) :].lstrip("/"))))
            entry.mode, entry.size = node.mode, len(node.content)
            entry.type = tarfile.DIRTYPE if node.is_directory else tarfile.REGTYPE
            archive.addfile(entry, io.BytesIO(node.content))
    return buffer.getvalue()


def _no_file(path: str, name: str) -> ApiError:
    return ApiError(404, f"Could not find the file {path} in container {name}")
