"""`python -m lab`: start and stop the machine's dockerd, make the images, remove everything."""

import argparse
import shutil
import sys

from lab import debian
from lab.daemon import Daemon
from lab.docker import answers
from lab.images import ImageStore
from lab.lab import CACHE
from lab.runs import remove_ended_runs, remove_images, runs
from lab.shell import LabError, attempt


def start() -> None:
    """Brings up a dockerd where none answers; refuses a machine that can't make servers."""
    debian.mirror()
    print("dockerd started" if Daemon(CACHE).ensure() else "dockerd was there already")


def stop() -> None:
    """Removes what ended runs left, and stops the lab's own dockerd unless a run still needs it."""
    if not answers():
        return
    remove_ended_runs()
    if running := list(runs()):
        print("still up: " + ", ".join(sorted({run.name for run in running})))
    elif Daemon(CACHE).stop():
        print("dockerd stopped")


def prepare() -> None:
    """Makes the images that servers are started from."""
    Daemon(CACHE).ensure()
    store = ImageStore(CACHE)
    print(store.host(), store.docker_host(), sep="\n")


def clean() -> None:
    """Stops everything as `stop` does, and drops the images and the cache too."""
    if answers():
        remove_ended_runs()
        remove_images()
    stop()
    in_use = {CACHE / "docker", CACHE / "dockerd.pid"} if answers() else set()
    for entry in set(CACHE.glob("*")) - in_use:
        if entry.is_dir():
            # dockerd mounts its folder on itself, which `is_mount` can't see, and may leave that behind.
            attempt(["umount", "--lazy", str(entry)])
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


COMMANDS = {"start": start, "stop": stop, "prepare": prepare, "clean": clean}


def main() -> int:
    """Runs one command."""
    parser = argparse.ArgumentParser(prog="python -m lab", description=__doc__)
    parser.add_argument("command", choices=COMMANDS, help="what to do")
    try:
        COMMANDS[parser.parse_args().command]()
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
