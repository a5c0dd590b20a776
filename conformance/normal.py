"""Checkpoints made comparable: what may differ between two runs of the same programs is left out."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from conformance.store import Store

SIGNATURE, SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
NOT_COMPARED = ("sourcePosition", "stackTrace")
TIMES = ("created", "modified")
LISTS_WITHOUT_ORDER = ("dependencies", "replaceWith")
EMPTY_OR_ABSENT = ("inputs", "outputs", "propertyDependencies", "parent")

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_THING = re.compile(r"\b([^\W\d_][\w-]*?)-([0-9]{1,5}|[0-9a-f]{7})\b")


class Names:
    """Gives what an engine or a provider chose by itself a name by order of appearance."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._count: defaultdict[str, int] = defaultdict(int)

    def learn(self, text: str) -> None:
        """Takes note of the new ids and automatic names in a text."""
        found = {match.group(): match.group(1) for match in _THING.finditer(text)}
        for name in sorted(found, key=lambda each: (len(each), each)):
            self._name(name, found[name])

    def learned(self, text: str) -> str:
        """The text with every id as its name, those that it brings up too."""
        self.learn(text)
        return self.apply(text)

    def learn_provider(self, id_: str, name: str) -> None:
        """Takes note of a provider's id."""
        self._name(id_, f"{name}.id")

    def apply(self, text: str) -> str:
        """The text with every id as its name."""
        text = _UUID.sub(lambda match: self._known.get(match.group(), match.group()), text)
        return _THING.sub(lambda match: self._known.get(match.group(), match.group()), text)

    def _name(self, id_: str, stem: str) -> None:
        if len(id_.rpartition("-")[2]) == len("0a1b2c3"):
            # Tomo's automatic names follow from the state, Pulumi's from chance: one may come again.
            self._known[id_] = f"{stem}.auto"
        elif id_ not in self._known:
            self._count[stem] += 1
            self._known[id_] = f"{stem}#{self._count[stem]}"


def told_apart(here: Mapping[str, Any], there: Mapping[str, Any]) -> list[str]:
    """Where two comparable checkpoints differ, a line each."""
    return [f"{path}: Tomo has {mine!r}, Pulumi has {theirs!r}" for path, mine, theirs in apart(here, there)]


def apart(here: Mapping[str, Any], there: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Where two maps differ: the path, what Tomo has, what Pulumi has.

    An output that a failed run left unknown stands in Pulumi's file as a text that says so; Tomo keeps the
    value from before (engine-spec 2.11).
    """
    found: list[tuple[str, Any, Any]] = []
    for key in sorted({*here, *there}):
        mine, theirs = here.get(key, "nothing"), there.get(key, "nothing")
        if isinstance(mine, dict) and isinstance(theirs, dict):
            found += [(f"{key} / {path}", m, t) for path, m, t in apart(mine, theirs)]
        elif theirs != mine and not unknown_in(theirs):
            found.append((key, mine, theirs))
    return found


def unknown_in(value: Any) -> bool:
    """Whether a value of Pulumi's file holds the text that stands for an unknown."""
    if isinstance(value, dict):
        return any(map(unknown_in, value.values()))
    return any(map(unknown_in, value)) if isinstance(value, list) else value == UNKNOWN


def comparable(store: Store, names: Names) -> dict[str, dict[str, Any]]:
    """The stack's entries by what tells them apart, opened, and operations that were left pending."""
    latest = store.raw()["checkpoint"].get("latest") or {}
    pending = [
        {"pending": operation["type"], **operation["resource"]}
        for operation in latest.get("pending_operations", [])
    ]
    entries = [_entry(each, store) for each in [*latest.get("resources", []), *pending]]
    for entry in entries:
        if entry["type"].startswith("pulumi:providers:") and "id" in entry:
            names.learn_provider(entry["id"], entry["urn"].rpartition("::")[2])
    text = json.dumps(entries, sort_keys=True)
    names.learn(text)
    found: list[dict[str, Any]] = json.loads(names.apply(text))
    keys = ("urn", "id", "delete", "pending")
    return {" ".join(str(entry.get(key, "")) for key in keys).strip(): entry for entry in found}


def _entry(entry: Mapping[str, Any], store: Store) -> dict[str, Any]:
    opened = {key: _opened(value, store) for key, value in entry.items() if key not in NOT_COMPARED}
    for key in TIMES:
        if key in opened:
            opened[key] = "at some time"
    for key in LISTS_WITHOUT_ORDER:
        if key in opened:
            opened[key] = sorted(opened[key])
    for key in ("inputs", "outputs"):
        for bookkeeping in ("__internal",):
            opened.get(key, {}).pop(bookkeeping, None)
    if "propertyDependencies" in opened:
        # A refresh by Pulumi drops the keys of inputs that depend on nothing.
        opened["propertyDependencies"] = {
            k: sorted(v) for k, v in opened["propertyDependencies"].items() if v
        }
    return {key: value for key, value in opened.items() if value or key not in EMPTY_OR_ABSENT}


def _opened(value: Any, store: Store) -> Any:
    """A value of the file with its secrets open.

    Pulumi makes a list secret as a whole where one of its items is; Tomo keeps the others readable in plans.
    """
    if isinstance(value, dict):
        if value.get(SIGNATURE) == SECRET:
            text = value.get("plaintext") or store.manager.decrypt(value["ciphertext"])
            return {"a secret": _flat(json.loads(text))}
        return {key: _opened(item, store) for key, item in value.items()}
    if isinstance(value, list):
        items = [_opened(item, store) for item in value]
        return {"a secret": _bare(items)} if _bare(items) != items else items
    # The real CLI writes 1 and Tomo may write 1.0.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def hidden_otherwise(before: Any, after: Any) -> bool:
    """Whether two opened values are the same but for what of them is secret."""
    return bool(_whole(before) != _whole(after) and _bare(before) == _bare(after))


def partly_secret(value: Any) -> bool:
    """Whether an opened value holds a list of which some items are secret, which Pulumi knows as a whole."""
    if isinstance(value, list):
        return bool(_bare(value) != value)
    nested = isinstance(value, dict) and set(value) != {"a secret"}
    return nested and any(map(partly_secret, value.values()))


def _whole(value: Any) -> Any:
    """An opened value without marks within what is secret; a list with one secret item is one."""
    bare = _bare(value)
    if isinstance(value, list):
        return value if bare == value else {"a secret": bare}
    if isinstance(value, dict):
        return {"a secret": bare} if set(value) == {"a secret"} else {k: _whole(v) for k, v in value.items()}
    return value


def _flat(value: Any) -> Any:
    """A secret's value without secrets in it, which Pulumi keeps there as plain JSON texts."""
    if isinstance(value, dict):
        inner = value.get("ciphertext") if value.get(SIGNATURE) == SECRET else None
        return _flat(json.loads(inner)) if inner else {key: _flat(item) for key, item in value.items()}
    return [_flat(item) for item in value] if isinstance(value, list) else value


def _bare(value: Any) -> Any:
    """An opened value without the marks of what is secret."""
    if isinstance(value, dict):
        return (
            _bare(value["a secret"])
            if set(value) == {"a secret"}
            else {k: _bare(v) for k, v in value.items()}
        )
    return [_bare(item) for item in value] if isinstance(value, list) else value
