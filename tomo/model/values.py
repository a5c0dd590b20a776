"""Property values: JSON values, and the kinds JSON lacks (engine-spec 0.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias

import orjson

from tomo.frozen import frozen

Value: TypeAlias = object
"""None, bool, int, float, str, list, dict, or one of the classes below, nested at will."""

Properties: TypeAlias = Mapping[str, Value]
"""Inputs or outputs of one resource, by property name."""

UNKNOWN_TEXT: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
SECRET_SHOWN: Final = "[secret]"  # noqa: S105  # what stands in a secret's place


class Secret:
    """A value that can't print itself; `reveal()` opens it, as late as possible.

    One read from a state or config file holds its ciphertext and is decrypted when first revealed.
    """

    __slots__ = ("_open", "_value", "ciphertext")

    def __init__(self, value: Value) -> None:
        self._value = value.reveal() if isinstance(value, Secret) else value
        self._open: Callable[[str], Value] | None = None
        self.ciphertext: str | None = None

    @classmethod
    def sealed(cls, ciphertext: str, open_: Callable[[str], Value]) -> Secret:
        """A secret whose plaintext `open_` will give when it's needed."""
        secret = cls(None)
        secret.ciphertext, secret._open = ciphertext, open_
        return secret

    def reveal(self) -> Value:
        """The plaintext value; raises SecretsError where it can't be decrypted."""
        # Two threads may open it at once: both get the value, neither finds a half-opened secret.
        open_ = self._open
        if open_ is not None and self.ciphertext is not None:
            self._value = open_(self.ciphertext)
            self._open = None
        return self._value

    @property
    def is_open(self) -> bool:
        """Whether this process knows its plaintext already."""
        return self._open is None

    def __repr__(self) -> str:
        return SECRET_SHOWN

    __str__ = __repr__

    def __format__(self, _spec: str) -> str:
        return SECRET_SHOWN

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        if self.ciphertext is not None and self.ciphertext == other.ciphertext:
            return True
        return same_value(self.reveal(), other.reveal())

    __hash__ = None  # type: ignore[assignment]  # its plaintext must not decide where it is stored

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not pickled")


@frozen
class Unknown:
    """A value that exists only after apply.

    `source` says `<urn>.<output>` where it will be just that output; `parts` are texts, secrets and
    unknowns that it will be joined of. `any_of` are outputs that a program makes it from, as
    `<urn>.<output>`, where only the program knows how.
    """

    source: str = ""
    parts: tuple[Value, ...] = ()
    any_of: tuple[str, ...] = ()

    @property
    def origins(self) -> tuple[str, ...]:
        """Everything it may come from, as `<urn>.<output>`, each once."""
        if self.parts:
            inner = [part.origins for part in self.parts if isinstance(part, Unknown)]
            return tuple(dict.fromkeys(origin for origins in inner for origin in origins))
        return (self.source,) if self.source else self.any_of

    def __repr__(self) -> str:
        return "[unknown]"


UNKNOWN: Final = Unknown()


@frozen
class Asset:
    """A file's content: exactly one of text, path, uri; `hash` is its SHA-256 in hex."""

    text: str | None = None
    path: str | None = None
    uri: str | None = None
    hash: str = ""


@frozen
class Archive:
    """Several files: exactly one of assets, path, uri; `hash` as engine-spec 0.3 computes it."""

    assets: Mapping[str, Asset | Archive] | None = None
    path: str | None = None
    uri: str | None = None
    hash: str = ""


@frozen
class ResourceRef:
    """A resource passed as a value; components have no id, `Unknown` when not created yet."""

    urn: str
    id: str | Unknown | None = None
    package_version: str = ""


def same_value(left: Value, right: Value) -> bool:
    """Whether two values mean the same: secrets opened, 1 == 1.0, but True is not 1."""
    if isinstance(left, Secret):
        return same_value(left.reveal(), right)
    if isinstance(right, Secret):
        return same_value(left, right.reveal())
    if isinstance(left, Unknown) or isinstance(right, Unknown):
        return False
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, (Asset, Archive)) and isinstance(right, (Asset, Archive)):
        return left.hash == right.hash if left.hash or right.hash else left == right
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(same_value(left[k], right[k]) for k in left)
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(map(same_value, left, right))
    return left == right


def plain_shown(value: Value) -> str:
    """A number, a truth or nothing, as people read it."""
    # By identity: 1 == True and 0 == False, and both stand in plans.
    if value is None or value is True or value is False:
        return "(none)" if value is None else str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def is_plain(value: Value) -> bool:
    """Whether a value is a text, a number, a truth or nothing; quick, for what is asked of every leaf."""
    return type(value) in _PLAIN


_PLAIN = frozenset({str, int, float, bool, type(None)})


def transform(value: Value, leaf: Callable[[Value], Value]) -> Value:
    """The value with `leaf` applied to everything that isn't a list or dict."""
    if is_plain(value):
        return leaf(value)
    if isinstance(value, Mapping):
        return {str(key): transform(item, leaf) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [transform(item, leaf) for item in value]
    return leaf(value)


def reveal(value: Value) -> Value:
    """The value with every secret in it opened; only for the seam to a provider.

    One without secrets is returned itself, not copied.
    """
    if not has_secret(value):
        return value

    def open_leaf(leaf: Value) -> Value:
        return transform(leaf.reveal(), open_leaf) if isinstance(leaf, Secret) else leaf

    return transform(value, open_leaf)


def masked(value: Value) -> Value:
    """The value as it may be shown: secrets as `[secret]`, unknowns as `[unknown]`."""

    def mask(leaf: Value) -> Value:
        return repr(leaf) if isinstance(leaf, (Secret, Unknown)) else leaf

    return transform(value, mask)


def leaves(value: Value) -> Iterator[Value]:
    """Every leaf of a value; a secret counts as one leaf."""
    if is_plain(value):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def has_unknown(value: Value) -> bool:
    """Whether an unknown stands anywhere in the value, inside secrets too.

    A sealed secret from a file is never unknown, so it stays closed.
    """
    return not is_plain(value) and not only_plain(value) and any(map(_is_unknown, leaves(value)))


def _is_unknown(leaf: Value) -> bool:
    if isinstance(leaf, Secret):
        return leaf.ciphertext is None and has_unknown(leaf.reveal())
    return isinstance(leaf, Unknown)


def has_secret(value: Value) -> bool:
    """Whether a secret stands anywhere in the value."""
    if is_plain(value) or only_plain(value):
        return False
    return any(isinstance(leaf, Secret) for leaf in leaves(value))


def only_plain(value: Value) -> bool:
    """Whether nothing but plain values stands anywhere in a list or dict; False says nothing.

    The JSON encoder walks it many times faster than Python can, and it knows none of the classes here.
    """
    try:
        _plain_text(value)
    except TypeError:
        return False
    return True


def identical(left: Properties, right: Properties) -> bool:
    """Whether two maps surely hold the same plain values; False says nothing. A tenth of `same_value`'s cost.

    A secret, an unknown or an asset anywhere makes it False; so does another order of keys.
    """
    if left is right:
        return True
    try:
        return _plain_text(left) == _plain_text(right)
    except TypeError:
        return False


def alike(left: Properties, right: Properties) -> bool:
    """Whether two maps mean the same and are secret in the same places; True is not 1."""
    return identical(left, right) or (left == right and same_value(left, right))


def _plain_text(value: Value) -> bytes:
    # A dataclass is an unknown, an asset or an archive here: those are for `same_value`.
    return orjson.dumps(value, option=orjson.OPT_PASSTHROUGH_DATACLASS)
