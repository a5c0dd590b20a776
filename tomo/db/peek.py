"""Whether anybody or anything is in a SQLite file, asked without SQLAlchemy: every apply asks it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

_SECONDS: Final = 5.0


def has_users(file: Path) -> bool:
    """Whether the file has people in it; one that isn't there, or has no such table yet, has none.

    A file that can't be read at all has none either: it is its owner's, who may do what the account may.
    """
    return _has_row(file, "SELECT 1 FROM users LIMIT 1")


def has_marketplace(file: Path) -> bool:
    """Whether the file has repositories of catalogs, ratings or featured apps in it; as of `has_users`."""
    return any(
        _has_row(file, statement)
        for statement in (
            "SELECT 1 FROM catalog_repositories LIMIT 1",
            "SELECT 1 FROM catalog_ratings LIMIT 1",
            "SELECT 1 FROM catalog_featured LIMIT 1",
        )
    )


def _has_row(file: Path, statement: str) -> bool:
    if not file.exists():
        return False
    try:
        with closing(
            sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=_SECONDS)
        ) as there:
            return there.execute(statement).fetchone() is not None
    except sqlite3.Error:
        return False
