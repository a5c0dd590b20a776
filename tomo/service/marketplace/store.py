"""Where the marketplace is kept: the database that the settings name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tomo.db.address import database_address
from tomo.settings import Settings

if TYPE_CHECKING:
    from tomo.db.marketplace import Marketplace


def has_marketplace(settings: Settings) -> bool:
    """Whether there may be anything of it; a look makes no database, and loads little."""
    from tomo.db.peek import has_marketplace as has  # noqa: PLC0415  # plans don't ask

    address = database_address(settings)
    return address.file is None or has(address.file)


@contextmanager
def marketplace_of(settings: Settings) -> Iterator[Marketplace]:
    """The marketplace of the database that the settings name; closed at the end."""
    from tomo.db.database import Database  # noqa: PLC0415  # SQLAlchemy takes 0.2 s
    from tomo.db.marketplace import Marketplace  # noqa: PLC0415

    database = Database(database_address(settings))
    try:
        yield Marketplace(database)
    finally:
        database.close()
