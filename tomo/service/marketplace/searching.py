"""Finds apps of repositories in the database, by the same words and weights as those in folders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

from tomo.catalog.search import NAME_WEIGHT, SHORTEST_PART, START, WITHIN, Hit, words_in
from tomo.model.catalog import AppFilter

if TYPE_CHECKING:
    from tomo.db.marketplace import Marketplace

Scores: TypeAlias = Mapping[tuple[str, str], float]
"""What apps count, by repository and id."""


def found_in(market: Marketplace, query: str, wanted: AppFilter) -> list[Hit]:
    """The repositories' apps that fit and have every word of the query; in no order."""
    words = words_in(query)
    if not words:
        return [Hit(app, 0.0) for app in market.apps() if wanted.takes(app)]
    scores = _scores(market, words)
    whole = "-".join(words)
    return [
        Hit(app, scores[app.repository, app.id] + (NAME_WEIGHT if app.id == whole else 0))
        for app in market.apps(scores.keys())
        if wanted.takes(app)
    ]


def _scores(market: Marketplace, words: list[str]) -> Scores:
    """The sums of what each word counts, for apps that have all of them."""
    total: dict[tuple[str, str], float] = {}
    for position, word in enumerate(words):
        found = market.scores(word, starts=START)
        if not found and len(word) >= SHORTEST_PART:
            found = {
                key: score * WITHIN for key, score in market.scores(word, starts=1.0, within=True).items()
            }
        if position:
            total = {key: total[key] + score for key, score in found.items() if key in total}
        else:
            total = dict(found)
    return total
