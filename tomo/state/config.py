"""`Pulumi.<stack>.yaml`: what a stack is set to."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import field
from pathlib import Path
from typing import Final, TypeAlias

from tomo.errors import ConfigMissing, NotSupported, SpecError, UsageError
from tomo.frozen import frozen
from tomo.model.values import Secret
from tomo.secrets.passphrase import PassphraseManager, PassphraseManagers
from tomo.spec.yaml import Document, parse
from tomo.state.config_text import Plain, config_text, full_key, plain_text
from tomo.state.files import translated
from tomo.state.project import ProjectFile

ConfigValue: TypeAlias = str | Secret
"""A text as Pulumi hands it to programs; a Secret reveals such a text."""

SECURE: Final = "secure"
_KEYS: Final = {"encryptionsalt", "config", "secretsprovider", "encryptedkey"}


@frozen
class StackConfig:
    """A stack's settings by full key (`project:name`). Secrets stay sealed until they are revealed."""

    path: Path
    salt: str = ""
    values: Mapping[str, ConfigValue] = field(default_factory=dict)

    @property
    def secret_keys(self) -> frozenset[str]:
        """The keys whose values are secret."""
        return frozenset(key for key, value in self.values.items() if isinstance(value, Secret))

    def get(self, key: str, project: str) -> ConfigValue:
        """A value by its short or full key; raises ConfigMissing where it isn't set."""
        name = full_key(key, project)
        if name not in self.values:
            raise ConfigMissing(f"`{key}` is not set", hint=f"set it: `tomo config set {key} VALUE`")
        return self.values[name]

    def opened(self) -> dict[str, str]:
        """Every value as text, secrets opened: for the program's own process only."""
        return {key: open_text(value) for key, value in self.values.items()}


def read_stack_config(path: Path, project: str, secrets: PassphraseManagers) -> StackConfig:
    """A stack's settings; empty where the file doesn't exist."""
    document = parse(read_text(path), str(path))
    members = _members(document, ())
    _refuse_foreign(document, members)
    salt = _salt(document, members)
    manager = secrets.for_salt(salt) if salt else None
    values: dict[str, ConfigValue] = {}
    for key, value in _members(document, ("config",)).items():
        name = _full_key(document, key, project)
        if name in values:
            raise _mistake(document, ("config", key), f"`{name}` stands here in two spellings")
        values[name] = _config_value(document, key, value, manager)
    return StackConfig(path, salt, values)


def read_setting(path: Path, project: str, wanted: str) -> str | None:
    """One plain setting by its full key, read without any passphrase; None where it isn't there.

    A sealed one is refused with SpecError: what a program is run by is no secret.
    """
    document = parse(read_text(path), str(path))
    for key, value in _members(document, ("config",)).items():
        if _full_key(document, key, project) == wanted:
            if isinstance(value, (dict, list)):
                raise _mistake(document, ("config", key), f"`{wanted}` must be a plain text")
            return plain_text(value)
    return None


def with_defaults(project: ProjectFile, config: StackConfig) -> StackConfig:
    """The settings with the project's defaults below them; raises ConfigMissing for what nobody set."""
    values = {**project.defaults, **config.values}
    missing = [key for key in project.required if key not in values]
    if missing:
        raise ConfigMissing(
            f"config is missing: {', '.join(f'`{key}`' for key in missing)}",
            hint=f"set it: `tomo config set {missing[0]} VALUE`",
        )
    return StackConfig(config.path, config.salt, values)


def open_text(value: ConfigValue) -> str:
    """The text of a value, opened if it is secret."""
    return str(value.reveal()) if isinstance(value, Secret) else value


def read_text(path: Path) -> str:
    """The file's text; empty where there is no file."""
    with translated(path, "read"):
        try:
            return path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""
        except UnicodeDecodeError:
            # The reader of YAML says on which line.
            parse(path.read_bytes(), str(path))
            raise


def _members(document: Document, at: tuple[str, ...]) -> Mapping[str, Plain]:
    value = document.value
    for part in at:
        value = value.get(part) if value is not None else None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _mistake(document, at, "a mapping of keys to values is expected here")
    return value


def _refuse_foreign(document: Document, members: Mapping[str, Plain]) -> None:
    provider = members.get("secretsprovider")
    if provider not in {None, "", "passphrase"}:
        raise NotSupported(
            f"secrets kept by `{provider}` are not supported",
            hint="run `pulumi stack change-secrets-provider passphrase` first",
            where=_place(document, "secretsprovider"),
        )
    if "environment" in members:
        raise NotSupported(
            "`environment` (Pulumi ESC) is not supported",
            hint="set its values with `tomo config set`",
            where=_place(document, "environment"),
        )
    for key in members:
        if key not in _KEYS:
            raise _mistake(document, (key,), f"unknown key `{key}`", "settings stand under `config:`")


def _full_key(document: Document, key: str, project: str) -> str:
    try:
        return full_key(key, project)
    except UsageError as error:
        raise _mistake(document, ("config", key), error.message, error.hint) from error


def _salt(document: Document, members: Mapping[str, Plain]) -> str:
    salt = members.get("encryptionsalt")
    if salt is not None and not isinstance(salt, str):
        raise _mistake(document, ("encryptionsalt",), "`encryptionsalt` must be a text")
    return salt or ""


def _mistake(document: Document, at: tuple[str, ...], message: str, hint: str = "") -> SpecError:
    return SpecError([document.problem(at, message, hint)])


def _place(document: Document, key: str) -> str:
    return f"{document.file}:{document.line((key,))}"


def _config_value(
    document: Document, key: str, value: Plain, manager: PassphraseManager | None
) -> ConfigValue:
    if not _has_sealed(value):
        return config_text(value)
    if manager is None:
        raise _mistake(
            document,
            ("config", key),
            f"`{key}` is encrypted and the file has no `encryptionsalt`",
            "restore that line from your git history",
        )
    decrypt = manager.decrypt
    if (whole := _ciphertext(value)) is not None:
        return Secret.sealed(whole, decrypt)
    # Sealed as a whole: the text with its ciphertexts in it is as unique as they are.
    return Secret.sealed(config_text(value), lambda sealed: _open_nested(sealed, decrypt))


def _open_nested(sealed: str, decrypt: Callable[[str], str]) -> str:
    def opened(value: Plain) -> Plain:
        if (ciphertext := _ciphertext(value)) is not None:
            return decrypt(ciphertext)
        if isinstance(value, dict):
            return {key: opened(item) for key, item in value.items()}
        return [opened(item) for item in value] if isinstance(value, list) else value

    return config_text(opened(json.loads(sealed)))


def _ciphertext(value: Plain) -> str | None:
    if isinstance(value, dict) and len(value) == 1 and isinstance(value.get(SECURE), str):
        return str(value[SECURE])
    return None


def _has_sealed(value: Plain) -> bool:
    if _ciphertext(value) is not None:
        return True
    if isinstance(value, dict):
        return any(map(_has_sealed, value.values()))
    return isinstance(value, list) and any(map(_has_sealed, value))
