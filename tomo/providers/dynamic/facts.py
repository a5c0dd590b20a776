"""What a look at a host found, and whether Docker there is as the fleet wants it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from tomo.errors import DockerUnavailable, HostError, NotSupported
from tomo.frozen import frozen
from tomo.model.connection import Connection
from tomo.model.values import Properties, Value, same_value
from tomo.providers.docker.http import HttpStream, Request, StreamBroken
from tomo.providers.dynamic.pruning import prunable
from tomo.resources.scripts import PIN, facts_script

_MACHINES: Final[Mapping[str, str]] = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv7l": "arm/v7",
    "armv6l": "arm/v6",
    "i386": "386",
    "i686": "386",
}
FACTS: Final = (
    "os", "osVersion", "osName", "kernel", "arch", "cpus", "memory", "disk", "diskFree", "timezone", "root",
    "init", "dockerVersion", "firewall",
)  # fmt: skip
"""The outputs of a Server that a look fills."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_DAEMON = re.compile(r"Docker/(\S+)")
_LONGEST = 200
_SECONDS = 60.0


@frozen
class Facts:
    """One look at a host. Amounts are bytes; `docker_version` is empty where no daemon answers.

    `daemon` is daemon.json's content, None where the file is no JSON object. `root` is `yes`, `sudo` or `no`.
    `firewall` is `ufw` where that is on. `docker_offered` is a newer version of Docker's package, within what
    the look was told to keep to.
    """

    os: str
    os_version: str
    os_name: str
    kernel: str
    arch: str
    cpus: int
    memory: int
    disk: int
    disk_free: int
    timezone: str
    root: str
    init: str
    docker_client: str
    daemon: Mapping[str, Value] | None
    package_lock: str
    docker_version: str = ""
    firewall: str = ""
    docker_offered: str = ""
    prunable: str = ""

    def outputs(self) -> Properties:
        """The facts as a Server's outputs."""
        return {
            "os": self.os,
            "osVersion": self.os_version,
            "osName": self.os_name,
            "kernel": self.kernel,
            "arch": self.arch,
            "cpus": self.cpus,
            "memory": self.memory,
            "disk": self.disk,
            "diskFree": self.disk_free,
            "timezone": self.timezone,
            "root": self.root,
            "init": self.init,
            "dockerVersion": self.docker_version,
            "firewall": self.firewall,
        }


def look(connection: Connection, desired: Value = None, now: Callable[[], float] = time.time) -> Facts:
    """Looks at a host: asks its Docker socket who answers, then runs one script.

    Where `desired` pins Docker to versions, the script also asks the package manager's lists. Where it has a
    policy for images, Docker is asked which are unused; `now` is the time in seconds since 1970.
    """
    daemon = _daemon_of(connection)
    pin = pin_of(desired)
    argv = ["sh", "-s", f"{PIN}{pin}"] if pin else ["sh", "-s"]
    result = connection.run(argv, stdin=facts_script().encode(), timeout=_SECONDS)
    facts = facts_of(result.text, connection.spec.label)
    if not facts.docker_client:
        return facts
    if version := _DAEMON.match(daemon):
        prune = desired.get("prune") if isinstance(desired, Mapping) else None
        unused = prunable(connection, prune, now()) if prune else ""
        return replace(facts, docker_version=_word(version[1]), prunable=unused)
    return replace(facts, docker_client=_client_of(connection))


def _daemon_of(connection: Connection) -> str:
    """What answers at the Docker socket calls itself, as in `Docker/27.3.1 (linux)`; empty without one."""
    for _ in range(2):  # a stream also breaks where the connection under it does, and that is dialled again
        try:
            stream = HttpStream(connection.open_docker())
        except DockerUnavailable:
            return ""
        try:
            return stream.call(Request("GET", "/_ping"), _SECONDS).headers.get("server", "")
        except (StreamBroken, OSError, ValueError):
            continue
        finally:
            stream.close()
    return ""


def _client_of(connection: Connection) -> str:
    """What the host's `docker` says it is: where no Docker answers it may be Podman's stand-in."""
    said = connection.run(["docker", "--version"], timeout=_SECONDS, check=False)
    return _word(said.text.partition("\n")[0]) or "docker"


