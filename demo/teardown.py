"""Removes the demo's servers, registry, keys and fleet folder."""

import shutil

from demo.story import FOLDER, RUN
from lab.docker import answers
from lab.runs import remove_run


def remove_every_trace() -> None:
    """Removes what an earlier demo left; nothing when there is none."""
    if answers():
        remove_run(RUN)
    shutil.rmtree(FOLDER, ignore_errors=True)
