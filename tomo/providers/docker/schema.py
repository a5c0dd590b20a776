"""Property tables: what inputs a resource takes, when two values mean the same, what differs."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Final, TypeAlias

from tomo.frozen import frozen
from tomo.model.diff import DiffKind, PropertyDiff
from tomo.model.provider import CheckFailure
from tomo.model.values import Properties, Unknown, Value, has_unknown, is_plain

Values: TypeAlias = dict[str, Value]


class Kind(Enum):
    """The kinds of values that inputs have, as messages name them."""

    TEXT = "a text"
    INT = "a whole number"
    BOOL = "true or false"
    TEXTS = "a list of texts"
    MAP = "a map of texts"
    BLOCK = "an object"
    BLOCKS = "a list of objects"


def itself(value: Value) -> Value:
    """The value."""
    return value


@frozen
class Field:
    """One input. `default` is recorded by `check`; `zero` only says what absent means.

    `same` brings a leaf into the form in which equal means the same. Lists are sets unless `ordered`;
    `key` names what identifies an element: sub-fields of an object, or a function of a text.
    """

    name: str
    kind: Kind = Kind.TEXT
    required: bool = False
    replaces: bool = False
    default: Value = None
    zero: Value = None
    ordered: bool = False
    fields: tuple[Field, ...] = ()
    key: tuple[str, ...] = ()
    text_key: Callable[[str], str] = str
    same: Callable[[Value], Value] = itself
    choices: tuple[str, ...] = ()
    refused: str = ""
    """Why the input is not supported; `""` where it is."""


Fields: TypeAlias = tuple[Field, ...]


# --- meaning ---------------------------------------------------------------------------------------


def canonical(field: Field, value: Value) -> Value:
    """The value in the form in which equal means the same; None where it says nothing."""
    if isinstance(value, Unknown):
        return value
    if value is None:
        value = field.zero if field.default is None else field.default
        if value is None:
            return None
    return _CANONICAL[field.kind](field, value)


def _text(field: Field, value: Value) -> Value:
    return field.same(as_text(value)) or None


def _int(field: Field, value: Value) -> Value:
    number = as_int(value)
    return field.same(number) or None if number is not None else value


def _bool(field: Field, value: Value) -> Value:
    truth = as_bool(value)
    return truth if truth or field.default is not None else None


def _texts(field: Field, value: Value) -> Value:
    items = [item if isinstance(item, Unknown) else field.same(as_text(item)) for item in _listed(value)]
    return (items if field.ordered else sorted(items, key=repr)) or None


def _map(field: Field, value: Value) -> Value:
    if not isinstance(value, Mapping):
        return value
    named = {str(k): v if isinstance(v, Unknown) else as_text(v) for k, v in value.items() if v is not None}
    return field.same({k: v for k, v in named.items() if not k.startswith("__")}) or None


def _block(field: Field, value: Value) -> Value:
    if not isinstance(value, Mapping):
        return value
    pairs = ((part.name, canonical(part, value.get(part.name))) for part in field.fields)
    return field.same({name: item for name, item in pairs if item is not None}) or None


def _blocks(field: Field, value: Value) -> Value:
    items = [_block(field, item) if isinstance(item, Mapping) else item for item in _listed(value)]
    return (items if field.ordered else sorted(items, key=_order)) or None


_CANONICAL: Final[dict[Kind, Callable[[Field, Value], Value]]] = {
    Kind.TEXT: _text,
    Kind.INT: _int,
    Kind.BOOL: _bool,
    Kind.TEXTS: _texts,
    Kind.MAP: _map,
    Kind.BLOCK: _block,
    Kind.BLOCKS: _blocks,
}


def _order(value: Value) -> str:
    return json.dumps(value, sort_keys=True, default=repr)


def _listed(value: Value) -> Sequence[Value]:
    return value if isinstance(value, (list, tuple)) else [value]


def same_meaning(field: Field, left: Value, right: Value) -> bool:
    """Whether two values of a field mean the same; an unknown never does."""
    if is_plain(left) and type(left) is type(right) and left == right:
        return True
    before, after = canonical(field, left), canonical(field, right)
    return not has_unknown(after) and before == after


def as_text(value: Value) -> str:
    """A leaf as text: numbers as written, booleans as Docker writes them."""
    if type(value) is str:
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def as_int(value: Value) -> int | None:
    """A whole number, also when written as text or float; None where it is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d+", value.strip()):
        return int(value)
    return None


def as_bool(value: Value) -> bool:
    """A truth, also when written as text."""
    return value.strip().lower() == "true" if isinstance(value, str) else bool(value)


# --- differences -----------------------------------------------------------------------------------


