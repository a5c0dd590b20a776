"""Repositories of catalogs: add, list, bring up to date, pin in a fleet file, remove."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from tomo.catalog.index import pins_of, summary_of
from tomo.catalog.repos.address import (
    Protocol,
    name_for,
    read_address,
    require_branch,
    require_commit,
    require_name,
)
from tomo.catalog.repos.shelf import Pin, Shelves
from tomo.catalog.search import weights_of
from tomo.errors import UsageError
from tomo.frozen import frozen
from tomo.model.catalog import AppSummary, Repository
from tomo.service.app_edits import with_pin
from tomo.service.effect import Effect
from tomo.service.marketplace.fetching import fetched, fetched_as_pinned, shelve
from tomo.service.marketplace.store import marketplace_of
from tomo.service.marketplace.views import (
    RepositoryView,
    known_repositories,
    pin_of,
    repository_views,
)
from tomo.service.recording import audited, recorded
from tomo.service.server_edits import fleet_of
from tomo.service.wiring import Doors
from tomo.service.workspace import Place
from tomo.spec import edit
from tomo.spec.files import FLEET_FILE
from tomo.spec.load import LoadedFleet
from tomo.spec.near import did_you_mean
from tomo.spec.shown import shown

if TYPE_CHECKING:
    from tomo.catalog.repos.verify import Verified
    from tomo.db.marketplace import KeptApp


@frozen
class AddRepositoryRequest:
    """Take a repository in: a git address or a folder. `name` `""` is made of the address."""

    effect: ClassVar[Effect] = Effect.WRITE
    place: Place
    url: str
    name: str = ""
    branch: str = ""
    commit: str = ""


@frozen
class SyncRepositoriesRequest:
    """Bring repositories up to date, all without names, and fetch what the fleet file pins."""

    effect: ClassVar[Effect] = Effect.WRITE
    place: Place
    names: tuple[str, ...] = ()


@frozen
class PinRepositoryRequest:
    """Write what a repository is at into the fleet file, for its apps."""

    effect: ClassVar[Effect] = Effect.WRITE
    place: Place
    name: str


@frozen
class SyncedRepository:
    """A repository as it is now, and what came, changed and went since; `before` is the commit it was at.

    `pinned` says that it is what the fleet file pins, which doesn't move by itself.
    """

    repository: Repository
    apps: int
    before: str = ""
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    pinned: bool = False


class Repositories:
    """The use cases over repositories. `clock` gives seconds since 1970."""

    def __init__(self, doors: Doors, clock: Callable[[], float]) -> None:
        self._doors, self._settings, self._clock = doors, doors.settings, clock

    def add(self, request: AddRepositoryRequest) -> SyncedRepository:
        """Fetches, checks and keeps one; raises RepositoryError where it can't be used."""
        address = read_address(request.url, request.place.directory)
        name = request.name or name_for(address)
        require_name(name)
        require_branch(request.branch)
        require_commit(request.commit)
        if address.protocol is Protocol.FOLDER and (request.branch or request.commit):
            raise UsageError(
                "a folder that is no git repository has no branches", hint="leave `--branch` out"
            )
        with recorded(self._doors, "catalog.add", name, details={"url": address.url}) as act:
            found = fetched(self._settings, address, request.branch, request.commit)
            now = int(self._clock())
            made = _repository(name, address.url, request.branch, found, (now, now))
            act.details |= {"commit": made.commit, "digest": made.digest}
            self._keep(made, found, new=True)
        return SyncedRepository(made, len(found.apps), added=tuple(found.apps))

    def list(self, place: Place) -> tuple[RepositoryView, ...]:
        """Every repository, by name."""
        return repository_views(self._settings, self._fleet(place))

    def sync(self, request: SyncRepositoriesRequest) -> tuple[SyncedRepository, ...]:
        """Brings each up to date; what the fleet file pins is fetched where it isn't here, and stays."""
        loaded = self._fleet(request.place)
        pins = pins_of(loaded.fleet.repositories) if loaded else []
        known = {each.name: each for each in known_repositories(self._settings)}
        for name in request.names:
            if name not in known and name not in {pin.name for pin in pins}:
                hint = did_you_mean(name, known, "add it: `tomo catalog repo add ADDRESS`")
                raise UsageError(f"there is no repository `{shown(name)}`", hint=hint)
        wanted = set(request.names) or {*known, *(pin.name for pin in pins)}
        done = [
            self._fetch_pinned(pin, request.place, pin.name in known) for pin in pins if pin.name in wanted
        ]
        done += [self._sync(each) for name, each in known.items() if name in wanted]
        return tuple(each for each in done if each is not None)

    @audited("catalog.pin")
    def pin(self, request: PinRepositoryRequest) -> Pin:
        """Writes a repository's newest checked state into the fleet file; raises UsageError without one."""
        loaded = fleet_of(self._doors.open(request.place))
        pin = self.newest(request.name)
        edit.edit_fleet(loaded.file, lambda text: with_pin(text, pin))
        return pin

    def newest(self, name: str) -> Pin:
        """What a repository is at; raises UsageError where there is none of the name."""
        known = {each.name: each for each in known_repositories(self._settings)}
        if name not in known:
            hint = did_you_mean(name, known, "add it: `tomo catalog repo add ADDRESS`")
            raise UsageError(f"there is no repository `{shown(name)}`", hint=hint)
        return pin_of(known[name])

    def remove(self, place: Place, name: str) -> Repository:
        """Forgets one. Its files stay where the fleet file pins them."""
        known = {each.name: each for each in known_repositories(self._settings)}
        pin = self.newest(name)
        with recorded(self._doors, "catalog.remove", name, details={"url": known[name].url}):
            with marketplace_of(self._settings) as market:
                market.remove(name)
            loaded = self._fleet(place)
            pinned = {each.digest for each in pins_of(loaded.fleet.repositories)} if loaded else set()
            if pin.digest not in pinned:
                Shelves(self._settings.data_folder).remove(pin)
        return known[name]

    # --- parts ----------------------------------------------------------------------------------------

    def _fleet(self, place: Place) -> LoadedFleet | None:
        if place.file is None and not (place.directory / FLEET_FILE).is_file():
            return None
        return self._doors.open(place).fleet

    def _fetch_pinned(self, pin: Pin, place: Place, is_known: bool) -> SyncedRepository | None:  # noqa: FBT001
        """Fetches what the fleet file pins; one that isn't known yet is so from then on, to be searched."""
        shelf = Shelves(self._settings.data_folder).shelf(pin)
        if shelf.is_whole():
            return None
        with recorded(self._doors, "catalog.fetch", pin.name, details={"url": pin.url, "digest": pin.digest}):
            found = fetched_as_pinned(self._settings, pin, place.directory)
            now = int(self._clock())
            made = _repository(pin.name, pin.url, "", found, (now, now))
            if is_known:
                shelve(self._settings, pin, found)
            else:
                self._keep(made, found, new=True)
        return SyncedRepository(made, len(found.apps), pinned=True)

    def _sync(self, known: Repository) -> SyncedRepository:
        with recorded(self._doors, "catalog.sync", known.name, details={"url": known.url}) as act:
            address = read_address(known.url, Path("/"))
            found = fetched(self._settings, address, known.branch)
            times = (known.added, int(self._clock()))
            made = _repository(known.name, known.url, known.branch, found, times)
            act.details |= {"commit.old": known.commit, "commit": made.commit, "digest": made.digest}
            with marketplace_of(self._settings) as market:
                before = {app.id: app.version for app in market.apps() if app.repository == known.name}
            changed = made.digest != known.digest
            old = Shelves(self._settings.data_folder).shelf(pin_of(known)).known_digests() if changed else {}
            self._keep(made, found, new=False)
        return _synced(made, known, found, before, old)

    def _keep(self, made: Repository, found: Verified, *, new: bool) -> None:
        """In the database last: what it names is on the shelf then."""
        if new and made.name in {each.name for each in known_repositories(self._settings)}:
            raise UsageError(
                f"there is a repository `{made.name}` already",
                hint=f"`tomo catalog repo sync {made.name}` syncs it; `--name` gives this one another",
            )
        shelve(self._settings, pin_of(made), found)
        with marketplace_of(self._settings) as market:
            market.put(made, _kept(made, found), new=new)


