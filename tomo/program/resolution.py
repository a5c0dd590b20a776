"""What a declaration's references stand for once the resources they name are answered.

The rules are the SDK's, so that a declared stack and a program that says the same yield the same goals.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

from tomo.errors import ProgramFailed
from tomo.frozen import frozen
from tomo.model.declaration import Concat, Json, OutputRef
from tomo.model.source import Registered
from tomo.model.values import Properties, Secret, Unknown, Value, has_secret, has_unknown, is_plain, reveal
from tomo.model.wire import number

Lookup = Callable[[OutputRef], Value]


@frozen
class Answer:
    """A resource that was registered: the inputs it was given and what the engine said."""

    inputs: Properties
    registered: Registered

    def output(self, name: str, *, dry_run: bool) -> Value:
        """One output. Missing ones are unknown in a plan; in a real run the input stands in."""
        if name == "urn":
            return str(self.registered.urn)
        unknown = Unknown(f"{self.registered.urn}.{name}")
        if self.registered.failed or self.registered.skipped:
            return unknown
        if name == "id":
            return self.registered.id or unknown
        value = self.registered.outputs.get(name)
        if value is None and dry_run:
            return unknown
        return lifted(self.inputs.get(name) if value is None else value, unknown)


def lifted(value: Value, unknown: Unknown) -> Value:
    """An output is secret, or unknown, as a whole where a part of it is."""
    if isinstance(value, Unknown):
        return value if value.origins else unknown
    if isinstance(value, Secret) and value.ciphertext is not None:
        return value
    plain = unknown if has_unknown(value) else value
    return Secret(reveal(plain)) if has_secret(value) else plain


def resolved(value: Value, lookup: Lookup) -> Value:
    """The value with every reference replaced by what `lookup` gives for it."""
    if is_plain(value):
        return number(value) if isinstance(value, float) else value
    if isinstance(value, OutputRef):
        return lookup(value)
    if isinstance(value, Concat):
        return _joined(value, lookup)
    if isinstance(value, Json):
        return _as_json(resolved(value.value, lookup))
    if isinstance(value, Mapping):
        return {str(key): resolved(item, lookup) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [resolved(item, lookup) for item in value]
    return number(value) if isinstance(value, float) else value  # a class derived from float


def resolved_properties(properties: Properties, lookup: Lookup) -> dict[str, Value]:
    """The properties with references replaced; those that are null are not sent at all."""
    items = ((key, resolved(item, lookup)) for key, item in properties.items())
    return {key: item for key, item in items if item is not None}


def _joined(concat: Concat, lookup: Lookup) -> Value:
    parts = [resolved(part, lookup) for part in concat.parts]
    secret = any(isinstance(part, Secret) for part in parts)
    opened = [part.reveal() if isinstance(part, Secret) else part for part in parts]
    if any(isinstance(part, Unknown) for part in opened):
        # The parts keep their secrecy: whoever takes the whole apart must find them closed.
        return Secret(_unknown(parts)) if secret else _unknown(parts)
    whole = "".join(_text(part) for part in opened)
    return Secret(whole) if secret else whole


def _as_json(value: Value) -> Value:
    """JSON as the SDK writes it; secret where a part is, unknown where one is."""
    if has_unknown(value):
        return Secret(Unknown()) if has_secret(value) else Unknown()
    text = json.dumps(reveal(value))
    return Secret(text) if has_secret(value) else text


def _unknown(parts: Sequence[Value]) -> Unknown:
    return Unknown(
        parts=tuple(part if isinstance(part, (Secret, Unknown)) else _text(part) for part in parts)
    )


def _text(part: Value) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, (int, float)) and not isinstance(part, bool):
        return str(part)
    raise ProgramFailed(
        f"a text can't be made of a {type(part).__name__}", hint="refer to an output that is a text"
    )
