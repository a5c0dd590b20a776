"""What is said of an app in lists, of the repository that it comes from, and what people think of it."""

from __future__ import annotations

from tomo.frozen import frozen


@frozen
class AppSummary:
    """What a list shows of one app. `memory` and `disk` are bytes, 0 where nothing is said; so is `cpu`.

    `repository` is `""` for what ships with Tomo or lies in a folder of the fleet's own.
    """

    id: str
    title: str
    tagline: str
    version: str
    categories: tuple[str, ...]
    tags: tuple[str, ...]
    description: str
    risk: str
    architectures: tuple[str, ...] = ()
    memory: int = 0
    disk: int = 0
    cpu: float = 0.0
    repository: str = ""

    @property
    def ref(self) -> str:
        """How a fleet file names it: `wiki`, or `homelab/wiki` of a repository."""
        return f"{self.repository}/{self.id}" if self.repository else self.id


@frozen
class AppFilter:
    """What an app must have to be found; empty for anything. `memory` and `disk` are bytes there are."""

    category: str = ""
    tag: str = ""
    architecture: str = ""
    memory: int = 0
    disk: int = 0
    cpu: float = 0.0

    def takes(self, app: AppSummary) -> bool:
        """Whether an app fits. One that doesn't say what it needs, or runs on, fits any."""
        tags = {tag.lower() for tag in app.tags}
        return (
            (not self.category or self.category in app.categories)
            and (not self.tag or self.tag.lower() in tags)
            and (not self.architecture or not app.architectures or self.architecture in app.architectures)
            and (not self.memory or app.memory <= self.memory)
            and (not self.disk or app.disk <= self.disk)
            and (not self.cpu or app.cpu <= self.cpu)
        )


@frozen
class Repository:
    """A repository of catalogs, pinned. Times are seconds since 1970.

    `branch` is what is followed, `""` for the remote's own; `commit` is `""` for a folder that is no git
    repository. `digest` is that of its app files. `refused` says per app why it isn't taken.
    """

    name: str
    url: str
    branch: str
    commit: str
    digest: str
    added: int
    synced: int
    refused: tuple[str, ...] = ()


@frozen
class AppVersion:
    """A version of an app that a repository had, and since when."""

    repository: str
    app: str
    version: str
    commit: str
    digest: str
    time: int


@frozen
class Rating:
    """What one person thinks of an app, by its ref: 1 to 5 stars."""

    ref: str
    person: str
    stars: int
    note: str
    time: int


@frozen
class Standing:
    """What is known of an app beside its file: how many rated it, their average, whether it is featured."""

    ratings: int = 0
    stars: float = 0.0
    featured: bool = False
