"""Names: what they look like, and which known one a mistyped word is near. Needs no models."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

NAME: Final = r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?"


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word most like a mistyped one; `""` where none is."""
    names = sorted(set(known))
    folded = {name.lower().replace("-", "_"): name for name in reversed(names)}
    close = difflib.get_close_matches(word.lower().replace("-", "_"), list(folded), n=1, cutoff=0.6)
    return folded[close[0]] if close else ""


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """A hint that names the nearest known word, or all of them where they are few."""
    names = sorted(set(known))
    if close := nearest(word, names):
        return f"did you mean `{close}`?"
    few = 24
    if names and len(names) <= few:
        return f"one of {', '.join(f'`{name}`' for name in names)}"
    return otherwise
