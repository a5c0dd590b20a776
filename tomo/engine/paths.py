"""Property paths as Pulumi writes them: `a.b`, `a[0]`, `a["k.x"]`, `[*]` (engine-spec 2.6)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from tomo.model.values import Properties, Secret, Value

Part: TypeAlias = str | int
Path: TypeAlias = tuple[Part, ...]
ANY = "*"

_PART = re.compile(r"""\.?([^.\[\]]+)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|\[\*\]""")
_PLAIN = re.compile(r"[^.\[\]\"*]+\Z")
_ABSENT = object()


def parse(text: str) -> Path:
    """The parts of a path; `*` stands for any key or index."""
    parts: list[Part] = []
    for match in _PART.finditer(text):
        name, index, quoted = match.groups()
        if index is not None:
            parts.append(int(index))
        elif quoted is not None:
            parts.append(quoted.replace('\\"', '"'))
        else:
            parts.append(name or ANY)
    return tuple(parts)


def render(path: Sequence[Part]) -> str:
    """The text of a path."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _PLAIN.match(part):
            text += f".{part}" if text else part
        else:
            escaped = part.replace('"', '\\"')
            text += f'["{escaped}"]'
    return text


def at(value: Value, path: Path) -> Value:
    """What stands at a path; None where nothing does."""
    for part in path:
        if isinstance(value, Mapping):
            value = value.get(str(part))
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def contains(pattern: Path, path: Path) -> bool:
    """Whether a changed path lies at or below the pattern."""
    return len(path) >= len(pattern) and all(p in (ANY, q) for p, q in zip(pattern, path, strict=False))


def covered(patterns: Sequence[Path], path: Path) -> bool:
    """Whether any pattern covers the path."""
    return any(contains(pattern, path) for pattern in patterns)


def keep_old(news: Properties, olds: Properties, ignored: Sequence[str]) -> Properties:
    """The new inputs with the old values at every ignored path; a path that can't be applied is left."""
    result: Value = dict(news)
    for text in ignored:
        result = _copied(result, olds, parse(text))
    return result if isinstance(result, Mapping) else news


def _copied(new: Value, old: Value, path: Path) -> Value:
    if not path:
        return old
    if isinstance(new, Secret):
        return Secret(_copied(new.reveal(), old, path))
    if isinstance(old, Secret):
        old = old.reveal()
    head, rest = path[0], path[1:]
    if head == ANY:
        for key in sorted(_keys(new) | _keys(old), key=str):
            new = _copied(new, old, (key, *rest))
        return new
    return _copied_at(new, old, head, rest)


def _copied_at(new: Value, old: Value, head: Part, rest: Path) -> Value:
    if isinstance(new, Mapping) and isinstance(old, Mapping | None):
        key = str(head)
        value = _copied_item(new.get(key, _ABSENT), (old or {}).get(key, _ABSENT), rest)
        others = {k: v for k, v in new.items() if k != key}
        return others if value is _ABSENT else {**others, key: value}
    if isinstance(new, list) and isinstance(old, list) and isinstance(head, int):
        inside = head < min(len(new), len(old))
        return [*new[:head], _copied(new[head], old[head], rest), *new[head + 1 :]] if inside else new
    return new


def _copied_item(new: Value, old: Value, rest: Path) -> Value:
    if not rest:
        return old
    if new is _ABSENT or old is _ABSENT:
        return new
    return _copied(new, old, rest)


def _keys(value: Value) -> set[Part]:
    if isinstance(value, Secret):
        return _keys(value.reveal())
    if isinstance(value, Mapping):
        return set(value)
    if isinstance(value, list):
        return set(range(len(value)))
    return set()
