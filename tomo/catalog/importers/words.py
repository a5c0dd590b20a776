"""Hostile texts of other catalogs as names, lines and Markdown that the app format takes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html.parser import HTMLParser
from typing import Any, Final
from urllib.parse import urlsplit

from tomo.spec.app import CATEGORIES
from tomo.spec.base import as_text
from tomo.spec.shown import CONTROL

_LONGEST_TEXT: Final = 20_000
_LONGEST_LINE: Final = 300
_LONGEST_TAGLINE: Final = 120
_LONGEST_NAME: Final = 40
_TAG: Final = re.compile(r"<\s*/?\s*[a-zA-Z!][^>]*>")
_BLOCKS: Final = frozenset({"p", "div", "ul", "ol", "tr", "table", "h1", "h2", "h3", "h4", "section"})

_CATEGORY_WORDS: Final[Mapping[str, str]] = {
    word: category
    for category, words in {
        "media": "media photo photos video music entertainment gaming games books audio gallery streaming",
        "networking": "network networking security vpn proxy dns webserver firewall cloud tunnel",
        "monitoring": "monitoring analytics observability metrics logs logging uptime",
        "storage": "storage backup backups files file database databases cloud-storage sync",
        "productivity": "productivity office ai cms developer automation finance social utilities "
        "tools documentation communication messaging education",
    }.items()
    for word in words.split()
}
_ARCHITECTURES: Final[Mapping[str, str]] = {
    "amd64": "amd64", "x86_64": "amd64", "x86-64": "amd64", "arm64": "arm64", "aarch64": "arm64",
    "arm": "arm/v7", "armv7": "arm/v7", "arm/v7": "arm/v7", "armhf": "arm/v7", "arm/v6": "arm/v6",
    "386": "386", "ppc64le": "ppc64le", "s390x": "s390x", "riscv64": "riscv64",
}  # fmt: skip


def slug(text: str, limit: int = _LONGEST_NAME) -> str:
    """A name from any text: lower-case letters, digits and `-`; `""` where nothing is left."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:limit].strip("-")


class Names:
    """Gives each thing a name of its own; where one is taken, the least number behind it makes another."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)
        self._next: dict[str, int] = {}

    def take(self, wanted: str, separator: str = "-", limit: int = _LONGEST_NAME) -> str:
        """A name that nothing has, which is then taken."""
        number = self._next.get(wanted, 1)
        found = wanted if number == 1 else _numbered(wanted, number, separator, limit)
        while found in self._taken:
            number += 1
            found = _numbered(wanted, number, separator, limit)
        self._next[wanted] = number + 1
        self._taken.add(found)
        return found


def _numbered(name: str, number: int, separator: str, limit: int) -> str:
    tail = f"{separator}{number}"
    return name[: limit - len(tail)].strip(separator) + tail


def variable_name(text: str) -> str:
    """A name of an input: capitals, digits and `_`, also where the source wrote anything else."""
    return re.sub(r"[^A-Za-z0-9_]+", "_", text.strip()).strip("_")[:80] or "VALUE"


def line(value: Any) -> str:
    """One line of plain text: no control characters, no HTML, no line breaks."""
    return " ".join(prose(value).split())[:_LONGEST_LINE]


def plain_line(value: Any) -> str:
    """One line as it stands, such as a pattern, whose `<` and `>` are no HTML."""
    text = as_text(value)
    return CONTROL.sub("", " ".join(text.split("\n")))[:_LONGEST_LINE] if isinstance(text, str) else ""


def word(value: Any) -> str:
    """One word, or `""` where there is none."""
    found = line(value)
    return found if " " not in found else ""


def link(value: Any) -> str | None:
    """A web address, or None for anything else."""
    found = word(value)
    try:
        parts = urlsplit(found)
    except ValueError:
        return None
    return found if parts.scheme in ("http", "https") and parts.hostname else None


def prose(value: Any) -> str:
    """Text that people read, as Markdown: HTML is taken apart, what drives a terminal is left out."""
    text = as_text(value)
    if not isinstance(text, str):
        return ""
    text = (
        text.encode("utf-8", "replace")
        .decode()
        .replace("\r\n", "\n")
        .replace("\r", "\n")[: _LONGEST_TEXT * 2]
    )
    if _TAG.search(text):
        text = _without_html(text)
    text = CONTROL.sub("", text)
    if "</" in text or "<br" in text.lower() or "<script" in text.lower():
        text = text.replace("<", "(")
    return text.strip()[:_LONGEST_TEXT]


def first_sentence(text: str) -> str:
    """The first sentence of a description, shortened at a word's end where it is long."""
    found = re.split(r"(?<=[.!?])\s", line(text), maxsplit=1)[0]
    return found if len(found) <= _LONGEST_TAGLINE else f"{found[:_LONGEST_TAGLINE].rpartition(' ')[0]}…"


def languages(value: Any) -> str | dict[str, str]:
    """A text, or texts by language with `en` for every kind of English; the value may be either."""
    if not isinstance(value, dict):
        return prose(value)
    found: dict[str, str] = {}
    for key, each in value.items():
        code = slug(str(key)).replace("_", "-")
        code = "en" if code in ("en-us", "en-gb", "en") else code
        if code and prose(each):
            found.setdefault(code, prose(each))
    return found if len(found) > 1 else next(iter(found.values()), "")


def categories(*values: Any) -> list[str]:
    """Tomo's category first, then the source's own words."""
    own = [slug(text) for value in values for text in _texts(value) if slug(text)]
    known = next(
        (
            _CATEGORY_WORDS[part]
            for name in own
            for part in (name, *name.split("-"))
            if part in _CATEGORY_WORDS
        ),
        "",
    )
    return list(
        dict.fromkeys([*([known] if known else []), *(name for name in own if name not in CATEGORIES)])
    )


def architectures(values: Iterable[Any]) -> list[str]:
    """The architectures that are known, each once."""
    found = (_ARCHITECTURES.get(str(as_text(value)).lower()) for value in values)
    return list(dict.fromkeys(each for each in found if each))


def _texts(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [line(each) for each in values if isinstance(each, str | int | float)]


class _Text(HTMLParser):
    """Collects what a browser would show; links become Markdown's."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.hidden = 0
        self.targets: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "style"):
            self.hidden += 1
        elif tag == "br" or tag in _BLOCKS:
            self.parts.append("\n")
        elif tag == "li":
            self.parts.append("\n- ")
        elif tag == "a":
            self.targets.append(link(dict(attrs).get("href")))
            self.parts.append("[" if self.targets[-1] else "")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self.hidden = max(0, self.hidden - 1)
        elif tag == "a" and self.targets:
            target = self.targets.pop()
            self.parts.append(f"]({target})" if target else "")
        elif tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.parts.append(data)


def _without_html(text: str) -> str:
    reader = _Text()
    reader.feed(text)
    reader.close()
    return re.sub(r"\n{3,}", "\n\n", "".join(reader.parts))