def differences(fields: Fields, old: Properties, new: Properties) -> list[PropertyDiff]:
    """What differs in meaning, with Pulumi's paths; bookkeeping keys never count."""
    found: list[PropertyDiff] = []
    for field in fields:
        if field.name not in old and field.name not in new:
            continue
        found += _field_differences(
            field, field.name, old.get(field.name), new.get(field.name), field.replaces
        )
    return found


def _field_differences(
    field: Field,
    path: str,
    old: Value,
    new: Value,
    replaces: bool,  # noqa: FBT001
) -> Iterator[PropertyDiff]:
    if same_meaning(field, old, new):
        return
    before, after = canonical(field, old), canonical(field, new)
    whole = before is None or after is None or isinstance(after, Unknown)
    if field.kind is Kind.BLOCK and not whole:
        yield from _inside(field, path, old, new, replaces)
    elif field.kind is Kind.MAP and not whole:
        yield from _in_map(path, old, new, replaces)
    elif field.kind in {Kind.TEXTS, Kind.BLOCKS} and not isinstance(after, Unknown):
        yield from _in_list(field, path, old, new, replaces)
    else:
        yield PropertyDiff(path, _kind(before, after, replaces), _shown(field, old), _shown(field, new))


def _shown(field: Field, value: Value) -> Value:
    if value is None:
        return field.zero if field.default is None else field.default
    return value


def _kind(before: Value, after: Value, replaces: bool) -> DiffKind:  # noqa: FBT001
    kind = DiffKind.UPDATE
    if before is None and after is not None:
        kind = DiffKind.ADD
    elif after is None and before is not None:
        kind = DiffKind.DELETE
    return kind.replacing() if replaces else kind


def _inside(field: Field, path: str, old: Value, new: Value, replaces: bool) -> Iterator[PropertyDiff]:  # noqa: FBT001
    before = old if isinstance(old, Mapping) else {}
    after = new if isinstance(new, Mapping) else {}
    inner: list[PropertyDiff] = []
    for part in field.fields:
        where = f"{path}.{part.name}"
        inner += _field_differences(part, where, before.get(part.name), after.get(part.name), replaces)
    yield from inner or [PropertyDiff(path, _kind(old, new, replaces), old, new)]


def _in_map(path: str, old: Value, new: Value, replaces: bool) -> Iterator[PropertyDiff]:  # noqa: FBT001
    before = old if isinstance(old, Mapping) else {}
    after = new if isinstance(new, Mapping) else {}
    for key in sorted({*map(str, before), *map(str, after)}):
        was, will = before.get(key), after.get(key)
        if key.startswith("__") or (was is None and will is None):
            continue
        if was is None or will is None or isinstance(will, Unknown) or as_text(was) != as_text(will):
            yield PropertyDiff(f"{path}{_step(key)}", _kind(was, will, replaces), was, will)


def _step(key: str) -> str:
    return f".{key}" if re.fullmatch(r"[A-Za-z_$][\w$]*", key) else f"[{json.dumps(key)}]"


def _in_list(field: Field, path: str, old: Value, new: Value, replaces: bool) -> Iterator[PropertyDiff]:  # noqa: FBT001
    before = [] if old is None else list(_listed(old))
    after = [] if new is None else list(_listed(new))
    gone, pairs = _paired(field, before, after)
    for index, (was, will) in enumerate(zip(pairs, after, strict=True)):
        where = f"{path}[{index}]"
        if was is None:
            yield PropertyDiff(where, _kind(None, will, replaces), None, will)
        elif field.kind is Kind.BLOCKS and isinstance(will, Mapping):
            if _block(field, was) != _block(field, will) or has_unknown(will):
                yield from _inside(field, where, was, will, replaces)
        elif isinstance(will, Unknown) or field.same(as_text(was)) != field.same(as_text(will)):
            yield PropertyDiff(where, _kind(was, will, replaces), was, will)
    for offset, was in enumerate(gone):
        yield PropertyDiff(f"{path}[{len(after) + offset}]", _kind(was, None, replaces), was, None)


def _paired(field: Field, before: list[Value], after: list[Value]) -> tuple[list[Value], list[Value]]:
    """The old elements without a partner, and for each new element its old partner or None."""
    if field.ordered:
        partners = [*before[: len(after)], *[None] * (len(after) - len(before))]
        return before[len(after) :], partners
    waiting: dict[str, list[Value]] = {}
    for item in before:
        waiting.setdefault(identity(field, item), []).append(item)
    partners = [queue.pop(0) if (queue := waiting.get(identity(field, item))) else None for item in after]
    return [item for queue in waiting.values() for item in queue], partners


def identity(field: Field, item: Value) -> str:
    """What makes an element of a list the same element, though it may differ otherwise."""
    if isinstance(item, Mapping):
        parts = {part.name: part for part in field.fields}
        names = field.key or tuple(parts)
        return _order([canonical(parts[name], item.get(name)) for name in names])
    return repr(item) if isinstance(item, Unknown) else field.text_key(as_text(item))


