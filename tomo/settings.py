"""What the environment sets; the only reader of `os.environ`."""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from tomo.frozen import frozen


@frozen
class Settings:
    """The environment of one run. Texts are as given; None means not set.

    `passphrase` may be the empty string, as Pulumi allows it.
    """

    passphrase: str | None = field(default=None, repr=False)
    passphrase_file: Path | None = None
    state_url: str | None = None
    database_url: str | None = field(default=None, repr=False)
    breach_url: str | None = None
    docker_host: str | None = None
    ssh_auth_sock: str | None = None
    registry_user: str | None = None
    registry_password: str | None = field(default=None, repr=False)
    approvers: Path | None = None
    backup_identity: Path | None = None
    log: str | None = None
    log_file: Path | None = None
    log_bytes: str | None = None
    log_keep: str | None = None
    no_color: bool = False
    home: Path = field(default_factory=Path.home)
    user: str = "root"
    account: str = ""
    """The account that this process runs under, as the system has it; `user` is what the shell says."""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Reads the variables once. `TOMO_*` comes before Pulumi's own names."""
        env = dict(os.environ if environ is None else environ)

        def first(*names: str) -> str | None:
            return next((env[name] for name in names if name in env), None)

        file = first("TOMO_PASSPHRASE_FILE", "PULUMI_CONFIG_PASSPHRASE_FILE")
        home = Path(env["HOME"]) if env.get("HOME") else Path.home()
        return cls(
            passphrase=first("TOMO_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE"),
            passphrase_file=Path(file) if file else None,
            state_url=first("TOMO_STATE_URL", "PULUMI_BACKEND_URL"),
            database_url=env.get("TOMO_DATABASE_URL") or None,
            breach_url=env.get("TOMO_BREACH_URL") or None,
            docker_host=env.get("DOCKER_HOST"),
            ssh_auth_sock=env.get("SSH_AUTH_SOCK"),
            registry_user=env.get("DOCKER_REGISTRY_USER"),
            registry_password=env.get("DOCKER_REGISTRY_PASS"),
            approvers=Path(env["TOMO_APPROVERS"]) if env.get("TOMO_APPROVERS") else None,
            backup_identity=_path(env, "TOMO_BACKUP_IDENTITY"),
            log=env.get("TOMO_LOG") or None,
            log_file=Path(env["TOMO_LOG_FILE"]) if env.get("TOMO_LOG_FILE") else None,
            log_bytes=env.get("TOMO_LOG_BYTES") or None,
            log_keep=env.get("TOMO_LOG_KEEP") or None,
            no_color="NO_COLOR" in env,
            home=home,
            user=first("USER", "LOGNAME") or "root",
            account=_account() if environ is None else first("USER", "LOGNAME") or "root",
            variables=env,
        )

    @property
    def data_folder(self) -> Path:
        """Where Tomo keeps what belongs to a person and to no fleet, below the home that is set here.

        The folders are those of the XDG base directories, and of Apple's guide on macOS.
        """
        named = self.variables.get("XDG_DATA_HOME", "")
        if named and Path(named).is_absolute():
            return Path(named) / "tomo"
        if sys.platform == "darwin":
            return self.home / "Library" / "Application Support" / "tomo"
        return self.home / ".local" / "share" / "tomo"


def _path(env: Mapping[str, str], name: str) -> Path | None:
    return Path(env[name]) if env.get(name) else None


def _account() -> str:
    """The name of the effective user, or its number where it has none, as in some containers."""
    number = os.geteuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
