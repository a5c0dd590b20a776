"""What no text may show: every secret of the stack, of its config and of its state."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Lock

from tomo.errors import SecretsError, TomoError
from tomo.model.values import Secret, Value, leaves
from tomo.secrets.redaction import Redactor
from tomo.service.read.reader import Reader
from tomo.service.wiring import Doors
from tomo.service.workspace import Place, Workspace


class SecretMask(Reader):
    """Knows the secrets as the files have them now; reads them again when one of the files has changed."""

    def __init__(self, doors: Doors, place: Place) -> None:
        super().__init__(doors, place)
        self._lock = Lock()
        self._seen: object = None
        self._redactor = Redactor()
        self._sealed: SecretsError | None = None

    def mask(self) -> Callable[[str], str]:
        """Takes every known secret out of a text."""
        return self._fresh().redact

    def require_open(self) -> None:
        """Raises PassphraseMissing or PassphraseWrong where there are secrets that can't be known.

        Text of which nobody can say whether a secret stands in it is not passed on.
        """
        self._fresh()
        if self._sealed is not None:
            raise self._sealed

    def _fresh(self) -> Redactor:
        with self._lock:
            try:
                workspace = self._doors.open(self._place)
                seen = _marks(workspace)
            except TomoError:
                # Where there is no stack there are no secrets of it; what is wrong, the tool itself says.
                workspace, seen = None, ()
            if seen != self._seen:
                self._redactor, self._sealed = self._learned(workspace)
                self._seen = seen
            return self._redactor

    def _learned(self, workspace: Workspace | None) -> tuple[Redactor, SecretsError | None]:
        redactor, sealed = Redactor(), None
        for secret in self._secrets(workspace):
            try:
                redactor.learn(secret)
            except SecretsError as error:
                sealed = error
        return redactor, sealed

    def _secrets(self, workspace: Workspace | None) -> Iterator[Secret]:
        settings = self._doors.settings
        for text in (settings.passphrase, settings.registry_password, settings.database_url):
            if text:
                yield Secret(text)
        if workspace is None:
            return
        yield from _of(workspace.config().values.values())
        for entry in workspace.snapshot().resources:
            yield from _of((dict(entry.inputs), dict(entry.outputs)))


def _of(values: object) -> Iterator[Secret]:
    found: list[Value] = list(values)  # type: ignore[call-overload]
    yield from (leaf for leaf in leaves(found) if isinstance(leaf, Secret))


def _marks(workspace: Workspace) -> object:
    """What tells a file from the same file later."""
    stored = f".pulumi/stacks/{workspace.project}/{workspace.stack}.json"
    return _mark(workspace.stack_file), tuple(workspace.backend.storage.modified([stored]).items())


def _mark(file: Path) -> tuple[int, int]:
    try:
        found = file.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size
