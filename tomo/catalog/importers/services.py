"""Compose services as services of the app format, key by key; what has no place is told."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tomo.catalog.importers.found import FoundApp
from tomo.catalog.importers.health import healthcheck
from tomo.catalog.importers.limits import amount, duration, resources, size, ulimits
from tomo.catalog.importers.mounts import Mounts
from tomo.catalog.importers.ports import Ports
from tomo.catalog.importers.reading import At
from tomo.catalog.importers.variables import Texts
from tomo.catalog.importers.words import Names, slug
from tomo.spec.shown import CONTROL, shown

_KNOWN_TO_NEED: Final = {
    "network_mode: service": "it shares another service's network, which has no place here",
    "volumes_from": "it takes another service's mounts, which has no place here",
    "extends": "it extends another service or file; write it out first",
}
_SILENT: Final = frozenset({"x-casaos", "container_name", "version", "exclude_from_hc"})
_PROXY_LABELS: Final = (
    "traefik",
    "caddy",
    "runtipi",
    "coolify",
    "dokploy",
    "tsdproxy",
    "com.centurylinklabs",
)
_LABEL_MAX: Final = 40


@dataclass
class Services:
    """Maps the services of one app. `names` is what each is called here by its name there."""

    found: FoundApp
    texts: Texts
    ports: Ports
    mounts: Mounts
    networks: dict[str, dict[str, Any]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    """Names that services are reached by elsewhere, with the service that is meant."""

    def name_all(self, services: Mapping[str, At]) -> None:
        """Chooses the names here, and learns under which others they are reached there."""
        taken = Names()
        for there, service in services.items():
            here = taken.take(slug(there) or "service")
            self.names[there] = here
            container = self.texts.constant(service.get("container_name").text()) or ""
            for name in (there, container, service.get("hostname").text()):
                if name and name != here and "$" not in name:
                    self.aliases.setdefault(name, here)
        for name, there in self.found.renamed.items():
            if there in self.names:
                self.aliases[name] = self.names[there]

    def one(self, there: str, at: At) -> dict[str, Any]:
        """One service; raises SpecError where something it cannot do without has no place."""
        self._refuse(at)
        mapped: dict[str, Any] = {"image": self._image(at)}
        for key, value in at.entries():
            reader = _READERS.get(key)
            if reader is not None:
                mapped |= reader(self, value)
            elif (
                key not in _OTHERS
                and key not in _SILENT
                and not key.startswith("x-")
                and value.value not in (None, False, [], {})
            ):
                self.found.ledger.dropping(f"`{key}` of `{shown(there)}`")
        mapped |= self._reach(there, at)
        if at.get("exclude_from_hc").flag() and mapped.get("restart") in ("no", "on-failure"):
            mapped["oneshot"] = True
        mounts = self.mounts.of_service(self.names[there], at.get("volumes"), at.get("tmpfs"))
        return {
            key: value
            for key, value in {**mapped, "mounts": mounts}.items()
            if value not in (None, [], {}, "")
        }

    def _refuse(self, at: At) -> None:
        mode = at.get("network_mode").text()
        if mode.startswith(("service:", "container:")):
            at.get("network_mode").refuse(
                _KNOWN_TO_NEED["network_mode: service"], "import it without that service"
            )
        for key in ("volumes_from", "extends"):
            if at.get(key).value:
                at.get(key).refuse(_KNOWN_TO_NEED[key])

    def _image(self, at: At) -> str:
        written = at.get("image").text().strip()
        if not written:
            if at.get("build").value is not None:
                at.get("build").refuse(
                    "the image is built from source", "build and push it, then name it as `image`"
                )
            at.refuse("the service has no `image`", "add `image: NAME:TAG`")
        image = self.texts.constant(written)
        if image is None:
            at.get("image").refuse(
                f"`{shown(written)}` needs a variable that has no value", "write a version"
            )
        if at.get("build").value is not None:
            self.found.ledger.dropping("`build`: the image is pulled instead")
        return image.removeprefix("docker://").lower() if "@" not in image and "/" not in image else image

    # --- networks ------------------------------------------------------------------------------------

    def _reach(self, there: str, at: At) -> dict[str, Any]:
        mode = self.texts.constant(at.get("network_mode").text()) or ""
        here = self.names[there]
        if mode in ("host", "none"):
            if at.get("ports").value:
                self.found.ledger.dropping(
                    f"`ports` of `{here}`: with `network_mode: {mode}` they mean nothing"
                )
            return {"network_mode": mode}
        if mode not in ("", "bridge", "default"):
            self.found.ledger.dropping(
                f"`network_mode: {shown(mode)}` of `{here}`: it joins the app's own network"
            )
        names, aliases = self._networks(at.get("networks"))
        own = [name for name, service in self.aliases.items() if service == here]
        aliases = [name for name in dict.fromkeys([*own, *aliases]) if name != here and _is_alias(name)]
        return {
            "ports": self.ports.of_service(here, at.get("ports")),
            **({"networks": names} if names != ["default"] else {}),
            **({"aliases": aliases} if aliases else {}),
        }

    def _networks(self, at: At) -> tuple[list[str], list[str]]:
        names: list[str] = []
        aliases: list[str] = []
        entries = (
            list(at.entries())
            if isinstance(at.value, dict)
            else [(item.text(), item.with_value(None)) for item in at.items()]
        )
        for name, entry in entries:
            if name in self.networks:
                names.append(slug(name))
            elif name != "default":
                self.found.ledger.dropping(f"network `{shown(name)}`, which is the source's own")
            if isinstance(entry.value, dict):
                aliases += [alias.text() for alias in entry.get("aliases").items()]
                if entry.get("ipv4_address").value:
                    self.found.ledger.dropping("fixed addresses: services are reached by name")
        kept = list(dict.fromkeys(names))
        outside = len(kept) < len(entries)
        return (["default", *kept] if outside or not kept else kept), aliases

    # --- texts ---------------------------------------------------------------------------------------

    def environment(self, at: At) -> dict[str, Any]:
        """Variables, from a mapping or from `NAME=VALUE` lines."""
        if isinstance(at.value, str):
            at = at.with_value([at.value])
        found: dict[str, Any] = {}
        for key, entry in self._pairs(at):
            name = re.sub(r"[\s=]+", "_", CONTROL.sub("", key.strip()))
            if not name:
                entry.refuse("a variable has no name", "write `NAME=VALUE`")
            if name != key:
                self.found.ledger.mapping(f"variable `{shown(key)}` is `{shown(name)}`: names hold no spaces")
            if entry.value is None:
                found[name] = self.texts.value(f"${{{name}}}", name) if name.isidentifier() else ""
            else:
                found[name] = self.texts.value(entry.text(), name)
        return found

    def _pairs(self, at: At) -> Iterator[tuple[str, At]]:
        if isinstance(at.value, dict):
            yield from at.entries()
            return
        for item in at.items():
            if isinstance(item.value, dict):
                yield from item.entries()
                continue
            name, separator, value = item.text().partition("=")
            if name.strip():
                yield name, item.with_value(value if separator else None)

    def texts_of(self, at: At) -> list[str] | None:
        """A command as a list; one text is taken apart as Compose does."""
        if at.value is None:
            return None
        if isinstance(at.value, list):
            return [self.texts.template(item.text()) for item in at.items()]
        text = at.text()
        try:
            return [self.texts.template(part) for part in shlex.split(text)]
        except ValueError:
            at.refuse(f"the quotes of `{shown(text)}` do not match", "write it as a list")

    def labels(self, at: At) -> dict[str, str]:
        """Labels, without those of the source's proxies."""
        found: dict[str, str] = {}
        for key, entry in self._pairs(at):
            if key.lower().startswith(_PROXY_LABELS):
                self.found.ledger.dropping(f"labels for `{key.partition('.')[0][:_LABEL_MAX]}`")
            elif not CONTROL.search(key):
                found[key] = self.texts.template(entry.text())
        return found

    def word(self, at: At) -> str | None:
        """One word, with variables filled in; left out where one has no value."""
        return self.texts.constant(at.text()) if at.value is not None else None

    def words(self, at: At) -> list[str]:
        """Words as a list, also where one text stands."""
        items = [at] if isinstance(at.value, str) else list(at.items())
        return [found for item in items if (found := self.word(item))]

    def pairs_of_words(self, at: At, separator: str) -> dict[str, str]:
        """A mapping, or a list of `KEY=VALUE`."""
        if isinstance(at.value, dict):
            return {key: self.word(entry) or "" for key, entry in at.entries()}
        cut = (text.partition(separator) for text in self.words(at))
        return {key.strip(): value.strip() for key, _, value in cut if key.strip() and value.strip()}

    def depends_on(self, at: At) -> dict[str, str]:
        """Conditions by service; what is left out elsewhere is left out here."""
        found: dict[str, str] = {}
        entries = (
            list(at.entries())
            if isinstance(at.value, dict)
            else [(i.text(), i.with_value(None)) for i in at.items()]
        )
        for name, entry in entries:
            if name not in self.names:
                self.found.ledger.dropping(f"`depends_on: {shown(name)}`, which is no service of the app")
                continue
            said = entry.get("condition").text() if isinstance(entry.value, dict) else ""
            found[self.names[name]] = _CONDITIONS.get(said, "started")
        return found

    def devices(self, at: At) -> list[dict[str, Any]]:
        """Devices of the server; a placeholder is left for a person."""
        found: list[dict[str, Any]] = []
        for item in at.items():
            text = self.word(item) if not isinstance(item.value, dict) else None
            parts = (text or "").split(":")
            if not parts[0].startswith("/"):
                self.found.ledger.person("a device is only a placeholder: add the server's under `devices`")
                continue
            more = parts[2] if len(parts) > 2 and re.fullmatch("[rwm]{1,3}", parts[2]) else None  # noqa: PLR2004
            inside = (
                parts[1] if len(parts) > 1 and parts[1].startswith("/") and parts[1] != parts[0] else None
            )
            found.append({"path": parts[0], "container_path": inside, "permissions": more})
        return [{key: value for key, value in each.items() if value} for each in found]


