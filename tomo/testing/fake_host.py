"""Hosts in memory: a file tree, a few commands, Tomo's own scripts, and a Docker daemon once installed."""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tomo.errors import (
    BecomeRefused,
    CommandFailed,
    ConnectionLost,
    DiskFull,
    DockerUnavailable,
    HostError,
    HostKeyChanged,
    HostKeyUnknown,
    HostUnreachable,
    LoginRefused,
)
from tomo.model.connection import Argv, CommandResult, FileStat, HostSpec
from tomo.ssh.link import again
from tomo.testing.clock import Clock
from tomo.testing.dockerd.http import Request
from tomo.testing.dockerd.stream import MemoryStream
from tomo.testing.fake_docker import FakeDocker
from tomo.testing.files import FileTree
from tomo.testing.hardware import Faults, Hardware, upstream
from tomo.testing.registry import FakeRegistry
from tomo.testing.shell import Command, Outcome, Shell
from tomo.testing.volume_swap import volume_swap

SCRIPT_MARK: Final = "# tomo-script: "
DAEMON_JSON: Final = "/etc/docker/daemon.json"
_ASKED: Final = "/var/lib/tomo/docker/asked.json"


@dataclass
class _Machine:
    """What all connections to one host share."""

    name: str
    hardware: Hardware
    docker: FakeDocker
    files: FileTree
    faults: Faults = field(default_factory=Faults)
    docker_installed: bool = False
    lock: threading.RLock = field(default_factory=threading.RLock)
    commands: dict[str, Command] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)
    dialled: int = 0
    streams: list[MemoryStream] = field(default_factory=list)


