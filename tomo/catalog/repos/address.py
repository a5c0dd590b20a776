"""Where a repository of catalogs is: a git address, or a folder of this machine."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tomo.errors import UsageError
from tomo.frozen import frozen
from tomo.spec.near import NAME
from tomo.spec.shown import CONTROL, shown

RESERVED: Final = frozenset({"tomo", "catalog", "apps"})
_SCP: Final = re.compile(r"(?:[A-Za-z0-9_][\w.-]*@)?[A-Za-z0-9][A-Za-z0-9.-]*:(?!/)[^\s:][^\s]*")
_BRANCH: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_./+-]{0,198}[A-Za-z0-9_])?")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_FORMS: Final = "https://HOST/PATH.git, ssh://HOST/PATH.git, git@HOST:PATH.git or a folder"


class Protocol(StrEnum):
    """How a repository is reached; the values are git's own names."""

    HTTPS = "https"
    SSH = "ssh"
    FILE = "file"
    FOLDER = "folder"
    """A folder that is no git repository."""


@frozen
class Address:
    """A repository's address; `url` is as git takes it, `folder` where it is on this machine."""

    url: str
    protocol: Protocol
    folder: Path | None = None


def read_address(text: str, base: Path) -> Address:
    """The address that a text means, paths relative to `base`; raises UsageError for any other kind."""
    if not text or text.startswith("-") or CONTROL.search(text) or "\n" in text or "\\" in text:
        raise _refused(text, "is no address of a repository")
    scheme = text.partition("://")[0].lower() if "://" in text else ""
    if scheme in {Protocol.HTTPS, Protocol.SSH}:
        _require_sound(text)
        return Address(text, Protocol(scheme))
    if scheme == Protocol.FILE:
        return _local(text, Path(text.removeprefix("file://")))
    if scheme or "::" in text:
        raise _refused(text, f"begins with `{shown(text.partition(':')[0])}:`, which is not used")
    if _SCP.fullmatch(text) and not (base / text).exists():
        return Address(text, Protocol.SSH)
    return _local(text, base / Path(text).expanduser())


def require_name(name: str) -> None:
    """Raises UsageError for what can't be a repository's name."""
    if not re.fullmatch(NAME, name):
        raise UsageError(
            f"`{shown(name)}` can't be a repository's name",
            hint="small letters, digits and `-`, up to 40: `--name homelab`",
        )
    if name in RESERVED:
        raise UsageError(
            f"`{name}` can't be a repository's name", hint="choose another one: `--name homelab`"
        )


def name_for(address: Address) -> str:
    """A name made of an address's last part; `""` where that makes none."""
    last = re.split(r"[/:]", address.url.rstrip("/"))[-1].removesuffix(".git").lower()
    found = re.sub(r"[^a-z0-9]+", "-", last).strip("-")[:40].strip("-")
    return "" if found in RESERVED else found


def require_branch(branch: str) -> None:
    """Raises UsageError for what git would not take as a branch or tag, or as something else."""
    parts = branch.split("/")
    if branch and (not _BRANCH.fullmatch(branch) or ".." in branch or "" in parts or ".lock" in branch):
        raise UsageError(f"`{shown(branch)}` can't be a branch or tag", hint="such as `--branch main`")


def require_commit(commit: str) -> None:
    """Raises UsageError for what is no whole commit id."""
    if commit and not _COMMIT.fullmatch(commit):
        raise UsageError(
            f"`{shown(commit)}` is no whole commit id", hint="40 hexadecimal digits: `git rev-parse HEAD`"
        )


def _require_sound(text: str) -> None:
    """Raises UsageError for a URL without host or path, or with a login."""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host = ""
        parts = urlsplit("https://")
    if not host or host.startswith("-") or (parts.username or "").startswith("-"):
        raise _refused(text, "names no host")
    if parts.password is not None or (parts.username and parts.scheme == Protocol.HTTPS):
        raise UsageError(
            "the address holds a login, which would be kept in the open",
            hint="leave it out, and let git find it: `git config credential.helper`",
        )
    if parts.query or parts.fragment or not parts.path.strip("/"):
        raise _refused(text, "names no repository on its host")


def _local(text: str, path: Path) -> Address:
    if not path.is_dir():
        raise UsageError(f"there is no folder `{shown(text)}`", hint=f"a repository is at {_FORMS}")
    folder = path.resolve()
    is_git = (folder / ".git").exists() or ((folder / "HEAD").is_file() and (folder / "objects").is_dir())
    if is_git or text.startswith("file://"):
        return Address(folder.as_uri(), Protocol.FILE, folder)
    return Address(str(folder), Protocol.FOLDER, folder)


def _refused(text: str, why: str) -> UsageError:
    return UsageError(f"`{shown(text)}` {why}", hint=f"a repository is at {_FORMS}")
