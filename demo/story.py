"""The demo, told step by step: every command that is run is shown as one would type it."""

import os
import secrets
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

from demo import standins
from demo.pages import fetch
from lab.hosts import Host
from lab.lab import Lab
from lab.registry import Registry

RUN = "tomo-demo"
ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".demo"
FLEET = FOLDER / "fleet"
PASSPHRASE = FOLDER / "passphrase"
TOMO = Path(sys.executable).with_name("tomo")
DONE, CHANGES = 0, 2


class StepFailedError(Exception):
    """A step of the demo that did not end as it should."""


@dataclass(frozen=True)
class AppOnServer:
    """One app of the demo: where it runs and what its page looks like."""

    app: str
    server: str
    port: int
    path: str
    shows: str


APPS = (
    AppOnServer("wordpress", "one", 8001, "/", "WordPress"),
    AppOnServer("radicale", "two", 8002, "/.web/", "Radicale"),
    AppOnServer("prometheus", "two", 8003, "/", "Prometheus"),
)


def tell() -> None:
    """Runs the whole demo and leaves the fleet up."""
    FLEET.mkdir(parents=True)
    lab = Lab(name=RUN, folder=FOLDER / "keys", keep=True)
    hosts = _two_servers(lab)
    mirror = _images(lab)
    _declare(hosts, mirror)
    _plan_and_apply()
    _pages(hosts)
    _nothing_to_do()
    _drift_and_repair(hosts)
    _look_around(hosts)


def _two_servers(lab: Lab) -> dict[str, Host]:
    _heading("Two servers: Debian with systemd and sshd, no Docker yet")
    hosts = {host.name: host for host in lab.hosts("one", "two")}
    for host in hosts.values():
        _say(f"{host.name}: root@{host.address}, port {host.port}, {host.host_key[:40]}…")
    return hosts


def _images(lab: Lab) -> Registry | None:
    _heading("Images")
    if standins.public_images_reachable():
        _say("A public registry can be reached: the servers pull the apps' public images from it.")
        return None
    _say("No public registry can be reached: the same apps are built from Debian packages, under the names")
    _say("that the catalog asks for, and put into a registry here that the servers use as their mirror.")
    registry = lab.registry()
    for name in standins.offer(registry, lab.images):
        _say(f"  {name}")
    return registry


def _declare(hosts: dict[str, Host], mirror: Registry | None) -> None:
    _heading("A fleet file: the servers with their pinned host keys, and three apps")
    PASSPHRASE.touch(mode=0o600)
    PASSPHRASE.write_text(secrets.token_urlsafe(24), encoding="utf-8")
    _tomo("init")
    for host in hosts.values():
        login = f"{host.user}@{host.address}:{host.port}"
        identity = os.path.relpath(host.identity, FLEET)
        _tomo("server", "add", host.name, login, "--identity", identity, "--host-key", host.host_key, "--yes")
    if mirror is not None:
        _use_mirror(mirror.mirror)
    for app in APPS:
        _tomo("app", "add", app.app, "--server", app.server, "--port", f"web={app.port}")


def _use_mirror(address: str) -> None:
    yaml, file = YAML(), FLEET / "fleet.yaml"
    fleet = yaml.load(file)
    fleet["defaults"] = {"docker": {"registry_mirrors": [address]}}
    yaml.dump(fleet, file)
    _say(f"fleet.yaml, by hand: defaults.docker.registry_mirrors: [{address}]")


def _plan_and_apply() -> None:
    _heading("The plan")
    _tomo("plan", "--detailed-exitcode", expect=[CHANGES])
    _heading("Apply: Docker over SSH, images, networks, volumes, files, containers, health")
    _tomo("apply", "--yes")


def _pages(hosts: dict[str, Host]) -> None:
    _heading("Each app's page, fetched through its server's sshd")
    for app in APPS:
        page = fetch(hosts[app.server], app.port, app.path)
        _say(f"{app.app} on {app.server}: {page.status} {page.title}")
        if page.status != 200 or app.shows not in page.body:  # noqa: PLR2004  # HTTP's OK
            raise StepFailedError(f"`{app.app}` on `{app.server}` does not show its page")


def _nothing_to_do() -> None:
    _heading("A second plan looks at the servers again and finds nothing to do")
    _tomo("plan", "--expect-no-changes")


def _drift_and_repair(hosts: dict[str, Host]) -> None:
    _heading("Somebody breaks things by hand")
    site, calendar = standins.WORDPRESS.public_name(), standins.RADICALE.public_name()
    _by_hand(hosts["one"], f"docker rm -f $(docker ps -q --filter ancestor={site})")
    _by_hand(hosts["two"], f"docker stop $(docker ps -q --filter ancestor={calendar})")
    _heading("Tomo sees it")
    _tomo("drift", expect=[DONE, CHANGES])
    _heading("Tomo repairs it")
    _tomo("apply", "--yes")
    _pages(hosts)
    _nothing_to_do()


def _look_around(hosts: dict[str, Host]) -> None:
    _heading("The outputs")
    _tomo("outputs")
    _heading("Look around; the fleet stays up until `make demo-down`")
    passphrase, path = shlex.quote(str(PASSPHRASE)), shlex.quote(str(TOMO.parent))
    _say(f"export PATH={path}:$PATH TOMO_PASSPHRASE_FILE={passphrase}")
    _say(f"cd {shlex.quote(str(FLEET))}; cat fleet.yaml; tomo status --live; tomo state list")
    for app in APPS:
        tunnel = hosts[app.server].ssh_argv("-N", "-L", f"{app.port}:127.0.0.1:{app.port}")
        _say(f"\n{app.app} in a browser, at http://127.0.0.1:{app.port}{app.path}, while this runs:")
        _say("  " + shlex.join(tunnel))


def _by_hand(host: Host, command: str) -> None:
    _say(f"root@{host.name}# {command}")
    done = host.ssh(command)
    if done.code != 0:
        raise StepFailedError(f"`{command}` on `{host.name}` ended with {done.code}: {done.err.strip()}")


def _tomo(*arguments: str, expect: Sequence[int] = (DONE,)) -> None:
    print(f"\n$ tomo {shlex.join(arguments)}", flush=True)
    environment = {**os.environ, "TOMO_PASSPHRASE_FILE": str(PASSPHRASE)}
    done = subprocess.run(
        [TOMO, *arguments], cwd=FLEET, env=environment, stdin=subprocess.DEVNULL, timeout=900, check=False
    )
    if done.returncode not in expect:
        raise StepFailedError(f"`tomo {shlex.join(arguments)}` ended with {done.returncode}")


def _heading(text: str) -> None:
    line = f"── {text} "
    print(f"\n{line.ljust(100, '─')}", flush=True)


def _say(text: str) -> None:
    print(text, flush=True)
