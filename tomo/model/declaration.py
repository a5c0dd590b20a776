"""Resources as plain data: what a fleet compiles to, and what `stacks/fleet` registers through the SDK."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import TypeAlias

from tomo.frozen import frozen
from tomo.model.goal import Timeouts
from tomo.model.values import Properties, Secret, Unknown, Value, is_plain

Key: TypeAlias = str
"""Names one declaration within a list of them."""


@frozen
class OutputRef:
    """Another declaration's output, by its name; `id` is the resource's id."""

    key: Key
    output: str = "id"


@frozen
class Concat:
    """Texts joined; a part may be secret, unknown or another resource's, and then so is the whole."""

    parts: tuple[str | Secret | Unknown | OutputRef, ...]


@frozen
class Json:
    """A value as JSON text, as Pulumi's SDKs send what isn't a text of a provider's configuration."""

    value: Value


@frozen
class Declaration:
    """One resource to be. `inputs` may hold OutputRef, Concat and Json wherever a value may be.

    `parent` None means the stack. `provider` is the key of a provider declaration. `depends_on` adds to
    what the inputs refer to; a component stands for all custom resources below it.
    """

    key: Key
    type: str
    name: str
    custom: bool = True
    inputs: Properties = field(default_factory=dict)
    parent: Key | None = None
    provider: Key | None = None
    version: str = ""
    depends_on: tuple[Key, ...] = ()
    protect: bool | None = None
    retain_on_delete: bool | None = None
    delete_before_replace: bool | None = None
    ignore_changes: tuple[str, ...] = ()
    replace_on_changes: tuple[str, ...] = ()
    additional_secret_outputs: tuple[str, ...] = ()
    deleted_with: Key | None = None
    custom_timeouts: Timeouts = Timeouts()
    import_id: str = ""
    """The id of what exists already and is taken into the state instead of being made."""
    outputs: Properties | None = None
    """For components: what they register as their outputs."""
    outputs_when_well: bool = False
    """Whether its outputs wait for all below it, and stay as recorded where one of those fails."""


@frozen
class Declarations:
    """A whole stack: each declaration stands after what it refers to; `outputs` are the stack's."""

    resources: tuple[Declaration, ...]
    outputs: Mapping[str, Value] = field(default_factory=dict)


def references(value: Value) -> Iterator[OutputRef]:
    """Every reference to another resource in a value."""
    if is_plain(value):
        return
    if isinstance(value, OutputRef):
        yield value
    elif isinstance(value, Concat):
        yield from (part for part in value.parts if isinstance(part, OutputRef))
    elif isinstance(value, Json):
        yield from references(value.value)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from references(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from references(item)
