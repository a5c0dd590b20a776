"""What a plan says of Docker on servers: upgrades, downgrades, restarts, and ports past a firewall."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from tomo.model.resource import ResourceState
from tomo.model.snapshot import Snapshot
from tomo.model.values import Properties
from tomo.resources import tokens
from tomo.resources.requirements import Shortfall
from tomo.spec.fleet import Fleet

if TYPE_CHECKING:
    from tomo.spec.docker import DockerOptions

RELOADED: Final = frozenset({"registry-mirrors", "insecure-registries", "live-restore"})
"""Keys of daemon.json that Docker takes up without a restart; `docker-install.sh` has the same."""
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)*")
_MOST_TOLD: Final = 8


def docker_notes(fleet: Fleet, before: Snapshot, after: Snapshot) -> list[Shortfall]:
    """Everything worth a word, by server; a downgrade blocks."""
    facts = {entry.urn.name: entry.outputs for entry in after.resources if entry.type == tokens.SERVER}
    was, is_ = _engines(before), _engines(after)
    prunes_before, prunes = _prunes(before), _prunes(after)
    found: list[Shortfall] = []
    for name, server in fleet.servers.items():
        known, options = facts.get(name, {}), server.docker_options
        if options is not None:
            found += _downgrade(name, options, known)
            found += _outage(name, options, known, was.get(name), is_.get(name))
        found += _pruned(name, prunes_before.get(name, ""), prunes.get(name, ""))
        if known.get("firewall") == "ufw":
            found += _past_ufw(name, after)
    return found


# --- versions ----------------------------------------------------------------------------------------


def _downgrade(name: str, options: DockerOptions, facts: Properties) -> Iterator[Shortfall]:
    running, wanted = _numbers(facts.get("dockerVersion")), _numbers(options.version)
    if running and wanted and running[: len(wanted)] > wanted[: len(running)]:
        message = (
            f"Docker on `{name}` is {facts.get('dockerVersion')}, newer than `{options.version}`: "
            "it is not downgraded"
        )
        hint = "write a newer `version`, or downgrade it on the server yourself"
        yield Shortfall(name, "", message, hint, blocks=True)


def _numbers(version: object) -> tuple[int, ...]:
    """`5:27.3.1-1~debian` is 27, 3, 1; `27.3.*` is 27, 3."""
    found = _NUMBER.match(version.rpartition(":")[2]) if isinstance(version, str) else None
    return tuple(map(int, found.group().split("."))) if found else ()


# --- restarts ----------------------------------------------------------------------------------------


def _outage(
    name: str, options: DockerOptions, facts: Properties, was: Properties | None, is_: Properties | None
) -> Iterator[Shortfall]:
    """What stops containers; where Docker is not there yet nothing runs."""
    if was is None or is_ is None or not facts.get("dockerVersion"):
        return
    hint = "write `live_restore: true` under `docker` first, and containers go on meanwhile"
    alone = "" if _lives_on(options) else "; its containers stop meanwhile"
    target = _upgrade(options, was, is_)
    if target:
        within = f", within `{options.pin}`" if options.pin else ""
        message = (
            f"Docker on `{name}` is upgraded from {facts.get('dockerVersion')} to {target}{within}{alone}"
        )
        yield Shortfall(name, "", message, hint if alone else "containers go on meanwhile", blocks=False)
        return
    changed = sorted(_changed(_settings(was), _settings(is_)) - RELOADED)
    if changed:
        message = f"Docker on `{name}` is restarted for its new {', '.join(changed)}{alone}"
        yield Shortfall(name, "", message, hint if alone else "containers go on meanwhile", blocks=False)


def _upgrade(options: DockerOptions, was: Properties, is_: Properties) -> str:
    """The version that this plan brings Docker to; empty where it leaves it."""
    variable = tokens.TARGET_VARIABLE if options.pin else tokens.VERSION_VARIABLE
    wanted = is_.get(variable)
    return wanted if isinstance(wanted, str) and wanted != was.get(variable) else ""


def _engines(snapshot: Snapshot) -> dict[str, Properties]:
    """What Docker is set up with, by server."""
    found: dict[str, Properties] = {}
    for entry in snapshot.resources:
        environment = entry.inputs.get("environment")
        if isinstance(environment, Mapping) and tokens.DAEMON_VARIABLE in environment:
            found[entry.urn.name.removesuffix("-docker")] = environment
    return found


def _prunes(snapshot: Snapshot) -> dict[str, str]:
    """The images that go, by server."""
    found: dict[str, str] = {}
    for entry in snapshot.resources:
        environment = entry.inputs.get("environment")
        if isinstance(environment, Mapping) and tokens.PRUNE_VARIABLE in environment:
            text = environment[tokens.PRUNE_VARIABLE]
            found[entry.urn.name.removesuffix("-prune")] = text if isinstance(text, str) else ""
    return found


def _pruned(name: str, before: str, after: str) -> Iterator[Shortfall]:
    if not after or after == before:
        return
    images = [each.split(" ") for each in after.split("; ")]
    size = sum(float(words[1].removesuffix("MB")) for words in images)
    told = ", ".join(words[0] for words in images[:_MOST_TOLD])
    more = f" and {len(images) - _MOST_TOLD} more" if len(images) > _MOST_TOLD else ""
    many = "unused image of {} MB goes" if len(images) == 1 else "unused images of {} MB go"
    message = f"{len(images)} {many.format(f'{size:.1f}')} from `{name}`: {told}{more}"
    yield Shortfall(name, "", message, "a container made from it keeps an image", blocks=False)


def _settings(environment: Properties) -> Mapping[str, object]:
    text = environment.get(tokens.DAEMON_VARIABLE)
    settings = json.loads(text) if isinstance(text, str) and text else {}
    return settings if isinstance(settings, dict) else {}


def _changed(old: Mapping[str, object], new: Mapping[str, object]) -> set[str]:
    return {key for key in {*old, *new} if old.get(key) != new.get(key)}


def _lives_on(options: DockerOptions) -> bool:
    return options.settings().get("live-restore") is True


# --- the firewall ------------------------------------------------------------------------------------


def _past_ufw(name: str, after: Snapshot) -> Iterator[Shortfall]:
    ports = sorted(
        {port for entry in after.resources if _is_container_on(entry, name) for port in _open_ports(entry)}
    )
    if not ports:
        return
    told = ", ".join(f"{port}/{protocol} ({app})" for port, protocol, app in ports[:_MOST_TOLD])
    more = f" and {len(ports) - _MOST_TOLD} more" if len(ports) > _MOST_TOLD else ""
    message = f"ufw on `{name}` does not guard {told}{more}: Docker publishes ports past it"
    hint = "`expose: local` binds to the host alone, `expose: lan` to one network; see docs/docker.md"
    yield Shortfall(name, "", message, hint, blocks=False)


def _is_container_on(entry: ResourceState, server: str) -> bool:
    return entry.type == tokens.CONTAINER and entry.urn.name.rpartition("@")[2] == server


def _open_ports(entry: ResourceState) -> Iterator[tuple[int, str, str]]:
    ports = entry.inputs.get("ports")
    for port in ports if isinstance(ports, list) else ():
        if not isinstance(port, Mapping) or _is_loopback(str(port.get("ip") or "")):
            continue
        number, protocol = port.get("external"), str(port.get("protocol") or "tcp")
        if isinstance(number, int | float):
            yield int(number), protocol, entry.urn.name.rpartition("@")[0]


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
