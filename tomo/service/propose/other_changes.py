"""Changes that can be proposed and are no fleet file's: a command, settings, people. None has a plan.

Policies, approvers and keys are not among them: nothing proposed ever changes what a proposal is held to.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import ClassVar, Final, TypeAlias

from tomo.backup.manifest import is_archive_name
from tomo.errors import UsageError
from tomo.frozen import frozen
from tomo.model.people import Role
from tomo.model.proposal import Json, ProposalKind
from tomo.service.propose.catalog_changes import AddRepository, CatalogChange, RateApp, SyncRepository
from tomo.spec.shown import shown

MOST_SECONDS: Final = 3600
_MOST_ARGUMENTS: Final = 256
_LONGEST: Final = 16 * 1024
_MOST_DAYS: Final = 36_500
_MOST_ENTRIES: Final = 10**9
_CALLED_SECRET: Final = re.compile(
    r"(pass(word|wd|phrase)|pwd|secret|token|credential|(api|access|private|signing)[_-]?key)s?$",
    re.IGNORECASE,
)
"""How keys of secrets end: `db:password`, `apiKey`."""


@frozen
class RunCommand:
    """One command, once, on a server of the fleet: a list of arguments, which no shell reads."""

    kind: ClassVar[str] = "run-command"
    about: ClassVar[ProposalKind] = ProposalKind.COMMAND
    server: str
    argv: tuple[str, ...]
    timeout: int = 60

    @property
    def title(self) -> str:
        """What it does, as an order."""
        return f"run {shown(self.argv[0]) if self.argv else 'nothing'} on {shown(self.server)}"

    def require_sensible(self) -> None:
        """Raises UsageError for what could never be run."""
        if not self.argv or not self.argv[0]:
            raise UsageError("a command needs at least its name", hint='such as `["uptime"]`')
        if len(self.argv) > _MOST_ARGUMENTS or sum(map(len, self.argv)) > _LONGEST:
            raise UsageError(
                f"a command has at most {_MOST_ARGUMENTS} arguments and {_LONGEST} characters",
                hint="put the work into an app or a script of the server's own",
            )
        if any("\0" in word for word in self.argv):
            raise UsageError("an argument holds a NUL character", hint="leave it out")
        if not 0 < self.timeout <= MOST_SECONDS:
            raise UsageError(
                f"a command can't have {self.timeout} seconds", hint=f"between 1 and {MOST_SECONDS} seconds"
            )


@frozen
class ChangeSetting:
    """A key of a stack's config gets another value, which is no secret; None removes it."""

    kind: ClassVar[str] = "change-setting"
    about: ClassVar[ProposalKind] = ProposalKind.SETTINGS
    key: str
    value: str | None

    @property
    def title(self) -> str:
        """What it does, as an order."""
        return f"remove the setting {shown(self.key)}" if self.value is None else f"set {shown(self.key)}"

    def require_sensible(self) -> None:
        """Raises UsageError for a key that is none."""
        if not self.key.strip():
            raise UsageError("which setting?", hint="name a key, such as `tomo:engine`")
        if self.value is not None and _CALLED_SECRET.search(self.key):
            raise UsageError(
                f"`{shown(self.key)}` is called like a secret, and a proposal would keep it in the open",
                hint=f"a person sets it: `tomo secret set {shown(self.key)}`",
            )


@frozen
class RetainAudit:
    """Entries of the audit record older than `days` are removed, but for the last `entries`."""

    kind: ClassVar[str] = "retain-audit"
    about: ClassVar[ProposalKind] = ProposalKind.SETTINGS
    days: int
    entries: int = 0

    @property
    def title(self) -> str:
        """What it does, as an order."""
        least = f", but for the last {self.entries}" if self.entries else ""
        return f"remove audit entries older than {self.days} days{least}"

    def require_sensible(self) -> None:
        """Raises UsageError for times that make no sense."""
        if self.days < 1 or self.entries < 0:
            raise UsageError("at least one day has to stay", hint="such as 365 days")
        if self.days > _MOST_DAYS or self.entries > _MOST_ENTRIES:
            raise UsageError(
                f"at most {_MOST_DAYS} days and {_MOST_ENTRIES} entries can be kept", hint="such as 365 days"
            )


@frozen
class AddUser:
    """Somebody is added, without a password: an own one is for a person to type."""

    kind: ClassVar[str] = "add-user"
    about: ClassVar[ProposalKind] = ProposalKind.PEOPLE
    name: str
    role: Role
    account: str = ""

    @property
    def title(self) -> str:
        """What it does, as an order."""
        return f"add {shown(self.name)} with the role {self.role}"

    def require_sensible(self) -> None:
        """Nothing more than the name's own rules, which adding checks."""


