"""A stack of its own, and the world that its resources stand for."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance.witness import WitnessedWorld
from tomo.model.snapshot import Snapshot
from tomo.model.urn import STACK_TYPE
from tomo.model.values import Properties, Secret
from tomo.secrets.passphrase import PassphraseManager, PassphraseManagers
from tomo.state.backend import FileBackend
from tomo.state.config_editor import StackConfigEditor
from tomo.state.seals import Seals

PROJECT, STACK, PASSPHRASE = "proj", "dev", "a passphrase"


@dataclass
class Store:
    """A project folder with a stack in its own file backend, and the world that its resources stand for."""

    directory: Path
    salt: str
    secrets: PassphraseManagers
    world: WitnessedWorld = field(default_factory=WitnessedWorld)

    def prepare(self, config: Mapping[str, str | Secret] | None = None) -> Store:
        """Writes the project's files and an empty stack."""
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "Pulumi.yaml").write_text(f"name: {PROJECT}\nruntime: python\n")
        self.stack_file.unlink(missing_ok=True)
        editor = StackConfigEditor(self.stack_file, PROJECT, self.secrets)
        editor.adopt_salt(self.salt)
        for key, value in (config or {}).items():
            if isinstance(value, Secret):
                editor.set_secret(key, str(value.reveal()))
            else:
                editor.set(key, value)
        editor.save()
        self.backend.writer(PROJECT, STACK, self.seals).save(Snapshot())
        return self

    def prepare_anew(self) -> Store:
        """Takes away what another scenario left here, and prepares."""
        shutil.rmtree(self.directory, ignore_errors=True)
        return self.prepare()

    @property
    def stack_file(self) -> Path:
        """The stack's config."""
        return self.directory / f"Pulumi.{STACK}.yaml"

    @property
    def manager(self) -> PassphraseManager:
        """What opens and seals the stack's secrets."""
        return self.secrets.for_salt(self.salt)

    @property
    def seals(self) -> Seals:
        """The stack's seals."""
        return Seals(self.manager)

    @property
    def backend(self) -> FileBackend:
        """Where the stack is kept."""
        return FileBackend(self.directory)

    def snapshot(self, stack: str = STACK) -> Snapshot:
        """The state."""
        return self.backend.load(PROJECT, stack, self.secrets).snapshot

    def raw(self) -> dict[str, Any]:
        """The checkpoint file's document."""
        document: dict[str, Any] = json.loads(self.backend.raw(PROJECT, STACK))
        return document

    def outputs_of(self, name: str) -> Properties | None:
        """The outputs of another stack of the same store."""
        _, project, stack = name.split("/")
        found = self.backend.load(project, stack, self.secrets).snapshot.resources
        return next((dict(entry.outputs) for entry in found if entry.type == STACK_TYPE), {})
