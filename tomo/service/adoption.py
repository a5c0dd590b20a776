"""What a run is to take into the state: the record that stands in a request for a plan or an apply."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field, replace

from tomo.frozen import frozen
from tomo.model.declaration import Declaration, Declarations, Key
from tomo.model.resource import ResourceState
from tomo.model.values import Secret
from tomo.providers.docker.units import same_image
from tomo.resources import tokens
from tomo.resources.apps import app_key
from tomo.spec.load import LoadedFleet
from tomo.state.config import StackConfig

Ids = Mapping[tuple[str, str], str]
"""Ids of what exists on the server, by resource type and name in Docker; images by their full name."""


@frozen
class Adoption:
    """The fleet as it will be, and the ids of what its new apps take over on one server.

    Only what is listed here is imported: nothing is ever taken over for its name alone. `secrets` are
    values for the stack's config, by name, that are not in its file yet.
    """

    fleet: LoadedFleet
    server: str
    apps: tuple[str, ...]
    ids: Ids
    secrets: Mapping[str, Secret] = field(default_factory=dict)

    def config(self, known: StackConfig) -> StackConfig:
        """The stack's config with the secrets of the adoption in it."""
        added = {f"{tokens.PROJECT}:{name}": value for name, value in self.secrets.items()}
        return replace(known, values={**known.values, **added})

    def declared(self, wanted: Declarations, recorded: Iterable[ResourceState]) -> Declarations:
        """The declarations, with the ids of what they take over; what is recorded already stays as it is."""
        known = {(entry.type, entry.urn.name) for entry in recorded}
        parents = {app_key(app, self.server) for app in self.apps}
        return replace(wanted, resources=tuple(self._one(each, known, parents) for each in wanted.resources))

    def _one(self, wanted: Declaration, known: set[tuple[str, str]], parents: set[Key]) -> Declaration:
        own = wanted.parent in parents or wanted.key.startswith("network/")
        if not own or (wanted.type, wanted.name) in known:
            return wanted
        if wanted.type == tokens.FILE:
            return replace(wanted, import_id=str(wanted.inputs["path"]))
        name = str(wanted.inputs.get("name"))
        if wanted.type == tokens.REMOTE_IMAGE:
            image = self.ids.get((wanted.type, str(same_image(name))), "")
            return replace(wanted, import_id=f"{image}{name}" if image else "")
        return replace(wanted, import_id=self.ids.get((wanted.type, name), ""))