def _is_alias(name: str) -> bool:
    return slug(name) == name


def _restart(services: Services, at: At) -> dict[str, Any]:
    if isinstance(at.value, bool):
        return {"restart": "always" if at.value else "no"}
    said = (services.word(at) or "").partition(":")[0].strip('"').strip("'")
    if said in ("no", "always", "unless-stopped", "on-failure"):
        return {"restart": said}
    if said:
        services.found.ledger.dropping(f"`restart: {shown(said)}`, which Docker does not know")
    return {}


def _security(key: str, read: Callable[[Services, At], Any]) -> Callable[[Services, At], dict[str, Any]]:
    def reader(services: Services, at: At) -> dict[str, Any]:
        value = read(services, at)
        return {f"security.{key}": value} if value else {}

    return reader


def _pid(services: Services, at: At) -> str | None:
    said = services.word(at)
    if said and said != "host":
        services.found.ledger.dropping(f"`pid: {shown(said)}`")
    return "host" if said == "host" else None


def _pull(services: Services, at: At) -> dict[str, Any]:
    said = services.word(at) or ""
    if said not in ("", "missing", "if_not_present"):
        services.found.ledger.dropping(
            f"`pull_policy: {shown(said)}`: an image is pulled where it is missing"
        )
    return {}


def _scale(services: Services, at: At) -> dict[str, Any]:
    if at.text() not in ("", "1"):
        services.found.ledger.dropping("more than one container of a service")
    return {}


