"""Values of a fleet in the words of declarations: references filled in, secrets kept closed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from functools import cached_property
from typing import TypeAlias

from tomo.errors import ConfigMissing
from tomo.frozen import frozen
from tomo.model.declaration import Concat, OutputRef
from tomo.model.values import Secret, Unknown, Value
from tomo.spec import template
from tomo.spec.app import AppDefinition, SecretFile
from tomo.spec.base import InputRef, SecretRef
from tomo.spec.fleet import App, Fleet, Server
from tomo.spec.inputs import input_values
from tomo.spec.overlay import Binding, app_url, bindings, overlaid

Part: TypeAlias = str | Secret | Unknown


@frozen
class FleetValues:
    """What a fleet refers to and does not hold: the secrets of the stack's config, by name.

    One that Tomo makes itself and that does not exist yet stands as unknown.
    """

    secrets: Mapping[str, Secret | Unknown] = field(default_factory=dict)

    def secret(self, name: str) -> Secret | Unknown:
        """The secret of that name; raises ConfigMissing where nobody has set it."""
        try:
            return self.secrets[name]
        except KeyError:
            raise ConfigMissing(
                f"the secret `{name}` is not set", hint=f"run `tomo secret set {name}`"
            ) from None


@frozen(slots=False)
class Instance:
    """One app on one server, with everything that its texts may refer to.

    `definition` is overlaid with the fleet's settings.
    """

    fleet: str
    name: str
    app: App
    definition: AppDefinition
    server_name: str
    server: Server
    values: FleetValues

    @classmethod
    def of(
        cls, fleet: Fleet, name: str, definition: AppDefinition, server_name: str, values: FleetValues
    ) -> Instance:
        """The instance of a fleet's app on one of its servers."""
        app = fleet.apps[name]
        laid = overlaid(name, definition, app)
        return cls(fleet.fleet, name, app, laid, server_name, fleet.servers[server_name], values)

    @property
    def url(self) -> str:
        """The address people open; empty where there is none."""
        return app_url(self.definition, self.app, self.server)

    @cached_property
    def bindings(self) -> Mapping[str, Sequence[Binding]]:
        """The published ports by service."""
        found: dict[str, list[Binding]] = {}
        for each in bindings(self.definition, self.server):
            found.setdefault(each.service, []).append(each)
        return found

    def text(self, *values: str | InputRef | SecretRef) -> Value:
        """Texts and references joined to one value."""
        return joined(part for value in values for part in self._parts(value))

    def secret_file(self, file: SecretFile) -> Value:
        """What a secret file holds; secret even where a fleet gives the input in the open."""
        part = self._input(file.input) if file.input else self.values.secret(file.secret or "")
        return Secret(part) if isinstance(part, str) else part

    def _parts(self, value: str | InputRef | SecretRef) -> Iterable[Part]:
        if isinstance(value, InputRef):
            return (self._input(value.input),)
        if isinstance(value, SecretRef):
            return (self.values.secret(value.secret),)
        return (part if isinstance(part, str) else self._reference(part) for part in template.parse(value))

    def _reference(self, reference: template.Reference) -> Part:
        if reference.input:
            return self._input(reference.input)
        known = {
            "app.name": self.name,
            "app.id": self.definition.short_id,
            "app.url": self.url,
            "fleet.name": self.fleet,
            "host.name": self.server_name,
            "host.address": self.server.address,
            "host.timezone": self.server.timezone,
        }
        return known[reference.name]

    def _input(self, name: str) -> Part:
        """An input's value; one that is optional and not set is empty."""
        value = self._inputs.get(name, "")
        if isinstance(value, SecretRef):
            return self.values.secret(value.secret)
        entry = self.definition.input(name)
        return Secret(value) if entry is not None and entry.secret and value else value

    @cached_property
    def _inputs(self) -> Mapping[str, str | SecretRef]:
        return input_values(self.name, self.definition, self.app)


def joined(parts: Iterable[Part | OutputRef]) -> Value:
    """One value: a text, or parts to be joined once the secrets among them are opened."""
    merged: list[Part | OutputRef] = []
    for part in parts:
        if isinstance(part, str) and merged and isinstance(merged[-1], str):
            merged[-1] += part
        elif part != "":
            merged.append(part)
    if not merged:
        return ""
    if len(merged) == 1:
        return merged[0]
    refers = any(isinstance(part, OutputRef) for part in merged)
    unknown = any(isinstance(part, Unknown) for part in merged)
    return Unknown(parts=tuple(merged)) if unknown and not refers else Concat(tuple(merged))


def is_secret(value: Value) -> bool:
    """Whether a value is secret, or will be once it is known: whatever is no text in the open."""
    parts = value.parts if isinstance(value, Concat) else (value,)
    return any(not isinstance(part, (str, OutputRef)) for part in parts)
