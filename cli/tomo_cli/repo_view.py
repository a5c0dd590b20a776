"""Repositories of catalogs, for people and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Final

from tomo.model.catalog import Repository
from tomo.service.marketplace.repositories import SyncedRepository
from tomo.service.marketplace.views import OWN, RepositoryView
from tomo_cli.console import heading, say, table, text

_SHORT: Final = 12
_FEW: Final = 8


def show_added(done: SyncedRepository) -> None:
    """What a new repository holds, and what to do with it."""
    found = done.repository
    say(f"Added {found.name} at {at(found)}: {_counted(done.apps, 'app')}, each held to the catalog's rules.")
    _show_refused(found)
    example = done.added[0]
    say(f"Its apps are called {found.name}/APP: `tomo catalog show {found.name}/{example}`.")


def show_synced(done: Sequence[SyncedRepository]) -> None:
    """What moved in each repository."""
    if not done:
        say("There is nothing to sync; `tomo catalog repo add ADDRESS` adds a repository.")
    for each in done:
        found = each.repository
        if each.pinned:
            say(
                f"{found.name}: fetched {at(found)}, pinned by the fleet file ({_counted(each.apps, 'app')})."
            )
            continue
        moved = [*_moves("new", each.added), *_moves("changed", each.changed), *_moves("gone", each.gone)]
        state = "is at" if each.before in {found.commit, found.digest} else "moved to"
        say(f"{found.name} {state} {at(found)}: {'; '.join(moved) or 'no app changed'}.")
        _show_refused(found)


def show_repositories(found: Sequence[RepositoryView]) -> None:
    """Every repository, and below them the apps that others have too."""
    if not found:
        say("There are no repositories; `tomo catalog repo add ADDRESS` adds one.")
        return
    rows = [
        (
            each.repository.name,
            each.apps,
            at(each.repository),
            _fleet(each),
            _day(each.repository.synced),
            each.repository.url,
        )
        for each in found
    ]
    table(("REPOSITORY", "APPS", "AT", "THE FLEET HAS", "SYNCED", "WHERE"), rows)
    for each in found:
        if not each.here:
            name = each.repository.name
            say(f"The files of {name} are not on this machine: `tomo catalog repo sync {name}`.")
        _show_refused(each.repository)
    _show_shared(found)


def at(repository: Repository) -> str:
    """The commit in short, or the digest of a folder."""
    return repository.commit[:_SHORT] or repository.digest.removeprefix("sha256:")[:_SHORT]


def view_json(view: RepositoryView) -> dict[str, object]:
    """A repository as a document."""
    told = asdict(view.repository)
    shared = {app: list(owners) for app, owners in view.shared.items()}
    return {**told, "apps": view.apps, "here": view.here, "pinned": view.pinned, "shared": shared}


def synced_json(done: SyncedRepository) -> dict[str, object]:
    """What moved, as a document."""
    told = asdict(done)
    return {**told.pop("repository"), **told}


def _fleet(view: RepositoryView) -> str:
    if not view.pinned:
        return ""
    newest = view.repository.commit or view.repository.digest
    return "this" if view.pinned == newest else f"{view.pinned.removeprefix('sha256:')[:_SHORT]}"


def _show_shared(found: Sequence[RepositoryView]) -> None:
    shared = {app: owners for each in found for app, owners in each.shared.items()}
    if not shared:
        return
    heading("Apps that several have")
    for app, owners in sorted(shared.items())[:_FEW]:
        refs = [f"`{app}` is Tomo's own" if owner == OWN else f"`{owner}/{app}`" for owner in owners]
        text(f"  {app}: {', '.join(refs)}")
    if len(shared) > _FEW:
        text(f"  … and {len(shared) - _FEW} more")
    text("  A mere id is never a repository's: what a fleet file names is always clear.")


def _show_refused(repository: Repository) -> None:
    for line in repository.refused[:_FEW]:
        say(f"not used: {line}")
    if len(repository.refused) > _FEW:
        say(f"not used: … and {len(repository.refused) - _FEW} more")


def _moves(word: str, apps: Sequence[str]) -> list[str]:
    if not apps:
        return []
    more = f" and {len(apps) - _FEW} more" if len(apps) > _FEW else ""
    return [f"{word} {', '.join(apps[:_FEW])}{more}"]


def _counted(count: int, noun: str) -> str:
    return f"1 {noun}" if count == 1 else f"{count} {noun}s"


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
