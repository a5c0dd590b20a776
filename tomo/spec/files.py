"""The files that people write, before anybody knows what is in them. Loads no model, which takes long."""

from __future__ import annotations

from pathlib import Path

from tomo.errors import Problem, SpecError

FLEET_FILE = "fleet.yaml"


def read_bytes(file: Path, hint: str = "") -> bytes:
    """A file's content; raises SpecError where it can't be read."""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise SpecError([Problem(str(file), 0, "there is no such file", hint)]) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        raise SpecError([Problem(str(file), 0, f"the file cannot be read: {reason}", hint)]) from None
