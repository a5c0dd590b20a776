"""Who started what: every container of the lab carries its run's name and its owner's process id."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.docker import LABEL, docker, try_docker
from lab.shell import words

OWNER = f"{LABEL}.owner"
KEPT = "kept"


@dataclass(frozen=True)
class Run:
    """One run of tests, demo or benchmark, and the process that answers for it."""

    name: str
    owner: str

    def labels(self) -> list[str]:
        """The flags that mark what belongs to this run."""
        return ["--label", f"{LABEL}={self.name}", "--label", f"{OWNER}={self.owner}"]

    def ended(self) -> bool:
        """Whether its process is gone without having cleaned up."""
        return self.owner != KEPT and not Path(f"/proc/{self.owner}").exists()


def run_of_this_process(name: str, *, keep: bool = False) -> Run:
    """A run that lasts as long as this process, or, kept, until somebody removes it."""
    return Run(name, KEPT if keep else str(os.getpid()))


def runs() -> Iterator[Run]:
    """The runs that have containers on this machine."""
    columns = f'{{{{.Label "{LABEL}"}}}} {{{{.Label "{OWNER}"}}}}'
    listed = docker("container", "ls", "--all", "--filter", f"label={OWNER}", "--format", columns)
    for line in sorted(set(words(listed))):
        name, owner = line.split()
        yield Run(name, owner)


def remove_run(name: str) -> None:
    """Removes one run's containers with their volumes."""
    found = docker("container", "ls", "--all", "--quiet", "--filter", f"label={LABEL}={name}")
    if containers := list(words(found)):
        docker("container", "rm", "--force", "--volumes", *containers)


def remove_ended_runs() -> None:
    """Removes what killed runs left behind."""
    for run in runs():
        if run.ended():
            remove_run(run.name)


def remove_images() -> None:
    """Removes the lab's images, except those that a container still uses."""
    found = docker("image", "ls", "--all", "--quiet", "--filter", f"label={LABEL}=image")
    for image in dict.fromkeys(words(found)):
        try_docker("image", "rm", image)
