"""Where a fleet's backups go, who can open them, and which of them stay."""

# Annotations are values here: as texts pydantic would compile each of them at every start.
import re
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from tomo.spec.base import Flag, Integer, Line, Model, SecretRef, Word, mistake
from tomo.spec.shown import shown

_AGE: Final = re.compile(r"age1[02-9ac-hj-np-z]{58}")
_SSH: Final = re.compile(r"ssh-(?:ed25519|rsa) [A-Za-z0-9+/]+=*(?: .*)?")
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_FORMS: Final = "a folder, `ssh://[USER@]SERVER[:PORT]/PATH` or `s3://BUCKET/PREFIX`"


def _recipient(text: str) -> str:
    if "SECRET" in text.upper() or "PRIVATE" in text.upper():
        raise mistake(
            "this is the secret half of a key, which opens backups",
            "make a new pair, for this one is known now, and write the public half, which begins with `age1`",
        )
    if not (_AGE.fullmatch(text) or _SSH.fullmatch(text)):
        raise mistake(
            f"`{shown(text)}` is no recipient", "the public key that `age-keygen` prints, or an SSH one"
        )
    return text


def _destination(text: str) -> str:
    scheme, separator, rest = text.partition("://")
    if not separator:
        return text
    if scheme == "ssh":
        _require_server(text)
    elif scheme == "s3":
        if not _BUCKET.fullmatch(rest.split("/")[0]) or "?" in rest or "@" in rest:
            raise mistake(f"`{shown(text)}` names no bucket", "write `s3://BUCKET/PREFIX`")
    else:
        raise mistake(f"backups can't go to `{shown(scheme)}://`", f"write {_FORMS}")
    return text


def _require_server(text: str) -> None:
    try:
        parts = urlsplit(text)
        host, password, _ = parts.hostname, parts.password, parts.port
    except ValueError:
        raise mistake(f"`{shown(text)}` is no address", f"write {_FORMS}") from None
    if password is not None:
        raise mistake("the address holds a password", "log in with a key: `ssh-copy-id` puts one there")
    if not host or host.startswith("-") or not parts.path.strip("/") or parts.query or parts.fragment:
        raise mistake(f"`{shown(text)}` names no folder of a server", f"write {_FORMS}")


Destination = Annotated[Line, AfterValidator(_destination)]
"""Where archives go."""


class Keep(Model):
    """Which backups of an app stay when the others are pruned. The newest always stays."""

    last: Integer = Field(7, ge=0, le=10_000, description="How many of the newest.")
    daily: Integer = Field(0, ge=0, le=10_000, description="The newest of so many days that have one.")
    weekly: Integer = Field(0, ge=0, le=10_000, description="The same by weeks.")
    monthly: Integer = Field(0, ge=0, le=10_000, description="The same by months.")


class Bucket(Model):
    """How a bucket of S3, or of a server that speaks its protocol, is reached."""

    endpoint: Annotated[Word, Field(pattern="^https?://")] | None = Field(
        None, description="The server's address, where it isn't Amazon's."
    )
    region: Word | None = Field(None, description="The bucket's region.")
    access_key: SecretRef | None = Field(
        None, description="`{secret: NAME}`; without it AWS's own places are looked at."
    )
    secret_key: SecretRef | None = Field(None, description="`{secret: NAME}`, with `access_key`.")

    @model_validator(mode="after")
    def _both_keys(self) -> Self:
        if (self.access_key is None) != (self.secret_key is None):
            raise mistake("a key has two halves", "write both `access_key` and `secret_key`, or neither")
        return self


class ResticRepository(Model):
    """An incremental backup beside the full ones: a restic repository in the same place."""

    password: SecretRef = Field(description="What opens the repository, `{secret: NAME}`.")


class BackupSettings(Model):
    """Where the fleet's backups go, who can open them, and which of them stay."""

    to: Destination = Field(description=f"Where to: {_FORMS}; a relative folder is beside this file.")
    recipients: tuple[Annotated[Line, AfterValidator(_recipient)], ...] = Field(
        (), description="The public keys of those who can open full backups, such as `age1…`."
    )
    keep: Keep = Field(Keep(), description="Which stay when others are pruned.")
    s3: Bucket | None = Field(None, description="How the bucket is reached.")
    restic: ResticRepository | None = Field(None, description="For incremental backups.")

    @model_validator(mode="after")
    def _can_be_opened(self) -> Self:
        if not self.recipients and self.restic is None:
            raise mistake(
                "nobody could open these backups",
                "write a public key of `age-keygen` under `recipients`, or a `restic` password",
            )
        if self.s3 is not None and not self.to.startswith("s3://"):
            raise mistake("`s3` belongs to `to: s3://…`", "remove it, or write the bucket under `to`")
        return self


class AppBackup(Model):
    """What is otherwise for one app."""

    keep: Keep | None = Field(None, description="Which of its backups stay.")
    stop: Flag | None = Field(
        None, description="Whether it stops while it is copied; as the app says by default."
    )
    exclude: tuple[Line, ...] = Field((), description="Further patterns left out.")
