"""One entry of Pulumi's checkpoint, read (engine-spec 3.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from tomo.errors import NotSupported, StateCorrupt, TomoError
from tomo.model.goal import Timeouts
from tomo.model.hook import HookType
from tomo.model.resource import ResourceState
from tomo.model.urn import Urn
from tomo.model.values import Properties, Value
from tomo.state.properties import Json, ReadSecret, decode_object, decode_value, stands_for_itself

TIMEOUTS: Final = ("create", "update", "delete", "read")
CORRUPT_HINT: Final = "restore the stack from a backup: `tomo state import FILE`"

_OTHERS: Final = frozenset(
    (
        "urn",
        "custom",
        "type",
        "inputs",
        "outputs",
        "propertyDependencies",
        "customTimeouts",
        "replacementTrigger",
        "resourceHooks",
        "defaults",  # version 1 only; Pulumi drops it too
    )
)


class KnownUrns(dict[str, Urn]):
    """The URNs of one file, and `texts` met as often: each is held only once."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: dict[str, str] = {}

    def __missing__(self, text: str) -> Urn:
        urn = self[text] = Urn(text)
        return urn


def decode_resource(
    entry: object, read: ReadSecret, urns: KnownUrns | None = None, *, plain: bool = False
) -> ResourceState:
    """The resource that an entry of the file describes; `urns` are those of the file's other entries.

    `plain` says that the file is known to hold nothing but plain values.
    """
    if not isinstance(entry, dict):
        raise StateCorrupt("an entry of `resources` is not an object", hint=CORRUPT_HINT)
    try:
        return _decode_entry(entry, read, KnownUrns() if urns is None else urns, plain=plain)
    except TomoError as error:
        where = str(entry.get("urn", "an entry without urn"))
        raise type(error)(error.message, hint=error.hint or CORRUPT_HINT, where=where) from error


def _decode_entry(entry: dict[str, Json], read: ReadSecret, urns: KnownUrns, *, plain: bool) -> ResourceState:
    attributes: dict[str, object] = {}
    extra: dict[str, Value] = {}
    for key, value in entry.items():
        simple = _SIMPLE.get(key)
        if simple is not None:
            name, take = simple
            attributes[name] = take(value, key, urns)
        elif key not in _OTHERS:
            extra[key] = decode_value(value, read)
    return ResourceState(
        urn=urns[expect(entry, "urn", str)],
        type=expect(entry, "type", str),
        custom=expect(entry, "custom", bool) if "custom" in entry else False,
        inputs=_properties(entry, "inputs", read, plain=plain),
        outputs=_properties(entry, "outputs", read, plain=plain),
        property_dependencies=_property_dependencies(entry, urns),
        custom_timeouts=_timeouts(entry),
        hooks=_hooks(entry),
        replacement_trigger=decode_value(entry.get("replacementTrigger"), read),
        extra=extra,
        **attributes,  # type: ignore[arg-type]  # each was checked as it was read
    )


_T = TypeVar("_T")


def expect(entry: dict[str, Json], key: str, kind: type[_T]) -> _T:
    """A value of that kind; raises StateCorrupt for another."""
    return _of(kind, entry.get(key), key)


def _of(kind: type[_T], value: Json, key: str) -> _T:
    if not isinstance(value, kind):
        raise StateCorrupt(f"`{key}` must be of type {_KIND_NAMES[kind]}", hint=CORRUPT_HINT)
    return value


_KIND_NAMES: Final[Mapping[type, str]] = {bool: "true or false", str: "text", dict: "object", list: "list"}


def _flag(value: Json, key: str, _urns: KnownUrns) -> bool:
    return _of(bool, value, key)


def _text(value: Json, key: str, _urns: KnownUrns) -> str:
    return _of(str, value, key)


def _reference(value: Json, key: str, urns: KnownUrns) -> str:
    # A provider serves many; not a URN, but as often met.
    text = _of(str, value, key)
    return urns.texts.setdefault(text, text)


def _urn(value: Json, key: str, urns: KnownUrns) -> Urn | None:
    text = _of(str, value, key)
    return urns[text] if text else None


def _text_list(value: Json, key: str, _urns: KnownUrns) -> tuple[str, ...]:
    return texts(value, key)


def _urn_list(value: Json, key: str, urns: KnownUrns) -> tuple[Urn, ...]:
    return tuple([urns[text] for text in texts(value, key)])


def texts(value: Json, key: str) -> tuple[str, ...]:
    """A list of texts, none where there is nothing; raises StateCorrupt for another value."""
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise StateCorrupt(f"`{key}` must be a list of texts", hint=CORRUPT_HINT)
    return tuple(value)


def _properties(entry: dict[str, Json], key: str, read: ReadSecret, *, plain: bool) -> Properties:
    if entry.get(key) is None:
        return {}
    found = expect(entry, key, dict)
    return found if plain or stands_for_itself(found) else decode_object(found, read)


def _property_dependencies(entry: dict[str, Json], urns: KnownUrns) -> dict[str, tuple[Urn, ...]]:
    if entry.get("propertyDependencies") is None:
        return {}
    found = expect(entry, "propertyDependencies", dict)
    return {
        name: _urn_list(told, "propertyDependencies", urns) if told else () for name, told in found.items()
    }


def _hooks(entry: dict[str, Json]) -> dict[str, tuple[str, ...]]:
    if entry.get("resourceHooks") is None:
        return {}
    found = expect(entry, "resourceHooks", dict)
    unknown = sorted(found.keys() - set(HookType))
    if unknown:
        raise NotSupported(f"hooks of the kind `{unknown[0]}` are not supported")
    return {kind: texts(names, "resourceHooks") for kind, names in found.items() if names}


def _timeouts(entry: dict[str, Json]) -> Timeouts:
    if entry.get("customTimeouts") is None:
        return Timeouts()
    found = expect(entry, "customTimeouts", dict)
    for name, value in found.items():
        if name not in TIMEOUTS or isinstance(value, bool) or not isinstance(value, (int, float)):
            raise StateCorrupt(f"`customTimeouts.{name}` must be a number of seconds")
    return Timeouts(**found)


_Take = Callable[[Json, str, KnownUrns], object]

_SIMPLE: Final[Mapping[str, tuple[str, _Take]]] = {
    "delete": ("delete", _flag),
    "protect": ("protect", _flag),
    "taint": ("taint", _flag),
    "external": ("external", _flag),
    "pendingReplacement": ("pending_replacement", _flag),
    "retainOnDelete": ("retain_on_delete", _flag),
    "refreshBeforeUpdate": ("refresh_before_update", _flag),
    "id": ("id", _text),
    "provider": ("provider", _reference),
    "importID": ("import_id", _text),
    "created": ("created", _text),
    "modified": ("modified", _text),
    "sourcePosition": ("source_position", _text),
    "initErrors": ("init_errors", _text_list),
    "additionalSecretOutputs": ("additional_secret_outputs", _text_list),
    "ignoreChanges": ("ignore_changes", _text_list),
    "replaceOnChanges": ("replace_on_changes", _text_list),
    "hideDiff": ("hide_diffs", _text_list),
    "dependencies": ("dependencies", _urn_list),
    "aliases": ("aliases", _urn_list),
    "replaceWith": ("replace_with", _urn_list),
    "parent": ("parent", _urn),
    "deletedWith": ("deleted_with", _urn),
}
"""Key of the file → attribute of ResourceState, and how it is read."""
