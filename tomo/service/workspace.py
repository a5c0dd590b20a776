"""Where a command works: a folder with a fleet file, or one with a Pulumi project."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tomo.errors import NotSupported, StackNotFound, UsageError
from tomo.frozen import frozen
from tomo.model.log import Log
from tomo.model.snapshot import Snapshot
from tomo.model.urn import STACK_TYPE
from tomo.model.values import Properties
from tomo.secrets.passphrase import PassphraseManagers
from tomo.secrets.source import find_passphrase, needs_a_person
from tomo.service.engines import ENGINE_KEY, EngineName, asked_engine, engine_name
from tomo.service.stores import AskPassphrase, Stores
from tomo.settings import Settings
from tomo.spec.files import FLEET_FILE
from tomo.spec.glance import Glance, glance_at, read_document
from tomo.spec.yaml import parse
from tomo.state.backend import FileBackend, StoredStack
from tomo.state.config import StackConfig, read_setting, read_stack_config
from tomo.state.config_editor import StackConfigEditor
from tomo.state.lock import LockOwner, StackLock
from tomo.state.project import ProjectFile, find_project, read_project
from tomo.state.saver import RunSaver
from tomo.state.seals import Seals
from tomo.state.writer import CheckpointWriter

if TYPE_CHECKING:
    from tomo.catalog.index import Catalog
    from tomo.service.adoption import Adoption
    from tomo.spec.load import LoadedFleet

FLEET_PROJECT = "tomo"
Ask = Callable[[str], str]
"""Asks a person for a line that is not shown; raises or is None where nobody is there."""


@frozen
class Place:
    """What the command line says about where, and by what: `-C`, `-f`, `--stack`, `--engine`, `--policy`.

    `proposed` are bytes that stand for the fleet file's own, which they are not yet.
    """

    directory: Path = field(default_factory=Path)
    file: Path | None = None
    stack: str | None = None
    engine: str | None = None
    policy: Path | None = None
    proposed: bytes | None = field(default=None, repr=False)

    def __str__(self) -> str:
        """The fleet file or folder that is meant, in full."""
        return str((self.directory / (self.file or "")).absolute())


@frozen
class Means:
    """What a workspace asks people and servers with; None where nobody is there to be asked."""

    ask: Ask | None = None
    ask_passphrase: AskPassphrase | None = None
    stores: Stores = field(default_factory=Stores)
    log: Log | None = None


def _tell_nobody(_line: str) -> None:
    """A line for nobody."""


@frozen
class LockTerms:
    """How a stack's lock is taken: how many seconds another owner is waited for, and who is told of it."""

    wait: float = 0.0
    tell: Callable[[str], None] = _tell_nobody


