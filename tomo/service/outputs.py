"""A stack's outputs, whichever engine it runs on."""

from __future__ import annotations

from tomo.model.values import Value
from tomo.service.engines import EngineName
from tomo.service.status import OutputsRequest, recorded_outputs
from tomo.service.wiring import Doors


class Outputs:
    """The use case of reading outputs, from the state or through Pulumi's CLI."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    def outputs(self, request: OutputsRequest) -> dict[str, Value]:
        """The outputs by name."""
        workspace = self._doors.open(request.place)
        if workspace.engine is not EngineName.PULUMI:
            return recorded_outputs(workspace, show_secrets=request.show_secrets)
        from tomo.service.pulumi_engine import PulumiEngine  # noqa: PLC0415  # only where it's used

        return dict(PulumiEngine(self._doors, workspace).outputs(show_secrets=request.show_secrets))