class FakeHost:
    """One host, and a `Connection` to it as `spec` says; `seen_as` gives others. Safe for several threads.

    `faults` breaks it, `docker` is its daemon (there before it is installed, so that tests can prepare it),
    `files` its disk, `commands` further commands by name, `ran` every command and script so far.
    """

    def __init__(
        self,
        name: str = "fake",
        *,
        spec: HostSpec | None = None,
        hardware: Hardware | None = None,
        docker_installed: bool = False,
        registry: FakeRegistry | None = None,
        clock: Clock | None = None,
        healthy_after: float = 0.02,
    ) -> None:
        files = FileTree()
        docker = FakeDocker(
            registry, clock=clock, seed=name, host_name=name, healthy_after=healthy_after, disk=files
        )
        docker.stop_daemon()
        self.spec = spec or HostSpec(host=name, user="root", name=name)
        self._machine = _Machine(name, hardware or Hardware(), docker, files)
        self._dialled = False
        self._failure: HostError | None = None
        _write_release(files, self._machine.hardware)
        if docker_installed:
            self.install_docker()

    # --- for tests ---------------------------------------------------------------------------------

    @property
    def docker(self) -> FakeDocker:
        """Its Docker daemon."""
        return self._machine.docker

    @property
    def files(self) -> FileTree:
        """Its disk."""
        return self._machine.files

    @property
    def faults(self) -> Faults:
        """What is wrong with it."""
        return self._machine.faults

    @property
    def commands(self) -> dict[str, Command]:
        """Commands it has besides the usual ones; a test may add its own."""
        return self._machine.commands

    @property
    def ran(self) -> list[str]:
        """Every command that ran, its words joined; scripts of Tomo's own as `tomo-script NAME`."""
        return self._machine.ran

    @property
    def dialled(self) -> int:
        """How many connections were really made."""
        return self._machine.dialled

    @property
    def docker_installed(self) -> bool:
        """Whether Docker is installed."""
        return self._machine.docker_installed

    def seen_as(self, spec: HostSpec) -> FakeHost:
        """Another connection to the same host."""
        other = copy.copy(self)
        other.spec, other._dialled, other._failure = spec, False, None  # noqa: SLF001  # of this very class
        return other

    def install_docker(self, settings: Mapping[str, Any] | None = None) -> None:
        """Installs and starts Docker, with these keys of daemon.json."""
        if settings:
            text = json.dumps(dict(settings), indent=2, sort_keys=True)
            self.files.write(DAEMON_JSON, text.encode() + b"\n")
        self._machine.docker_installed = True
        self._start_docker()

    def remove_docker_by_hand(self) -> None:
        """`apt remove docker.io`: the program goes, its data stays."""
        self._machine.docker_installed = False
        self.docker.stop_daemon()

    def stop_docker_by_hand(self) -> None:
        """`systemctl stop docker`."""
        self.docker.stop_daemon()

    def reboot(self) -> None:
        """Ends every connection and container; Docker comes up again where it is installed."""
        self.close()
        self.docker.stop_daemon()
        if self.docker_installed:
            self._start_docker()

    def _start_docker(self) -> None:
        self.docker.start_daemon(json.loads(self.files.read(DAEMON_JSON) or b"{}"))

    # --- Connection --------------------------------------------------------------------------------

    def run(
        self,
        argv: Argv,
        *,
        stdin: bytes = b"",
        timeout: float | None = None,  # noqa: ARG002  # nothing takes time here
        check: bool = True,
    ) -> CommandResult:
        """Runs a command; with `check` a non-zero exit code raises CommandFailed with its stderr."""
        with self._machine.lock:
            self._reach()
            script = next(
                (text for text in (*argv, stdin.decode("utf-8", "replace")) if _is_script(text)), ""
            )
            if script:
                result = self._script(script, {}, argv)
            else:
                self.ran.append(" ".join(argv))
                result = _result(self._shell({}).run(argv, stdin.decode("utf-8", "replace")))
        if check and result.exit_code != 0:
            raise self._failed(argv, result)
        return result

    def run_text(
        self,
        text: str,
        *,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,  # noqa: ARG002  # nothing takes time here
    ) -> CommandResult:
        """Runs shell text; Tomo's own scripts do here what they would do on a real host."""
        with self._machine.lock:
            self._reach()
            if _is_script(text):
                return self._script(text, env or {})
            self.ran.append(text)
            return _result(self._shell(env or {}).text(text, stdin.decode("utf-8", "replace")))

    def read_file(self, path: str, *, limit: int = 16 << 20) -> bytes | None:
        """A file's content, None where there is none; raises HostError above `limit` bytes."""
        with self._machine.lock:
            self._reach()
            content = self.files.read(path)
        if content is not None and len(content) > limit:
            raise HostError(f"`{path}` is larger than {limit} bytes", host=self.spec.label)
        return content

    def stat_files(self, paths: Sequence[str]) -> list[FileStat | None]:
        """What is at each path, None where nothing is."""
        with self._machine.lock:
            self._reach()
            return [self._stat(path) for path in paths]

    def write_file(self, path: str, content: bytes, *, mode: int = 0o644, owner: str = "") -> None:
        """Writes a file whole, making missing parents; one that exists keeps its inode."""
        with self._machine.lock:
            self._reach()
            if self.faults.disk_full:
                raise DiskFull(
                    f"no space left on `{self.spec.label}` for `{path}`",
                    host=self.spec.label,
                    hint="free space on the host, then run it again",
                )
            try:
                self.files.write(path, content, mode, owner)
            except OSError as error:
                raise HostError(f"`{path}` cannot be written: {error}", host=self.spec.label) from error

    def remove_file(self, path: str, *, below: str = "") -> None:
        """Removes a file, and the folders that are empty then, as long as they lie below `below`."""
        with self._machine.lock:
            self._reach()
            node = self.files.get(path)
            if node is not None and node.is_directory:
                raise HostError(f"`{path}` is a folder", host=self.spec.label)
            self.files.remove(path, below=below)

    def open_docker(self) -> MemoryStream:
        """A new stream to the host's Docker socket; raises DockerUnavailable where none answers."""
        with self._machine.lock:
            self._reach()
            if not (self.docker_installed and self.docker.running):
                raise DockerUnavailable(
                    f"no Docker daemon answers on `{self.spec.label}`",
                    host=self.spec.label,
                    hint="let Tomo install it, or run `systemctl start docker` on the host",
                )
            stream = self.docker.open(self._before_request)
            self._machine.streams.append(stream)
            return stream

    def forget_docker(self) -> None:
        """There is one way to Docker only."""

    def prepare(self) -> None:
        """Dials at once; what goes wrong the first use raises."""
        with self._machine.lock, suppress(HostError):
            if not self._dialled:
                self._dial()

    def redial(self, error: HostError | None = None) -> None:
        """Has the next use dial again after any failure, or after this one."""
        if error is None or self._failure in {error, error.__cause__}:
            self._failure = None

    def close(self) -> None:
        """Ends the connection; streams of it end too."""
        with self._machine.lock:
            self._dialled = False
            for stream in self._machine.streams:
                stream.close()
            self._machine.streams.clear()

    # --- reaching it -------------------------------------------------------------------------------

    def _reach(self) -> None:
        """Raises what a real connection would; dials at the first use, and once only where that fails."""
        faults, label = self.faults, self.spec.label
        self._count_down()
        if faults.unreachable:
            self.close()
        if not self._dialled:
            self._dial()
        if self.spec.become and faults.no_sudo:
            raise BecomeRefused(
                f"sudo on `{label}` wants a password or refuses `{self.spec.user or 'root'}`",
                host=label,
                hint="allow it `NOPASSWD` in sudoers, or log in as root",
            )
        self.docker.fill_disk(full=faults.disk_full)

    def _dial(self) -> None:
        if self._failure is not None:
            raise again(self._failure) from self._failure
        self._failure = self._refusal()
        if self._failure is not None:
            raise self._failure
        self._dialled = True
        self._machine.dialled += 1

    def _refusal(self) -> HostError | None:
        faults, label = self.faults, self.spec.label
        if faults.unreachable:
            hint = "check the address, the network and that the machine is up"
            return HostUnreachable(f"`{label}` does not answer", host=label, hint=hint)
        if faults.host_key_changed:
            hint = f"if the machine was reinstalled, run `tomo server add --replace-key {label}`"
            return HostKeyChanged(f"`{label}` shows another key than the pinned one", host=label, hint=hint)
        if faults.host_key_unknown:
            hint = "run `tomo server add` and compare the fingerprint"
            return HostKeyUnknown(f"the key of `{label}` is not known", host=label, hint=hint)
        if faults.login_refused:
            hint = "check user and identity of the server"
            return LoginRefused(f"`{label}` refuses the login", host=label, hint=hint)
        return None

    def _count_down(self) -> None:
        left = self.faults.lost_after
        if left is None:
            return
        if left > 0:
            self.faults.lost_after = left - 1
            return
        self.faults.lost_after = None
        self.close()
        raise ConnectionLost(
            f"the connection to `{self.spec.label}` was lost", host=self.spec.label, hint="run it again"
        )

    def _before_request(self, _request: Request) -> None:
        """Counts a request to Docker; a stream knows OSError only."""
        try:
            self._reach()
        except HostError as error:
            raise ConnectionResetError(str(error)) from error

    def _failed(self, argv: Argv, result: CommandResult) -> CommandFailed:
        return CommandFailed(
            f"`{argv[0]}` ended with exit code {result.exit_code}",
            host=self.spec.label,
            detail=result.stderr.decode("utf-8", "replace").strip(),
        )

    def _stat(self, path: str) -> FileStat | None:
        node = self.files.get(path)
        if node is None:
            return None
        digest = "" if node.is_directory else node.sha256
        return FileStat(node.mode, len(node.content), digest, node.is_directory)

    # --- commands ----------------------------------------------------------------------------------

    def _shell(self, env: Mapping[str, str]) -> Shell:
        return Shell(self.files, {**self._usual_commands(), **self.commands}, env)

    def _usual_commands(self) -> dict[str, Command]:
        hardware = self._machine.hardware
        words = {"-s": "Linux", "-r": hardware.kernel, "-m": hardware.machine, "-n": self._machine.name}
        user = self.spec.user or "root"
        root = self.spec.become or user == "root"
        return {
            "uname": lambda args, _stdin: Outcome(0, words.get(args[0] if args else "-s", "Linux") + "\n"),
            "hostname": lambda _args, _stdin: Outcome(0, f"{self._machine.name}\n"),
            "whoami": lambda _args, _stdin: Outcome(0, f"{'root' if root else user}\n"),
            "id": lambda args, _stdin: Outcome(0, f"{_identity(args, user, root=root)}\n"),
            "sudo": self._sudo,
            "docker": self._docker_command,
            "systemctl": self._systemctl,
        }

    def _sudo(self, arguments: Sequence[str], stdin: str) -> Outcome:
        if self.faults.no_sudo:
            return Outcome(1, "", "sudo: a password is required\n")
        return self._shell({}).run([word for word in arguments if word not in {"-n", "--"}], stdin)

    def _docker_command(self, arguments: Sequence[str], _stdin: str) -> Outcome:
        if not self.docker_installed:
            return Outcome(127, "", "sh: 1: docker: not found\n")
        match list(arguments):
            case ["--version"]:
                return Outcome(0, f"Docker version {self.docker.version}, build 297e128\n")
            case _ if not self.docker.running:
                return Outcome(1, "", "Cannot connect to the Docker daemon. Is the docker daemon running?\n")
            case ["version", *_rest]:
                return Outcome(0, f"{self.docker.version}\n")
            case ["rm", "-f", *names]:
                return self._for_each(names, self.docker.remove_by_hand)
            case ["stop", *names]:
                return self._for_each(names, self.docker.stop_by_hand)
            case ["pause", *names]:
                return self._for_each(names, self.docker.pause_by_hand)
            case ["ps", *_rest]:
                return Outcome(0, "".join(f"{name}\n" for name in self.docker.container_names))
            case _:
                return Outcome(1, "", f"docker: '{' '.join(arguments)}' is not served by FakeHost\n")

    def _for_each(self, names: Sequence[str], act: Callable[[str], None]) -> Outcome:
        for name in names:
            try:
                act(name)
            except KeyError:
                return Outcome(1, "", f"Error: No such container: {name}\n")
        return Outcome(0, "".join(f"{name}\n" for name in names))

    def _systemctl(self, arguments: Sequence[str], _stdin: str) -> Outcome:
        match [word for word in arguments if not word.startswith("-")]:
            case ["is-active", "docker", *_rest]:
                running = self.docker_installed and self.docker.running
                return Outcome(0 if running else 3, "active\n" if running else "inactive\n")
            case [("start" | "restart" | "stop") as verb, "docker", *_rest] if self.docker_installed:
                if verb != "start":
                    self.docker.stop_daemon()
                if verb != "stop":
                    self._start_docker()
                return Outcome()
            case ["daemon-reload" | "reset-failed", *_rest]:
                return Outcome()
            case words:
                return Outcome(5, "", f"Failed: unit of `{' '.join(words)}` not found.\n")

    # --- Tomo's scripts ----------------------------------------------------------------------------

    def _script(self, text: str, env: Mapping[str, str], argv: Argv = ()) -> CommandResult:
        name = text.split("\n", 1)[0].removeprefix(SCRIPT_MARK).strip()
        self.ran.append(f"tomo-script {name}")
        if name == "facts":
            return _result(Outcome(0, self._facts()))
        if name == "docker-install":
            return _result(self._docker_install(env))
        if name == "docker-prune":
            return _result(Outcome(0, self.docker.prune_by_ids(env.get("TOMO_PRUNE_IMAGES", ""))))
        if name == "volume-swap":
            return _result(volume_swap(self.docker, argv, self.spec))
        known = name == "proxy-reload"
        return _result(Outcome() if known else Outcome(127, "", f"no script `{name}` on a FakeHost\n"))

    def _facts(self) -> str:
        hardware = self._machine.hardware
        root = self.spec.become or (self.spec.user or "root") == "root"
        before: dict[str, object] = {
            "os": hardware.os,
            "os_like": hardware.os_like,
            "os_version": hardware.os_version,
            "os_name": hardware.os_name,
            "kernel": hardware.kernel,
            "machine": hardware.machine,
            "cpus": hardware.cpus,
            "memory_kib": hardware.memory_kib,
            "disk_kib": hardware.disk_kib,
            "disk_free_kib": 0 if self.faults.disk_full else hardware.disk_free_kib,
            "timezone": hardware.timezone,
            "uid": 0 if root else 1000,
            "root": "yes" if root else "no" if self.faults.no_sudo else "sudo",
            "init": "systemd",
        }
        after = [("package_lock", self.faults.package_lock), ("end", "yes")]
        said = [*before.items(), *self._docker_facts(), *after]
        return "".join(f"{key}={value}\n" for key, value in said)

    def _docker_facts(self) -> list[tuple[str, object]]:
        facts = [("docker_client", "docker")] if self.docker_installed else []
        settings = self.files.read(DAEMON_JSON)
        lines = settings.decode("utf-8", "replace").splitlines() if settings is not None else []
        facts += self._machine.hardware.told(self.docker.version, self.files.read("/etc/ufw/ufw.conf"))
        return [*facts, *(("daemon_json", line) for line in lines)]

    def _docker_install(self, env: Mapping[str, str]) -> Outcome:
        refusal = self._install_refusal(env)
        if refusal is not None:
            return refusal
        wanted = upstream(env)
        installs = not (self.docker_installed and self.docker.version.startswith(wanted))
        was_running = self.docker_installed and self.docker.running
        try:
            written = self._merge_settings(env.get("TOMO_DOCKER_DAEMON") or "{}")
        except ValueError:
            hint = "correct or delete it on the host, then apply again"
            return _script_error("daemon-json", f"`{DAEMON_JSON}` is not valid JSON", hint)
        self._machine.docker_installed = True
        if installs or written or not was_running:
            self.docker.stop_daemon()
            self.docker.set_version(wanted or self.docker.version)
            self._start_docker()
        said = "installing Docker\n" if installs else ""
        said += "daemon.json written\n" if written else ""
        return Outcome(0, f"{said}Docker {self.docker.version} is running\n")

    def _install_refusal(self, env: Mapping[str, str]) -> Outcome | None:
        """What stops an installation; Docker that is there already needs none."""
        if not (self.spec.become or (self.spec.user or "root") == "root"):
            hint = "write `become: sudo` for this server, or log in as root"
            return _script_error("become-refused", "installing Docker needs root", hint)
        if self.docker_installed and self.docker.version.startswith(upstream(env)):
            return None
        if self.faults.package_lock:
            text = f"the package manager is in use by {self.faults.package_lock} for more than 300 s"
            hint = "wait until it has ended, or end it on the host"
            return _script_error("package-lock-held", text, hint)
        if self.faults.disk_full:
            hint = "free space below /var, then apply again"
            return _script_error("disk-full", "no space left on the host", hint)
        if self.faults.no_network:
            hint = "check the host's name resolution, route and proxy"
            return _script_error("no-network", "the host cannot reach its package mirror", hint)
        return None

    def _merge_settings(self, wanted_text: str) -> bool:
        """Merges keys into daemon.json as the real script does; tells whether that changed it."""
        wanted = json.loads(wanted_text)
        asked_before = json.loads(self.files.read(_ASKED) or b"{}")
        if not wanted and not asked_before:
            return False
        old = json.loads(self.files.read(DAEMON_JSON) or b"{}")
        kept = {key: value for key, value in old.items() if key not in asked_before or key in wanted}
        merged = {**kept, **wanted}
        self.files.write(_ASKED, wanted_text.encode() + b"\n")
        if merged == old and self.files.read(DAEMON_JSON) is not None:
            return False
        self.files.write(DAEMON_JSON, (json.dumps(merged, indent=2, sort_keys=True) + "\n").encode())
        return True


