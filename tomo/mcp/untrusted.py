"""Text from elsewhere on its way to an assistant: no escape, nothing unseen, no secret, and not endless."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias, TypeVar

from tomo.mcp.declaration import Remote

T = TypeVar("T")
MOST_BYTES: Final = 16 * 1024
MOST_LINES: Final = 200
MOST_ITEMS: Final = 200
MOST_IN_A_FIELD: Final = 2000
MOST_DEPTH: Final = 12
Mask: TypeAlias = Callable[[str], str]
"""Takes known secrets out of a text."""

# ECMA-48: control sequences; and strings (titles, links) up to their terminator or the line's end.
_ESCAPES: Final = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)
_HARMLESS: Final = re.compile(r"[\n\t -~]*")
_LINE_ENDS: Final = re.compile("\r\n|\r|\u2028|\u2029|\x85")
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_IGNORABLE: Final = frozenset(
    [
        *"\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0",
        *map(chr, range(0xFE00, 0xFE10)),
        *map(chr, range(0xE0100, 0xE01F0)),
    ]
)  # fmt: skip
"""Letters and marks that nobody sees, beside the controls and formats that Unicode has classes for."""


def clean(text: str) -> str:
    """Text without terminal escapes, control characters and what can't be seen; lines end in newlines."""
    # Nearly every text is such, and what all of an answer's are joined to.
    if _HARMLESS.fullmatch(text):
        return text
    plain = _LINE_ENDS.sub("\n", _ESCAPES.sub("", _LINE_ENDS.sub("\n", text)))
    return "".join(char for char in plain if _is_seen(char))


def _is_seen(char: str) -> bool:
    return char in "\n\t" or (unicodedata.category(char) not in _UNSEEN and char not in _IGNORABLE)


def safe(text: str, mask: Mask) -> str:
    """Cleaned, with secrets masked as they came, and as they are once what was between is gone."""
    return mask(clean(mask(text)))


def capped(text: str, *, end: bool = False) -> tuple[str, bool]:
    """As much of a text as an assistant is given, from its beginning or end; and whether that is not all."""
    lines = text.split("\n")
    kept = "\n".join(lines[-MOST_LINES:] if end else lines[:MOST_LINES])
    raw = kept.encode("utf-8")
    if len(raw) > MOST_BYTES:
        kept = (raw[-MOST_BYTES:] if end else raw[:MOST_BYTES]).decode("utf-8", "ignore")
    return kept, len(kept) < len(text)


def shown(value: object, mask: Mask) -> object:
    """Data as it goes out: every text cleaned, masked and of a length, what is remote marked as such."""
    return _Showing(_needed(value, mask)).of(value, 0)


def _needed(value: object, mask: Mask) -> Mask:
    """The mask, if anything in the data needs one: with many secrets, asking once for all is far quicker."""
    joined = "\n".join(_texts(value))
    plain = clean(joined)
    return mask if mask(joined) != joined or mask(plain) != plain else str


def _texts(value: object, depth: int = 0) -> Iterator[str]:
    """Every text that may go out; what lies deeper does not."""
    if depth > 2 * MOST_DEPTH:
        return
    if isinstance(value, Remote):
        yield value.source
        yield from _texts(value.content, depth)
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield str(key)
            yield from _texts(each, depth + 1)
    elif isinstance(value, str):
        yield value
    elif isinstance(value, Sequence | set | frozenset):
        for each in value:
            yield from _texts(each, depth + 1)
    elif value is not None:
        yield str(value)


class _Showing:
    """Walks through data; `cut` is set when something of it was left out."""

    def __init__(self, mask: Mask) -> None:
        self._mask, self.cut = mask, False

    def of(self, value: object, depth: int) -> object:
        if depth > MOST_DEPTH:
            self.cut = True
            return None
        if isinstance(value, Remote):
            return _marked(value, self._mask)
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, Mapping):
            named = ((self._text(str(key)), each) for key, each in self._some(value.items()))
            return {key: self.of(each, depth + 1) for key, each in named}
        if isinstance(value, Sequence | set | frozenset):
            return [self.of(each, depth + 1) for each in self._some(value)]
        if value is None or isinstance(value, bool | int | float):
            return value
        return self._text(str(value))

    def _text(self, text: str) -> str:
        plain = safe(text, self._mask)
        if len(plain) <= MOST_IN_A_FIELD:
            return plain
        self.cut = True
        return plain[:MOST_IN_A_FIELD] + "…"

    def _some(self, items: Iterable[T]) -> list[T]:
        every = list(items)
        self.cut = self.cut or len(every) > MOST_ITEMS
        return every[:MOST_ITEMS]


def _marked(remote: Remote, mask: Mask) -> dict[str, object]:
    """The one form that remote text has."""
    marked: dict[str, object] = {"untrusted": True, "source": safe(remote.source, mask)}
    if isinstance(remote.content, str):
        text, cut = capped(safe(remote.content, mask), end=remote.log)
        return {**marked, "text": text, "cut": cut}
    showing = _Showing(mask)
    value = showing.of(remote.content, 0)
    return {**marked, "value": value, "cut": showing.cut}
