"""`docker:index/container:Container`: create, change, remove and look at one container."""

from __future__ import annotations

import re
from typing import Final

from tomo.model.provider import (
    CheckFailure,
    CreateRequest,
    CreateResult,
    DeleteRequest,
    DiffRequest,
    ReadRequest,
    UpdateRequest,
    UpdateResult,
)
from tomo.model.values import Properties
from tomo.providers.docker.container_fields import BY_NAME, CONTAINER, problems
from tomo.providers.docker.resource import Host, Look, Resource
from tomo.providers.docker.schema import Values, same_meaning
from tomo.providers.docker.units import is_image_id

_PARKED: Final = re.compile(r"(.+)\.tomo-old-[0-9a-f]{8}")
_OTHER_IMAGE_FORM: Final = BY_NAME["image"]


def parked_name(name: str, id_: str) -> str:
    """The name under which a container waits while its successor is tried."""
    return f"{name}.tomo-old-{id_[:8]}"


def candidate_name(name: str, old_id: str) -> str:
    """The name under which a container is tried while the one it follows still serves."""
    return f"{name}.tomo-new-{old_id[:8]}"


def base_name(name: str) -> str:
    """The name a parked container had; the name itself where it isn't parked."""
    match = _PARKED.fullmatch(name)
    return match[1] if match else name


class Container(Resource):
    """A container. What replaces it and what is changed in place: engine-spec 8.2."""

    type = "docker:index/container:Container"
    fields = CONTAINER
    delete_before_replace = True

    def problems(self, values: Values, hidden: frozenset[str]) -> tuple[CheckFailure, ...]:
        """What Docker would refuse or misunderstand."""
        return tuple(problems(values, hidden))

    def comparable(self, old: Properties, request: DiffRequest) -> Properties:
        """An image recorded by name and wanted by the id it stands for is the same image."""
        wanted, known = request.new_inputs.get("image"), request.old_outputs.get("image")
        if isinstance(wanted, str) and is_image_id(wanted) and same_meaning(_OTHER_IMAGE_FORM, known, wanted):
            recorded = old.get("image")
            # An id recorded is what the program said; only a name may stand for the id in the outputs.
            if isinstance(recorded, str) and not is_image_id(recorded):
                return {**old, "image": wanted}
        return old

    # --- acts ------------------------------------------------------------------------------------

    def predict_create(self, request: CreateRequest) -> CreateResult:
        """Unknown is what only the daemon says."""
        from tomo.providers.docker.container_outputs import predicted  # noqa: PLC0415  # not if unchanged

        return CreateResult("", predicted(request.inputs, request.urn))

    def predict_update(self, request: UpdateRequest) -> UpdateResult:
        """What the daemon said stays; what the program says is known."""
        from tomo.providers.docker.container_outputs import predicted  # noqa: PLC0415  # as above

        made = predicted(request.new_inputs, request.urn, request.old_outputs, request.id)
        return UpdateResult({**request.old_outputs, **made})

    def create(self, host: Host, request: CreateRequest) -> CreateResult:
        """Makes and starts it; one that doesn't come up is removed again."""
        from tomo.providers.docker import container_acts  # noqa: PLC0415  # not for a plan

        return container_acts.create(host, request)

    def update(self, host: Host, request: UpdateRequest) -> UpdateResult:
        """Sends changed limits and the restart policy, and makes it run again if it must."""
        from tomo.providers.docker import container_acts  # noqa: PLC0415  # as above

        return container_acts.update(host, request)

    def delete(self, host: Host, request: DeleteRequest) -> None:
        """Stops and removes it, and anonymous volumes with it."""
        from tomo.providers.docker import container_acts  # noqa: PLC0415  # as above

        container_acts.delete(host, request)

    def look(self, host: Host, request: ReadRequest) -> Look:
        """Looks by id; where that's gone, for one made anew under its name."""
        from tomo.providers.docker import container_look  # noqa: PLC0415  # not without a look

        return container_look.look(self, host, request)
