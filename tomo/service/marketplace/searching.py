"""Finds apps of repositories in the database, by the same words and weights as those in folders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tomo.catalog.search import NAME_WEIGHT, START, WITHIN, Hit, words_in
from tomo.model.catalog import AppFilter

if TYPE_CHECKING:
    from tomo.db.marketplace import Marketplace


def found_in(market: Marketplace, query: str, wanted: AppFilter) -> list[Hit]:
    """The repositories' apps that fit and have every word of the query; in no order."""
    words = words_in(query)
    whole = "-".join(words)
    found = market.search(tuple(dict.fromkeys(words)), wanted, starts=START, within=WITHIN)
    return [Hit(app, score + (NAME_WEIGHT if app.id == whole else 0)) for app, score in found]