def _repository(name: str, url: str, branch: str, found: Verified, times: tuple[int, int]) -> Repository:
    content = found.content
    return Repository(name, url, branch, content.commit, content.digest, *times, found.refused)


def _kept(repository: Repository, found: Verified) -> list[KeptApp]:
    from tomo.db.marketplace import KeptApp  # noqa: PLC0415  # SQLAlchemy takes 0.2 s

    digests = found.content.digests
    summaries = (_summary(repository.name, app, found) for app in found.apps)
    return [KeptApp(each, weights_of(each), digests[each.id]) for each in summaries]


def _summary(repository: str, app: str, found: Verified) -> AppSummary:
    value = found.apps[app].value
    return summary_of(app, value if isinstance(value, dict) else {}, repository)


def _synced(
    made: Repository, known: Repository, found: Verified, before: Mapping[str, str], old: Mapping[str, str]
) -> SyncedRepository:
    now, new = {app: _summary("", app, found).version for app in found.apps}, found.content.digests
    moved = [
        app
        for app in now
        if app in before and (before[app] != now[app] or old.get(app, new[app]) != new[app])
    ]
    return SyncedRepository(
        made,
        len(now),
        before=known.commit or known.digest,
        added=tuple(sorted(now.keys() - before.keys())),
        changed=tuple(f"{app} {before[app]} → {now[app]}" for app in sorted(moved)),
        gone=tuple(sorted(before.keys() - now.keys())),
    )
