"""Which database is meant: a file of this machine, or a PostgreSQL server."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from tomo.errors import UsageError
from tomo.frozen import frozen
from tomo.settings import Settings

DATABASE_VARIABLE: Final = "TOMO_DATABASE_URL"
FILE_NAME: Final = "tomo.db"
_SERVER_SCHEMES: Final = {"postgresql", "postgres"}
_FORMS: Final = "`postgresql://USER@HOST/NAME` or `sqlite:///PATH`"


@frozen
class DatabaseAddress:
    """A database: `file` for SQLite, `url` for PostgreSQL. `shown` has no password in it."""

    shown: str
    file: Path | None = None
    url: str = field(default="", repr=False)


def database_address(settings: Settings) -> DatabaseAddress:
    """The database that the environment names, or a file in the person's own data folder.

    Raises UsageError for an address of another kind.
    """
    text = settings.database_url
    if text is None:
        return _file(settings.data_folder / FILE_NAME)
    try:
        parts = urlsplit(text)
        has_host = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        raise _refused("is not a URL") from None
    if parts.scheme == "sqlite":
        return _file(_path(text))
    if parts.scheme not in _SERVER_SCHEMES:
        raise _refused(f"has the scheme `{parts.scheme}`, which is not supported")
    if not has_host or not parts.path.strip("/"):
        raise _refused("names no host or no database")
    return DatabaseAddress(_without_password(text), url=text)


def _path(text: str) -> Path:
    path = Path(text.removeprefix("sqlite://").removeprefix("/"))
    if not text.startswith("sqlite:///") or not path.is_absolute():
        raise _refused("must have an absolute path, with four slashes: `sqlite:////PATH`")
    return path


def _file(path: Path) -> DatabaseAddress:
    return DatabaseAddress(str(path), path)


def _without_password(text: str) -> str:
    """Host, port, user and name; a password may also stand in the query, which is left out."""
    parts = urlsplit(text)
    at = f"{parts.username}@" if parts.username else ""
    port = f":{parts.port}" if parts.port else ""
    return urlunsplit(("postgresql", f"{at}{parts.hostname}{port}", parts.path, "", ""))


def _refused(why: str) -> UsageError:
    return UsageError(f"`{DATABASE_VARIABLE}` {why}", hint=f"such as {_FORMS}")
