"""YAML 1.2 core, read fast and strictly: no `yes`, no base-60, no dates, no duplicate keys, bounded.

libyaml parses; what its Python part would make of scalars (YAML 1.1) is replaced. Lines are looked up only
when there is something to say about one.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Final, TypeAlias

import yaml
from yaml._yaml import CParser

from tomo.errors import Problem, SpecError
from tomo.frozen import frozen
from tomo.spec.shown import shown

Path: TypeAlias = Sequence[str | int]
"""Keys and indexes from the top of a document to one of its values."""

MAX_BYTES: Final = 16 << 20
MAX_DEPTH: Final = 64
MAX_EXPANDED: Final = 100_000
"""Values that aliases may add to a document; without aliases the file's size is the bound."""

_STR: Final = "tag:yaml.org,2002:str"
_NULL: Final = "tag:yaml.org,2002:null"
_BOOL: Final = "tag:yaml.org,2002:bool"
_INT: Final = "tag:yaml.org,2002:int"
_FLOAT: Final = "tag:yaml.org,2002:float"
_SEQ: Final = "tag:yaml.org,2002:seq"
_MAP: Final = "tag:yaml.org,2002:map"
_MERGE: Final = "tag:yaml.org,2002:merge"

_WORDS: Final = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_SPECIAL_FLOATS: Final = {
    **{f"{sign}.{name}": float(f"{sign}inf") for sign in ("", "+", "-") for name in ("inf", "Inf", "INF")},
    **{f".{name}": float("nan") for name in ("nan", "NaN", "NAN")},
}
_NUMBER_START: Final = frozenset("+-.0123456789")
_DECIMAL: Final = re.compile(r"[-+]?[0-9]+")
_OTHER_BASE: Final = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FRACTION: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_LONGEST_NUMBER: Final = 400


class WrittenInt(int):
    """A whole number written unusually, such as `007` or `0o17`; `text` is what stands in the file."""

    text: str


class WrittenFloat(float):
    """A number written unusually; `text` is what stands in the file (`1.10` is not `1.1` to a version)."""

    text: str


