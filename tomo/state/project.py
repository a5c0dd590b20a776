"""`Pulumi.yaml`: what a project is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Final

from tomo.errors import Problem, SpecError, UsageError
from tomo.frozen import frozen
from tomo.spec.yaml import Document, parse
from tomo.state.config_text import Plain, config_text, full_key, plain_text
from tomo.state.files import translated

PROJECT_FILES: Final = ("Pulumi.yaml", "Pulumi.yml")
_KEYS: Final = {
    "name", "runtime", "main", "description", "author", "website", "license", "config",
    "stackConfigDir", "template", "backend", "options", "packages",
}  # fmt: skip
_DECLARATION_KEYS: Final = {"type", "items", "default", "value", "description", "secret"}


@frozen
class ProjectFile:
    """A project as its file describes it. `defaults` and `required` name config keys in full."""

    path: Path
    name: str
    runtime: str
    runtime_options: Mapping[str, Plain] = field(default_factory=dict)
    main: str = ""
    description: str = ""
    backend_url: str = ""
    stack_config_dir: str = ""
    defaults: Mapping[str, str] = field(default_factory=dict)
    required: tuple[str, ...] = ()

    @property
    def directory(self) -> Path:
        """The project's folder."""
        return self.path.parent

    def stack_file(self, stack: str) -> Path:
        """Where the config of a stack is kept."""
        return self.directory / self.stack_config_dir / f"Pulumi.{stack}.yaml"


def find_project(start: Path) -> Path | None:
    """The project file of a folder or the nearest one above it."""
    for folder in (start, *start.parents):
        for name in PROJECT_FILES:
            if (folder / name).is_file():
                return folder / name
    return None


def read_project(path: Path) -> ProjectFile:
    """The project that a file describes; raises SpecError with every mistake in it."""
    with translated(path, "read the project file"):
        document = parse(path.read_bytes(), str(path))
    reader = _Reader(path, document)
    project = reader.project()
    if reader.problems:
        raise SpecError(reader.problems)
    return project


class _Reader:
    """Reads one project file and collects its mistakes."""

    def __init__(self, path: Path, document: Document) -> None:
        self.problems: list[Problem] = []
        self._path = path
        self._document = document
        self._members: Mapping[str, Plain] = {}
        if isinstance(document.value, dict):
            self._members = document.value
        else:
            self._problem((), "the file is not a mapping of keys to values", "write `name: …`")

    def project(self) -> ProjectFile:
        name = self._text("name", required=True)
        self._refuse_unknown(self._members, _KEYS, ())
        runtime, options = self._runtime()
        defaults, required = self._config(name)
        return ProjectFile(
            path=self._path,
            name=name,
            runtime=runtime,
            runtime_options=options,
            main=self._text("main"),
            description=self._text("description"),
            backend_url=self._backend_url(),
            stack_config_dir=self._text("stackConfigDir"),
            defaults=defaults,
            required=required,
        )

    def _text(self, key: str, *, required: bool = False) -> str:
        value = self._members.get(key)
        if value is None and required:
            self._problem((), f"`{key}` is missing", f"add `{key}: …`")
        if isinstance(value, (dict, list)):
            self._problem((key,), f"`{key}` must be a text")
            return ""
        return plain_text(value)

    def _runtime(self) -> tuple[str, Mapping[str, Plain]]:
        runtime = self._members.get("runtime")
        if not isinstance(runtime, dict):
            return self._text("runtime", required=True), {}
        name, options = runtime.get("name"), runtime.get("options")
        if not isinstance(name, str):
            self._problem(("runtime",), "`runtime` has no `name`", "write `runtime: python`")
        return str(name or ""), options if isinstance(options, dict) else {}

    def _backend_url(self) -> str:
        backend = self._members.get("backend")
        if backend is None:
            return ""
        url = backend.get("url") if isinstance(backend, dict) else None
        if not isinstance(url, str):
            self._problem(("backend",), "`backend` has no `url`", "write `backend: {url: file://DIR}`")
            return ""
        return url

    def _config(self, project: str) -> tuple[dict[str, str], tuple[str, ...]]:
        """The defaults, and the keys that each stack must set."""
        config = self._members.get("config")
        if not isinstance(config, dict):
            if config is not None:
                self._problem(
                    ("config",), "`config` must be a mapping of keys", "write `config: {key: value}`"
                )
            return {}, ()
        full: dict[str, str | None] = {}
        for key, declared in config.items():
            try:
                full[full_key(key, project)] = self._declared(key, declared)
            except UsageError as error:
                self._problem(("config", key), error.message, error.hint)
        defaults = {key: value for key, value in full.items() if value is not None}
        return defaults, tuple(key for key in full if key not in defaults)

    def _declared(self, key: str, declared: Plain) -> str | None:
        """A key's default; None where it must be set by each stack."""
        if not isinstance(declared, dict):
            return config_text(declared)
        self._refuse_unknown(declared, _DECLARATION_KEYS, ("config", key))
        given = [name for name in ("value", "default") if name in declared]
        return config_text(declared[given[0]]) if given else None

    def _refuse_unknown(self, members: Mapping[str, Plain], known: set[str], at: tuple[str, ...]) -> None:
        for key in members:
            if key not in known:
                hint = f"known are: {', '.join(sorted(known))}"
                self._problem((*at, key), f"unknown key `{'.'.join((*at, key))}`", hint)

    def _problem(self, at: tuple[str, ...], message: str, hint: str = "") -> None:
        self.problems.append(self._document.problem(at, message, hint))
