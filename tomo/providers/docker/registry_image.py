"""`docker:index/registryImage:RegistryImage`: an image of the host, pushed to its registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tomo.model.provider import (
    CheckFailure,
    CreateRequest,
    CreateResult,
    DeleteRequest,
    ReadRequest,
    ReadResult,
    ReadStatus,
    UpdateRequest,
    UpdateResult,
)
from tomo.model.values import Properties, Secret, Unknown
from tomo.providers.docker import images
from tomo.providers.docker.inputs import text, truth
from tomo.providers.docker.problems import image_not_found
from tomo.providers.docker.registry_auth import Login, registry_address
from tomo.providers.docker.resource import Host, Look, Resource
from tomo.providers.docker.schema import Field, Kind, Values

REGISTRY_IMAGE: Final = (
    Field("name", required=True, replaces=True),
    Field("keepRemotely", Kind.BOOL),
    Field("insecureSkipVerify", Kind.BOOL, refused="give the host's Docker an `insecure-registries` entry"),
    Field("triggers", Kind.MAP, replaces=True),
    Field(
        "authConfig",
        Kind.BLOCK,
        fields=(Field("address", required=True), Field("username"), Field("password")),
    ),
    Field("build", Kind.BLOCK, refused="use `docker.Image` to build and push one"),
)


class RegistryImage(Resource):
    """A pushed image. Plans do not ask registries, so it is not looked at."""

    type = "docker:index/registryImage:RegistryImage"
    fields = REGISTRY_IMAGE
    named = False

    def problems(self, values: Values, hidden: frozenset[str]) -> tuple[CheckFailure, ...]:  # noqa: ARG002
        """Removing from a registry is not supported, so it must be said that it stays."""
        if values.get("keepRemotely") is True or isinstance(values.get("keepRemotely"), Unknown):
            return ()
        reason = "removing an image from a registry is not supported; set `keepRemotely` to true"
        return (CheckFailure("keepRemotely", reason),)

    def create(self, host: Host, request: CreateRequest) -> CreateResult:
        """Pushes the host's image of that name."""
        name = text(request.inputs, "name")
        if images.find(host, name) is None:
            raise image_not_found(name, host.name)
        login = _login(request.inputs) or images.login_for(host, name)
        request.report(f"pushing {name}")
        with images.sdk(host) as client:
            digest = client.push(name, login, request.report)
        digest = digest or images.registry_digest(host, name, login)
        return CreateResult(digest, _outputs(request.inputs, digest, digest))

    def update(self, host: Host, request: UpdateRequest) -> UpdateResult:  # noqa: ARG002
        """What changes in place concerns the state alone."""
        digest = text(request.old_outputs, "sha256Digest")
        return UpdateResult(_outputs(request.new_inputs, request.id, digest))

    def delete(self, host: Host, request: DeleteRequest) -> None:
        """Leaves the image in its registry, as `keepRemotely` says."""

    def predict_create(self, request: CreateRequest) -> CreateResult:
        """The digest is the registry's."""
        made = _outputs(request.inputs, "", "")
        unknown = {name: Unknown(f"{request.urn}.{name}") for name in ("id", "sha256Digest")}
        return CreateResult("", {**made, **unknown})

    def predict_update(self, request: UpdateRequest) -> UpdateResult:
        """The digest stays."""
        digest = text(request.old_outputs, "sha256Digest")
        return UpdateResult(_outputs(request.new_inputs, request.id, digest))

    def look(self, host: Host, request: ReadRequest) -> Look:  # noqa: ARG002
        """Is not looked at: that would dial a registry from a plan."""
        yield from ()
        return ReadResult(ReadStatus.UNSUPPORTED)


def _login(inputs: Properties) -> Login | None:
    given = inputs.get("authConfig")
    if not isinstance(given, Mapping) or not given.get("username"):
        return None
    address = registry_address(text(given, "address"))
    return Login(address, text(given, "username"), Secret(text(given, "password")))


def _outputs(inputs: Properties, id_: str, digest: str) -> Values:
    return {
        "authConfig": inputs.get("authConfig"),
        "build": None,
        "id": id_,
        "insecureSkipVerify": None,
        "keepRemotely": truth(inputs, "keepRemotely"),
        "name": inputs.get("name"),
        "sha256Digest": digest,
        "triggers": inputs.get("triggers"),
    }
