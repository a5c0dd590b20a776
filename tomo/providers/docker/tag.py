"""`docker:index/tag:Tag`: another name for an image that the host has."""

from __future__ import annotations

from typing import Final

from tomo.model.provider import (
    CreateRequest,
    CreateResult,
    DeleteRequest,
    ReadRequest,
    ReadResult,
    ReadStatus,
    UpdateRequest,
    UpdateResult,
)
from tomo.model.values import Properties, Unknown
from tomo.providers.docker import images
from tomo.providers.docker.daemon import document, image_path
from tomo.providers.docker.inputs import text
from tomo.providers.docker.problems import image_not_found
from tomo.providers.docker.resource import GONE, Host, Look, Resource
from tomo.providers.docker.schema import Field, Kind, Values
from tomo.providers.docker.units import same_image

TAG: Final = (
    Field("sourceImage", required=True, replaces=True, same=same_image),
    Field("targetImage", required=True, replaces=True, same=same_image),
    Field("tagTriggers", Kind.TEXTS, replaces=True),
)


class Tag(Resource):
    """A name of an image."""

    type = "docker:index/tag:Tag"
    fields = TAG
    named = False

    def create(self, host: Host, request: CreateRequest) -> CreateResult:
        """Gives the source image the target name."""
        source, target = text(request.inputs, "sourceImage"), text(request.inputs, "targetImage")
        found = images.find(host, source)
        if found is None:
            raise image_not_found(source, host.name)
        images.tag(host, source, target)
        id_ = f"{source}.{target}"
        return CreateResult(id_, _outputs(request.inputs, id_, images.id_of(found)))

    def update(self, host: Host, request: UpdateRequest) -> UpdateResult:  # noqa: ARG002
        """Nothing changes in place."""
        return UpdateResult(request.old_outputs)

    def delete(self, host: Host, request: DeleteRequest) -> None:
        """Leaves both images, as the official provider does."""

    def predict_create(self, request: CreateRequest) -> CreateResult:
        """Only the daemon knows the image's id."""
        made = _outputs(request.inputs, "", "")
        unknown = {name: Unknown(f"{request.urn}.{name}") for name in ("id", "sourceImageId")}
        return CreateResult("", {**made, **unknown})

    def predict_update(self, request: UpdateRequest) -> UpdateResult:
        """Nothing changes in place."""
        return UpdateResult(request.old_outputs)

    def look(self, host: Host, request: ReadRequest) -> Look:  # noqa: ARG002
        """Looks for the target name."""
        target = text(request.inputs, "targetImage")
        path = image_path(target) if target else ""
        if not path:
            return ReadResult(ReadStatus.UNSUPPORTED)
        answer = (yield [path])[path]
        if not answer.ok or images.id_of(document(answer)) != text(request.outputs, "sourceImageId"):
            return GONE
        return ReadResult(ReadStatus.FOUND, request.id, request.inputs, dict(request.outputs))


def _outputs(inputs: Properties, id_: str, image_id: str) -> Values:
    made = {name: inputs.get(name) for name in ("sourceImage", "tagTriggers", "targetImage")}
    return {**made, "id": id_, "sourceImageId": image_id}
