"""A fleet as a whole: its outputs, its drift, and the program that it stands for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from tomo.errors import NotSupported
from tomo.frozen import frozen
from tomo.model.events import Event, HostLooked
from tomo.model.plan import Unlooked, is_hidden
from tomo.model.values import Value
from tomo.service.engines import EngineName
from tomo.service.read.asker import Asker
from tomo.service.read.reader import Reader
from tomo.service.status import recorded_outputs
from tomo.service.workspace import Workspace

if TYPE_CHECKING:
    from tomo.spec.load import LoadedFleet

_PROGRAM_FILE = "__main__.py"


@frozen
class Difference:
    """A property as it is recorded and as it is; secrets are masked. Texts are the host's."""

    path: str
    recorded: str
    real: str
    why: str


@frozen
class Drifted:
    """A resource that is not as recorded."""

    resource: str
    kind: str
    host: str
    happened: str
    differences: tuple[Difference, ...]


@frozen
class Drift:
    """What was found; `unlooked` are hosts that were not seen, each with its problem and hint."""

    found: tuple[Drifted, ...]
    unlooked: tuple[Unlooked, ...]


class StackReads(Reader):
    """The use cases that look at a stack. A hand-written program is never run for them, nor its providers."""

    def outputs(self, by: Asker) -> Mapping[str, Value]:
        """The recorded outputs by name; secrets stay masked."""
        workspace = self._open(by)
        require_own_engine(workspace)
        return recorded_outputs(workspace, show_secrets=False)

    def drift(self, by: Asker, tell: Callable[[str], None]) -> Drift:
        """What was changed on the hosts outside Tomo; `tell` hears of each host that was looked at."""
        from tomo.service.markdown import shown_value  # noqa: PLC0415  # the engine is for looks at hosts
        from tomo.service.planning import Planning  # noqa: PLC0415
        from tomo.service.present import hosts_of  # noqa: PLC0415
        from tomo.service.runs import DriftRequest  # noqa: PLC0415

        workspace = self._open(by)
        require_own_engine(workspace)
        require_fleet(workspace)

        def hear(event: Event) -> None:
            if isinstance(event, HostLooked):
                tell(f"looked at {event.host}")

        result = Planning(self._for(by), workspace).drift(DriftRequest(self._place, sink=hear))
        if result.program_error is not None:
            raise result.program_error
        hosts, marks = hosts_of(result.plan), result.marks
        found = tuple(
            Drifted(
                step.urn.name,
                step.type,
                hosts.get(step.urn, ""),
                step.op.pulumi_name,
                tuple(
                    Difference(
                        diff.path, shown_value(diff.old, marks), shown_value(diff.new, marks), diff.why
                    )
                    for diff in step.diffs
                ),
            )
            for step in result.plan.steps
            if not is_hidden(step)
        )
        return Drift(found, result.plan.unlooked)

    def program(self, by: Asker) -> str:
        """The fleet as a standalone Pulumi program; secrets stay references to the stack's config."""
        from tomo.resources.standalone import standalone_program  # noqa: PLC0415  # for this alone
        from tomo.service.fleets import definitions_of  # noqa: PLC0415

        workspace = self._open(by)
        loaded = require_fleet(workspace)
        return standalone_program(loaded.fleet, definitions_of(loaded, workspace.catalog))[_PROGRAM_FILE]

    def fleet_text(self, by: Asker) -> str:
        """The fleet file as it is. It holds names of secrets, never their values."""
        return require_fleet(self._open(by)).file.read_text("utf-8")


def require_fleet(workspace: Workspace) -> LoadedFleet:
    """The fleet; raises NotSupported for a hand-written program, which runs in no long-lived process."""
    if workspace.fleet is None:
        raise NotSupported(
            f"`{workspace.directory}` holds a hand-written Pulumi program, and none is run for an assistant",
            hint="a person plans it: `tomo plan`",
        )
    return workspace.fleet


def require_own_engine(workspace: Workspace) -> None:
    """Raises NotSupported for a stack that the Pulumi CLI runs, which is no part of this process."""
    if workspace.engine is not EngineName.EMBEDDED:
        raise NotSupported(
            "this stack is run by the `pulumi` engine, which is a command line of its own",
            hint="a person asks it: `tomo outputs`, `tomo plan`",
        )