def _logging(services: Services, at: At) -> dict[str, Any]:
    driver = services.word(at.get("driver")) or "json-file"
    return {"logging": {"driver": driver, "options": services.pairs_of_words(at.get("options"), "=")}}


def _expose(services: Services, at: At) -> dict[str, Any]:
    found = (text.partition("/")[0] for text in services.words(at))
    return {"expose": [text for text in found if re.fullmatch(r"[0-9]+(-[0-9]+)?", text)]}


def _shm(services: Services, at: At) -> dict[str, Any]:
    found = size(services.word(at))
    return {"resources.shm": found} if found else {}


def _limit(key: str) -> Callable[[Services, At], dict[str, Any]]:
    def reader(services: Services, at: At) -> dict[str, Any]:
        found = size(services.word(at)) if key in ("memory", "reserve") else amount(services.word(at))
        return {f"resources.{key}": {"memory": found} if key == "reserve" else found} if found else {}

    return reader


def _stop(key: str) -> Callable[[Services, At], dict[str, Any]]:
    def reader(services: Services, at: At) -> dict[str, Any]:
        said = services.word(at) or ""
        found = duration(said) if key == "grace" else said if re.fullmatch(r"SIG[A-Z0-9+]+", said) else None
        return {f"stop.{key}": found} if found else {}

    return reader


