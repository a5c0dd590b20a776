"""`assetPaths`: rules that say which files below a folder a local command has made."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tomo.model.values import Asset


def assets_below(folder: Path, rules: Sequence[str]) -> Mapping[str, Asset]:
    """The files that the rules choose, by path relative to the folder.

    Rules count in their order, `!` takes away; `*` stays within a folder, `**` crosses folders.
    """
    compiled = [(rule.startswith("!"), _pattern(rule.removeprefix("!"))) for rule in rules]
    chosen = [path for path in _files(folder) if _matches(path, compiled)]
    return {path: Asset(path=str(folder / path), hash=_digest(folder / path)) for path in chosen}


def _matches(path: str, rules: Sequence[tuple[bool, re.Pattern[str]]]) -> bool:
    hits = [taken_away for taken_away, pattern in rules if pattern.fullmatch(path)]
    return bool(hits) and not hits[-1]


def _files(folder: Path) -> Iterator[str]:
    for root, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            yield (Path(root) / name).relative_to(folder).as_posix()


def _pattern(rule: str) -> re.Pattern[str]:
    tokens = re.split(r"(\*\*/|\*\*|\*|\?)", rule.removeprefix("./"))
    translated = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(translated.get(token, re.escape(token)) for token in tokens), re.DOTALL)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
