"""One container: its state, and how Docker shows it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from posixpath import join, normpath
from typing import Any, Final

from tomo.frozen import frozen
from tomo.testing.clock import rfc3339
from tomo.testing.dockerd.config import has_healthcheck
from tomo.testing.dockerd.core import NEVER, ROOT
from tomo.testing.dockerd.http import Json
from tomo.testing.dockerd.images import Image
from tomo.testing.dockerd.networks import Lease
from tomo.testing.dockerd.volumes import Volume
from tomo.testing.files import FileTree
from tomo.testing.registry import Behaviour
from tomo.testing.shell import Outcome, RunsOn, Shell

_SHORT: Final = 12
_SECOND: Final = 1_000_000_000
_LOG_LENGTH: Final = 5


@frozen
class Mount:
    """A place in the container that is not its own disk."""

    kind: str
    target: str
    source: str = ""
    volume: Volume | None = None
    mode: str = ""
    writable: bool = True

    def inspected(self, *, listed: bool = False) -> Json:
        """As Docker shows it; in lists an anonymous volume has no source."""
        shown: Json = {"Type": self.kind}
        source = self.source
        if self.volume is not None:
            shown["Name"] = self.volume.name
            source = "" if listed and self.volume.anonymous else self.volume.mountpoint
        shown |= {"Source": source, "Destination": self.target}
        if self.volume is not None:
            shown["Driver"] = "local"
        propagation = "rprivate" if self.kind == "bind" else ""
        return shown | {"Mode": self.mode, "RW": self.writable, "Propagation": propagation}


@dataclass
class Endpoint:
    """A container's membership of a network; the lease is there while it runs."""

    network_id: str = ""
    aliases: list[str] | None = None
    ipam: Json | None = None
    links: list[str] | None = None
    driver_opts: Json | None = None
    lease: Lease | None = None

    def inspected(self, *, listed: bool = False) -> Json:
        """As Docker shows it; lists leave aliases out."""
        lease = self.lease
        return {
            "IPAMConfig": None if listed else self.ipam,
            "Links": None if listed else self.links,
            "Aliases": None if listed else self.aliases,
            "NetworkID": self.network_id,
            "EndpointID": lease.endpoint_id if lease else "",
            "Gateway": lease.gateway if lease else "",
            "IPAddress": lease.address if lease else "",
            "IPPrefixLen": lease.prefix if lease else 0,
            "IPv6Gateway": "",
            "GlobalIPv6Address": "",
            "GlobalIPv6PrefixLen": 0,
            "MacAddress": lease.mac if lease else "",
            "DriverOpts": None if listed else self.driver_opts,
        }


@frozen
class LogLine:
    """One line a container wrote; stream 1 is stdout, 2 stderr."""

    stream: int
    moment: int
    text: str


