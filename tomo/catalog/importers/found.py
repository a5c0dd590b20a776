"""An app as a reader of one format understood it: a Compose file, and what the format says beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tomo.catalog.importers.ledger import Ledger
from tomo.catalog.importers.reading import At, Folder
from tomo.catalog.importers.variables import Asked, Scope, no_scope
from tomo.frozen import frozen


@frozen
class Page:
    """The page people open, as far as the source says; `port` is the container's, `host` the server's."""

    service: str = ""
    port: int | None = None
    host: int | None = None
    path: str = "/"
    scheme: str = "http"


@dataclass
class FoundApp:
    """One app of another catalog, before it becomes one of Tomo's.

    `about` holds fields of `tomo.app/v1` that need no mapping; `roots` are folders of the source's host that
    hold an app's own data, each with what stands for it here; `inline` are files that the source carries, by
    their path; `described` are descriptions by service and kind, `renamed` names that services had there;
    `pages` are those beside the app's own, `variables` the names that the source would write into `.env`.
    """

    format: str
    id: str
    compose: At
    about: dict[str, Any] = field(default_factory=dict)
    scope: Scope = no_scope
    inputs: tuple[Asked, ...] = ()
    folder: Folder | None = None
    page: Page | None = None
    pages: tuple[Page, ...] = ()
    roots: tuple[tuple[str, str], ...] = ()
    inline: Mapping[str, str] = field(default_factory=dict)
    described: Mapping[tuple[str, str, str], Any] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)
    variables: tuple[str, ...] = ()
    ledger: Ledger = field(default_factory=Ledger)


@frozen
class Candidate:
    """Something in a catalog that may be an app: what it is called, where it is, how it is read."""

    name: str
    file: str
    read: Callable[[], FoundApp]
