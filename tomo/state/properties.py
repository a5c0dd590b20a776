"""Property values as the checkpoint writes them: JSON, with signatures for what JSON lacks."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import orjson

from tomo.errors import NotSupported, StateCorrupt, StateError
from tomo.model.values import (
    UNKNOWN,
    UNKNOWN_TEXT,
    Archive,
    Asset,
    ResourceRef,
    Secret,
    Unknown,
    Value,
)
from tomo.state.seals import Seals, no_seals, parse_secret

SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105  # a marker of the format
ASSET: Final = "c44067f5952c0a294b673a41bacd8c17"
ARCHIVE: Final = "0def7320c3a5731c473e5ecbe6d01bc7"
RESOURCE: Final = "5cf8f73096256a8f31e491e813e4eb8e"
NUMBER: Final = "8ad145fe-0d11-4827-bfd7-1abcbf086f5c"

_INT_MIN: Final = -(2**63)
_INT_MAX: Final = 2**64 - 1
_EXACT: Final = 2**53

Json: TypeAlias = object
"""None, bool, int, float, str, list or dict, as orjson reads and writes them."""

ReadSecret: TypeAlias = Callable[[str], Secret]
"""Gives the secret that a `ciphertext` member stands for."""

SealJson: TypeAlias = Callable[[Secret], Mapping[str, str]]
"""Gives the `ciphertext` or `plaintext` member that stands for a secret."""


# --- writing --------------------------------------------------------------------------------------


def encode_value(value: Value, seal: SealJson) -> Json:
    """The JSON form of a value."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return value
    if kind is int or kind is float:
        return _encode_number(value)  # type: ignore[arg-type]  # the two kinds just asked for
    if isinstance(value, Mapping):
        return encode_object(value, seal)
    if isinstance(value, (list, tuple)):
        return [encode_value(item, seal) for item in value]
    return _encode_special(value, seal)


def encode_object(properties: Mapping[str, Value], seal: SealJson) -> dict[str, Json]:
    """The JSON form of a property map."""
    if SIGNATURE in properties:
        # Written as it stands it would come back as a secret, a file or a resource that it isn't.
        raise StateError(f"a property map holds the reserved key `{SIGNATURE}`", hint="rename that key")
    return {str(key): encode_value(item, seal) for key, item in properties.items()}


def seal_with(seals: Seals | None) -> SealJson:
    """Seals under a salt; a secret that was read under the same salt keeps its ciphertext."""

    def seal(secret: Secret) -> Mapping[str, str]:
        if seals is None:
            raise no_seals()
        if secret.ciphertext is not None and seals.knows(secret.ciphertext):
            return {"ciphertext": secret.ciphertext}
        return {"ciphertext": seals.seal(_json_text(secret.reveal()))}

    return seal


def show(secret: Secret) -> Mapping[str, str]:
    """Writes a secret readable, as `pulumi stack export --show-secrets` does."""
    return {"plaintext": _json_text(secret.reveal())}


def _json_text(value: Value) -> str:
    return dump(encode_value(value, _nested)).decode()


def _nested(secret: Secret) -> Mapping[str, str]:
    # As Pulumi does: inside a sealed value nothing is sealed again, only marked.
    return {"ciphertext": _json_text(secret.reveal())}


def dump(document: Json) -> bytes:
    """Compact JSON; raises StateError for a text that UTF-8 can't hold."""
    try:
        return orjson.dumps(document)
    except TypeError as error:
        raise StateError(
            f"the state can't hold a value: {error}", hint="bytes that aren't UTF-8 text can't be stored"
        ) from error


def _encode_number(number: float) -> Json:
    if isinstance(number, int):
        return number if _INT_MIN <= number <= _INT_MAX else _encode_number(_as_float(number))
    if not math.isfinite(number):
        return {SIGNATURE: NUMBER, "value": struct.pack(">d", number).hex()}
    # Pulumi's numbers are doubles and it writes whole ones without a fraction.
    return int(number) if number.is_integer() and abs(number) <= _EXACT else number


def _as_float(number: int) -> float:
    try:
        return float(number)
    except OverflowError as error:
        raise StateError("the state can't hold a number above 1.8e308") from error


def _encode_special(value: Value, seal: SealJson) -> Json:
    match value:
        case Secret():
            return {SIGNATURE: SECRET, **seal(value)}
        case Unknown():
            return UNKNOWN_TEXT
        case Asset() | Archive():
            return _encode_asset(value)
        case ResourceRef():
            return _encode_reference(value)
        case str():
            return str(value)
        case int() | float():
            return _encode_number(value)
        case _:
            raise StateError(f"the state can't hold a value of type `{type(value).__name__}`")


def _encode_asset(value: Asset | Archive) -> dict[str, Json]:
    written: dict[str, Json] = {SIGNATURE: ASSET if isinstance(value, Asset) else ARCHIVE}
    if value.hash:
        written["hash"] = value.hash
    if isinstance(value, Asset) and value.text is not None:
        written["text"] = value.text
    if isinstance(value, Archive) and value.assets is not None:
        written["assets"] = {name: _encode_asset(part) for name, part in value.assets.items()}
    if value.path is not None:
        written["path"] = value.path
    if value.uri is not None:
        written["uri"] = value.uri
    return written