@dataclass
class Container:
    """A container and everything Docker remembers of it. Its owner holds the daemon's lock."""

    id: str
    name: str
    created: int
    image: Image
    config: Json
    host_config: Json
    argv: list[str]
    mounts: list[Mount]
    endpoints: dict[str, Endpoint]
    files: FileTree
    behaviour: Behaviour
    status: str = "created"
    pid: int = 0
    exit_code: int = 0
    error: str = ""
    started: int = 0
    finished: int = 0
    restarts: int = 0
    sandbox: str = ""
    ports: dict[str, list[Json] | None] = field(default_factory=dict)
    log: list[LogLine] = field(default_factory=list)
    health: Json | None = None
    execs: list[str] = field(default_factory=list)
    stopped_by_hand: bool = False

    @property
    def short(self) -> str:
        """The first digits of the id."""
        return self.id[:_SHORT]

    @property
    def running(self) -> bool:
        """As Docker counts it: paused and restarting ones run."""
        return self.status in {"running", "paused", "restarting"}

    @property
    def probed(self) -> bool:
        """Whether its health is looked at."""
        return has_healthcheck(self.config)

    @property
    def restart(self) -> str:
        """The name of its restart policy."""
        return str(self.host_config["RestartPolicy"]["Name"])

    def write_log(self, outcome: Outcome, moment: int) -> None:
        """Keeps what a command wrote."""
        for stream, text in ((1, outcome.stdout), (2, outcome.stderr)):
            self.log += [LogLine(stream, moment, line) for line in text.splitlines(keepends=True)]

    def outcome(self) -> Outcome | None:
        """How its command ends right away; None where it runs on."""
        behaviour = self.behaviour
        if behaviour.exit_code is not None:
            return Outcome(behaviour.exit_code, behaviour.stdout, behaviour.stderr)
        try:
            return self.shell().run(self.argv)
        except RunsOn as runs_on:
            written = runs_on.before
            self.write_log(
                Outcome(0, behaviour.stdout + written.stdout, behaviour.stderr + written.stderr), self.started
            )
            return None

    def shell(self, env: Mapping[str, str] | None = None, *, patient: bool = True) -> Shell:
        """What runs commands in it; a patient one takes an unknown command for a server."""
        own = dict(entry.partition("=")[::2] for entry in self.config["Env"] or [])
        return Shell(self.files, env={**own, **(env or {})}, unknown_runs_on=patient)

    # --- health ------------------------------------------------------------------------------------

    def begin_health(self) -> None:
        """The state right after a start."""
        self.health = {"Status": "starting", "FailingStreak": 0, "Log": []} if self.probed else None

    def end_health(self) -> None:
        """A container nobody probes any more counts as unhealthy, in Docker too."""
        if self.health is not None:
            self.health["Status"] = "unhealthy"

    def probe(self, moment: int) -> None:
        """Runs the health check; a failure counts at once as many times as it may be retried."""
        if self.health is None or self.behaviour.health == "starting":
            return
        outcome = self._probed_outcome()
        self.note_health("healthy" if outcome.exit_code == 0 else "unhealthy", outcome.stdout, moment)

    def note_health(self, status: str, output: str, moment: int) -> None:
        """Records what a probe found."""
        if self.health is None:
            return
        retries = self.config["Healthcheck"].get("Retries") or 3
        self.health["Status"] = status
        self.health["FailingStreak"] = retries if status == "unhealthy" else 0
        entry = {
            "Start": rfc3339(moment),
            "End": rfc3339(moment),
            "ExitCode": int(status == "unhealthy"),
            "Output": output,
        }
        self.health["Log"] = [*self.health["Log"], entry][-_LOG_LENGTH:]

    def _probed_outcome(self) -> Outcome:
        if self.behaviour.health == "unhealthy":
            return Outcome(1, self.behaviour.health_output)
        test = self.config["Healthcheck"]["Test"]
        try:
            return self.shell().text(test[1]) if test[0] == "CMD-SHELL" else self.shell().run(test[1:])
        except (RunsOn, ValueError):
            return Outcome(0, self.behaviour.health_output)

    # --- files -------------------------------------------------------------------------------------

    def tree_of(self, path: str) -> tuple[FileTree, str]:
        """The tree that holds a path, and the path in it: a volume's where one is mounted."""
        clean = normpath(join("/", path))
        for mount in sorted(self.mounts, key=lambda mount: len(mount.target), reverse=True):
            below = clean == mount.target or clean.startswith(mount.target.rstrip("/") + "/")
            if mount.volume is not None and below:
                return mount.volume.files, clean[len(mount.target.rstrip("/")) :] or "/"
        return self.files, clean

    # --- as Docker shows it ------------------------------------------------------------------------

    def inspected(self, host_settings: Mapping[str, Any]) -> Json:
        """The answer to `docker inspect`."""
        folder = f"{ROOT}/containers/{self.id}"
        was_started = bool(self.sandbox)
        layer, base = (f"{ROOT}/overlay2/{key}" for key in (self.id, self.image.id[7:]))
        return {
            "Id": self.id,
            "Created": rfc3339(self.created),
            "Path": self.argv[0],
            "Args": self.argv[1:],
            "State": self._state(),
            "Image": self.image.id,
            "ResolvConfPath": f"{folder}/resolv.conf" if was_started else "",
            "HostnamePath": f"{folder}/hostname" if was_started else "",
            "HostsPath": f"{folder}/hosts" if was_started else "",
            "LogPath": f"{folder}/{self.id}-json.log" if was_started else "",
            "Name": f"/{self.name}",
            "RestartCount": self.restarts,
            "Driver": "overlay2",
            "Platform": "linux",
            "MountLabel": "",
            "ProcessLabel": "",
            "AppArmorProfile": host_settings.get("AppArmorProfile", ""),
            "ExecIDs": self.execs or None,
            "HostConfig": self.host_config,
            "GraphDriver": {
                "Data": {
                    "LowerDir": f"{layer}-init/diff:{base}/diff",
                    "MergedDir": f"{layer}/merged",
                    "UpperDir": f"{layer}/diff",
                    "WorkDir": f"{layer}/work",
                },
                "Name": "overlay2",
            },
            "Mounts": [mount.inspected() for mount in self.mounts],
            "Config": self.config,
            "NetworkSettings": self._network_settings(),
        }

    def _state(self) -> Json:
        state: Json = {
            "Status": self.status,
            "Running": self.running,
            "Paused": self.status == "paused",
            "Restarting": self.status == "restarting",
            "OOMKilled": False,
            "Dead": False,
            "Pid": self.pid,
            "ExitCode": self.exit_code,
            "Error": self.error,
            "StartedAt": rfc3339(self.started) if self.started else NEVER,
            "FinishedAt": rfc3339(self.finished) if self.finished else NEVER,
        }
        if self.health is not None:
            state["Health"] = self.health
        return state

    def _network_settings(self) -> Json:
        bridge = self.endpoints.get("bridge", Endpoint()).inspected()
        on_host = self.host_config["NetworkMode"] == "host"
        key = "default" if on_host else self.sandbox[:_SHORT]
        return {
            "Bridge": "",
            "SandboxID": self.sandbox,
            "HairpinMode": False,
            "LinkLocalIPv6Address": "",
            "LinkLocalIPv6PrefixLen": 0,
            "Ports": self.ports,
            "SandboxKey": f"/var/run/docker/netns/{key}" if self.sandbox else "",
            "SecondaryIPAddresses": None,
            "SecondaryIPv6Addresses": None,
            "EndpointID": bridge["EndpointID"],
            "Gateway": bridge["Gateway"],
            "GlobalIPv6Address": "",
            "GlobalIPv6PrefixLen": 0,
            "IPAddress": bridge["IPAddress"],
            "IPPrefixLen": bridge["IPPrefixLen"],
            "IPv6Gateway": "",
            "MacAddress": bridge["MacAddress"],
            "Networks": {name: self.endpoints[name].inspected() for name in sorted(self.endpoints)},
        }

    def listed(self, now: int, image_name: str) -> Json:
        """The container's entry in `docker ps`."""
        networks = {name: self.endpoints[name].inspected(listed=True) for name in sorted(self.endpoints)}
        return {
            "Id": self.id,
            "Names": [f"/{self.name}"],
            "Image": image_name,
            "ImageID": self.image.id,
            "Command": " ".join(shlex.quote(word) for word in self.argv),
            "Created": self.created // _SECOND,
            "Ports": self._listed_ports(),
            "Labels": self.config["Labels"],
            "State": self.status,
            "Status": self._status_text(now),
            "HostConfig": {"NetworkMode": self.host_config["NetworkMode"]},
            "NetworkSettings": {"Networks": networks},
            "Mounts": [
                mount.inspected(listed=True) for mount in sorted(self.mounts, key=lambda mount: mount.target)
            ],
        }

    def _listed_ports(self) -> list[Json]:
        found: list[Json] = []
        for port in sorted(self.ports, key=lambda text: int(text.split("/")[0])):
            private, _, protocol = port.partition("/")
            bindings = self.ports[port]
            if not bindings:
                found.append({"PrivatePort": int(private), "Type": protocol})
            for binding in bindings or []:
                public = {"PrivatePort": int(private), "PublicPort": int(binding["HostPort"])}
                found.append({"IP": binding["HostIp"], **public, "Type": protocol})
        return found

    def _status_text(self, now: int) -> str:
        if self.status == "created":
            return "Created"
        if self.status == "exited":
            return f"Exited ({self.exit_code}) {_duration(now - self.finished)} ago"
        if self.status == "restarting":
            return f"Restarting ({self.exit_code}) {_duration(now - self.finished)} ago"
        text = f"Up {_duration(now - self.started)}"
        if self.status == "paused":
            return f"{text} (Paused)"
        if self.health is None:
            return text
        status = self.health["Status"]
        return f"{text} (health: starting)" if status == "starting" else f"{text} ({status})"


def _duration(nanoseconds: int) -> str:
    """A time span in Docker's words."""
    seconds = nanoseconds // _SECOND
    if seconds < 1:
        return "Less than a second"
    for size, least, word in ((86400, 48 * 3600, "days"), (3600, 5400, "hours"), (60, 120, "minutes")):
        if seconds >= least:
            return f"{max(2, round(seconds / size)) if word != 'minutes' else seconds // 60} {word}"
    if seconds == 1:
        return "1 second"
    if seconds >= 60:  # noqa: PLR2004  # seconds in a minute
        return "About a minute" if seconds < 3600 else "About an hour"  # noqa: PLR2004
    return f"{seconds} seconds"
