"""Property values on Pulumi's wire: protobuf `Struct` on one side, our nouns on the other (engine-spec 0.3).

The SDK and provider plugins speak it alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from tomo.errors import NotSupported
from tomo.model.values import (
    UNKNOWN,
    UNKNOWN_TEXT,
    Archive,
    Asset,
    Properties,
    ResourceRef,
    Secret,
    Unknown,
    Value,
)

if TYPE_CHECKING:
    from google.protobuf import struct_pb2

SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105  # a marker, not a secret
ASSET: Final = "c44067f5952c0a294b673a41bacd8c17"
ARCHIVE: Final = "0def7320c3a5731c473e5ecbe6d01bc7"
RESOURCE: Final = "5cf8f73096256a8f31e491e813e4eb8e"
OUTPUT: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"

_EXACT_INTEGERS: Final = 2**53

Fields = dict[str, Value]


# --- from the wire ----------------------------------------------------------------------------------


def from_struct(struct: struct_pb2.Struct) -> dict[str, Value]:
    """The properties in a message, by name; numbers without a fraction come back as ints.

    Protobuf keeps no order, and not even the same one from run to run.
    """
    fields = struct.fields
    return {key: from_value(fields[key]) for key in sorted(fields)}


def from_value(value: struct_pb2.Value) -> Value:
    """One value of a message."""
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return UNKNOWN if value.string_value == UNKNOWN_TEXT else value.string_value
    if kind == "struct_value":
        fields = from_struct(value.struct_value)
        return _marked(fields) if SIGNATURE in fields else fields
    if kind == "list_value":
        return [from_value(item) for item in value.list_value.values]
    if kind == "number_value":
        return number(value.number_value)
    return value.bool_value if kind == "bool_value" else None


def number(value: float) -> float:
    """An int where the number is one and is exact; the wire knows doubles only."""
    return int(value) if value.is_integer() and abs(value) <= _EXACT_INTEGERS else value


def _marked(fields: Fields) -> Value:
    read = _READERS.get(str(fields[SIGNATURE]))
    if read is None:
        raise NotSupported(
            f"a value of the unknown kind `{fields[SIGNATURE]}` is not supported",
            hint="use the pulumi SDK version that `tomo doctor` names",
        )
    return read(fields)


def _secret(fields: Fields) -> Value:
    return Secret(fields.get("value"))


def _asset(fields: Fields) -> Value:
    if any(isinstance(item, Unknown) for item in fields.values()):
        return UNKNOWN
    texts = {key: str(fields[key]) for key in ("text", "path", "uri", "hash") if key in fields}
    return Asset(**texts)


def _archive(fields: Fields) -> Value:
    if any(isinstance(item, Unknown) for item in fields.values()):
        return UNKNOWN
    path, uri, hash_ = (fields.get(key) for key in ("path", "uri", "hash"))
    members = fields.get("assets")
    if isinstance(members, Mapping):
        if any(isinstance(item, Unknown) for item in members.values()):
            return UNKNOWN
        return Archive(assets=dict(members), hash=str(hash_ or ""))
    return Archive(path=_text(path), uri=_text(uri), hash=str(hash_ or ""))


def _text(value: Value) -> str | None:
    return None if value is None else str(value)


def _resource(fields: Fields) -> Value:
    urn, id_ = str(fields["urn"]), fields.get("id")
    version = str(fields.get("packageVersion", ""))
    if "id" not in fields:
        return ResourceRef(urn, None, version)
    known = isinstance(id_, str) and id_ != ""
    return ResourceRef(urn, str(id_) if known else Unknown(f"{urn}.id"), version)


def _output(fields: Fields) -> Value:
    value = fields.get("value", UNKNOWN)
    return Secret(value) if fields.get("secret") is True else value


_READERS: Final[Mapping[str, Callable[[Fields], Value]]] = {
    SECRET: _secret,
    ASSET: _asset,
    ARCHIVE: _archive,
    RESOURCE: _resource,
    OUTPUT: _output,
}


# --- to the wire ------------------------------------------------------------------------------------


def to_struct(properties: Properties) -> struct_pb2.Struct:
    """The properties as a message; secrets go in their envelope, opened."""
    from google.protobuf import struct_pb2  # noqa: PLC0415  # protobuf loads with the SDK only

    struct = struct_pb2.Struct()
    _fill_struct(struct, properties)
    return struct


def _fill_struct(struct: struct_pb2.Struct, properties: Properties) -> None:
    for key, item in properties.items():
        _fill(struct.fields[str(key)], item)


def _fill(target: struct_pb2.Value, value: Value) -> None:
    if isinstance(value, str):
        target.string_value = value
    elif value is None:
        target.null_value = 0  # the enum's only member
    elif isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, (int, float)):
        target.number_value = value
    elif isinstance(value, (list, tuple)):
        target.list_value.SetInParent()
        for item in value:
            _fill(target.list_value.values.add(), item)
    else:
        _fill_kind(target, value)


def _fill_kind(target: struct_pb2.Value, value: Value) -> None:
    if isinstance(value, Unknown):
        target.string_value = UNKNOWN_TEXT
        return
    target.struct_value.SetInParent()
    _fill_struct(target.struct_value, value if isinstance(value, Mapping) else envelope(value))


def envelope(value: Value) -> Fields:
    """The object that stands for a secret, asset, archive or resource reference on the wire."""
    if isinstance(value, Secret):
        return {SIGNATURE: SECRET, "value": value.reveal()}
    if isinstance(value, Asset):
        return _without_none(ASSET, text=value.text, path=value.path, uri=value.uri, hash=value.hash or None)
    if isinstance(value, Archive):
        members = dict(value.assets) if value.assets is not None else None
        return _without_none(ARCHIVE, assets=members, path=value.path, uri=value.uri, hash=value.hash or None)
    if isinstance(value, ResourceRef):
        version = value.package_version or None
        return _without_none(RESOURCE, urn=value.urn, id=value.id, packageVersion=version)
    raise NotSupported(f"a value of type `{type(value).__name__}` has no form on the wire")


def _without_none(signature: str, **fields: Value) -> Fields:
    present = {key: item for key, item in fields.items() if item is not None}
    return {SIGNATURE: signature, **present}
