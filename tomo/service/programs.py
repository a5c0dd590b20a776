"""A fleet as a Pulumi program of its own, to read, to keep, or to grow out of Tomo."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import ClassVar

from tomo.errors import TomoError, UsageError
from tomo.frozen import frozen
from tomo.service.effect import Effect
from tomo.service.fleets import definitions_of
from tomo.service.server_edits import fleet_of
from tomo.service.wiring import Doors
from tomo.service.workspace import Place


@frozen
class ProgramRequest:
    """Write the fleet as a standalone Pulumi program into a folder; nothing there is overwritten."""

    effect: ClassVar[Effect] = Effect.WRITE
    place: Place
    directory: Path


@frozen
class WrittenProgram:
    """The files that were written. `config` says whether the stack's config is among them."""

    directory: Path
    stack: str
    files: tuple[str, ...]
    config: bool


class Programs:
    """The use case that writes a program."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    def write(self, request: ProgramRequest) -> WrittenProgram:
        """Writes the program, and beside it the stack's config with its sealed secrets."""
        from tomo.resources.standalone import standalone_program  # noqa: PLC0415  # for this command only

        workspace = self._doors.open(request.place)
        loaded = fleet_of(workspace)
        files = standalone_program(loaded.fleet, definitions_of(loaded, workspace.catalog))
        config = workspace.stack_file if workspace.stack_file.exists() else None
        names = [*files, *([config.name] if config else [])]
        _refuse_existing(request.directory, names)
        try:
            for name, text in files.items():
                target = request.directory / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text, "utf-8")
            if config is not None:
                shutil.copyfile(config, request.directory / config.name)
        except OSError as error:
            raise TomoError(
                f"the program cannot be written to `{request.directory}`: {error.strerror}",
                hint="name another folder",
            ) from error
        return WrittenProgram(request.directory, workspace.stack, tuple(sorted(names)), config is not None)


def _refuse_existing(directory: Path, names: list[str]) -> None:
    if directory.exists() and not directory.is_dir():
        raise UsageError(f"`{directory}` is no folder", hint="name another one")
    for name in names:
        if (directory / name).exists():
            raise UsageError(f"`{directory / name}` exists already", hint="name an empty or a new folder")
