"""`docker:index/image:Image`: an image built on the host from a folder of this machine, and pushed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tomo.errors import DockerError, UsageError
from tomo.model.image import ImageName
from tomo.model.provider import (
    CheckFailure,
    CheckRequest,
    CheckResult,
    CreateRequest,
    CreateResult,
    DeleteRequest,
    DiffRequest,
    ReadRequest,
    ReadResult,
    ReadStatus,
    Report,
    UpdateRequest,
    UpdateResult,
)
from tomo.model.values import Properties, Secret, Unknown, Value, has_unknown
from tomo.providers.docker import images
from tomo.providers.docker.daemon import document, image_path
from tomo.providers.docker.inputs import text, text_map, texts, truth
from tomo.providers.docker.inspected import text_of
from tomo.providers.docker.registry_auth import Login, registry_address
from tomo.providers.docker.resource import GONE, Host, Look, Resource
from tomo.providers.docker.schema import Field, Kind, Values

_BLOCK_SIZE: Final = 1 << 16

_BUILD: Final = (
    Field("context"),
    Field("contextDigest"),
    Field("dockerfile"),
    Field("args", Kind.MAP),
    Field("target"),
    Field("platform"),
    Field("addHosts", Kind.TEXTS),
    Field("network"),
    Field("cacheFrom", Kind.BLOCK, fields=(Field("images", Kind.TEXTS, ordered=True),)),
    Field("builderVersion", choices=("BuilderV1", "BuilderBuildKit")),
)

IMAGE: Final = (
    Field("imageName", required=True),
    Field("build", Kind.BLOCK, fields=_BUILD),
    Field(
        "registry",
        Kind.BLOCK,
        fields=(Field("server"), Field("username"), Field("password")),
        # A rotated login is no reason to build again.
        same=lambda value: (
            {"server": value["server"]} if isinstance(value, Mapping) and "server" in value else {}
        ),
    ),
    Field("skipPush", Kind.BOOL, default=False),
    Field("buildOnPreview", Kind.BOOL, default=False),
)


class Image(Resource):
    """A built image. Any difference builds again; removing it removes nothing."""

    type = "docker:index/image:Image"
    fields = IMAGE
    named = False
    checked_by_inputs = False

    def check(self, request: CheckRequest, root: Path) -> CheckResult:
        """Fills in where and from what it is built, with a digest of the context."""
        checked = super().check(request, root)
        build = checked.inputs.get("build")
        if checked.failures or isinstance(build, Unknown):
            return checked
        made: Values = dict(build) if isinstance(build, Mapping) else {}
        made.setdefault("context", ".")
        if made.get("builderVersion") == "BuilderBuildKit":
            reason = "`BuilderBuildKit` is not supported; leave it out, or use `BuilderV1`"
            return CheckResult(checked.inputs, (CheckFailure("build.builderVersion", reason),))
        if has_unknown([made["context"], made.get("dockerfile")]):
            return CheckResult({**checked.inputs, "build": made})
        made.setdefault("dockerfile", str(Path(text(made, "context")) / "Dockerfile"))
        try:
            made["contextDigest"] = context_digest(
                root / text(made, "context"), root / text(made, "dockerfile")
            )
        except OSError as error:
            reason = f"`build.context` can't be read: `{error.filename}`: {error.strerror}"
            return CheckResult(checked.inputs, (CheckFailure("build.context", reason),))
        return CheckResult({**checked.inputs, "build": made})

    def comparable(self, old: Properties, request: DiffRequest) -> Properties:  # noqa: ARG002
        """What the official provider recorded in its own way is left out."""
        return {name: value for name, value in old.items() if not name.startswith("__")}

    def create(self, host: Host, request: CreateRequest) -> CreateResult:
        """Builds it, and pushes it unless told not to."""
        made = self._build(host, request.inputs, request.report, request.secret_keys)
        return CreateResult(text(request.inputs, "imageName"), made)

    def update(self, host: Host, request: UpdateRequest) -> UpdateResult:
        """Builds it again."""
        made = self._build(host, request.new_inputs, request.report, request.secret_keys)
        return UpdateResult({**made, "id": request.id})

    def _build(self, host: Host, inputs: Properties, report: Report, secret: frozenset[str]) -> Values:
        name = text(inputs, "imageName")
        login = _login(inputs) or images.login_for(host, name)
        with images.sdk(host) as client:
            client.build(_options(inputs, host.root), [login] if login else [], report)
            pushed = "" if truth_of(inputs, "skipPush") else client.push(name, login, report)
        found = images.find(host, name)
        if found is None:
            raise DockerError(f"`{host.name}` built `{name}` but doesn't have it", host=host.name)
        digest = f"{ImageName.parse(name).familiar}@{pushed}" if pushed else images.id_of(found)
        platform = f"{text_of(found, 'Os')}/{text_of(found, 'Architecture')}"
        return _outputs(inputs, digest, platform, hidden=bool(secret))

    def delete(self, host: Host, request: DeleteRequest) -> None:
        """Removes nothing, here and in the registry."""

    def predict_create(self, request: CreateRequest) -> CreateResult:
        """What is built is known after the build."""
        return CreateResult("", _predicted(request.inputs, str(request.urn), request.secret_keys))

    def predict_update(self, request: UpdateRequest) -> UpdateResult:
        """What is built is known after the build."""
        made = _predicted(request.new_inputs, str(request.urn), request.secret_keys)
        return UpdateResult({**made, "id": request.id})

    def look(self, host: Host, request: ReadRequest) -> Look:  # noqa: ARG002
        """Looks whether the host still has a built image; a pushed one lives in its registry."""
        if not request.inputs or not truth_of(request.inputs, "skipPush"):
            yield from ()
            return ReadResult(ReadStatus.UNSUPPORTED)
        path = image_path(text(request.inputs, "imageName"))
        answer = (yield [path])[path]
        if not answer.ok or not images.id_of(document(answer)):
            return GONE
        return ReadResult(ReadStatus.FOUND, request.id, request.inputs, dict(request.outputs))


def truth_of(inputs: Properties, name: str) -> bool:
    """A switch of the image's own."""
    return truth(inputs, name)


