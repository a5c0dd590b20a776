"""A person's copy of a catalog, read with suspicion: no link followed, nothing outside, nothing huge."""

from __future__ import annotations

import json
import os
import stat
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final, NoReturn

from tomo.errors import Problem, SpecError
from tomo.frozen import frozen
from tomo.spec.base import as_text
from tomo.spec.shown import CONTROL, shown
from tomo.spec.yaml import MAX_DEPTH, Document, parse

MAX_FILE: Final = 4 << 20
"""Bytes of the largest file that is read."""
MAX_ENTRIES: Final = 5_000
"""Entries of the largest folder that is read."""


NO_FILE: Final = "\0"
"""Stands for the file of a definition that is not written yet; who tells of it puts the source's there."""


class JsonDocument(Document):
    """A JSON file; its lines are those that the same text has as YAML, which nearly every one is."""

    def line(self, path: Any) -> int:
        """The line of the value at a path; 0 where it can't be told."""
        try:
            return parse(self.text, self.file).line(path)
        except SpecError:
            return 0


class TomlDocument(Document):
    """A TOML file, whose lines nobody tells once it is read."""

    def line(self, path: Any) -> int:  # noqa: ARG002  # the same question as of the others
        """Always 0: the parser keeps no places."""
        return 0


def writable(name: str) -> str:
    """A file's name as text, also where it is no UTF-8."""
    return name.encode("utf-8", "replace").decode()


def refuse(file: str, line: int, message: str, hint: str = "") -> NoReturn:
    """Raises SpecError with one mistake."""
    raise SpecError([Problem(file, line, message, hint)])


# --- folders -----------------------------------------------------------------------------------------


@frozen
class Folder:
    """A folder of the copy; nothing outside it is ever opened."""

    path: Path

    def shown(self, name: str = "") -> str:
        """How a file of it is called in messages."""
        path = str(self.path / name) if name else str(self.path)
        return CONTROL.sub("?", writable(path)).replace("\n", "?").replace("\t", "?")

    def sub(self, name: str) -> Folder:
        """A folder inside."""
        return Folder(self.path / name)

    def folders(self) -> list[str]:
        """The names of the folders inside, sorted; links are left out."""
        return [name for name, mode in self._entries() if stat.S_ISDIR(mode)]

    def files(self) -> list[str]:
        """The names of the files inside, sorted; links, pipes and devices are left out."""
        return [name for name, mode in self._entries() if stat.S_ISREG(mode)]

    def has(self, name: str) -> bool:
        """Whether a file of the name is there, and no link."""
        return stat.S_ISREG(self._mode(name))

    def has_folder(self, name: str) -> bool:
        """Whether a folder of the name is there, and no link."""
        return stat.S_ISDIR(self._mode(name))

    def executable(self, name: str) -> bool:
        """Whether a file is marked as a program."""
        return bool(self._mode(name) & 0o100)

    def read(self, name: str, limit: int = MAX_FILE) -> bytes:
        """A file's content; raises SpecError where there is none that may be read."""
        mode = self._mode(name)
        if not stat.S_ISREG(mode):
            what = "a link, which is not followed" if stat.S_ISLNK(mode) else "no file"
            refuse(self.shown(name), 0, f"`{shown(name)}` is {what}", "put a plain file there")
        try:
            descriptor = os.open(self.path / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with os.fdopen(descriptor, "rb") as file:
                content = file.read(limit + 1)
        except OSError as error:
            refuse(self.shown(name), 0, f"the file cannot be read: {error.strerror}")
        if len(content) > limit:
            refuse(self.shown(name), 0, f"the file is larger than {limit >> 10} KiB", "no app's file is")
        return content

    def yaml(self, name: str) -> Document:
        """A YAML file, read as YAML 1.2."""
        return parse(self.read(name), self.shown(name))

    def json(self, name: str) -> Document:
        """A JSON file."""
        return parse_json(self.read(name), self.shown(name))

    def toml(self, name: str) -> Document:
        """A TOML file."""
        return parse_toml(self.read(name), self.shown(name))

    def _mode(self, name: str) -> int:
        """The file's type and bits; 0 where there is none, or the way to it leads through a link."""
        parts = PurePosixPath(name).parts
        if not parts or ".." in parts or parts[0] == "/":
            return 0
        at = self.path
        try:
            for part in parts[:-1]:
                at = at / part
                if not stat.S_ISDIR(at.lstat().st_mode):
                    return 0
            return (at / parts[-1]).lstat().st_mode
        except (OSError, ValueError):
            return 0

    def _entries(self) -> list[tuple[str, int]]:
        try:
            with os.scandir(self.path) as entries:
                found = [(entry.name, entry.stat(follow_symlinks=False).st_mode) for entry in entries]
        except OSError as error:
            refuse(self.shown(), 0, f"the folder cannot be read: {error.strerror}")
        if len(found) > MAX_ENTRIES:
            refuse(self.shown(), 0, f"the folder has more than {MAX_ENTRIES} entries", "import a part of it")
        return sorted(found)


# --- JSON and TOML -----------------------------------------------------------------------------------


def parse_json(content: bytes, file: str) -> Document:
    """A JSON text; raises SpecError. Fractions stay the text that stands there, as versions need it."""
    text = _decoded(content, file)
    try:
        value = json.loads(text, parse_float=str, parse_constant=_no_constant, object_pairs_hook=_each_once)
    except json.JSONDecodeError as error:
        refuse(file, error.lineno, f"this is not JSON: {error.msg.lower()}", "correct it or leave it out")
    except RecursionError:
        refuse(file, 0, f"the file is nested more than {MAX_DEPTH} levels deep")
    except ValueError as error:
        refuse(file, 0, f"this is not JSON: {shown(str(error))}")
    return JsonDocument(file, text, _whole_characters(_not_deep(value, file), file))


def parse_toml(content: bytes, file: str) -> Document:
    """A TOML text; raises SpecError."""
    text = _decoded(content, file)
    try:
        value = tomllib.loads(text, parse_float=str)
    except tomllib.TOMLDecodeError as error:
        place = shown(str(error))
        line = place.rpartition("(at line ")[2].partition(",")[0]
        refuse(file, int(line) if line.isdigit() else 0, f"this is not TOML: {place}")
    except (RecursionError, ValueError):
        refuse(file, 0, "this is not TOML: it is nested too deep, or holds a number too long")
    return TomlDocument(file, text, _not_deep(value, file))


def _decoded(content: bytes, file: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        refuse(file, line, "the file is not UTF-8 text", "save it as UTF-8")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"`{name}` is no JSON number")


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        double = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"`{shown(double)}` stands twice in one object")
    return found