# --- checking --------------------------------------------------------------------------------------


@frozen
class Checked:
    """Inputs with defaults filled in and values brought to their kinds, and what is wrong with them."""

    values: Values
    failures: tuple[CheckFailure, ...] = ()


def check(fields: Fields, inputs: Properties, where: str = "", hidden: bool = False) -> Checked:  # noqa: FBT001, FBT002
    """Completes and validates; `hidden` keeps values out of the reasons."""
    failures: list[CheckFailure] = []
    values: Values = {}
    known = 0
    for field in fields:
        name = field.name
        value = inputs.get(name)
        # Most inputs of most resources are left out.
        if value is None and not field.required:
            value = field.default
        else:
            known += value is not None
            value, problems = _checked(field, value, f"{where}{name}", hidden)
            failures += problems
        if value is not None:
            values[name] = value
    unknown = _unknown_inputs(fields, inputs, where) if known < len(inputs) else []
    return Checked(values, (*unknown, *failures))


def _unknown_inputs(fields: Fields, inputs: Properties, where: str) -> list[CheckFailure]:
    known = [field.name for field in fields]
    return [
        CheckFailure(f"{where}{name}", _unknown_input(name, known))
        for name in inputs
        if name not in known and not name.startswith("__")
    ]


def _unknown_input(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"unknown input `{name}`" + (f"; did you mean `{near[0]}`?" if near else "")


def _checked(field: Field, value: Value, path: str, hidden: bool) -> tuple[Value, list[CheckFailure]]:  # noqa: FBT001
    if value is None:
        missing = [CheckFailure(path, f"`{path}` is required")] if field.required else []
        return field.default, missing
    if isinstance(value, Unknown):
        return value, []
    if field.refused:
        return None, [CheckFailure(path, f"`{path}` is not supported: {field.refused}")]
    if field.kind is Kind.BLOCK or field.kind is Kind.BLOCKS:
        return _checked_blocks(field, value, path, hidden)
    brought, wrong = _brought(field, value)
    if wrong:
        said = "" if hidden else f", not `{value}`"
        return None, [CheckFailure(path, f"`{path}` must be {wrong}{said}")]
    if field.choices and brought and brought not in field.choices:
        allowed = ", ".join(field.choices)
        return None, [CheckFailure(path, f"`{path}` must be one of {allowed}, not `{brought}`")]
    return brought, []


def _checked_blocks(
    field: Field,
    value: Value,
    path: str,
    hidden: bool,  # noqa: FBT001
) -> tuple[Value, list[CheckFailure]]:
    if field.kind is Kind.BLOCK:
        if not isinstance(value, Mapping):
            return None, [CheckFailure(path, f"`{path}` must be {field.kind.value}")]
        inner = check(field.fields, value, f"{path}.", hidden)
        return inner.values, list(inner.failures)
    items: list[Value] = []
    failures: list[CheckFailure] = []
    for index, item in enumerate(_listed(value)):
        if isinstance(item, Unknown):
            items.append(item)
        elif isinstance(item, Mapping):
            inner = check(field.fields, item, f"{path}[{index}].", hidden)
            items.append(inner.values)
            failures += inner.failures
        else:
            failures.append(CheckFailure(f"{path}[{index}]", f"`{path}[{index}]` must be an object"))
    return items, failures


def _brought(field: Field, value: Value) -> tuple[Value, str]:
    """The value in its kind, or what it should have been."""
    wrong = field.kind.value
    if field.kind is Kind.TEXT:
        return _leaf_text(value, wrong)
    if field.kind is Kind.INT:
        number = as_int(value)
        return (None, wrong) if number is None else (number, "")
    if field.kind is Kind.BOOL:
        known = isinstance(value, bool) or (isinstance(value, str) and value.lower() in {"true", "false"})
        return (as_bool(value), "") if known else (None, wrong)
    if field.kind is Kind.MAP:
        return _text_map(value, wrong)
    items = [_leaf_text(item, wrong) for item in _listed(value)]
    bad = next((reason for _, reason in items if reason), "")
    return [item for item, _ in items], bad


def _text_map(value: Value, wrong: str) -> tuple[Value, str]:
    if not isinstance(value, Mapping):
        return None, wrong
    pairs = {str(k): _leaf_text(v, wrong) for k, v in value.items() if not str(k).startswith("__")}
    bad = next((reason for _, reason in pairs.values() if reason), "")
    return {key: text for key, (text, _) in pairs.items()}, bad


def _leaf_text(value: Value, wrong: str) -> tuple[Value, str]:
    if type(value) is str and "\0" not in value:
        return value, ""
    if isinstance(value, Unknown):
        return value, ""
    if isinstance(value, (Mapping, list, tuple)) or value is None:
        return None, wrong
    text = as_text(value)
    return (None, f"{wrong} without NUL bytes") if "\0" in text else (text, "")