def plain(value: Any) -> Any:
    """The value with numbers as Python's own, for what is passed on as JSON."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, WrittenInt):
        return int(value)
    return float(value) if isinstance(value, WrittenFloat) else value


class _Refused(Exception):  # ends at `parse`
    def __init__(self, line: int, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.line, self.message, self.hint = line, message, hint


class _Parser(CParser):
    """libyaml's composer with the resolver of YAML 1.2's core schema."""

    def __init__(self, text: str) -> None:
        CParser.__init__(self, text)
        self.depth = 0

    def descend_resolver(self, _node: object, _index: object) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise _Refused(0, f"the file is nested more than {MAX_DEPTH} levels deep", "write it flatter")

    def ascend_resolver(self) -> None:
        self.depth -= 1

    def resolve(self, kind: type, value: str | None, implicit: Any) -> str:
        if kind is yaml.ScalarNode:
            return _scalar_tag(value or "") if implicit[0] else _STR
        return _SEQ if kind is yaml.SequenceNode else _MAP


def _scalar_tag(text: str) -> str:
    if text in _WORDS:
        return _NULL if _WORDS[text] is None else _BOOL
    if text[0] not in _NUMBER_START:
        return _MERGE if text == "<<" else _STR
    if _DECIMAL.fullmatch(text) or _OTHER_BASE.fullmatch(text):
        return _INT
    return _FLOAT if _FRACTION.fullmatch(text) or text in _SPECIAL_FLOATS else _STR


def is_plain_text(text: str) -> bool:
    """Whether a text written without quotes is read back as a text, as far as its kind goes."""
    return _scalar_tag(text) == _STR


# --- values ------------------------------------------------------------------------------------------


def _number(node: Any) -> int | float | str:
    text = node.value
    if len(text) > _LONGEST_NUMBER:
        raise _Refused(_line(node), "a number of more than 400 digits", "write it in quotes")
    if node.tag == _INT:
        value = int(text, 0) if text[:2] in ("0o", "0x") else int(text)
        return value if str(value) == text else _written(WrittenInt(value), text)
    number = _SPECIAL_FLOATS[text] if text in _SPECIAL_FLOATS else float(text)
    return number if str(number) == text else _written(WrittenFloat(number), text)


def _written(number: WrittenInt | WrittenFloat, text: str) -> int | float:
    number.text = text
    return number


class _Builder:
    """Turns composed nodes into plain values, refusing what two readers would read differently."""

    def __init__(self) -> None:
        self.shared: set[int] = set()
        self.expanded = 0
        self.open: set[int] = set()

    def value(self, node: Any) -> Any:
        tag = node.tag
        if tag == _STR:
            return node.value
        if tag == _MAP and type(node) is yaml.MappingNode:
            return self.collection(node, self.mapping)
        if tag == _SEQ and type(node) is yaml.SequenceNode:
            return self.collection(node, self.sequence)
        return self.scalar(node, tag)

    def scalar(self, node: Any, tag: str) -> Any:
        if type(node) is not yaml.ScalarNode or tag not in (_INT, _FLOAT, _BOOL, _NULL, _MERGE):
            raise _Refused(
                _line(node), f"the tag `{shown(str(tag))}` is not allowed", "write the plain value"
            )
        if tag == _MERGE:
            return node.value
        if tag in (_INT, _FLOAT):
            return _number(node) if _scalar_tag(node.value) in (_INT, _FLOAT) else _bad_tag(node)
        return _WORDS[node.value] if node.value in _WORDS else _bad_tag(node)

    def collection(self, node: Any, build: Any) -> Any:
        key = id(node)
        if key in self.open:
            raise _Refused(_line(node), "an alias refers to what it is part of", "write the value out")
        if key in self.shared:
            self.expanded += _weight(node)
            if self.expanded > MAX_EXPANDED or len(self.open) > MAX_DEPTH:
                raise _Refused(
                    _line(node), f"aliases expand to more than {MAX_EXPANDED} values", "use fewer aliases"
                )
        self.shared.add(key)
        self.open.add(key)
        built = build(node)
        self.open.discard(key)
        return built

    def sequence(self, node: Any) -> list[Any]:
        value = self.value
        return [value(item) for item in node.value]

    def mapping(self, node: Any) -> dict[Any, Any]:
        result: dict[Any, Any] = {}
        merged: list[Any] = []
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                merged.append(value_node)
                continue
            key = key_node.value if key_node.tag == _STR else self.key(key_node)
            if key in result:
                raise _Refused(_line(key_node), f"`{shown(str(key))}` stands here twice", "keep one of them")
            result[key] = self.value(value_node)
        for source in merged:
            self.merge(result, source)
        return result

    def key(self, node: Any) -> Hashable:
        """Keys are texts: `8080:` and `true:` mean what stands there."""
        if type(node) is not yaml.ScalarNode:
            raise _Refused(_line(node), "a key is a list or a mapping", "write a word")
        return str(node.value)

    def merge(self, into: dict[Any, Any], source: Any) -> None:
        sources = source.value if type(source) is yaml.SequenceNode else [source]
        for each in sources:
            if type(each) is not yaml.MappingNode:
                raise _Refused(
                    _line(source), "`<<` merges mappings only", "write `<<: *NAME` with a mapping's anchor"
                )
            for key, value in self.value(each).items():
                into.setdefault(key, value)


def _weight(node: Any) -> int:
    """How many values a node's copy adds, at least one."""
    return 1 + len(node.value)


def _bad_tag(node: Any) -> Any:
    raise _Refused(_line(node), f"`{shown(node.value)}` does not fit its tag", "remove the tag")


def _line(node: Any) -> int:
    return int(node.start_mark.line) + 1


# --- documents ---------------------------------------------------------------------------------------


