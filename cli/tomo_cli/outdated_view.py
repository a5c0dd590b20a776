"""What of a fleet is behind, and which images were pinned, for people and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from tomo.service.marketplace.outdated import AppState, ImageNews, ImageState
from tomo.service.marketplace.pinning import PinnedFile
from tomo_cli.console import say, table, text

_SHORT = 19


def show_outdated(found: Sequence[AppState], *, asked: bool) -> None:
    """The apps that are behind, and what to do about each."""
    behind = [each for each in found if each.is_behind]
    if behind:
        rows = [
            (each.app, each.ref, ", ".join(each.running) or "-", each.unpinned or each.catalog, _how(each))
            for each in behind
        ]
        table(("APP", "CATALOG ENTRY", "RUNS", "NEWEST", "HOW"), rows)
    for each in found:
        for image in each.images:
            if image.news in {ImageNews.MOVED, ImageNews.UNKNOWN}:
                say(_told(image))
    if not behind:
        say(f"{_counted(len(found), 'app')}, none of them behind{'' if asked else ' its catalog entry'}.")
    if not asked:
        say("No registry was asked; `tomo app outdated --registry` asks whether images have moved.")


def outdated_json(found: Sequence[AppState]) -> list[dict[str, object]]:
    """Every app, behind or not."""
    return [{**asdict(each), "behind": each.is_behind} for each in found]


def show_pinned(done: Sequence[PinnedFile]) -> None:
    """Each image that was pinned, and each file that stays as it was."""
    for each in done:
        for service, (_, after) in each.images.items():
            text(f"{each.file.name}: {service} is {after}")
        for problem in each.problems:
            say(f"{each.file.name} stays as it is: {problem}")
    images = sum(len(each.images) for each in done)
    failed = sum(bool(each.problems) for each in done)
    left = f"; {_counted(failed, 'file')} could not be pinned" if failed else ""
    say(f"{_counted(images, 'image')} pinned in {_counted(len(done), 'file')}{left}.")


def pinned_json(done: Sequence[PinnedFile]) -> list[dict[str, object]]:
    """The files as a document."""
    return [
        {
            "file": str(each.file),
            "images": {name: {"before": old, "after": new} for name, (old, new) in each.images.items()},
            "problems": list(each.problems),
        }
        for each in done
    ]


def _how(app: AppState) -> str:
    if app.unpinned:
        return f"tomo catalog repo pin {app.ref.partition('/')[0]}"
    return f"tomo app update {app.app}" if set(app.running) - {app.catalog} else "its image has moved"


def _told(image: ImageState) -> str:
    where = f"{image.image} on {', '.join(image.servers)}"
    if image.news is ImageNews.MOVED:
        return f"{where}: the registry has {image.registry[:_SHORT]}, {image.running[:_SHORT]} runs."
    return f"{where}: not known, {image.problem}."


def _counted(count: int, noun: str) -> str:
    return f"1 {noun}" if count == 1 else f"{count} {noun}s"
