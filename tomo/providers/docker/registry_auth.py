"""Logins for registries: the provider's `registryAuth`, matched by the registry's address."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Final

from tomo.errors import NotSupported, UsageError
from tomo.frozen import frozen
from tomo.model.values import Properties, Secret, Value
from tomo.providers.docker.schema import as_bool
from tomo.settings import Settings

DOCKER_HUB: Final = "docker.io"
_HUB_NAMES: Final = {"docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com", ""}


@frozen
class Login:
    """A user of one registry."""

    address: str
    username: str = ""
    password: Secret = field(default_factory=lambda: Secret(""))

    def auth_config(self) -> dict[str, str]:
        """What the Engine API takes."""
        server = "https://index.docker.io/v1/" if self.address == DOCKER_HUB else self.address
        return {"username": self.username, "password": str(self.password.reveal()), "serveraddress": server}


def registry_address(text: str) -> str:
    """An address without scheme and path, Docker Hub under its one name."""
    bare = text.split("://", 1)[-1].split("/", 1)[0].lower()
    return DOCKER_HUB if bare in _HUB_NAMES else bare


class RegistryLogins:
    """The logins of one provider; files are read when a registry is first asked for."""

    def __init__(self, entries: Sequence[Properties], settings: Settings) -> None:
        self._entries = {registry_address(str(entry.get("address", ""))): entry for entry in entries}
        self._settings = settings

    def for_registry(self, registry: str) -> Login | None:
        """The login for a registry; None where none is given, and pulls go without."""
        address = registry_address(registry)
        entry = self._entries.get(address)
        if entry is None or as_bool(entry.get("authDisabled") or False):
            return None
        if entry.get("configFile"):
            return _from_config(address, _read(Path(str(entry["configFile"])).expanduser()))
        if entry.get("configFileContent"):
            return _from_config(address, _opened(entry["configFileContent"]))
        user = _opened(entry.get("username")) or self._settings.registry_user or ""
        password = _opened(entry.get("password")) or self._settings.registry_password or ""
        if user:
            return Login(address, user, Secret(password))
        file = self._settings.home / ".docker" / "config.json"
        return _from_config(address, _read(file)) if file.exists() else None

    def secrets(self) -> list[str]:
        """The texts that must never be shown."""
        texts = [_opened(entry.get(name)) for entry in self._entries.values() for name in ("password",)]
        return [text for text in [*texts, self._settings.registry_password or ""] if text]


def _opened(value: Value) -> str:
    value = value.reveal() if isinstance(value, Secret) else value
    return "" if value is None else str(value)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"`registryAuth` names the file `{path}`, which can't be read: {error.strerror}",
            hint="correct `configFile`, or give `username` and `password`",
        ) from error


def _from_config(address: str, text: str) -> Login | None:
    try:
        config = json.loads(text)
    except ValueError as error:
        raise UsageError("the Docker config given in `registryAuth` is not valid JSON") from error
    if not isinstance(config, Mapping):
        return None
    auths = config.get("auths")
    for name, entry in auths.items() if isinstance(auths, Mapping) else ():
        if registry_address(str(name)) == address and isinstance(entry, Mapping) and entry.get("auth"):
            return _decoded(address, str(entry["auth"]))
    if config.get("credsStore") or address in (config.get("credHelpers") or {}):
        raise NotSupported(
            f"credential helpers of a Docker config (for `{address}`) are not supported",
            hint="give `username` and `password` in the provider's `registryAuth`",
        )
    return None


def _decoded(address: str, auth: str) -> Login:
    try:
        user, _, password = base64.b64decode(auth).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise UsageError(f"the Docker config's login for `{address}` is not valid base64") from error
    return Login(address, user, Secret(password.rstrip("\0")))
