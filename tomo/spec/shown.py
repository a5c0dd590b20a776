"""Hostile texts as they may stand in a message."""

from __future__ import annotations

import re
from typing import Final

CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Characters that drive a terminal or change the order of a line."""
_LIMIT: Final = 80


def shown(text: str) -> str:
    """A hostile text as it may stand in a message: one line, control characters escaped, bounded."""
    escaped = CONTROL.sub(lambda m: repr(m.group())[1:-1], text).replace("\n", "\\n").replace("\t", "\\t")
    return escaped if len(escaped) <= _LIMIT else f"{escaped[:_LIMIT]}…"
