"""What the environment sets; the only reader of `os.environ`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """The environment of one run. Texts are as given; None means not set.

    `passphrase` may be the empty string, as Pulumi allows it.
    """

    passphrase: str | None = field(default=None, repr=False)
    passphrase_file: Path | None = None
    state_url: str | None = None
    docker_host: str | None = None
    ssh_auth_sock: str | None = None
    registry_user: str | None = None
    registry_password: str | None = field(default=None, repr=False)
    no_color: bool = False
    home: Path = field(default_factory=Path.home)
    user: str = "root"
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
            docker_host=env.get("DOCKER_HOST"),
            ssh_auth_sock=env.get("SSH_AUTH_SOCK"),
            registry_user=env.get("DOCKER_REGISTRY_USER"),
            registry_password=env.get("DOCKER_REGISTRY_PASS"),
            no_color="NO_COLOR" in env,
            home=home,
            user=first("USER", "LOGNAME") or "root",
            variables=env,
        )
