"""`python -m lab`: start and stop the machine's dockerd, make the images, remove everything."""

import argparse
import sys

from lab.daemon import Daemon
from lab.docker import answers
from lab.lab import CACHE, Lab, remove_images, remove_run
from lab.shell import LabError


def start() -> None:
    """Brings up a dockerd where none answers."""
    started = Daemon(CACHE).ensure()
    print("dockerd started" if started else "dockerd was there already")


def stop() -> None:
    """Removes every run's servers and stops the dockerd that the lab started."""
    if answers():
        remove_run()
    if Daemon(CACHE).stop():
        print("dockerd stopped")


def prepare() -> None:
    """Makes the images that servers are started from."""
    Daemon(CACHE).ensure()
    with Lab() as lab:
        print(lab.images.host())
        print(lab.images.docker_host())


def clean() -> None:
    """Removes servers, images, the lab's own dockerd with its data, and the cache."""
    if answers():
        remove_run()
        remove_images()
    daemon = Daemon(CACHE)
    daemon.stop()
    daemon.forget()


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
