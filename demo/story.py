"""The demo, told step by step: every command that is run is shown as one would type it."""

import os
import secrets
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from ruamel.yaml import YAML

from demo import standins
from demo.pages import fetch
from lab.hosts import Host
from lab.lab import Lab
from lab.registry import Registry

TOMO = Path(sys.executable).with_name("tomo")
DONE, CHANGES = 0, 2
WIDTH = 80


class StepFailedError(Exception):
    """A step of the demo that did not end as it should."""


@dataclass(frozen=True)
class Place:
    """Where one demo lives: the name of its containers, and its folder."""

    run: str
    folder: Path

    @property
    def fleet(self) -> Path:
        """The folder with the fleet file."""
        return self.folder / "demo"

    @property
    def passphrase(self) -> Path:
        """The file with the passphrase of the fleet's secrets."""
        return self.folder / "passphrase"

    @property
    def ssh_config(self) -> Path:
        """Settings for a person's own `ssh` to the servers."""
        return self.folder / "ssh_config"

    def tomo(self, *arguments: str, expect: Sequence[int] = (DONE,)) -> None:
        """Runs one command in the fleet's folder, shown as one would type it."""
        print(f"\n$ tomo {shlex.join(arguments)}", flush=True)
        environment = {**os.environ, "TOMO_PASSPHRASE_FILE": str(self.passphrase)}
        argv = [str(TOMO), *arguments]
        done = subprocess.run(
            argv, cwd=self.fleet, env=environment, stdin=subprocess.DEVNULL, timeout=900, check=False
        )
        if done.returncode not in expect:
            raise StepFailedError(f"`tomo {shlex.join(arguments)}` ended with {done.returncode}")


@dataclass(frozen=True)
class AppOnServer:
    """One app of the demo: where it runs and what its page looks like."""

    app: str
    server: str
    port: int
    path: str
    shows: str

    @property
    def url(self) -> str:
        """Its address on its own server."""
        return f"http://127.0.0.1:{self.port}{self.path}"


APPS = (
    AppOnServer("wordpress", "one", 8001, "/", "WordPress"),
    AppOnServer("radicale", "two", 8002, "/.web/", "Radicale"),
    AppOnServer("prometheus", "two", 8003, "/", "Prometheus"),
)


def tell(place: Place) -> None:
    """Runs the whole demo and leaves the fleet up."""
    place.fleet.mkdir(parents=True)
    lab = Lab(name=place.run, folder=place.folder / "keys", keep=True)
    hosts = _two_servers(lab)
    mirror = _images(lab)
    _declare(place, hosts, mirror)
    _plan_and_apply(place)
    _show_pages(hosts)
    _nothing_to_do(place)
    _break_by_hand(hosts)
    _see_and_repair(place)
    _show_pages(hosts)
    _nothing_to_do(place)
    _look_around(place, hosts)


def _two_servers(lab: Lab) -> dict[str, Host]:
    _heading("Two servers: Debian with systemd and sshd, no Docker yet")
    _say("(their image is made first where it is not there yet: about a minute)")
    hosts = {host.name: host for host in lab.hosts("one", "two")}
    for host in hosts.values():
        _say(f"{host.name}: root@{host.address}, port {host.port}")
    return hosts


def _images(lab: Lab) -> Registry | None:
    _heading("Images")
    if standins.public_images_reachable():
        _say("A public registry can be reached: the servers pull the apps' public images.")
        return None
    _say("No public registry can be reached. The same apps are built from Debian packages")
    _say("instead, in Debian's versions, and put into a registry here, which the servers")
    _say("use as a mirror, under the names that the catalog asks for")
    _say("(about two minutes the first time):")
    registry = lab.registry()
    for name in standins.offer(registry, lab.images):
        _say(f"  {name}")
    return registry


def _declare(place: Place, hosts: dict[str, Host], registry: Registry | None) -> None:
    _heading("A fleet file: servers with pinned host keys, and three apps")
    place.passphrase.touch(mode=0o600)
    place.passphrase.write_text(secrets.token_urlsafe(24), encoding="utf-8")
    place.tomo("init")
    for host in hosts.values():
        login = f"{host.user}@{host.address}:{host.port}"
        identity = os.path.relpath(host.identity, place.fleet)
        place.tomo(
            "server", "add", host.name, login, "--identity", identity, "--host-key", host.host_key, "--yes"
        )
    if registry is not None:
        _use_mirror(place.fleet / "fleet.yaml", registry.mirror)
    for app in APPS:
        place.tomo("app", "add", app.app, "--server", app.server, "--port", f"web={app.port}")


