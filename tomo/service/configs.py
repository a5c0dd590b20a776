"""A stack's config: get, set, list, remove."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from tomo.errors import ConfigMissing, UsageError
from tomo.frozen import frozen
from tomo.model.values import SECRET_SHOWN, Secret
from tomo.service.effect import Effect
from tomo.service.engines import ENGINE_KEY, engine_name
from tomo.service.recording import audited
from tomo.service.sealing import sealing_editor
from tomo.service.wiring import Doors
from tomo.service.workspace import Place, Workspace
from tomo.spec.near import did_you_mean
from tomo.spec.shown import shown
from tomo.state.config import ConfigValue, open_text
from tomo.state.config_text import full_key


@frozen
class ConfigRequest:
    """What is a stack set to? Secrets are opened only where `show_secrets` asks for it."""

    effect: ClassVar[Effect] = Effect.READ
    place: Place
    show_secrets: bool = False


@frozen
class SetConfigRequest:
    """Set a key of the stack's config; a `Secret` is sealed."""

    effect: ClassVar[Effect] = Effect.WRITE
    place: Place
    key: str
    value: ConfigValue


@frozen
class RemoveConfigRequest:
    """Take a key out of the stack's config."""

    effect: ClassVar[Effect] = Effect.WRITE
    place: Place
    key: str


@frozen
class ConfigEntry:
    """A key as it may be shown; `inherited` from the project's defaults."""

    key: str
    value: str
    secret: bool
    inherited: bool = False


class Configs:
    """The use cases over a stack's config."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    def list(self, request: ConfigRequest) -> tuple[ConfigEntry, ...]:
        """Every key in full, sorted; the project's defaults among them."""
        workspace = self._open(request.place)
        own = workspace.config().values
        defaults: Mapping[str, str] = workspace.program.defaults if workspace.program else {}
        values: dict[str, ConfigValue] = {**defaults, **own}
        return tuple(
            ConfigEntry(key, _shown(value, request), isinstance(value, Secret), inherited=key not in own)
            for key, value in sorted(values.items())
        )

    def get(self, request: ConfigRequest, key: str) -> ConfigEntry:
        """One key, by its short or full name; a secret's value only where it is asked for."""
        workspace = self._open(request.place)
        name = full_key(key, workspace.project)
        entries = {entry.key: entry for entry in self.list(request)}
        if name not in entries:
            hint = did_you_mean(name, entries, f"set it: `tomo config set {shown(key)} VALUE`")
            raise ConfigMissing(f"`{shown(key)}` is not set", hint=hint)
        return entries[name]

    def check(self, place: Place, key: str, *, secret: bool) -> str:
        """The key's full name; raises UsageError for one that can't be set, before a value is asked for."""
        workspace = self._open(place)
        if workspace.is_fleet and not secret:
            raise UsageError(
                "a fleet's settings stand in its own file; its config holds secrets only",
                hint="write it in the fleet file, or seal a secret with `tomo secret set NAME`",
            )
        return full_key(key, workspace.project)

    @audited("config.set")
    def set(self, request: SetConfigRequest) -> str:
        """Writes the key; gives its full name."""
        workspace = self._open(request.place)
        name = self.check(request.place, request.key, secret=isinstance(request.value, Secret))
        if name == ENGINE_KEY:
            _require_engine(request.value)
        if isinstance(request.value, Secret):
            editor = sealing_editor(workspace)
            editor.set_secret(request.key, str(request.value.reveal()))
        else:
            editor = workspace.config_editor()
            editor.set(request.key, request.value)
        editor.save()
        return name

    @audited("config.remove")
    def remove(self, request: RemoveConfigRequest) -> str:
        """Removes the key; gives its full name."""
        workspace = self._open(request.place)
        if workspace.is_fleet:
            raise UsageError(
                "a fleet's config holds secrets only", hint=f"`tomo secret remove {shown(request.key)}`"
            )
        name = full_key(request.key, workspace.project)
        editor = workspace.config_editor()
        if not editor.remove(request.key):
            known = workspace.config().values
            raise ConfigMissing(f"`{shown(request.key)}` is not set", hint=did_you_mean(name, known))
        editor.save()
        return name

    def _open(self, place: Place) -> Workspace:
        return self._doors.open(place)


def _require_engine(value: ConfigValue) -> None:
    """Raises UsageError where a stack could not be run any more with it."""
    if isinstance(value, Secret):
        raise UsageError(f"`{ENGINE_KEY}` is no secret", hint=f"`tomo config set {ENGINE_KEY} pulumi`")
    engine_name(value)


def _shown(value: ConfigValue, request: ConfigRequest) -> str:
    if isinstance(value, Secret) and not request.show_secrets:
        return SECRET_SHOWN
    return open_text(value)
