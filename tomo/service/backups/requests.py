"""What the use cases of backups are asked, and what they answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from pathlib import Path
from typing import ClassVar

from tomo.backup.keep import Judged, Keep
from tomo.backup.manifest import Manifest
from tomo.errors import ExitCode, TomoError
from tomo.frozen import frozen
from tomo.service.effect import Effect
from tomo.service.workspace import LockTerms, Place


def nobody(_line: str) -> None:
    """A line for nobody."""


@frozen
class CreateBackupRequest:
    """Back up apps, `APP` or `APP@SERVER`; without names all of them, and the installation itself.

    `incremental` goes to the restic repository. `tell` hears what is under way.
    """

    effect: ClassVar[Effect] = Effect.EXECUTE
    place: Place
    names: tuple[str, ...] = ()
    incremental: bool = False
    lock: LockTerms = field(default_factory=LockTerms)
    tell: Callable[[str], None] = nobody


@frozen
class NotBackedUp:
    """An app that could not be backed up, and why."""

    instance: str
    error: TomoError


@frozen
class CreatedBackups:
    """What was made, and what was not."""

    made: tuple[Manifest, ...]
    failed: tuple[NotBackedUp, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        """OK where everything was made; else that of the first failure."""
        return self.failed[0].error.exit_code if self.failed else ExitCode.OK


@frozen
class ListBackupsRequest:
    """What is there? Needs no key but restic's, where there are incremental ones."""

    effect: ClassVar[Effect] = Effect.READ
    place: Place
    names: tuple[str, ...] = ()


@frozen
class VerifyBackupRequest:
    """Does a backup hold what it should? It is unpacked into scratch volumes and compared.

    `backup` is a backup's name, or an app for its newest one. `server` is where it is unpacked; the app's own
    by default.
    """

    effect: ClassVar[Effect] = Effect.EXECUTE
    place: Place
    backup: str
    identities: tuple[Path, ...] = ()
    server: str = ""
    tell: Callable[[str], None] = nobody


@frozen
class VerifiedVolume:
    """A volume of a backup: what it should add up to, and what was read back."""

    name: str
    expected: str
    found: str
    entries: int = 0
    size: int = 0

    @property
    def is_same(self) -> bool:
        """Whether it is what it should be."""
        return self.expected == self.found


@frozen
class VerifiedBackup:
    """What a look into a backup found; `seal` is `""`, or why the sealed file isn't the written one."""

    manifest: Manifest
    volumes: tuple[VerifiedVolume, ...]
    files: int = 0
    seal: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether it can be relied on."""
        return not self.seal and all(volume.is_same for volume in self.volumes)


@frozen
class Overwritten:
    """A volume whose content another one takes the place of."""

    name: str
    docker_name: str


@frozen
class RestorePlan:
    """What a restore would do.

    `stops` are the containers that stop meanwhile, `first` whether what is there is backed up before.
    """

    manifest: Manifest
    instance: str
    overwrites: tuple[Overwritten, ...]
    stops: tuple[str, ...]
    first: bool


@frozen
class RestoreBackupRequest:
    """Put a backup's volumes in the place of the app's own.

    `confirm` is shown what would be done. `first` backs up what is there before. `proposal` says that people
    agreed to this very restore.
    """

    effect: ClassVar[Effect] = Effect.EXECUTE
    place: Place
    backup: str
    confirm: Callable[[RestorePlan], bool]
    identities: tuple[Path, ...] = ()
    volumes: tuple[str, ...] = ()
    first: bool = True
    lock: LockTerms = field(default_factory=LockTerms)
    tell: Callable[[str], None] = nobody
    proposal: str = ""


@frozen
class RestoredBackup:
    """What a restore did; `before` is the backup of what was there, `""` for none."""

    plan: RestorePlan
    declined: bool = False
    before: str = ""


@frozen
class PruneBackupsRequest:
    """Remove what no rule keeps, of every app or of those that are named.

    `keep` takes the place of the fleet's rules. `confirm` is shown every backup and what becomes of it.
    """

    effect: ClassVar[Effect] = Effect.EXECUTE
    place: Place
    confirm: Callable[[tuple[Judged, ...]], bool]
    names: tuple[str, ...] = ()
    keep: Keep | None = None


@frozen
class PrunedBackups:
    """Every backup and what became of it."""

    judged: tuple[Judged, ...]
    done: bool = False