def _whole_characters(value: Any, file: str) -> Any:
    """The value, if its texts can be written: half of a pair of escapes is no character."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        refuse(file, 0, "a text holds half a character", "correct the `\\u` escape")
    return value


def _not_deep(value: Any, file: str) -> Any:
    waiting = [(value, 1)]
    while waiting:
        each, depth = waiting.pop()
        if depth > MAX_DEPTH:
            refuse(file, 0, f"the file is nested more than {MAX_DEPTH} levels deep")
        if isinstance(each, dict):
            waiting += [(item, depth + 1) for item in each.values()]
        elif isinstance(each, list):
            waiting += [(item, depth + 1) for item in each]
    return value


# --- values with their place -------------------------------------------------------------------------


@frozen
class At:
    """A value and where it stands, so that whoever finds it wrong can say so with a line.

    `made` says that an importer made the value from what stands at `path`: parts of it have no own place.
    """

    document: Document
    path: tuple[str | int, ...]
    value: Any
    made: bool = False

    @classmethod
    def top(cls, document: Document) -> At:
        """A document's whole value."""
        return cls(document, (), document.value)

    def refuse(self, message: str, hint: str = "") -> NoReturn:
        """Raises SpecError with the line of the value."""
        place = ".".join(map(str, self.path))
        said = f"`{shown(place)}`: {message}" if place else message
        refuse(self.document.file, self.document.line(self.path), said, hint)

    def with_value(self, value: Any) -> At:
        """Another value made from this one."""
        return At(self.document, self.path, value, made=True)

    def get(self, key: str) -> At:
        """An entry of a mapping; one that is missing has the value None."""
        return self._child(key, self.mapping().get(key))

    def entries(self) -> Iterator[tuple[str, At]]:
        """Every entry of a mapping; none where the value is missing."""
        for key, value in self.mapping().items():
            yield str(key), self._child(key, value)

    def items(self) -> Iterator[At]:
        """Every item of a list; none where the value is missing."""
        if self.value is None:
            return
        if not isinstance(self.value, list):
            self.refuse(f"{_kind(self.value)} stands where a list belongs", "write `- ` lines")
        for index, value in enumerate(self.value):
            yield self._child(index, value)

    def mapping(self) -> Mapping[str, Any]:
        """The value as a mapping; empty where it is missing."""
        if self.value is None:
            return {}
        if not isinstance(self.value, dict):
            self.refuse(f"{_kind(self.value)} stands where a mapping belongs", "write `KEY: VALUE` lines")
        return self.value

    def text(self) -> str:
        """The value as text, a number as it was written; `""` where it is missing."""
        found = as_text(self.value)
        if found is None:
            return ""
        if not isinstance(found, str):
            self.refuse(f"{_kind(found)} stands where text belongs", "write one text")
        if "\x00" in found:
            self.refuse("a NUL character stands in the text", "remove it")
        return found

    def flag(self, *, otherwise: bool = False) -> bool:
        """The value as true or false, also where it is written as a text."""
        if self.value is None:
            return otherwise
        said = self.text().strip().lower()
        if said not in ("true", "false", "yes", "no", "on", "off", "1", "0", ""):
            self.refuse(f"`{shown(said)}` is neither `true` nor `false`")
        return said in ("true", "yes", "on", "1")

    def _child(self, key: str | int, value: Any) -> At:
        return At(self.document, self.path if self.made else (*self.path, key), value, self.made)


def _kind(value: object) -> str:
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list) else f"`{shown(str(as_text(value)))}`"
