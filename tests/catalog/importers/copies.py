"""Copies of made-up catalogs on the disk, and what an import makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

from tomo.catalog.importers.formats import Outcome, format_of, read_copy
from tomo.catalog.importers.writing import untouched
from tomo.spec.app import AppDefinition
from tomo.spec.yaml import parse


def copy_of(folder: Path, files: Mapping[str, str]) -> Path:
    """Writes a catalog's files; returns its folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip("\n"), "utf-8")
    return folder


def outcomes(path: Path, format_: str = "") -> list[Outcome]:
    """Every app of a copy; the format is found by itself where none is named."""
    return list(read_copy(path, format_ or format_of(path)))


def only(path: Path, format_: str = "") -> Outcome:
    """The one app of a copy."""
    (found,) = outcomes(path, format_)
    return found


def app_in(outcome: Outcome) -> AppDefinition:
    """The definition that would be written; its file is one that reads back as the same."""
    assert outcome.file is not None, outcome.reasons
    assert untouched(outcome.file.text)
    again = parse(outcome.file.text, "again.yaml").value
    assert AppDefinition.model_validate(again) == outcome.file.app
    return outcome.file.app


def env(app: AppDefinition, service: str) -> dict[str, Any]:
    """A service's variables, references to inputs as `<NAME>`."""
    values = app.services[service].env.items()
    return {
        key: value if isinstance(value, str) else f"<{getattr(value, 'input', '')}>" for key, value in values
    }


def reason(outcome: Outcome) -> str:
    """Why an app was refused."""
    assert outcome.file is None
    return "\n".join(map(str, outcome.reasons))
