"""`docker:index/remoteImage:RemoteImage`: an image that a host has, pulled where it hasn't."""

from __future__ import annotations

from typing import Final

from tomo.errors import DockerError
from tomo.model.diff import DiffKind, PropertyDiff
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
from tomo.model.urn import Urn
from tomo.model.values import Properties, Unknown, Value
from tomo.providers.docker import images
from tomo.providers.docker.daemon import document, image_path
from tomo.providers.docker.inputs import text, truth
from tomo.providers.docker.resource import GONE, Host, Look, Resource
from tomo.providers.docker.schema import Field, Kind, Values
from tomo.providers.docker.units import same_image

_ID_LENGTH: Final = len("sha256:") + 64
_NO_BUILD: Final = "use `docker.Image` to build one"

REMOTE_IMAGE: Final = (
    Field("name", required=True),
    Field("platform", replaces=True),
    Field("pullTriggers", Kind.TEXTS, replaces=True),
    Field("triggers", Kind.MAP, replaces=True),
    Field("keepLocally", Kind.BOOL),
    Field("forceRemove", Kind.BOOL),
    Field("build", Kind.BLOCK, refused=_NO_BUILD),
)


class RemoteImage(Resource):
    """An image by name; `imageId` is what containers are made from."""

    type = "docker:index/remoteImage:RemoteImage"
    fields = REMOTE_IMAGE
    named = False

    def create(self, host: Host, request: CreateRequest) -> CreateResult:
        """Takes the host's own image of that name, or pulls; pull triggers always pull."""
        name = text(request.inputs, "name")
        found = None if request.inputs.get("pullTriggers") else images.find(host, name)
        if found is None:
            found = images.pull(host, name, text(request.inputs, "platform"), request.report)
        id_ = images.id_of(found) + name
        return CreateResult(
            id_, _outputs(request.inputs, id_, images.id_of(found), images.repo_digest(found, name))
        )

    def update(self, host: Host, request: UpdateRequest) -> UpdateResult:
        """A new name is looked for or pulled; a tag that was moved by hand is put back."""
        name = text(request.new_inputs, "name")
        recorded = text(request.old_outputs, "imageId")
        found = images.find(host, name)
        if same_image(name) == same_image(text(request.old_inputs, "name")):
            found = self._put_back(host, request, found, name, recorded)
        if found is None:
            found = images.pull(host, name, text(request.new_inputs, "platform"), request.report)
        digest = images.repo_digest(found, name)
        return UpdateResult(_outputs(request.new_inputs, request.id, images.id_of(found), digest))

    def _put_back(
        self, host: Host, request: UpdateRequest, found: dict[str, Value] | None, name: str, recorded: str
    ) -> dict[str, Value] | None:
        if found is not None and images.id_of(found) == recorded:
            return found
        kept = images.find(host, recorded) if recorded else None
        if kept is None or "@" in name:
            return None
        request.report(f"putting the tag {name} back")
        images.tag(host, recorded, name)
        return kept

    def delete(self, host: Host, request: DeleteRequest) -> None:
        """Removes the image unless it is kept; one in use is not removed without `forceRemove`."""
        if truth(request.inputs, "keepLocally"):
            return
        name, recorded = text(request.inputs, "name"), text(request.outputs, "imageId")
        found = images.find(host, name)
        target = name if found is not None and images.id_of(found) == recorded else recorded
        if not target or (target == recorded and images.find(host, recorded) is None):
            return
        force = "1" if truth(request.inputs, "forceRemove") else "0"
        path = image_path(target).removesuffix("/json")
        fine = frozenset({404, 409})
        answer = host.daemon.send("DELETE", path, f"removing `{name}`", query={"force": force}, fine=fine)
        if answer.status == 409:  # noqa: PLR2004
            raise DockerError(
                f"the image `{name}` on `{host.name}` is in use: {answer.message}",
                host=host.name,
                hint="set `keepLocally` to leave it there, or `forceRemove` to remove it all the same",
            )

    def predict_create(self, request: CreateRequest) -> CreateResult:
        """Only the daemon knows the image's id."""
        unknown = _unknown(request.urn)
        return CreateResult(
            "", {**_outputs(request.inputs, "", "", ""), **unknown, "id": Unknown(f"{request.urn}.id")}
        )

    def predict_update(self, request: UpdateRequest) -> UpdateResult:
        """A new name means another image; anything else leaves it."""
        old, new = request.old_inputs.get("name"), request.new_inputs.get("name")
        known = (text(request.old_outputs, "imageId"), text(request.old_outputs, "repoDigest"))
        made = _outputs(request.new_inputs, request.id, *known)
        if isinstance(new, Unknown) or same_image(old) != same_image(new):
            made |= _unknown(request.urn)
        return UpdateResult({**request.old_outputs, **made})

    def look(self, host: Host, request: ReadRequest) -> Look:
        """Looks by name; another image under it is drift, and `imageId` stays what containers run."""
        name = text(request.inputs, "name") or request.id[_ID_LENGTH:] or request.id
        path = image_path(name)
        answer = (yield [path])[path]
        if not answer.ok:
            return GONE
        found = document(answer)
        now, recorded = images.id_of(found), text(request.outputs, "imageId")
        if not request.inputs:
            if request.id.startswith("sha256:") and not request.id.startswith(now):
                return GONE
            known = same_image(request.wanted.get("name")) == same_image(name)
            inputs: Values = {**request.wanted, "name": request.wanted["name"] if known else name}
            id_ = now + name
            return ReadResult(
                ReadStatus.FOUND, id_, inputs, _outputs(inputs, id_, now, images.repo_digest(found, name))
            )
        moved = recorded and now != recorded
        drift = (_moved(name, now, recorded, host.name),) if moved else ()
        digest = text(request.outputs, "repoDigest") if moved else images.repo_digest(found, name)
        made = _outputs(request.inputs, request.id, recorded or now, digest)
        return ReadResult(ReadStatus.FOUND, request.id, request.inputs, made, drift)


def _moved(name: str, now: str, recorded: str, host: str) -> PropertyDiff:
    why = f"the tag {name} was moved to another image on {host}"
    return PropertyDiff("imageId", DiffKind.UPDATE, now, recorded, drift=True, why=why)


def _unknown(urn: Urn) -> Values:
    return {name: Unknown(f"{urn}.{name}") for name in ("imageId", "repoDigest")}


def _outputs(inputs: Properties, id_: str, image_id: str, digest: str) -> Values:
    made = {name: inputs.get(name) for name in _GIVEN}
    return {**made, "build": None, "id": id_, "imageId": image_id, "repoDigest": digest}


_GIVEN: Final = ("forceRemove", "keepLocally", "name", "platform", "pullTriggers", "triggers")
