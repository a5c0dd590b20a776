"""Finds apps by words in their names, tags, categories and descriptions, best first."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from tomo.frozen import frozen
from tomo.model.catalog import AppFilter, AppSummary
from tomo.spec.near import nearest

_WORD: Final = re.compile(r"[^\W_]+")
NAME_WEIGHT, _TAG, _CATEGORY, _TAGLINE, _DESCRIPTION = 100, 40, 30, 20, 5
WHOLE, START, WITHIN = 1.0, 0.7, 0.4
_SHORTEST_PART: Final = 3
_LONGEST: Final = 80
_REPEATED: Final = 0.1
"""What a word counts in each field besides the best one."""


@frozen
class Hit:
    """One app found, and how well it fits."""

    app: AppSummary
    score: float


@frozen
class _Entry:
    app: AppSummary
    fields: tuple[tuple[int, frozenset[str]], ...]
    everything: str


class SearchIndex:
    """An index over a listing, made once and asked often."""

    def __init__(self, apps: Iterable[AppSummary]) -> None:
        self._entries = [_entry(app) for app in apps]

    def search(self, query: str, wanted: AppFilter | None = None) -> list[Hit]:
        """Apps that fit and have every word of the query somewhere; of the nearest name where none has.

        An empty query finds every app, by id.
        """
        entries = [entry for entry in self._entries if wanted is None or wanted.takes(entry.app)]
        words = words_in(query)
        hits = [Hit(entry.app, score) for entry in entries if (score := _score(entry, words)) is not None]
        if not hits and (close := nearest("-".join(words), [entry.app.id for entry in entries])):
            hits = [Hit(entry.app, 0.0) for entry in entries if entry.app.id == close]
        return sorted(hits, key=lambda hit: (-hit.score, hit.app.id))


def _entry(app: AppSummary) -> _Entry:
    names = frozenset({app.id, app.title.lower(), *words_in(app.title), *words_in(app.id)})
    fields = (
        (NAME_WEIGHT, names),
        (_TAG, frozenset(word for tag in app.tags for word in (tag.lower(), *words_in(tag)))),
        (_CATEGORY, frozenset(category.lower() for category in app.categories)),
        (_TAGLINE, frozenset(words_in(app.tagline))),
        (_DESCRIPTION, frozenset(words_in(app.description))),
    )
    return _Entry(app, fields, " ".join(word for _, words in fields for word in words))


def weights_of(app: AppSummary) -> dict[str, int]:
    """Every word that an app is found by, each with the most that it counts; for an index kept elsewhere."""
    found: dict[str, int] = {}
    for weight, words in _entry(app).fields:
        for word in words:
            if len(word) <= _LONGEST:
                found[word] = max(found.get(word, 0), weight)
    return found


def _score(entry: _Entry, words: list[str]) -> float | None:
    """How well an app fits; None where a word is nowhere in it."""
    total = 0.0
    for word in words:
        if word not in entry.everything:
            return None
        fits = [weight * _fit(word, field) for weight, field in entry.fields]
        if not any(fits):
            return None
        total += max(fits) + _REPEATED * sum(fits)
    return total + (NAME_WEIGHT if words and "-".join(words) == entry.app.id else 0)


def _fit(word: str, field: frozenset[str]) -> float:
    if word in field:
        return WHOLE
    if any(other.startswith(word) for other in field):
        return START
    if len(word) >= _SHORTEST_PART and any(word in other for other in field):
        return WITHIN
    return 0.0


def words_in(text: str) -> list[str]:
    """The words of a text, in small letters."""
    return _WORD.findall(text.lower())