def _word(key: str) -> Callable[[Services, At], dict[str, Any]]:
    def reader(services: Services, at: At) -> dict[str, Any]:
        found = services.word(at)
        if found is None and at.value is not None:
            services.found.ledger.dropping(f"`{key}: {shown(at.text())}`, whose variable has no value")
        return {key: found.strip() if found else None}

    return reader


def _flag(key: str) -> Callable[[Services, At], dict[str, Any]]:
    return lambda _services, at: {key: True} if at.flag() else {}


def _sysctls(services: Services, at: At) -> dict[str, Any]:
    found = services.pairs_of_words(at, "=")
    for name in [name for name, value in found.items() if " " in value]:
        services.found.ledger.person(
            f"kernel setting `{shown(name)}` has several values, which have no place"
        )
        del found[name]
    return {"sysctls": found}


def _deploy(services: Services, at: At) -> dict[str, Any]:
    return resources(services.found.ledger, services.word, at)


_CONDITIONS: Final = {"service_healthy": "healthy", "service_completed_successfully": "completed"}
_READERS: Final[Mapping[str, Callable[[Services, At], dict[str, Any]]]] = {
    "command": lambda services, at: {"command": services.texts_of(at)},
    "entrypoint": lambda services, at: {"entrypoint": services.texts_of(at)},
    "environment": lambda services, at: {"env": services.environment(at)},
    "labels": lambda services, at: {"labels": services.labels(at)},
    "depends_on": lambda services, at: {"depends_on": services.depends_on(at)},
    "healthcheck": lambda services, at: {"healthcheck": healthcheck(services.texts, at)},
    "devices": lambda services, at: {"devices": services.devices(at)},
    "deploy": _deploy,
    "restart": _restart,
    "pull_policy": _pull,
    "scale": _scale,
    "logging": _logging,
    "expose": _expose,
    "shm_size": _shm,
    "mem_limit": _limit("memory"),
    "mem_reservation": _limit("reserve"),
    "cpus": _limit("cpus"),
    "cpu_shares": lambda services, at: (
        {"resources.cpu_shares": int(found)} if (found := amount(services.word(at))) else {}
    ),
    "stop_grace_period": _stop("grace"),
    "stop_signal": _stop("signal"),
    "ulimits": lambda services, at: {"ulimits": ulimits(services.word, at)},
    "sysctls": _sysctls,
    "extra_hosts": lambda services, at: {
        "extra_hosts": {
            key.partition("=")[0]: value
            for key, value in {
                **services.pairs_of_words(at, ":"),
                **{
                    k: v
                    for text in ([] if isinstance(at.value, dict) else services.words(at))
                    if "=" in text
                    for k, v in [text.split("=", 1)]
                },
            }.items()
            if "=" not in key
        }
    },
    "dns": lambda services, at: {"dns": services.words(at)},
    "group_add": lambda services, at: {"group_add": services.words(at)},
    "user": _word("user"),
    "hostname": _word("hostname"),
    "working_dir": _word("working_dir"),
    "platform": _word("platform"),
    "runtime": _word("runtime"),
    "init": _flag("init"),
    "tty": _flag("tty"),
    "stdin_open": _flag("stdin_open"),
    "privileged": _security("privileged", lambda _services, at: at.flag()),
    "read_only": _security("read_only", lambda _services, at: at.flag()),
    "cap_add": _security("cap_add", lambda services, at: services.words(at)),
    "cap_drop": _security("cap_drop", lambda services, at: services.words(at)),
    "security_opt": _security("opts", lambda services, at: services.words(at)),
    "device_cgroup_rules": _security("device_cgroup_rules", lambda services, at: services.words(at)),
    "pid": _security("pid", _pid),
    "ipc": _security(
        "ipc",
        lambda services, at: (
            said if (said := services.word(at)) in ("host", "private", "shareable") else None
        ),
    ),
}
_OTHERS: Final = frozenset(
    {
        "image",
        "build",
        "ports",
        "volumes",
        "tmpfs",
        "networks",
        "network_mode",
        "links",
        "env_file",
        "secrets",
        "configs",
        "profiles",
    }
)


def nested(mapped: dict[str, Any]) -> dict[str, Any]:
    """Keys such as `security.pid` as the mappings they mean."""
    found: dict[str, Any] = {}
    for key, value in mapped.items():
        outer, _, inner = key.partition(".")
        if inner:
            found.setdefault(outer, {})[inner] = value
        elif isinstance(value, dict) and isinstance(found.get(key), dict):
            found[key] |= value
        else:
            found[key] = value
    return found
