"""A new fleet: its file, and what keeps secrets of the state out of git."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar, Final

from tomo.errors import TomoError, UsageError
from tomo.frozen import frozen
from tomo.service.addresses import valid_name
from tomo.service.effect import Effect
from tomo.service.server_edits import NewServer
from tomo.service.workspace import Place
from tomo.spec import edit
from tomo.spec.files import FLEET_FILE
from tomo.spec.load import fleet_from_text
from tomo.spec.near import NAME
from tomo.spec.shown import shown
from tomo.state.project import PROJECT_FILES

_IGNORED: Final = ".pulumi/"


@frozen
class InitRequest:
    """Begin a fleet in a folder, with its first server if there is one. Dials nothing."""

    effect: ClassVar[Effect] = Effect.WRITE
    place: Place
    name: str = ""
    server: NewServer | None = None


@frozen
class NewFleet:
    """What was written; `ignore_file` is None where git ignored the state already."""

    file: Path
    name: str
    ignore_file: Path | None


class Projects:
    """The use case that begins a fleet."""

    def require_new(self, request: InitRequest) -> Path:
        """The file that will be written; raises UsageError where something is in its place."""
        place = request.place
        if place.stack is not None:
            raise UsageError("a fleet has no `--stack` of its own", hint="name the fleet with `--name NAME`")
        file = place.directory / (place.file or FLEET_FILE)
        if file.exists():
            raise UsageError(f"`{file}` exists already", hint="edit it, or name another file with `-f FILE`")
        if any((file.parent / name).exists() for name in PROJECT_FILES):
            raise UsageError(
                f"`{file.parent}` holds a Pulumi project",
                hint="begin the fleet in a folder of its own: `-C DIR`",
            )
        return file

    def init(self, request: InitRequest) -> NewFleet:
        """Writes the fleet file, and the line that keeps the state out of git."""
        file = self.require_new(request)
        name = _fleet_name(request.name, file)
        text = edit.new_fleet(name)
        if request.server is not None:
            text = edit.add_server(text, request.server.name, request.server.entry())
        fleet_from_text(text, file)
        _make_folder(file.parent)
        edit.write_new(file, text)
        return NewFleet(file, name, _ignore_state(file.parent))


def _fleet_name(wanted: str, file: Path) -> str:
    if not wanted:
        return valid_name(file.absolute().parent.name) or "fleet"
    if not re.fullmatch(NAME, wanted):
        suggestion = valid_name(wanted)
        raise UsageError(
            f"`{shown(wanted)}` is not a name for a fleet",
            hint=f"such as `{suggestion}`" if suggestion else "lower-case letters, digits and `-` inside",
        )
    return wanted


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TomoError(
            f"the folder `{folder}` cannot be made: {error.strerror}", hint="name another with `-C DIR`"
        ) from error


def _ignore_state(folder: Path) -> Path | None:
    """The state holds addresses and sealed secrets, and changes with every run: no thing for git."""
    file = folder / ".gitignore"
    try:
        before = file.read_text("utf-8") if file.exists() else ""
        if _IGNORED in before.splitlines():
            return None
        missing = "\n" if before and not before.endswith("\n") else ""
        file.write_text(f"{before}{missing}{_IGNORED}\n", "utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TomoError(
            f"`{file}` cannot be changed: {error}", hint=f"add the line `{_IGNORED}` yourself"
        ) from error
    return file
