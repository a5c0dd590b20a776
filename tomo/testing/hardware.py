"""What a host in memory is made of, and what can be wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tomo.frozen import frozen


@frozen
class Hardware:
    """What a look at the host finds; sizes in KiB."""

    os: str = "debian"
    os_like: str = ""
    os_version: str = "12"
    os_name: str = "Debian GNU/Linux 12 (bookworm)"
    kernel: str = "6.1.0-18-amd64"
    machine: str = "x86_64"
    cpus: int = 2
    memory_kib: int = 4 << 20
    disk_kib: int = 40 << 20
    disk_free_kib: int = 30 << 20
    timezone: str = "Etc/UTC"
    docker_offered: str = ""
    """A newer version of Docker that the package manager has, for a look that asks."""

    def told(self, running: str, ufw: bytes | None) -> list[tuple[str, str]]:
        """What a look tells of newer versions and of the firewall, by ufw's own file."""
        newer = self.docker_offered if not self.docker_offered.startswith(running) else ""
        return [("docker_offered", newer), ("firewall", "ufw" if b"ENABLED=yes" in (ufw or b"") else "")]


def upstream(env: Mapping[str, str]) -> str:
    """The version asked for without a package's epoch and revision: `5:24.0.7-1~debian` is `24.0.7`.

    Nothing for a pattern, which the version that is there fits.
    """
    asked = env.get("TOMO_DOCKER_TARGET") or env.get("TOMO_DOCKER_VERSION", "")
    return "" if "*" in asked else asked.rpartition(":")[2].partition("-")[0]


@dataclass
class Faults:
    """What is wrong with a host; set a field to break it, unset it to mend it.

    `lost_after` counts down calls and requests to Docker; at 0 the connection is lost, once.
    `package_lock` names the process that holds the package manager's lock.
    """

    unreachable: bool = False
    login_refused: bool = False
    host_key_changed: bool = False
    host_key_unknown: bool = False
    no_sudo: bool = False
    disk_full: bool = False
    package_lock: str = ""
    no_network: bool = False
    lost_after: int | None = None
