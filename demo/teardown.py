"""Removes a demo's servers, registry, keys and fleet folder."""

import shutil

from demo.story import Place
from lab.docker import answers
from lab.runs import remove_run


def remove_every_trace(place: Place) -> None:
    """Removes what a demo left; nothing when there was none."""
    if answers():
        remove_run(place.run)
    shutil.rmtree(place.folder, ignore_errors=True)
