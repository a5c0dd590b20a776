"""Real Debian servers in containers: systemd as init, sshd on a loopback port, keys of their own."""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab.docker import Member, docker, tar_of
from lab.images import SUDOER, UNPRIVILEGED
from lab.ports import LOOPBACK, answer, free_port
from lab.runs import Run
from lab.shell import Finished, attempt, execute
from lab.waiting import until

# What systemd and a nested dockerd need. `--privileged` would ask for SYS_RESOURCE too, and not every
# machine can give that.
SERVER_FLAGS = (
    "--cap-add=ALL",
    "--cap-drop=SYS_RESOURCE",
    "--security-opt=seccomp=unconfined",
    "--security-opt=apparmor=unconfined",
    "--security-opt=systempaths=unconfined",
    "--cgroupns=host",
    "--volume=/sys/fs/cgroup:/sys/fs/cgroup:rw",
    "--volume=/var/lib/docker",
    "--tmpfs=/run",
    "--tmpfs=/run/lock",
    "--tmpfs=/tmp:exec",
)


@dataclass(frozen=True)
class HostWish:
    """What a new host should be like."""

    image: str
    mirrors: Sequence[str] = ()
    sshd_options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Host:
    """A running server and how to log in."""

    name: str
    port: int
    identity: Path
    known_hosts: Path
    host_key: str
    container: str
    guest_password: str = field(repr=False)
    address: str = LOOPBACK
    user: str = "root"
    sudoer: str = SUDOER
    guest: str = UNPRIVILEGED

    def ssh(self, *command: str, user: str = "root", timeout: float = 120) -> Finished:
        """Runs a command over plain `ssh` with the pinned host key."""
        return attempt([*self.ssh_argv(user=user), *command], timeout=timeout)

    def ssh_argv(self, *options: str, user: str = "root") -> list[str]:
        """The `ssh` command that logs in here: this run's key, the pinned host key, no other settings."""
        settings = {
            "UserKnownHostsFile": str(self.known_hosts),
            "GlobalKnownHostsFile": "none",
            "StrictHostKeyChecking": "yes",
            "IdentitiesOnly": "yes",
            "BatchMode": "yes",
        }
        chosen = [part for key, value in settings.items() for part in ("-o", f"{key}={value}")]
        login = ["-p", str(self.port), "-i", str(self.identity), f"{user}@{self.address}"]
        return ["ssh", "-F", "none", *chosen, *options, *login]

    def inside(self, *argv: str, stdin: bytes | None = None, timeout: float = 120) -> str:
        """Runs a command on the host behind SSH's back, as someone at its console would."""
        return docker("exec", "--interactive", self.container, *argv, stdin=stdin, timeout=timeout)

    def reboot(self) -> None:
        """Restarts the server and returns when it is up again."""
        docker("restart", "--time", "20", self.container)
        self.wait_until_up()

    def stop(self) -> None:
        """Takes the server off the net at once, as a power cut would; `reboot` brings it back."""
        docker("kill", self.container)

    def wait_until_up(self) -> None:
        """Returns when sshd greets and systemd has started everything it wanted to."""
        until(lambda: answer(self.port).startswith(b"SSH-"), f"sshd on `{self.name}`", within=60)
        until(self._settled, f"the boot of `{self.name}`", within=90)

    def _settled(self) -> bool:
        state = attempt(
            ["docker", "exec", self.container, "systemctl", "is-system-running", "--wait"], timeout=90
        )
        return state.out.strip() in {"running", "degraded"}


def make_identity(folder: Path) -> Path:
    """A new SSH key for this run; returns the private file."""
    identity = folder / "id_ed25519"
    execute(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "tomo-lab", "-f", str(identity)])
    return identity


def start_host(name: str, wish: HostWish, identity: Path, run: Run) -> Host:
    """Starts one server, whatever others of that name there are; it answers once `wait_until_up` returns."""
    port = free_port()
    container = docker(
        "create", "--name", f"{run.name}-{name}-{port}", "--hostname", name, *run.labels(), *SERVER_FLAGS,
        "--publish", f"{LOOPBACK}:{port}:22", wish.image,
    )  # fmt: skip
    docker("cp", "-", f"{container}:/", stdin=tar_of(_first_files(wish, identity)))
    docker("start", container)
    until(lambda: answer(port).startswith(b"SSH-"), f"sshd on `{name}`", within=60)
    password = secrets.token_urlsafe(12)
    docker("exec", "--interactive", container, "chpasswd", stdin=f"{UNPRIVILEGED}:{password}\n".encode())
    key = _public_host_key(container)
    known_hosts = identity.parent / f"known_hosts-{name}-{port}"
    known_hosts.write_text(f"[{LOOPBACK}]:{port} {key}\n")
    return Host(name, port, identity, known_hosts, key, container, password)


def _public_host_key(container: str) -> str:
    line = docker("exec", container, "cat", "/etc/ssh/ssh_host_ed25519_key.pub")
    return " ".join(line.split()[:2])


def _first_files(wish: HostWish, identity: Path) -> list[Member]:
    allowed = identity.with_suffix(".pub").read_bytes()
    files = [
        Member("root/.ssh/authorized_keys", allowed, mode=0o600),
        Member(f"home/{SUDOER}/.ssh/authorized_keys", allowed, mode=0o600, uid=1000),
        Member(f"home/{UNPRIVILEGED}/.ssh/authorized_keys", allowed, mode=0o600, uid=1001),
    ]
    if wish.sshd_options:
        lines = "".join(f"{key} {value}\n" for key, value in wish.sshd_options.items())
        files.append(Member("etc/ssh/sshd_config.d/lab.conf", lines.encode()))
    if wish.mirrors:
        settings = json.dumps({"registry-mirrors": list(wish.mirrors)})
        files.append(Member("etc/docker/daemon.json", settings.encode()))
    return files