class Workspace:
    """One stack: its files, its state and its secrets. Nothing is read before it is needed."""

    def __init__(
        self,
        place: Place,
        settings: Settings,
        *,
        directory: Path,
        project: str,
        stack: str,
        fleet: LoadedFleet | None = None,
        program: ProjectFile | None = None,
        means: Means | None = None,
    ) -> None:
        self.place, self.settings = place, settings
        self.directory, self.project, self.stack = directory, project, stack
        self._fleet, self.program = fleet, program
        self.glance: Glance | None = None
        self._unchecked: Callable[[], LoadedFleet] | None = None
        self.adoption: Adoption | None = None
        self._means = means or Means()
        self._guard: Callable[[], None] | None = None

    @classmethod
    def open(
        cls,
        place: Place,
        settings: Settings,
        means: Means | None = None,
        secrets: PassphraseManagers | None = None,
    ) -> Workspace:
        """The workspace of a place; raises UsageError where there is none.

        `secrets` are keys that were derived before, for several use cases in one process.
        """
        made = cls._found(place, settings, means or Means())
        if secrets is not None:
            made.secrets = secrets
        return made

    @classmethod
    def _found(cls, place: Place, settings: Settings, means: Means) -> Workspace:
        fleet_file = _fleet_file(place)
        if fleet_file is not None:
            return cls._of_fleet_file(place, settings, fleet_file, means)
        project_file = find_project(place.directory.absolute())
        if project_file is None:
            raise UsageError(
                f"`{place.directory.absolute()}` holds neither a fleet file nor a Pulumi project",
                hint="begin one with `tomo init`, or name a folder with `-C DIR` or a file with `-f FILE`",
            )
        return cls._of_program(place, settings, read_project(project_file), means)

    @classmethod
    def _of_fleet_file(cls, place: Place, settings: Settings, file: Path, means: Means) -> Workspace:
        """A fleet's workspace. An ordinary file is checked when the fleet is first wanted, any other now.

        So is a text that is only proposed: nobody is dialled for it before.
        """
        text = place.proposed
        document = read_document(file) if text is None else parse(text, str(file))

        def checked() -> LoadedFleet:
            from tomo.spec.load import fleet_from_document  # noqa: PLC0415  # its models are for fleets only

            return fleet_from_document(document, file)

        glance = glance_at(document) if text is None else None
        if glance is not None and glance.engine in set(EngineName):
            fleet, name = None, glance.fleet
        else:
            fleet = checked()
            name, glance = fleet.fleet.fleet, None
        if place.stack is not None and place.stack != name:
            raise UsageError(
                f"`{file}` is the fleet `{name}`, not `{place.stack}`",
                hint="a fleet is one stack: name another fleet's file with `-f FILE`",
            )
        folder = file.parent.absolute()
        made = cls(
            place, settings, directory=folder, project=FLEET_PROJECT, stack=name, fleet=fleet, means=means
        )
        if glance is not None:
            made.glance, made._unchecked = glance, checked
        return made

    @classmethod
    def _of_program(cls, place: Place, settings: Settings, program: ProjectFile, means: Means) -> Workspace:
        if program.runtime != "python":
            raise NotSupported(
                f"`{program.path}` has `runtime: {program.runtime}`, and Tomo runs Python programs",
                hint="run this project with the pulumi CLI",
            )
        made = cls(
            place,
            settings,
            directory=program.directory,
            project=program.name,
            stack=place.stack or "",
            program=program,
            means=means,
        )
        made.stack = place.stack or made.only_stack()
        return made

    def only_stack(self) -> str:
        """The name of the project's one stack; raises UsageError where it isn't clear."""
        # Where only the CLI can list what a backend holds, config files say which stacks there are.
        listed = self.backend.stacks(self.project) if self.reaches_state else []
        names = {name.stack for name in listed}
        files = self.directory.glob("Pulumi.*.yaml")
        names |= {path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in files}
        if len(names) == 1:
            return names.pop()
        shown = f"it has {', '.join(f'`{name}`' for name in sorted(names))}" if names else "it has none yet"
        raise UsageError(
            f"which stack of `{self.project}`? {shown}",
            hint="name it with `--stack NAME`; apply makes a new one",
        )

    def sibling(self, stack: str) -> Workspace:
        """Another stack of the same project and store; raises StackNotFound where there is none."""
        other = Workspace(
            self.place,
            self.settings,
            directory=self.directory,
            project=self.project,
            stack=stack,
            program=self.program,
            means=self._means,
        )
        other.backend = self.backend
        if stack == self.stack or not (self.backend.exists(self.project, stack) or other.stack_file.exists()):
            names = [each.stack for each in self.backend.stacks(self.project) if each.stack != self.stack]
            raise StackNotFound(
                f"there is no other stack `{stack}` of `{self.project}`",
                hint=f"there are {', '.join(f'`{each}`' for each in names)}" if names else "apply it once",
            )
        return other

    @property
    def engine(self) -> EngineName:
        """What runs the stack: by an option, else by the environment, else by the stack's own files."""
        asked = asked_engine(self.place.engine, self.settings)
        if asked is not None:
            return asked
        if self.glance is not None and self._unchecked is not None:
            return EngineName(self.glance.engine)
        if self.fleet is not None:
            return EngineName(self.fleet.fleet.engine)
        own = read_setting(self.stack_file, self.project, ENGINE_KEY)
        if own is not None:
            return engine_name(own, str(self.stack_file))
        program = self.program
        default = program.defaults.get(ENGINE_KEY) if program else None
        return engine_name(default, str(program.path)) if program and default else EngineName.EMBEDDED

    @property
    def fleet(self) -> LoadedFleet | None:
        """What the fleet file declares, None without one; raises SpecError with every mistake in it."""
        if self._fleet is None and self._unchecked is not None:
            self._fleet, self._unchecked = self._unchecked(), None
        return self._fleet

    # --- files ------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The stack's full name, with its project's."""
        return f"{self.project}/{self.stack}"

    @property
    def is_fleet(self) -> bool:
        """Whether a fleet file declares the stack; else a hand-written program does."""
        return self._fleet is not None or self._unchecked is not None

    @property
    def stack_file(self) -> Path:
        """The stack's config file."""
        if self.program is not None:
            return self.program.stack_file(self.stack)
        return self.directory / f"Pulumi.{self.stack}.yaml"

    @property
    def program_path(self) -> Path:
        """The folder or file of a hand-written program."""
        main = self.program.main if self.program else ""
        return self.directory / main if main else self.directory

    @property
    def program_folder(self) -> Path:
        """Where relative paths of the program start."""
        path = self.program_path
        return path if path.is_dir() else path.parent

    @cached_property
    def catalog(self) -> Catalog:
        """The bundled apps, those of the fleet's own folders and those of what it pins."""
        from tomo.catalog.index import Catalog  # noqa: PLC0415  # as above

        return Catalog.of_fleet(self.fleet, self.settings.data_folder) if self.fleet else Catalog.bundled()

    # --- state ------------------------------------------------------------------------------------------

    @property
    def reaches_state(self) -> bool:
        """Whether this process reads the state itself; else the `pulumi` engine's CLI does."""
        if self.engine is EngineName.EMBEDDED:
            return True
        url = self.settings.state_url or (self.program.backend_url if self.program else "")
        return not url or url.startswith("file:")

    @cached_property
    def backend(self) -> FileBackend:
        """Where the state lives: the environment, the project's backend, or the folder itself."""
        url = self.settings.state_url or (self.program.backend_url if self.program else "")
        means = self._means
        if not url:
            found = FileBackend(self.directory)
        else:
            found = means.stores.backend(url, self.settings, means.ask_passphrase, base=self.directory)
        if means.log is not None:
            from tomo.logs.watched import WatchedStorage  # noqa: PLC0415  # few have a log

            found.storage = WatchedStorage(found.storage, means.log)
        return found

    def passphrase(self) -> str:
        """The stack's passphrase; raises PassphraseMissing where there is none and nobody to ask."""
        return self._passphrase()

    @cached_property
    def _passphrase(self) -> Callable[[], str]:
        return find_passphrase(self.settings, stack=self.stack, ask=self._means.ask)

    @cached_property
    def secrets(self) -> PassphraseManagers:
        """The keys of the stack's secrets; the passphrase is asked for when one is first needed."""
        return PassphraseManagers(self._passphrase)

    def stored(self) -> StoredStack | None:
        """The recorded state; None before the first apply."""
        try:
            return self.backend.load(self.project, self.stack, self.secrets)
        except StackNotFound:
            return None

    def snapshot(self) -> Snapshot:
        """The recorded resources; none before the first apply."""
        stored = self.stored()
        return stored.snapshot if stored else Snapshot()

    def outputs_of(self, name: str) -> Properties | None:
        """The outputs of another stack of the same backend; None where there is no such stack."""
        parts = name.split("/")
        project, stack = parts[-2:] if len(parts) > 1 else (self.project, parts[0])
        try:
            stored = self.backend.load(project, stack, self.secrets)
        except StackNotFound:
            return None
        found = next((e for e in stored.snapshot.resources if e.type == STACK_TYPE), None)
        return dict(found.outputs) if found else {}

    def prepare_secrets(self, *salts: str) -> None:
        """Begins to derive keys in the background, where no person has to be asked."""
        if any(salts) and not needs_a_person(self.settings, stack=self.stack):
            for salt in {salt for salt in salts if salt}:
                self.secrets.for_salt(salt).prepare()

    @contextmanager
    def lock(self, terms: LockTerms | None = None) -> Iterator[StackLock]:
        """Holds the stack's lock; one of a run that is gone is taken over, which is told."""
        asked = terms or LockTerms()
        owner = LockOwner.this_process(self.settings.user)
        with self.backend.lock(
            self.project, self.stack, owner=owner, wait=asked.wait, tell=asked.tell
        ) as lock:
            self._guard = lock.guard
            try:
                yield lock
            finally:
                self._guard = None

    def writer(self, salt: str) -> CheckpointWriter:
        """The writer of the state, sealing under the config's salt."""
        seals = Seals(self.secrets.for_salt(salt)) if salt else None
        return self.backend.writer(self.project, self.stack, seals)

    def seals(self, salt: str, stored: StoredStack | None) -> Seals | None:
        """What a state is sealed with; secrets that `stored` holds under the same salt stay as they are."""
        if not salt:
            return None
        manager = self.secrets.for_salt(salt)
        return stored.seals_under(manager) if stored else Seals(manager)

    def saver(self, salt: str, stored: StoredStack | None) -> RunSaver:
        """Keeps the changes of a run that starts from `stored`, as long as the stack's lock is held."""
        return self.backend.saver(
            self.project,
            self.stack,
            self.seals(salt, stored),
            base=stored,
            owner=self.settings.user,
            guard=self._guard or (lambda: None),
        )

    # --- config -----------------------------------------------------------------------------------------

    def config(self) -> StackConfig:
        """The stack's settings as they are in its file, and what an adoption adds to them."""
        config = read_stack_config(self.stack_file, self.project, self.secrets)
        return self.adoption.config(config) if self.adoption else config

    def adopt(self, adoption: Adoption | None) -> None:
        """Stands for the fleet as an adoption will leave it."""
        if adoption is not None:
            self.adoption, self._fleet = adoption, adoption.fleet
            self.glance = self._unchecked = None

    def config_editor(self) -> StackConfigEditor:
        """The stack's settings, to change."""
        return StackConfigEditor(self.stack_file, self.project, self.secrets)


def _fleet_file(place: Place) -> Path | None:
    if place.file is not None:
        return place.file if place.file.is_absolute() else place.directory / place.file
    found = place.directory / FLEET_FILE
    return found if found.is_file() else None
