"""What an archive holds: told inside it, and beside it for who has no key."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, field
from datetime import UTC, datetime
from typing import Any, Final

from tomo.errors import BackupDamaged
from tomo.frozen import frozen

SUFFIX: Final = ".tar.zst.age"
SIDECAR: Final = ".json"
FORM: Final = "tomo.backup/v1"
FLEET: Final = "fleet"
"""The app that stands for the installation itself: specs, state, database."""

ASKED: Final = "asked"
BEFORE_RESTORE: Final = "before-restore"
BEFORE_UPDATE: Final = "before-update"
"""Why a backup was made."""

_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?@?[A-Za-z0-9._-]*-\d{8}T\d{6}Z(?:-[0-9a-f]{4})")


@frozen
class VolumeEntry:
    """A volume of an app: its name in the app, and in Docker."""

    name: str
    docker_name: str


@frozen
class Manifest:
    """What an archive is of. `size` and `sha256` are the sealed file's; only what stands beside has them.

    `time` is RFC 3339 in UTC.
    """

    name: str
    fleet: str
    app: str
    server: str
    time: str
    kind: str = "full"
    version: str = ""
    images: Mapping[str, str] = field(default_factory=dict)
    volumes: tuple[VolumeEntry, ...] = ()
    contents: tuple[str, ...] = ()
    reason: str = ASKED
    stopped: bool = False
    size: int = 0
    sha256: str = ""
    snapshot: str = ""

    @property
    def instance(self) -> str:
        """The app on its server, `fleet` for the installation."""
        return f"{self.app}@{self.server}" if self.server else self.app

    @property
    def when(self) -> datetime:
        """Its time."""
        return datetime.fromisoformat(self.time)


@frozen
class VolumeDigest:
    """What a volume's content adds up to: `sha256` over every entry in order, times left out."""

    sha256: str
    entries: int
    size: int


def archive_name(app: str, server: str, seconds: float, salt: str) -> str:
    """The name of an archive: what it is of, the time, and four hex digits against a second one."""
    stamp = datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%dT%H%M%SZ")
    return f"{app}{f'@{server}' if server else ''}-{stamp}-{salt}"


def is_archive_name(name: str) -> bool:
    """Whether a text has the form of an archive's name: it is used as a file's name."""
    return _NAME.fullmatch(name) is not None


def manifest_text(manifest: Manifest) -> bytes:
    """The manifest as JSON."""
    return (json.dumps({"form": FORM, **asdict(manifest)}, indent=2, sort_keys=True) + "\n").encode()


def read_manifest(raw: bytes, where: str) -> Manifest:
    """The manifest of a JSON text; raises BackupDamaged for what is none."""
    try:
        given: dict[str, Any] = json.loads(raw)
        form = given.pop("form", "")
        given["volumes"] = tuple(VolumeEntry(**each) for each in given.get("volumes", ()))
        given["contents"] = tuple(map(str, given.get("contents", ())))
        manifest = Manifest(**given)
        _ = manifest.when
    except (ValueError, TypeError, AttributeError) as error:
        raise BackupDamaged(f"`{where}` is no manifest of a backup", hint=_OTHER) from error
    if form != FORM or not is_archive_name(manifest.name):
        raise BackupDamaged(f"`{where}` is the manifest of another form, `{form}`", hint=_OTHER)
    return manifest


_OTHER: Final = "choose another one: `tomo backup list`"


def digests_text(digests: Mapping[str, VolumeDigest]) -> bytes:
    """The digests as JSON: the last file of an archive."""
    return (json.dumps({name: asdict(each) for name, each in digests.items()}, indent=2) + "\n").encode()


def read_digests(raw: bytes, where: str) -> dict[str, VolumeDigest]:
    """The digests of a JSON text, by volume; raises BackupDamaged."""
    try:
        return {name: VolumeDigest(**each) for name, each in json.loads(raw).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise BackupDamaged(f"the digests of `{where}` can't be read", hint=_OTHER) from error