@frozen(slots=False)
class Document:
    """A parsed file: its value, and the line of each part of it."""

    file: str
    text: str
    value: Any

    def line(self, path: Path) -> int:
        """The line of the value at a path, or of the deepest part of the path that the file has."""
        node, line = self._root, 1
        for part in path:
            found = _child(node, part)
            if found is None:
                continue
            line, node = found
        return line

    def lines(self, key: str) -> dict[str, int]:
        """The line of each entry of the mapping below a key at the top, for those who need many of them."""
        found = _child(self._root, key)
        if found is None or type(found[1]) is not yaml.MappingNode:
            return {}
        return {str(name.value): _line(name) for name, _ in found[1].value if name.tag != _MERGE}

    def problem(self, path: Path, message: str, hint: str = "") -> Problem:
        """A mistake at a path."""
        return Problem(self.file, self.line(path), message, hint)

    @cached_property
    def _root(self) -> Any:
        return _compose(self.text)


def _child(node: Any, part: str | int) -> tuple[int, Any] | None:
    """The line and node of a mapping's entry (its key's line) or of a list's item."""
    if type(node) is yaml.SequenceNode and isinstance(part, int) and 0 <= part < len(node.value):
        return _line(node.value[part]), node.value[part]
    if type(node) is not yaml.MappingNode:
        return None
    for key, value in node.value:
        if key.value == str(part) and key.tag != _MERGE:
            return _line(key), value
    return next(
        (found for key, value in node.value if key.tag == _MERGE and (found := _child(value, part))), None
    )


def parse(text: str | bytes, file: str) -> Document:
    """A file's only document; raises SpecError with the line of the first thing that is no YAML."""
    with _without_gc():
        try:
            decoded = _decoded(text)
            root = _compose(decoded)
            return Document(file, decoded, None if root is None else _Builder().value(root))
        except _Refused as refused:
            raise SpecError([Problem(file, refused.line, refused.message, refused.hint)]) from None


def _decoded(text: str | bytes) -> str:
    if len(text) > MAX_BYTES:
        raise _Refused(0, f"the file is larger than {MAX_BYTES >> 20} MiB", "split it into several fleets")
    try:
        data = text.encode() if isinstance(text, str) else text
        return data.decode("utf-8-sig")
    except UnicodeEncodeError:
        raise _Refused(0, "the text holds half a character", "save it as UTF-8") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise _Refused(line, "the file is not UTF-8 text", "save it as UTF-8") from None


def _compose(text: str) -> Any:
    try:
        return _Parser(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _Refused(mark.line + 1 if mark else 0, _sentence(error), _syntax_hint(error)) from None
    except yaml.YAMLError as error:
        raise _Refused(
            _reader_line(text, error), "a control character that YAML does not allow", "remove it"
        ) from None


def _reader_line(text: str, error: Any) -> int:
    position = getattr(error, "position", 0)
    if not isinstance(position, int):
        return 0
    return text.encode("utf-8", "replace").count(b"\n", 0, position) + 1


def _sentence(error: yaml.MarkedYAMLError) -> str:
    parts = [part for part in (error.context, error.problem) if part]
    return shown(", ".join(parts)) or "this is not YAML"


def _syntax_hint(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or ""
    for text, hint in _SYNTAX_HINTS.items():
        if text in problem:
            return hint
    return "check indentation, quotes and the `:` after keys"


_SYNTAX_HINTS: Final = {
    "cannot start any token": "indent with spaces; put a text that starts with a special character in quotes",
    "mapping values are not allowed": "put a text that holds `: ` in quotes, or check the indentation",
    "undefined alias": "define the anchor with `&NAME` before it is used",
    "another document": "keep one document in a file, without `---` in between",
    "expected a single document": "keep one document in a file, without `---` in between",
}


@contextmanager
def _without_gc() -> Iterator[None]:
    """Keeps the cyclic collector from walking the nodes again and again: 3 times faster on large files."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