def _login(inputs: Properties) -> Login | None:
    given = inputs.get("registry")
    if not isinstance(given, Mapping) or not given.get("username"):
        return None
    server = text(given, "server") or ImageName.parse(text(inputs, "imageName")).registry
    return Login(registry_address(server), text(given, "username"), Secret(text(given, "password")))


def _options(inputs: Properties, root: Path) -> dict[str, Any]:
    build = inputs.get("build")
    build = build if isinstance(build, Mapping) else {}
    cache = build.get("cacheFrom")
    options: dict[str, Any] = {
        "path": str(root / text(build, "context")),
        "tag": text(inputs, "imageName"),
        "dockerfile": str((root / text(build, "dockerfile")).absolute()),
        "buildargs": text_map(build.get("args")),
        "target": text(build, "target"),
        "platform": text(build, "platform"),
        "network_mode": text(build, "network"),
        "extra_hosts": dict(item.split(":", 1) for item in texts(build, "addHosts") if ":" in item),
        "cache_from": texts(cache, "images") if isinstance(cache, Mapping) else [],
    }
    return {"rm": True, "forcerm": True, **{name: value for name, value in options.items() if value}}


def _outputs(inputs: Properties, digest: Value, platform: Value, *, hidden: bool) -> Values:
    build = inputs.get("build")
    build = build if isinstance(build, Mapping) else {}
    registry = inputs.get("registry")
    own = registry.get("server") if isinstance(registry, Mapping) else None
    name = inputs.get("imageName")
    server = own or (ImageName.parse(name).registry if isinstance(name, str) else name)
    return {
        "__inputs": Secret(dict(inputs)) if hidden else dict(inputs),
        "baseImageName": name,
        "context": build.get("context"),
        "dockerfile": build.get("dockerfile"),
        "id": name,
        "imageName": name,
        "platform": platform,
        "registryServer": server,
        "repoDigest": digest,
    }


def _predicted(inputs: Properties, urn: str, secret: frozenset[str]) -> Values:
    made = _outputs(inputs, Unknown(f"{urn}.repoDigest"), Unknown(f"{urn}.platform"), hidden=bool(secret))
    return {**made, "id": Unknown(f"{urn}.id")}


# --- the context -----------------------------------------------------------------------------------


def context_digest(root: Path, dockerfile: Path) -> str:
    """A digest of what a build sees: names, modes and contents, `.dockerignore` honoured."""
    if not root.is_dir():
        raise UsageError(f"the build context `{root}` is no folder", hint="correct `build.context`")
    digest = hashlib.sha256()
    _feed(digest, "Dockerfile", dockerfile)
    for name in sorted(_included(root)):
        _feed(digest, name, root / name)
    return digest.hexdigest()


def _included(root: Path) -> Iterator[str]:
    ignore = root / ".dockerignore"
    if not ignore.exists():
        for folder, _, names in os.walk(root):
            yield from (str((Path(folder) / name).relative_to(root)) for name in names)
        return
    from docker.utils.build import exclude_paths  # noqa: PLC0415  # costs 0.3 s, so only where needed

    lines = ignore.read_text(encoding="utf-8").splitlines()
    patterns = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    yield from (name for name in exclude_paths(str(root), patterns) if not (root / name).is_dir())


def _feed(digest: Any, name: str, path: Path) -> None:
    digest.update(f"{name}\0".encode())
    if path.is_symlink():
        digest.update(f"link {path.readlink()}\0".encode())
        return
    digest.update(f"{path.stat().st_mode & 0o777:o}\0".encode())
    with path.open("rb") as file:
        while block := file.read(_BLOCK_SIZE):
            digest.update(block)
