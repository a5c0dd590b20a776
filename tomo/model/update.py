"""What a plan does to the version of an app, for people to know before they agree."""

from __future__ import annotations

from collections.abc import Iterable

from tomo.frozen import frozen


@frozen(order=True)
class MovedData:
    """Data that is elsewhere in a container afterwards; `after` is empty where it is mounted no more.

    `source` is a volume or a folder of the server, `before` and `after` are paths in the container.
    """

    container: str
    source: str
    before: tuple[str, ...]
    after: tuple[str, ...]


@frozen
class AppUpdate:
    """An app that comes to another version on some servers; `back` says that it is an earlier one again.

    `notes` and `release_notes` are the catalog's words, `data_migration` is `none`, `automatic` or
    `manual`. `data` are the volumes that a backup holds, `own_images` the services whose image the fleet file
    sets, so that it stays.
    """

    app: str
    servers: tuple[str, ...]
    before: str
    after: str
    back: bool = False
    breaking: bool = False
    data_migration: str = "none"
    notes: str = ""
    release_notes: str = ""
    moved: tuple[MovedData, ...] = ()
    data: tuple[str, ...] = ()
    own_images: tuple[str, ...] = ()

    @property
    def risks_data(self) -> bool:
        """Whether what is kept may be unreadable or out of sight afterwards."""
        return self.breaking or self.data_migration != "none" or bool(self.moved)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should think about, a sentence each."""
        return tuple(_warnings(self))


def _warnings(update: AppUpdate) -> list[str]:
    said: list[str] = []
    if update.breaking:
        said.append("a person has something to do: read the notes first")
    if update.back and update.data_migration != "none":
        said.append(
            f"version {update.before} may have changed the data so that {update.after} can't read it: "
            "restore a backup made before it, too"
        )
    elif update.data_migration == "automatic":
        said.append(f"it changes the data when it starts: version {update.before} may not read it afterwards")
    elif update.data_migration == "manual":
        said.append("the data has to be migrated by hand: read the notes first")
    if update.own_images:
        services = ", ".join(update.own_images)
        said.append(f"the fleet file sets the image of {services}, which stays: change it there too")
    for each in update.moved:
        where = f"is at {', '.join(each.after)}" if each.after else "is mounted no more"
        said.append(f"{each.source} was at {', '.join(each.before)} in {each.container} and {where}")
    return said


@frozen
class BackupFirst:
    """A backup of an app on a server that must succeed before a run's first step.

    `volumes` are Docker's names, `version` is the app's that is there, `to` is where it goes, `stops` says
    that the app stops meanwhile.
    """

    app: str
    server: str
    volumes: tuple[str, ...]
    version: str
    to: str
    stops: bool = False

    @property
    def message(self) -> str:
        """What people are told."""
        stops = "; the app stops meanwhile" if self.stops else ""
        return f"back up {', '.join(self.volumes)} of {self.app} on {self.server} to {self.to}{stops}"


def not_backed_up(updates: Iterable[AppUpdate], backups: Iterable[BackupFirst]) -> tuple[str, ...]:
    """The warnings for apps whose data is at risk without a backup first."""
    saved = {(each.app, each.server) for each in backups}
    return tuple(
        f"the data of {update.app} is at risk and is not backed up before: "
        "name a place for backups in the fleet file (`backup`), or make one yourself"
        for update in updates
        if update.risks_data
        and update.data
        and any((update.app, server) not in saved for server in update.servers)
    )