def facts_of(text: str, host: str) -> Facts:
    """Reads what the facts script printed; remote text is data, capped and without control characters.

    Of Docker's version it says nothing: that is asked at its socket.
    """
    lines = [line.partition("=") for line in text.split("\n")]
    said = {key: value for key, _, value in lines}
    settings = "\n".join(value for key, _, value in lines if key == "daemon_json")
    if "end" not in said:
        raise HostError(
            "the host's answer to Tomo's first look is not complete",
            host=host,
            hint="a login script may print or end the session: check `ssh HOST sh -c true`",
        )

    def word(key: str) -> str:
        return _word(said.get(key, ""))

    def number(key: str) -> int:
        digits = said.get(key, "")
        return int(digits) if digits.isascii() and digits.isdigit() else 0

    machine = word("machine")
    return Facts(
        os=word("os"),
        os_version=word("os_version"),
        os_name=word("os_name"),
        kernel=word("kernel"),
        arch=_MACHINES.get(machine, machine),
        cpus=number("cpus"),
        memory=number("memory_kib") * 1024,
        disk=number("disk_kib") * 1024,
        disk_free=number("disk_free_kib") * 1024,
        timezone=word("timezone"),
        root=word("root"),
        init=word("init"),
        docker_client=word("docker_client"),
        daemon=_daemon(settings),
        package_lock=word("package_lock"),
        firewall=word("firewall"),
        docker_offered=word("docker_offered"),
    )


def pin_of(desired: Value) -> str:
    """The versions that Docker is kept within, as a pattern; empty where there is none."""
    pin = desired.get("pin") if isinstance(desired, Mapping) else None
    return pin if isinstance(pin, str) else ""


def docker_target(facts: Facts, desired: Value, recorded: str) -> str:
    """The package's version that Docker is to be brought to; the recorded one stands while none is newer."""
    pin = pin_of(desired)
    if not pin:
        return ""
    return facts.docker_offered or (recorded if within(recorded, pin) else "")


def within(version: str, pin: str) -> bool:
    """Whether a package's version is one of a pattern such as `27.3.*`."""
    return bool(version) and version.rpartition(":")[2].startswith(pin.removesuffix("*"))


def docker_complaint(facts: Facts, desired: Value) -> str:
    """What about Docker is not as desired, `""` where nothing is. `desired` false leaves the host alone."""
    if not isinstance(desired, Mapping):
        return ""
    if not facts.docker_client or "podman" in facts.docker_client.lower():
        return "docker is not installed"
    if not facts.docker_version:
        return "docker does not run"
    version = desired.get("version")
    if isinstance(version, str) and version and not _same_version(facts.docker_version, version):
        return f"docker is {facts.docker_version}, not {version}"
    pin = pin_of(desired)
    if pin and not facts.docker_offered and not within(facts.docker_version, pin):
        return f"docker is {facts.docker_version}, not within {pin}"
    daemon = desired.get("daemon")
    return _daemon_complaint(facts.daemon, daemon if isinstance(daemon, Mapping) else {})


def refuse_unfit(facts: Facts, desired: Value, host: str) -> None:
    """Stops where Docker can't be installed at all."""
    if not isinstance(desired, Mapping) or not docker_complaint(facts, desired):
        return
    if "podman" in facts.docker_client.lower():
        raise NotSupported(
            f"`docker` on `{host}` is Podman's stand-in",
            hint="remove the package `podman-docker` on the host, or write `docker: false`",
        )


def _same_version(running: str, wanted: str) -> bool:
    """The daemon says `20.10.24+dfsg1`; the package may be `5:20.10.24-1~debian`."""
    number = running.partition("+")[0]
    return bool(number) and re.search(rf"(?:^|:){re.escape(number)}(?:$|[-+~])", wanted) is not None


def _daemon_complaint(found: Mapping[str, Value] | None, wanted: Mapping[str, Value]) -> str:
    if found is None:
        return "daemon.json is not valid JSON"
    missing = sorted(key for key in wanted if key not in found)
    if missing:
        return f"daemon.json lacks {', '.join(missing)}"
    other = sorted(key for key, value in wanted.items() if not same_value(found[key], value))
    return f"daemon.json has another {', '.join(other)}" if other else ""


def _daemon(text: str) -> Mapping[str, Value] | None:
    try:
        content = json.loads(text) if text.strip() else {}
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def _word(text: str) -> str:
    return _CONTROL.sub("", text)[:_LONGEST].strip()
