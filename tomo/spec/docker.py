"""Docker on a server: how it is installed and set up."""

# Annotations are values here: as texts pydantic would compile each of them at every start.
import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from tomo.spec.addresses import Mirror
from tomo.spec.base import Flag, Integer, Line, Model, Word, mistake
from tomo.spec.shown import shown
from tomo.spec.yaml import plain

VERSION_PIN: Final = re.compile(r"(?:[0-9]{1,4}\.){0,3}\*")
"""The versions that Docker is kept within: `27.3.*`, or `*` for whatever the channel has."""
_AGE: Final = re.compile(r"[1-9][0-9]{0,4}[dh]")
_LOG_SIZE: Final = re.compile(r"[1-9][0-9]*[kmg]")

# Docker does not start with a wrong daemon.json, and takes every container down with it.


def _registry(text: str) -> str:
    if "://" in text:
        raise mistake(f"`{shown(text)}` is not a registry", f"write `{shown(text).split('://', 1)[1]}`")
    return text


def _log_size(text: str) -> str:
    if not _LOG_SIZE.fullmatch(text):
        raise mistake(f"`{shown(text)}` is no size of a log file", "such as `500k`, `10m` or `1g`")
    return text


def _age(text: str) -> str:
    if not _AGE.fullmatch(text):
        raise mistake(f"`{shown(text)}` is no age of an image", "such as `7d` or `12h`")
    return text


def _version(text: str) -> str:
    if "*" in text and not VERSION_PIN.fullmatch(text):
        raise mistake(
            f"`{shown(text)}` is no version",
            "such as `27.3.*`, or one as the package manager names it",
        )
    return text


class LogRotation(Model):
    """How Docker keeps what containers print, where an app says nothing else."""

    driver: Literal["json-file", "local"] = Field(
        "json-file", description="`local` takes less space; `json-file` is what other programs can read."
    )
    max_size: Annotated[str, AfterValidator(_log_size)] = Field(
        "10m", description="How large one file gets, such as `10m`."
    )
    max_files: Integer = Field(3, ge=1, le=1000, description="How many files are kept of a container.")

    def settings(self) -> dict[str, Any]:
        """The keys of daemon.json."""
        options = {"max-size": self.max_size, "max-file": str(self.max_files)}
        return {"log-driver": self.driver, "log-opts": options}


def _logs_kind(value: Any) -> str:
    return "~rotation" if isinstance(value, Mapping | LogRotation) else "~flag"


Logs = Annotated[
    Annotated[Flag, Tag("~flag")] | Annotated[LogRotation, Tag("~rotation")], Discriminator(_logs_kind)
]
"""Whether logs are rotated where Tomo installs Docker, or how they are everywhere."""


class Prune(Model):
    """Which images go from a server by themselves. Volumes never do, nor what the fleet declares."""

    images: Literal["unused", "dangling"] = Field(
        "unused", description="`unused`: no container is made from them; `dangling`: nor have they a name."
    )
    older_than: Annotated[str, AfterValidator(_age)] = Field(
        "7d", description="How long they have been there since they were pulled or tagged: `7d`, `12h`."
    )


class DockerOptions(Model):
    """How Docker is installed and set up on a server."""

    channel: Literal["distro", "docker"] = Field(
        "distro", description="`distro`: the distribution's package; `docker`: Docker's own repository."
    )
    version: Annotated[Word, BeforeValidator(str), AfterValidator(_version)] | None = Field(
        None,
        description="The version to install, as the package manager names it; by default the newest, which "
        "then stays. `27.3.*` keeps Docker at the newest one of those that the channel has (`*`: of all).",
    )
    daemon: Annotated[dict[Line, Any], BeforeValidator(plain)] = Field(
        {}, description="Settings merged into `/etc/docker/daemon.json`."
    )
    registry_mirrors: tuple[Mirror, ...] = Field(
        (), description="Mirrors of Docker Hub, such as `https://mirror.lan`."
    )
    insecure_registries: tuple[Annotated[Word, AfterValidator(_registry)], ...] = Field(
        (), description="Registries without TLS, such as `registry.lan:5000`."
    )

    logs: Logs = Field(
        default=True,
        description="How Docker rotates logs, such as `{max_size: 10m, max_files: 3}`. `true`: so on servers "
        "where Tomo installs Docker, the others stay as they are; `false`: as Docker does by itself.",
    )
    live_restore: Flag | None = Field(
        None, description="Whether containers go on while Docker itself is restarted or upgraded."
    )

    prune: Prune | None = Field(
        None,
        description="Which unused images go; each plan shows what would. None by default.",
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        typed = ["registry-mirrors", "insecure-registries"]
        typed += ["live-restore"] if self.live_restore is not None else []
        typed += ["log-driver", "log-opts"] if isinstance(self.logs, LogRotation) else []
        for key in typed:
            if key in self.daemon:
                field = "logs" if key.startswith("log-") else key.replace("-", "_")
                raise mistake(f"`daemon` holds `{key}`", f"write it as `{field}`")
        if not isinstance(self.daemon.get("live-restore", False), bool):
            raise mistake("`live-restore` is `true` or `false`", "write `live_restore: true`")
        return self

    @property
    def pin(self) -> str:
        """The pattern that its version is kept within; empty for an exact one, or for any."""
        return self.version if self.version and "*" in self.version else ""

    def settings(self) -> dict[str, Any]:
        """What daemon.json is to hold."""
        typed: dict[str, Any] = {
            "registry-mirrors": list(self.registry_mirrors) or None,
            "insecure-registries": list(self.insecure_registries) or None,
            "live-restore": self.live_restore,
            **(self.logs.settings() if isinstance(self.logs, LogRotation) else {}),
        }
        return {**self.daemon, **{key: value for key, value in typed.items() if value is not None}}

    def first_settings(self) -> dict[str, Any]:
        """What daemon.json begins with where Docker is installed anew."""
        says = self.logs is not True or {"log-driver", "log-opts"} & self.daemon.keys()
        return {} if says else LogRotation().settings()

    def with_registries(self, mirrors: tuple[str, ...], insecure: tuple[str, ...]) -> "DockerOptions":
        """The same with further mirrors of Docker Hub and registries without TLS; its own come first."""
        return self.model_copy(
            update={
                "registry_mirrors": tuple(dict.fromkeys((*self.registry_mirrors, *mirrors))),
                "insecure_registries": tuple(dict.fromkeys((*self.insecure_registries, *insecure))),
            }
        )