class FakeConnections:
    """A pool over fake hosts, found by address or name; any other address does not answer."""

    def __init__(self, hosts: Mapping[str, FakeHost]) -> None:
        self.hosts = dict(hosts)
        self.prepared: list[HostSpec] = []
        self._lock = threading.Lock()
        self._open: dict[HostSpec, FakeHost] = {}

    def get(self, spec: HostSpec) -> FakeHost:
        """The connection for a spec; the same one for equal specs."""
        with self._lock:
            key = _plain(spec)
            if key not in self._open:
                host = self.hosts.get(spec.host) or self.hosts.get(spec.name) or _absent(spec)
                self._open[key] = host.seen_as(spec)
            return self._open[key]

    @property
    def open(self) -> int:
        """How many hosts are connected."""
        return len(self._open)

    def prepare(self, spec: HostSpec) -> None:
        """Dials at once; what goes wrong the first use raises."""
        self.prepared.append(spec)
        self.get(spec).prepare()

    def redial(self, error: HostError | None = None) -> None:
        """Has hosts that could not be dialled, as this error tells, be dialled again."""
        with self._lock:
            for connection in self._open.values():
                connection.redial(error)

    def close(self) -> None:
        """Ends every connection."""
        with self._lock:
            for connection in self._open.values():
                connection.close()
            self._open.clear()