def _use_mirror(file: Path, address: str) -> None:
    yaml = YAML()
    yaml.width = 4096  # a folded host key is harder to read
    fleet = yaml.load(file)
    fleet["defaults"] = {"docker": {"registry_mirrors": [address]}}
    yaml.dump(fleet, file)
    _say("\nfleet.yaml, by hand:\n  defaults:\n    docker:\n      registry_mirrors:")
    _say(f"        - {address}")


def _plan_and_apply(place: Place) -> None:
    _heading("The plan")
    place.tomo("plan", "--detailed-exitcode", expect=[CHANGES])
    _heading("Apply: Docker over SSH, images, volumes, files, containers, health")
    place.tomo("apply", "--yes")


def _show_pages(hosts: dict[str, Host]) -> None:
    _heading("Each app's page, fetched through its server's sshd")
    for app in APPS:
        page = fetch(hosts[app.server], app.port, app.path)
        _say(f"{app.app} on {app.server}: {page.status} {page.title}")
        if page.status != HTTPStatus.OK or app.shows not in page.body:
            raise StepFailedError(f"`{app.app}` on `{app.server}` does not show its page")


def _nothing_to_do(place: Place) -> None:
    _heading("Another plan looks at the servers again and finds nothing to do")
    place.tomo("plan", "--expect-no-changes")


def _break_by_hand(hosts: dict[str, Host]) -> None:
    _heading("Somebody breaks things by hand")
    site, calendar = standins.WORDPRESS.public_name(), standins.RADICALE.public_name()
    _by_hand(hosts["one"], f"docker rm -f $(docker ps -q --filter ancestor={site})")
    _by_hand(hosts["two"], f"docker stop $(docker ps -q --filter ancestor={calendar})")


def _by_hand(host: Host, command: str) -> None:
    _say(f"root@{host.name}# {command}")
    done = host.ssh(command)
    if done.code != 0:
        raise StepFailedError(f"`{command}` on `{host.name}` ended with {done.code}: {done.err.strip()}")


def _see_and_repair(place: Place) -> None:
    _heading("Tomo sees it")
    place.tomo("drift", expect=[DONE, CHANGES])
    _heading("Tomo repairs it")
    place.tomo("apply", "--yes")


def _look_around(place: Place, hosts: dict[str, Host]) -> None:
    _heading("The outputs")
    place.tomo("outputs")
    _heading("Look around; the fleet stays up until `make demo-down`")
    place.ssh_config.write_text("".join(_ssh_settings(host) for host in hosts.values()), encoding="utf-8")
    config, fleet = shlex.quote(os.path.relpath(place.ssh_config)), shlex.quote(os.path.relpath(place.fleet))
    _say(f"export TOMO_PASSPHRASE_FILE={shlex.quote(str(place.passphrase))}")
    _say(f"alias tomo={shlex.quote(str(TOMO))}")
    _say(f"cat {fleet}/fleet.yaml")
    _say(f"tomo status --live -C {fleet}")
    for host in hosts.values():
        pages = ", ".join(f"{app.app} at {app.url}" for app in APPS if app.server == host.name)
        _say(f"\nssh -F {config} {host.name}\n  a shell there, and in a browser here meanwhile: {pages}")


def _ssh_settings(host: Host) -> str:
    lines = [
        f"Host {host.name}",
        f"  HostName {host.address}",
        f"  Port {host.port}",
        f"  User {host.user}",
        f'  IdentityFile "{host.identity}"',
        f'  UserKnownHostsFile "{host.known_hosts}"',
        "  IdentitiesOnly yes",
        *(f"  LocalForward {app.port} 127.0.0.1:{app.port}" for app in APPS if app.server == host.name),
    ]
    return "\n".join(lines) + "\n\n"


def _heading(text: str) -> None:
    print(f"\n{f'── {text} '.ljust(WIDTH, '─')}", flush=True)


def _say(text: str) -> None:
    print(text, flush=True)
