"""The database itself: where it is, which form it has, and its way to another one."""

from __future__ import annotations

from tomo.audit.waiting import Waiting
from tomo.db.address import database_address
from tomo.errors import UsageError
from tomo.frozen import frozen
from tomo.service.recording import recorded
from tomo.service.wiring import Doors
from tomo.spec.shown import shown


@frozen
class DatabaseStatus:
    """Where the database is and which form its tables have; `waiting`: audit entries not yet in it."""

    address: str
    kind: str
    current: str
    newest: str
    waiting: str

    @property
    def is_new(self) -> bool:
        """Whether nothing is there yet."""
        return not self.current

    @property
    def is_current(self) -> bool:
        """Whether this version can work with it as it is."""
        return self.current == self.newest


@frozen
class Moved:
    """A change of the tables; `copy` is the file as it was before, `""` for none."""

    before: str
    after: str
    copy: str = ""


class Databases:
    """The use cases over the database that the settings name."""

    def __init__(self, doors: Doors) -> None:
        from tomo.db.database import Database  # noqa: PLC0415  # SQLAlchemy takes 0.2 s

        self._doors = doors
        self._database = Database(database_address(doors.settings))

    def close(self) -> None:
        """Ends the connections."""
        self._database.close()

    def status(self) -> DatabaseStatus:
        """What is there; makes nothing."""
        found = self._database.status()
        waiting = Waiting(self._doors.settings.data_folder)
        place = "nothing" if waiting.is_empty() else str(waiting.file)
        return DatabaseStatus(found.address, found.kind, found.current, found.newest, place)

    def upgrade(self) -> Moved:
        """Brings the tables to this version's form; a SQLite file is copied before."""
        from tomo.db.migrate import upgrade  # noqa: PLC0415  # Alembic takes 0.3 s

        before = self._database.status()
        if before.is_current:
            return Moved(before.current, before.current)
        # Roles can't be read from an older form; what the server lets its user do has to do.
        details = {"form": before.current}
        with recorded(self._doors, "db.upgrade", before.address, anybody=True, details=details):
            copy = upgrade(self._database)
        return Moved(before.current, self._database.status().current, str(copy or ""))

    def require_older(self, form: str) -> None:
        """Raises UsageError for a form that isn't an older one, before anybody is asked."""
        from tomo.db.migrate import BASE, revisions  # noqa: PLC0415  # as above

        current = self._database.status().current
        known = [BASE, *revisions()]
        if form not in known:
            raise UsageError(f"there is no form `{shown(form)}`", hint=f"forms are {', '.join(known)}")
        if not current or form == current or (form != BASE and form > current):
            raise UsageError(
                f"the database has the form `{current or 'none'}`, which is not newer than `{form}`",
                hint="see `tomo db status`",
            )

    def downgrade(self, form: str) -> Moved:
        """Takes the tables back; what the older form has no place for is in the copy alone."""
        from tomo.db.migrate import downgrade  # noqa: PLC0415  # as above

        self.require_older(form)
        before = self._database.status().current
        # Written to the database now, the entry would bring it forward again.
        with recorded(
            self._doors, "db.downgrade", self._database.address.shown, later=True, details={"form": form}
        ):
            copy = downgrade(self._database, form)
        return Moved(before, self._database.status().current, str(copy or ""))
