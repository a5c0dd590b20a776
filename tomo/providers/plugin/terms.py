"""What a plugin accepts, and values in that form (engine-spec 0.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tomo.frozen import frozen
from tomo.model.urn import Urn
from tomo.model.values import (
    UNKNOWN,
    Properties,
    ResourceRef,
    Secret,
    Unknown,
    Value,
    is_plain,
    transform,
)
from tomo.model.wire import RESOURCE, SIGNATURE, from_struct, to_struct

if TYPE_CHECKING:
    from google.protobuf import struct_pb2


@frozen
class Terms:
    """What a plugin said it accepts, in its handshake or when it was configured."""

    secrets: bool = False
    resources: bool = False
    previews: bool = False

    @classmethod
    def of_handshake(cls, response: Any) -> Terms:
        """The terms of a plugin that shakes hands; every such one can preview."""
        return cls(response.accept_secrets, response.accept_resources, previews=True)

    @classmethod
    def of_configure(cls, response: Any) -> Terms:
        """The terms of an older plugin."""
        return cls(response.acceptSecrets, response.acceptResources, response.supportsPreview)

    def packed(self, properties: Properties) -> struct_pb2.Struct:
        """The properties as this plugin takes them."""
        return to_struct(self.taken(properties))

    def taken(self, properties: Properties) -> dict[str, Value]:
        """The properties with secrets opened and resources by their id, where that is all it takes."""
        return {key: self._value(value) for key, value in properties.items()}

    def _value(self, value: Value) -> Value:
        return value if is_plain(value) else transform(value, self._leaf)

    def _leaf(self, leaf: Value) -> Value:
        if isinstance(leaf, Secret):
            inner = transform(leaf.reveal(), self._leaf)
            return Secret(inner) if self.secrets else inner
        if isinstance(leaf, ResourceRef):
            return _reference(leaf) if self.resources else _bare(leaf)
        return leaf


def _bare(ref: ResourceRef) -> Value:
    return UNKNOWN if isinstance(ref.id, Unknown) else (ref.id or ref.urn)


def _reference(ref: ResourceRef) -> dict[str, Value]:
    """A reference as plugins get it from Pulumi: with name and type, and no id's text while it's unknown."""
    urn = Urn(ref.urn)
    made: dict[str, Value] = {SIGNATURE: RESOURCE, "urn": ref.urn, "name": urn.name, "type": urn.type}
    if ref.id is not None:
        made["id"] = "" if isinstance(ref.id, Unknown) else ref.id
    if ref.package_version:
        made["packageVersion"] = ref.package_version
    return made


PLAIN = Terms()
"""The terms before any were agreed on: plain values."""
ALL = Terms(secrets=True, resources=True)
"""How Pulumi sends a configuration, whatever the plugin accepts."""


def unpacked(struct: struct_pb2.Struct) -> dict[str, Value]:
    """The properties that a plugin answered with."""
    return from_struct(struct)