def _plain(spec: HostSpec) -> HostSpec:
    """The spec without its secrets, which have no hash: here any credential opens the door."""
    proxy = _plain(spec.proxy) if spec.proxy else None
    return replace(spec, private_key=None, private_key_password=None, password=None, proxy=proxy)


def _absent(spec: HostSpec) -> FakeHost:
    host = FakeHost(spec.host, registry=FakeRegistry())
    host.faults.unreachable = True
    return host


def _is_script(text: str) -> bool:
    return text.startswith(SCRIPT_MARK)


def _identity(arguments: Sequence[str], user: str, *, root: bool) -> str:
    number, name = (0, "root") if root else (1000, user)
    if "-u" in arguments or "-g" in arguments:
        return name if "-n" in arguments else str(number)
    return f"uid={number}({name}) gid={number}({name}) groups={number}({name})"


def _result(outcome: Outcome) -> CommandResult:
    return CommandResult(outcome.exit_code, outcome.stdout.encode(), outcome.stderr.encode())


def _script_error(code: str, text: str, hint: str) -> Outcome:
    hint_line = f"tomo-hint: {hint}\n" if hint else ""
    return Outcome(1, "", f"tomo-error: {code}: {text}\n{hint_line}")


def _write_release(files: FileTree, hardware: Hardware) -> None:
    lines = {
        "ID": hardware.os,
        "ID_LIKE": hardware.os_like,
        "VERSION_ID": f'"{hardware.os_version}"',
        "PRETTY_NAME": f'"{hardware.os_name}"',
    }
    text = "".join(f"{key}={value}\n" for key, value in lines.items() if value)
    files.write("/etc/os-release", text.encode())
    files.write("/etc/hostname", b"fake\n")
