"""Secrets of a stack: set, list, remove. Values go in and are never given out."""

from __future__ import annotations

import re
from typing import ClassVar

from tomo.errors import ConfigMissing, UsageError
from tomo.frozen import frozen
from tomo.model.values import Secret
from tomo.service.apps import used_secrets
from tomo.service.effect import Effect
from tomo.service.recording import audited
from tomo.service.sealing import sealing_editor
from tomo.service.wiring import Doors
from tomo.service.workspace import Place, Workspace
from tomo.spec.base import SECRET_NAME
from tomo.spec.near import did_you_mean
from tomo.spec.shown import shown
from tomo.state.config_text import full_key


@frozen
class SetSecretRequest:
    """Seal a value into the stack's config under a name."""

    effect: ClassVar[Effect] = Effect.WRITE
    place: Place
    name: str
    value: Secret


@frozen
class SecretsRequest:
    """Which secrets are set, and where are they used? Opens none."""

    effect: ClassVar[Effect] = Effect.READ
    place: Place


@frozen
class RemoveSecretRequest:
    """Take a secret out of the stack's config; refused while the fleet uses it."""

    effect: ClassVar[Effect] = Effect.WRITE
    place: Place
    name: str


@frozen
class SecretName:
    """A secret that is set; `uses` says where the fleet file needs it."""

    name: str
    uses: tuple[str, ...]


@frozen
class ChangedSecret:
    """What became of a name."""

    name: str
    stack: str
    file: str
    replaced: bool = False


class Secrets:
    """The use cases over a stack's secrets."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    def check(self, place: Place, name: str) -> None:
        """Raises UsageError for a name that can't be set, before anybody is asked for a value."""
        _check_name(self._open(place), name)

    @audited("secret.set")
    def set(self, request: SetSecretRequest) -> ChangedSecret:
        """Seals the value; only its ciphertext is written."""
        workspace = self._open(request.place)
        _check_name(workspace, request.name)
        value = str(request.value.reveal())
        if not value:
            raise UsageError(
                f"the value of `{request.name}` is empty", hint="type it, or pipe it to the command"
            )
        if "\x00" in value:
            raise UsageError(
                f"the value of `{request.name}` holds a NUL character", hint="no program can receive it"
            )
        before = workspace.config().values
        editor = sealing_editor(workspace)
        editor.set_secret(request.name, value)
        editor.save()
        replaced = full_key(request.name, workspace.project) in before
        return ChangedSecret(request.name, workspace.stack, str(workspace.stack_file), replaced)

    def list(self, request: SecretsRequest) -> tuple[SecretName, ...]:
        """Every secret by name, and where the fleet uses it."""
        workspace = self._open(request.place)
        config = workspace.config()
        if workspace.fleet is not None:
            uses = used_secrets(workspace.fleet, workspace.catalog, config)
            return tuple(SecretName(name, tuple(uses[name])) for name in sorted(uses))
        prefix = f"{workspace.project}:"
        return tuple(SecretName(key.removeprefix(prefix), ()) for key in sorted(config.secret_keys))

    def require_removable(self, place: Place, name: str) -> None:
        """Raises for a name that is not set, and for one that an app or its kept data needs."""
        known = {secret.name: secret for secret in self.list(SecretsRequest(place))}
        found = known.get(name)
        if found is None:
            hint = did_you_mean(name, known, "`tomo secret list` shows all")
            raise ConfigMissing(f"the secret `{shown(name)}` is not set", hint=hint)
        if found.uses:
            raise UsageError(
                f"the secret `{name}` is used by {', '.join(found.uses)}",
                hint="remove what uses it first, and its data with `tomo app remove NAME --remove-data`",
            )

    @audited("secret.remove")
    def remove(self, request: RemoveSecretRequest) -> ChangedSecret:
        """Removes the name; what an app or its kept data needs stays."""
        workspace = self._open(request.place)
        self.require_removable(request.place, request.name)
        editor = workspace.config_editor()
        editor.remove(request.name)
        editor.save()
        return ChangedSecret(request.name, workspace.stack, str(workspace.stack_file))

    def _open(self, place: Place) -> Workspace:
        return self._doors.open(place)


def _check_name(workspace: Workspace, name: str) -> None:
    pattern = SECRET_NAME if workspace.is_fleet else rf"(?:{SECRET_NAME}:)?{SECRET_NAME}"
    if not re.fullmatch(pattern, name):
        raise UsageError(
            f"`{shown(name)}` is not a secret's name",
            hint="letters, digits, `_`, `.` and `-`, a letter first, such as `MAIL_PASSWORD`",
        )
