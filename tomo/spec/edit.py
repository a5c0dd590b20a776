"""Edits of a fleet file that touch only what they are about: every other byte stays a person's own.

The place of a change is found in the composed file and the text is cut there. Each result is read again
and compared with what it should say; where that fails (anchors, odd layouts) ruamel.yaml does the edit.
"""

from __future__ import annotations

import copy
import os
import tempfile
from collections.abc import Callable, Mapping
from io import StringIO
from pathlib import Path as FilePath
from typing import Any, Final

import yaml

from tomo.errors import SpecError, TomoError, UsageError
from tomo.spec.files import read_bytes
from tomo.spec.load import LoadedFleet, fleet_from_text
from tomo.spec.near import did_you_mean
from tomo.spec.shown import shown
from tomo.spec.yaml import Document, Path, is_plain_text, parse

_BOM: Final = "\ufeff"
_STEP: Final = 2
_WIDTH: Final = 100_000


# --- servers and apps --------------------------------------------------------------------------------


def add_server(text: str, name: str, server: Mapping[str, object]) -> str:
    """The fleet file with one more server."""
    return _add(text, "servers", name, server)


def remove_server(text: str, name: str) -> str:
    """The fleet file without a server; apps that name it are mistakes that validation reports."""
    return _remove(text, "servers", name)


def add_app(text: str, name: str, app: Mapping[str, object]) -> str:
    """The fleet file with one more app; one that is marked absent is put back with the new settings."""
    current = _section(parse(text, "fleet"), "apps").get(name)
    if isinstance(current, dict) and current.get("state") == "absent":
        return set_value(text, ("apps", name), dict(app))
    return _add(text, "apps", name, app)


def remove_app(text: str, name: str) -> str:
    """The fleet file without an app; its data stays on the server."""
    return _remove(text, "apps", name)


def mark_app_absent(text: str, name: str, *, remove_data: bool) -> str:
    """The fleet file with an app as a tombstone, `state: absent`; with `remove_data` its data goes too."""
    _known(parse(text, "fleet"), "apps", name)
    text = set_value(text, ("apps", name, "state"), "absent")
    if remove_data:
        return set_value(text, ("apps", name, "remove_data"), value=True)
    return remove_value(text, ("apps", name, "remove_data"))


def _add(text: str, section: str, name: str, value: Mapping[str, object]) -> str:
    if name in _section(parse(text, "fleet"), section):
        raise UsageError(
            f"the fleet has {_article(section)} `{shown(name)}` already",
            hint=f"choose another name, or remove it first with `tomo {section[:-1]} remove {shown(name)}`",
        )
    return set_value(text, (section, name), dict(value))


def _remove(text: str, section: str, name: str) -> str:
    _known(parse(text, "fleet"), section, name)
    return remove_value(text, (section, name))


def _known(document: Document, section: str, name: str) -> None:
    known = _section(document, section)
    if name not in known:
        hint = did_you_mean(name, map(str, known), f"`tomo {section[:-1]} list` shows all")
        raise UsageError(f"the fleet has no {section[:-1]} `{shown(name)}`", hint=hint)


def _section(document: Document, section: str) -> dict[str, Any]:
    top = document.value
    found = top.get(section) if isinstance(top, dict) else None
    return found if isinstance(found, dict) else {}


def _article(section: str) -> str:
    return "an app" if section == "apps" else f"a {section[:-1]}"


# --- files -------------------------------------------------------------------------------------------


def edit_fleet(path: FilePath | str, change: Callable[[str], str]) -> LoadedFleet:
    """Changes a fleet file: valid afterwards or not written at all, whole, and with its mode kept."""
    file = FilePath(path)
    before = read_bytes(file, hint="run `tomo init`, or name the file with `-f FILE`")
    parse(before, str(file))
    text = before.decode()
    after = _BOM * text.startswith(_BOM) + change(text.removeprefix(_BOM))
    loaded = fleet_from_text(after.removeprefix(_BOM), file)
    if after != text:
        replace_file(file, before, after.encode())
    return loaded


