"""Takes known secrets out of texts for people: logs, errors, events."""

from __future__ import annotations

import base64
import json
import shlex
import threading
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import quote, quote_plus

from tomo.model.values import SECRET_SHOWN, Asset, Secret, Value, leaves

_SHORTEST: Final = 3
"""Shorter texts would black out ordinary words; Pulumi's own filter draws the same line."""
_CREDENTIAL_KEYS: Final = ("privateKey", "privateKeyPassword", "password")


class Redactor:
    """Replaces every secret it has learned by `[secret]`, also where it stands quoted or encoded.

    Its methods may be called from any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: frozenset[str] = frozenset()

    def learn(self, value: Value) -> None:
        """Remembers the texts of every secret inside the value; opens sealed ones.

        A bare value holds no secret: wrap it in `Secret` to have it learned.
        """
        forms = {form for text in _secret_texts(value) for form in _forms(text)}
        with self._lock:
            if not forms <= self._known:
                self._known |= forms

    def redact(self, text: str) -> str:
        """The text with every known secret replaced."""
        present = [form for form in self._known if form in text]
        if not present:
            return text
        parts, end = [], 0
        for start, stop in _merged_spans(text, present):
            parts += [text[end:start], SECRET_SHOWN]
            end = stop
        return "".join([*parts, text[end:]])


def credentials(value: Value) -> Value:
    """Of a secret connection only what is secret in it: a host or a user may stand in any message."""
    if not isinstance(value, Mapping) or "host" not in value:
        return value
    parts = {key: value[key] for key in _CREDENTIAL_KEYS if key in value}
    return {**parts, "proxy": credentials(value.get("proxy"))}


def _secret_texts(value: Value) -> Iterator[str]:
    for leaf in leaves(value):
        if isinstance(leaf, Secret):
            opened = credentials(leaf.reveal())
            if isinstance(opened, (Mapping, list, tuple)):
                yield from _json_texts(opened)
            yield from _plain_texts(opened)


def _plain_texts(value: Value) -> Iterator[str]:
    for leaf in leaves(value):
        if isinstance(leaf, Secret):
            yield from _secret_texts(leaf)
        elif isinstance(leaf, str):
            yield leaf
        elif isinstance(leaf, Asset) and leaf.text is not None:
            yield leaf.text
        elif isinstance(leaf, (int, float)) and not isinstance(leaf, bool):
            yield str(leaf)


def _json_texts(value: Value) -> Iterator[str]:
    try:
        yield json.dumps(value)
        yield json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    except TypeError:
        return  # holds a kind that JSON lacks; its leaves are learned one by one


def _forms(text: str) -> Iterator[str]:
    """The text, its lines, and how each looks inside JSON, Python, base64, a URL or a shell word."""
    lines = (line.strip() for line in text.splitlines())
    for part in {text, text.strip(), *lines}:
        if len(part) >= _SHORTEST:
            yield from _encodings(part)


def _encodings(text: str) -> Iterator[str]:
    raw = text.encode("utf-8", "surrogatepass")
    encoded = base64.b64encode(raw).decode()
    urlsafe = base64.urlsafe_b64encode(raw).decode()
    yield from (text, encoded, encoded.rstrip("="), urlsafe, urlsafe.rstrip("="))
    yield from (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1])
    yield from (quote(raw), quote(raw, safe=""), quote_plus(raw))
    if "'" in text:
        yield shlex.quote(text)[1:-1]


def _merged_spans(text: str, forms: list[str]) -> list[tuple[int, int]]:
    """Where secrets stand; overlapping ones as one, so that no rest of a longer one stays."""
    merged: list[tuple[int, int]] = []
    for start, stop in sorted(_spans(text, forms)):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return merged


def _spans(text: str, forms: list[str]) -> Iterator[tuple[int, int]]:
    for form in forms:
        start = text.find(form)
        while start >= 0:
            yield start, start + len(form)
            start = text.find(form, start + 1)
