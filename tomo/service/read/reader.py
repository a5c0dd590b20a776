"""What every reading use case of this room starts from: the doors, the place, and who asks."""

from __future__ import annotations

from collections.abc import Callable

from tomo.model.people import Person
from tomo.service.logs import for_call
from tomo.service.read.asker import Asker
from tomo.service.recording import Actor, Trail
from tomo.service.wiring import Doors
from tomo.service.workspace import Place, Workspace


class Reader:
    """Reads one place, for many people and for as long as the process lives."""

    def __init__(self, doors: Doors, place: Place) -> None:
        self._doors, self._place = doors, place

    def _open(self, by: Asker) -> Workspace:
        return self._for(by).open(self._place)

    def _for(self, by: Asker, who: Callable[[], Person] | None = None) -> Doors:
        """The doors of a call: its asker in the audit record, its id in the log."""
        role = by.person.role.value if by.person.role else ""
        actor = Actor(by.person.name, role, by.surface)
        own = self._doors.trail
        tell = own.tell if own is not None else _tell_nobody
        trail = Trail(self._doors.settings, actor, tell, who or (lambda: by.person))
        trail.correlation = by.correlation
        return for_call(self._doors, trail)


def _tell_nobody(_line: str) -> None:
    """A line for nobody."""