def _encode_reference(value: ResourceRef) -> dict[str, Json]:
    written: dict[str, Json] = {SIGNATURE: RESOURCE, "urn": str(value.urn)}
    if value.id is not None:
        written["id"] = UNKNOWN_TEXT if isinstance(value.id, Unknown) else value.id
    written["packageVersion"] = value.package_version
    return written


# --- reading --------------------------------------------------------------------------------------


def stands_for_itself(json: Json) -> bool:
    """Whether a JSON form holds nothing but plain values; to search its text is quicker than a walk."""
    text = orjson.dumps(json)
    return _SIGNATURE_BYTES not in text and _UNKNOWN_BYTES not in text


def is_all_plain(text: bytes) -> bool:
    """Whether a whole file of JSON surely holds nothing but plain values; False says nothing.

    A letter of a signature can also be written by its number, after a backslash and `u00`.
    """
    return _SIGNATURE_BYTES not in text and _UNKNOWN_BYTES not in text and b"\\u00" not in text


_SIGNATURE_BYTES: Final = SIGNATURE.encode()
_UNKNOWN_BYTES: Final = UNKNOWN_TEXT.encode()


def decode_value(json: Json, read: ReadSecret) -> Value:
    """The value that a JSON form stands for. Secrets stay sealed until they are revealed."""
    if isinstance(json, dict):
        if SIGNATURE in json:
            return _decode_signed(json, read)
        return decode_object(json, read)
    if isinstance(json, list):
        return [decode_value(item, read) for item in json]
    return UNKNOWN if json == UNKNOWN_TEXT else json


def decode_object(json: dict[str, Json], read: ReadSecret) -> dict[str, Value]:
    """The property map that a JSON object stands for."""
    return {
        key: decode_value(item, read)
        if isinstance(item, (dict, list))
        else (UNKNOWN if item == UNKNOWN_TEXT else item)
        for key, item in json.items()
    }


def _decode_signed(json: dict[str, Json], read: ReadSecret) -> Value:
    signature = json[SIGNATURE]
    reader = _READERS.get(signature) if isinstance(signature, str) else None
    if reader is None:
        raise NotSupported(
            f"the state holds a value of the kind `{signature}`, which this version can't read",
            hint="use the Pulumi version that wrote it, or a newer Tomo",
        )
    return reader(json, read)


def _decode_secret(json: dict[str, Json], read: ReadSecret) -> Secret:
    ciphertext, plaintext = _text(json, "ciphertext"), _text(json, "plaintext")
    if ciphertext is not None and plaintext is None:
        return read(ciphertext)
    if plaintext is not None and ciphertext is None:
        return _read_nested(plaintext)
    raise StateCorrupt("a secret must have either `ciphertext` or `plaintext`")


def reader_of(seals: Seals | None) -> ReadSecret:
    """Reads secrets sealed; they are opened when they are revealed."""

    def read(ciphertext: str) -> Secret:
        if seals is None:
            raise StateCorrupt("the state holds secrets and no `secrets_providers` to open them")
        opened_by = seals
        opened_by.adopt(ciphertext)
        return Secret.sealed(ciphertext, lambda sealed: decode_value(opened_by.open(sealed), _read_nested))

    return read


def _read_nested(json_text: str) -> Secret:
    """A secret inside a secret: the outer one is sealed, so its `ciphertext` is the bare JSON text."""
    return Secret(decode_value(parse_secret(json_text), _read_nested))


def _decode_asset(json: dict[str, Json], _read: ReadSecret) -> Asset:
    return Asset(_text(json, "text"), _text(json, "path"), _text(json, "uri"), _text(json, "hash") or "")


def _decode_archive(json: dict[str, Json], read: ReadSecret) -> Archive:
    hash_ = _text(json, "hash") or ""
    return Archive(_parts(json, read), _text(json, "path"), _text(json, "uri"), hash_)


def _decode_reference(json: dict[str, Json], _read: ReadSecret) -> ResourceRef:
    urn, id_ = _text(json, "urn"), _text(json, "id")
    if not urn:
        raise StateCorrupt("a resource reference has no `urn`")
    return ResourceRef(urn, UNKNOWN if id_ == UNKNOWN_TEXT else id_, _text(json, "packageVersion") or "")


def _decode_number(json: dict[str, Json], _read: ReadSecret) -> float:
    try:
        number: float = struct.unpack(">d", bytes.fromhex(_text(json, "value") or ""))[0]
    except (ValueError, struct.error) as error:
        raise StateCorrupt("a special number must have 16 hex digits") from error
    return number


def _parts(json: dict[str, Json], read: ReadSecret) -> Mapping[str, Asset | Archive] | None:
    assets = json.get("assets")
    if assets is None:
        return None
    if not isinstance(assets, dict):
        raise StateCorrupt("`assets` of an archive must be an object")
    parts: dict[str, Asset | Archive] = {}
    for name, part in assets.items():
        decoded = decode_value(part, read)
        if not isinstance(decoded, (Asset, Archive)):
            raise StateCorrupt("an archive may hold assets and archives only")
        parts[name] = decoded
    return parts


def _text(json: dict[str, Json], key: str) -> str | None:
    value = json.get(key)
    if value is not None and not isinstance(value, str):
        raise StateCorrupt(f"`{key}` must be a text")
    return value


_READERS: Final[Mapping[str, Callable[[dict[str, Json], ReadSecret], Value]]] = {
    SECRET: _decode_secret,
    ASSET: _decode_asset,
    ARCHIVE: _decode_archive,
    RESOURCE: _decode_reference,
    NUMBER: _decode_number,
}