def write_new(path: FilePath | str, text: str) -> None:
    """Writes a new file; one that exists is never overwritten."""
    try:
        with FilePath(path).open("x", encoding="utf-8", newline="") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(
            f"`{path}` exists already", hint="edit it, or name another file with `-f FILE`"
        ) from None
    except OSError as error:
        raise _unwritable(FilePath(path), error) from error


def replace_file(file: FilePath, before: bytes, after: bytes) -> None:
    """Replaces the file a link points to, whole; raises UsageError where it was changed meanwhile."""
    target = FilePath(os.path.realpath(file))
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        with os.fdopen(handle, "wb") as stream:
            os.fchmod(handle, target.stat().st_mode & 0o7777)
            stream.write(after)
            stream.flush()
            os.fsync(handle)
        if target.read_bytes() != before:
            raise UsageError(f"`{file}` was changed by someone else meanwhile", hint="run the command again")
        FilePath(temporary).replace(target)
        temporary = ""
    except OSError as error:
        raise _unwritable(file, error) from error
    finally:
        if temporary:
            FilePath(temporary).unlink(missing_ok=True)


def _unwritable(file: FilePath, error: OSError) -> TomoError:
    return TomoError(
        f"`{file}` cannot be written: {error.strerror}", hint="check its owner and the disk's space"
    )


# --- values ------------------------------------------------------------------------------------------


def set_value(text: str, path: Path, value: object) -> str:
    """The text with a value at a path of keys; missing mappings on the way are made."""
    document = parse(text, "fleet")
    expected = _with_value(document.value, path, value)
    if document.value == expected:
        return text
    return _checked(text, expected, lambda: _Cut(text).set(path, value))


def remove_value(text: str, path: Path) -> str:
    """The text without what stands at a path; unchanged where nothing stands there."""
    document = parse(text, "fleet")
    expected = _without_value(document.value, path)
    if document.value == expected:
        return text
    return _checked(text, expected, lambda: _Cut(text).remove(path))


def _checked(text: str, expected: object, cut: Callable[[], str]) -> str:
    try:
        changed = cut()
        if _same(parse(changed, "fleet").value, expected):
            return changed
    except (_TooOdd, SpecError):
        pass
    return _rewritten(text, expected)


def _same(left: object, right: object) -> bool:
    """Equal, and of the same kinds: `1` is not `true`. Order is the file's own."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    return left == right and isinstance(left, bool) == isinstance(right, bool)


def _with_value(top: Any, path: Path, value: object) -> Any:
    result = copy.deepcopy(top) if isinstance(top, dict) else {}
    parent = result
    for part in path[:-1]:
        if not isinstance(parent.get(part), dict):
            parent[part] = {}
        parent = parent[part]
    parent[path[-1]] = value
    return result


def _without_value(top: Any, path: Path) -> Any:
    result = copy.deepcopy(top)
    parent = result
    for part in path[:-1]:
        parent = parent.get(part) if isinstance(parent, dict) else None
    if isinstance(parent, dict):
        parent.pop(path[-1], None)
    return result


def _rewritten(text: str, expected: object) -> str:
    """The whole file by ruamel.yaml: comments and order stay, spacing may not."""
    from ruamel.yaml import YAML  # noqa: PLC0415  # 40 ms that few edits need

    editor = YAML(typ="rt")
    editor.preserve_quotes, editor.width = True, _WIDTH
    loaded = editor.load(text)
    top = loaded if isinstance(loaded, dict) else {}
    _align(top, expected)
    out = StringIO()
    editor.dump(top, out)
    if not _same(parse(out.getvalue(), "fleet").value, expected):
        raise UsageError(
            "this file is laid out in a way that Tomo cannot edit safely", hint="edit it by hand"
        )
    return out.getvalue()


def _align(current: Any, expected: Any) -> None:
    """Makes a loaded mapping say what is expected, touching only what differs."""
    for key in [key for key in current if key not in expected]:
        del current[key]
    for key, value in expected.items():
        if isinstance(current.get(key), dict) and isinstance(value, dict):
            _align(current[key], value)
        elif key not in current or current[key] != value:
            current[key] = value


# --- cutting -----------------------------------------------------------------------------------------


class _TooOdd(Exception):  # ends at `_checked`
    """The layout is none that cutting is meant for."""


class _Dumper(yaml.SafeDumper):
    """Writes texts so that YAML 1.2 reads them back as texts, and lists indented below their key."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:  # noqa: ARG002, FBT001, FBT002
        return super().increase_indent(flow, indentless=False)


