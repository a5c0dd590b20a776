"""Changes `Pulumi.<stack>.yaml` and keeps what the person wrote around the change."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tomo.errors import UsageError
from tomo.secrets.passphrase import PassphraseManager, PassphraseManagers
from tomo.state.config import SECURE, read_stack_config, read_text
from tomo.state.config_text import full_key
from tomo.state.files import translated, write_atomically

if TYPE_CHECKING:
    from ruamel.yaml import YAML

_NEW_FILE_MODE: Final = 0o644
_NEVER_FOLD: Final = 1 << 20
_YAML_1_1_WORDS: Final = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


class StackConfigEditor:
    """Changes a stack's file in place: comments, order and everything else stay as the person wrote them.

    Nothing is on disk before `save`.
    """

    def __init__(self, path: Path, project: str, secrets: PassphraseManagers) -> None:
        self.path = path
        self._project = project
        self._secrets = secrets
        self._salt = read_stack_config(path, project, secrets).salt
        self._text = read_text(path)
        self._document = _load(self._text)

    @property
    def salt(self) -> str:
        """The file's salt; `""` before there is one."""
        return self._salt

    def ensure_salt(self) -> PassphraseManager:
        """The manager of the file's salt; makes a salt where there is none, and checks the passphrase."""
        if self._salt:
            manager = self._secrets.for_salt(self._salt)
            manager.verify()
            return manager
        manager = self._secrets.create()
        self.adopt_salt(manager.salt)
        return manager

    def adopt_salt(self, salt: str) -> None:
        """Writes a salt into a file that has none, as of a state whose config file was lost."""
        if self._salt:
            raise UsageError(f"`{self.path}` has a salt already")
        self._salt = salt
        self._document.insert(0, "encryptionsalt", salt)

    def set(self, key: str, value: str) -> None:
        """Sets a plain text."""
        self._put(key, _quoted(value))

    def set_secret(self, key: str, value: str) -> None:
        """Sets a secret text; only its ciphertext is kept."""
        self._put(key, {SECURE: self.ensure_salt().encrypt(value)})

    def remove(self, key: str) -> bool:
        """Removes a key; says whether it was there."""
        config = self._document.get("config")
        present = self._present(key)
        if config is None or present is None:
            return False
        del config[present]
        return True

    def save(self) -> None:
        """Writes the file; one that exists keeps its mode."""
        with translated(self.path, "write"):
            content = _dump(self._document, self._text)
            write_atomically(self.path, content, mode=_NEW_FILE_MODE)

    def _put(self, key: str, value: object) -> None:
        name = full_key(key, self._project)
        if self._document.get("config") is None:
            self._document["config"] = {}
        self._document["config"][self._present(key) or name] = value

    def _present(self, key: str) -> str | None:
        """The key as the file spells it: short, full, or in Pulumi's old way."""
        name = full_key(key, self._project)
        keys = map(str, self._document.get("config") or {})
        return next((spelled for spelled in keys if full_key(spelled, self._project) == name), None)


def _quoted(value: str) -> object:
    """The text so written that no YAML reader, of 1.1 or 1.2, takes it for a number or a boolean."""
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString  # noqa: PLC0415  # 37 ms, only for edits

    if re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", value) and value.lower() not in _YAML_1_1_WORDS:
        return value
    return DoubleQuotedScalarString(value)


def _load(text: str) -> Any:
    from ruamel.yaml.comments import CommentedMap  # noqa: PLC0415

    document = _keeper(text).load(text)
    return CommentedMap() if document is None else document


def _dump(document: Any, like: str) -> bytes:
    stream = BytesIO()
    _keeper(like).dump(document, stream)
    return stream.getvalue()


def _keeper(text: str) -> YAML:
    """A reader and writer that keeps comments, quotes, order and the indentation of lists."""
    from ruamel.yaml import YAML  # noqa: PLC0415

    keeper = YAML(typ="rt")
    keeper.preserve_quotes = True
    keeper.width = _NEVER_FOLD
    indented = re.search(r"^( *)[^\s#-][^\n]*:[ ]*\n\1( +)- ", text, re.MULTILINE)
    if indented:
        offset = len(indented[2])
        keeper.indent(mapping=2, sequence=offset + 2, offset=offset)
    return keeper