@frozen
class SetUserRole:
    """Somebody gets another role."""

    kind: ClassVar[str] = "set-user-role"
    about: ClassVar[ProposalKind] = ProposalKind.PEOPLE
    name: str
    role: Role

    @property
    def title(self) -> str:
        """What it does, as an order."""
        return f"give {shown(self.name)} the role {self.role}"

    def require_sensible(self) -> None:
        """Any role can be somebody's."""


@frozen
class SetUserDisabled:
    """Somebody is kept out, or let in again."""

    kind: ClassVar[str] = "set-user-disabled"
    about: ClassVar[ProposalKind] = ProposalKind.PEOPLE
    name: str
    disabled: bool

    @property
    def title(self) -> str:
        """What it does, as an order."""
        return f"keep {shown(self.name)} out" if self.disabled else f"let {shown(self.name)} in again"

    def require_sensible(self) -> None:
        """Nothing more than that there is somebody of that name."""


@frozen
class CreateBackup:
    """Apps are backed up; without names all of them, and the installation itself."""

    kind: ClassVar[str] = "create-backup"
    about: ClassVar[ProposalKind] = ProposalKind.DATA
    apps: tuple[str, ...]
    incremental: bool = False

    @property
    def title(self) -> str:
        """What it does, as an order."""
        return f"back up {', '.join(map(shown, self.apps)) or 'every app'}"

    def require_sensible(self) -> None:
        """Nothing more than that there are such apps, which is looked at when it is done."""


@frozen
class VerifyBackup:
    """A backup is unpacked into scratch volumes of a server and compared."""

    kind: ClassVar[str] = "verify-backup"
    about: ClassVar[ProposalKind] = ProposalKind.DATA
    backup: str

    @property
    def title(self) -> str:
        """What it does, as an order."""
        return f"verify the backup {shown(self.backup)}"

    def require_sensible(self) -> None:
        """Raises UsageError for what is no backup's name."""
        _require_backup(self.backup)


@frozen
class RestoreBackup:
    """A backup's volumes take the place of the app's own; `first` backs up what is there before."""

    kind: ClassVar[str] = "restore-backup"
    about: ClassVar[ProposalKind] = ProposalKind.DATA
    backup: str
    volumes: tuple[str, ...] = ()
    first: bool = True

    @property
    def title(self) -> str:
        """What it does, as an order."""
        part = f" ({', '.join(map(shown, self.volumes))} of it)" if self.volumes else ""
        return f"overwrite data with the backup {shown(self.backup)}{part}"

    def require_sensible(self) -> None:
        """Raises UsageError for what is no backup's name."""
        _require_backup(self.backup)


@frozen
class PruneBackups:
    """Backups are removed for good, those that are named."""

    kind: ClassVar[str] = "prune-backups"
    about: ClassVar[ProposalKind] = ProposalKind.DATA
    backups: tuple[str, ...]

    @property
    def title(self) -> str:
        """What it does, as an order."""
        return f"remove the backups {', '.join(map(shown, self.backups))}"

    def require_sensible(self) -> None:
        """Raises UsageError where there is nothing to remove."""
        for name in self.backups or ("",):
            _require_backup(name)


def _require_backup(name: str) -> None:
    if not is_archive_name(name):
        raise UsageError(f"`{shown(name)}` is no backup's name", hint="see what there is: `tomo backup list`")


DataChange: TypeAlias = CreateBackup | VerifyBackup | RestoreBackup | PruneBackups
OtherChange: TypeAlias = (
    RunCommand
    | ChangeSetting
    | RetainAudit
    | AddUser
    | SetUserRole
    | SetUserDisabled
    | DataChange
    | CatalogChange
)

_BY_KIND: Final[Mapping[str, type[OtherChange]]] = {
    each.kind: each
    for each in (
        RunCommand,
        ChangeSetting,
        RetainAudit,
        AddUser,
        SetUserRole,
        SetUserDisabled,
        CreateBackup,
        VerifyBackup,
        RestoreBackup,
        PruneBackups,
        AddRepository,
        SyncRepository,
        RateApp,
    )
}


def change_json(change: object) -> dict[str, Json]:
    """A change as JSON, with its kind."""
    written = _plain(change)
    return {"kind": getattr(change, "kind", ""), **(written if isinstance(written, dict) else {})}


def read_change(written: Mapping[str, Json]) -> OtherChange:
    """The change in JSON; raises UsageError for one of another kind or form."""
    made = _BY_KIND.get(str(written.get("kind")))
    given = {key: value for key, value in written.items() if key != "kind"}
    if made is None or given.keys() != {each.name for each in fields(made)}:
        raise UsageError(
            f"a proposed change of the kind `{written.get('kind')}` can't be read",
            hint="have it proposed anew, with this version",
        )
    for name in ("argv", "apps", "volumes", "backups"):
        if isinstance(given.get(name), list):
            given[name] = tuple(map(str, given[name]))  # type: ignore[call-overload]
    if "role" in given:
        given["role"] = Role(str(given["role"]))
    return made(**given)  # type: ignore[arg-type]


def _plain(value: Json) -> Json:
    if is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