def _text_node(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if text.isprintable() and is_plain_text(text) else '"'
    if "\n" in text and text.replace("\n", "").isprintable():
        style = "|"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text_node)


def _dumped(value: object, *, flow: bool) -> str:
    text = yaml.dump(
        value,
        Dumper=_Dumper,
        sort_keys=False,
        default_flow_style=flow,
        allow_unicode=True,
        width=_WIDTH,
        indent=_STEP,
    )
    return text.removesuffix("...\n").rstrip("\n")


class _Cut:
    """One text and the nodes it is made of."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.newline = "\r\n" if "\r\n" in text else "\n"
        self.root = yaml.compose(text, Loader=yaml.CSafeLoader)

    def set(self, path: Path, value: object) -> str:
        for index in range(len(path) - 1, -1, -1):
            node = self._node(path[:index])
            if node is not None or not index:
                inner = value
                for part in reversed(path[index + 1 :]):
                    inner = {part: inner}
                return self._put(path[:index], node, str(path[index]), inner)
        raise _TooOdd

    def remove(self, path: Path) -> str:
        parent = self._mapping(self._node(path[:-1]))
        position = [key.value for key, _ in parent.value].index(str(path[-1]))
        if len(parent.value) == 1:
            return self._emptied(path[:-1], parent)
        if parent.flow_style:
            return self._remove_flow(parent, position)
        key, value = parent.value[position]
        return self.text[: self._line_start(key)] + self.text[self._end_of_lines(key, value) :]

    # --- finding

    def _node(self, path: Path) -> Any:
        node = self.root
        for part in path:
            found = None
            if isinstance(node, yaml.MappingNode):
                found = next((value for key, value in node.value if key.value == str(part)), None)
            node = found
        return node

    def _mapping(self, node: Any) -> Any:
        if not isinstance(node, yaml.MappingNode):
            raise _TooOdd
        return node

    def _line_start(self, node: Any) -> int:
        start = int(node.start_mark.index) - int(node.start_mark.column)
        if self.text[start : node.start_mark.index].strip():
            raise _TooOdd
        return start

    def _end(self, node: Any) -> int:
        """Where the last character of a node stands; libyaml ends blocks at the next token."""
        if isinstance(node, yaml.ScalarNode):
            text = self.text[node.start_mark.index : node.end_mark.index]
            return int(node.start_mark.index) + len(text.rstrip())
        if node.flow_style or not node.value:
            return int(node.end_mark.index)
        last = node.value[-1]
        return max(map(self._end, last)) if isinstance(last, tuple) else self._end(last)

    def _end_of_lines(self, key: Any, value: Any) -> int:
        """The start of the line after an entry, a comment on its last line included."""
        end = max(self._end(key), self._end(value))
        found = self.text.find("\n", end)
        return len(self.text) if found < 0 else found + 1

    # --- changing

    def _put(self, path: Path, node: Any, key: str, value: object) -> str:
        if node is None or isinstance(node, yaml.ScalarNode) or not node.value:
            return self._fill(path, node, key, value)
        mapping = self._mapping(node)
        for entry in mapping.value:
            if entry[0].value == key:
                return self._overwrite(mapping, entry, value)
        if mapping.flow_style:
            end = max(map(self._end, mapping.value[-1]))
            return f"{self.text[:end]}, {_dumped({key: value}, flow=True)[1:-1]}{self.text[end:]}"
        return self._insert(self._end_of_lines(*mapping.value[-1]), mapping.start_mark.column, {key: value})

    def _fill(self, path: Path, node: Any, key: str, value: object) -> str:
        """The first entry of a mapping that is empty, `{}` or not there at all."""
        if not path:
            return self._insert(len(self.text), 0, {key: value})
        parent = self._mapping(self._node(path[:-1]))
        if parent.flow_style:
            raise _TooOdd
        key_node = next(entry[0] for entry in parent.value if entry[0].value == str(path[-1]))
        line_end = self._end_of_lines(key_node, node)
        indent = int(key_node.start_mark.column) + _STEP
        start, end = int(node.start_mark.index), int(node.end_mark.index)
        if start == end:
            return self._insert(line_end, indent, {key: value})
        kept = self.text[:start].rstrip(" ") + self.text[end:line_end]
        return _Cut.inserted(kept, self.text[line_end:], self._lines({key: value}, indent), self.newline)

    def _overwrite(self, mapping: Any, entry: tuple[Any, Any], value: object) -> str:
        key, old = entry
        if (
            isinstance(old, yaml.ScalarNode)
            and not isinstance(value, dict | list)
            and old.style not in ("|", ">")
        ):
            start, end = int(old.start_mark.index), self._end(old)
            gap = " " if self.text[start - 1 : start] == ":" else ""
            return self.text[:start] + gap + _dumped(value, flow=True) + self.text[end:]
        if mapping.flow_style:
            start, end = int(old.start_mark.index), self._end(old)
            return self.text[:start] + _dumped(value, flow=True) + self.text[end:]
        start, end = self._line_start(key), self._end_of_lines(key, old)
        lines = self._lines({key.value: value}, int(key.start_mark.column))
        return _Cut.inserted(self.text[:start], self.text[end:], lines, self.newline)

    def _emptied(self, path: Path, mapping: Any) -> str:
        if mapping.flow_style:
            return f"{self.text[: mapping.start_mark.index]}{{}}{self.text[mapping.end_mark.index :]}"
        if not path:
            raise _TooOdd
        key, value = mapping.value[0]
        start, end = self._line_start(key), self._end_of_lines(key, value)
        parent = self._mapping(self._node(path[:-1]))
        owner = next(entry[0] for entry in parent.value if entry[0].value == str(path[-1]))
        colon = self.text.index(":", owner.end_mark.index) + 1
        return f"{self.text[:colon]} {{}}{self.text[colon:start]}{self.text[end:]}"

    def _remove_flow(self, parent: Any, position: int) -> str:
        entries = parent.value
        if position:
            start, end = max(map(self._end, entries[position - 1])), max(map(self._end, entries[position]))
        else:
            start, end = int(entries[0][0].start_mark.index), int(entries[1][0].start_mark.index)
        return self.text[:start] + self.text[end:]

    def _insert(self, position: int, indent: int, value: object) -> str:
        return _Cut.inserted(
            self.text[:position], self.text[position:], self._lines(value, indent), self.newline
        )

    def _lines(self, value: object, indent: int) -> str:
        lines = _dumped(value, flow=False).split("\n")
        return "".join(f"{' ' * indent if line else ''}{line}{self.newline}" for line in lines)

    @staticmethod
    def inserted(before: str, after: str, lines: str, newline: str) -> str:
        """The lines between two parts of a text, on lines of their own."""
        missing = newline if before and not before.endswith("\n") else ""
        return f"{before}{missing}{lines}{after}"


# --- a new file --------------------------------------------------------------------------------------


def new_fleet(name: str) -> str:
    """The text of a new fleet file, with what a newcomer needs to know in comments."""
    return _NEW.format(name=_dumped(name, flow=True))


_NEW: Final = """\
# The servers you own and the apps on them.
#
#   tomo plan     shows what would change on which server, and changes nothing
#   tomo apply    makes it so
#
# `tomo schema` lists every field.

# The fleet's name; its state is kept under it.
fleet: {name}

# Add one with `tomo server add NAME USER@HOST`, which shows the host key and asks you to confirm it, or here:
#
#   nas:
#     host: 192.168.1.10
#     user: root
#     host_key: ssh-ed25519 AAAA…
servers: {{}}

# Find apps with `tomo catalog list` and add one with `tomo app add APP --server NAME`, or here:
#
#   music:
#     app: navidrome
#     server: nas
#     exposure: lan
apps: {{}}
"""
