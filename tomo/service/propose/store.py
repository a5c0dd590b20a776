"""Where proposals are kept: the database that the settings name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from tomo.db.address import database_address
from tomo.settings import Settings

if TYPE_CHECKING:
    from tomo.db.proposals import Proposals

PLAN: Final = "plan"
"""The name of a proposal's text that is its plan's bytes, as a saved plan's file has them."""
BEFORE: Final = "before"
"""The fleet file that the proposal starts from."""
AFTER: Final = "after"
"""The fleet file as the proposal has it."""


@contextmanager
def proposals_of(settings: Settings) -> Iterator[Proposals]:
    """The proposals of the database that the settings name; closed at the end."""
    from tomo.db.database import Database  # noqa: PLC0415  # SQLAlchemy takes 0.2 s
    from tomo.db.proposals import Proposals  # noqa: PLC0415

    database = Database(database_address(settings))
    try:
        yield Proposals(database)
    finally:
        database.close()
