"""A found app as a definition: services, inputs, data, page and rights put together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tomo.catalog.importers.carried import Carried
from tomo.catalog.importers.declared import input_entries
from tomo.catalog.importers.found import FoundApp, Page
from tomo.catalog.importers.health import without_references
from tomo.catalog.importers.hosts import HostNames
from tomo.catalog.importers.known_secrets import replace_known
from tomo.catalog.importers.mounts import Mounts
from tomo.catalog.importers.ports import Ports, likeliest_page
from tomo.catalog.importers.reading import At
from tomo.catalog.importers.services import Services, nested
from tomo.catalog.importers.variables import Texts
from tomo.catalog.importers.words import line, slug
from tomo.spec.app import SCHEMA
from tomo.spec.shown import shown

_DATABASES: Final = re.compile(
    r"(^|/)(postgres|mysql|mariadb|redis|valkey|mongo|influxdb|memcached|rabbitmq|elasticsearch|clickhouse)"
)
_MOST_SERVICES: Final = 200
_OTHER_APP: Final = re.compile(r"(?<=//)[a-z0-9-]+_[a-z0-9_-]+_1(?=[:/]|$)")
_ROOT_URL: Final = re.compile(r"https?://\$\{host\.address\}(:\d+)?(?![\w:.-])")


@dataclass
class _Assembly:
    """One app while it is put together."""

    found: FoundApp
    texts: Texts
    services: Services
    mapped: dict[str, dict[str, Any]]
    files: list[dict[str, Any]]


def definition_of(found: FoundApp) -> dict[str, Any]:
    """The app as `tomo.app/v1` says it; raises SpecError where something has no place."""
    assembly = _mapped(found)
    services = assembly.mapped
    _settle_dependencies(assembly)
    for name, service in services.items():
        _settle_restart(found, name, service)
    replace_known(services, assembly.texts, assembly.files)
    hosts = HostNames(assembly.services.aliases)
    for service in services.values():
        hosts.in_service(service)
        _settle_health(service)
    _tell_other_apps(found, services)
    for file in assembly.files:
        file["content"] = hosts.in_text(file["content"])
    page = _page(assembly)
    for other in found.pages:
        if name := _page_service(assembly, other):
            _published(assembly, name, other)
    _settle_addresses(services, page)
    assembly.services.mounts.tell_overlaps()
    return _definition(assembly, page)


def _definition(assembly: _Assembly, page: dict[str, Any] | None) -> dict[str, Any]:
    found, services = assembly.found, assembly.mapped
    about = {key: value for key, value in found.about.items() if value not in (None, "", [], {})}
    whole = {
        "schema": SCHEMA,
        "id": found.id,
        "title": found.id,
        **{key: value for key, value in about.items() if key != "provenance"},
        "version": about.get("version") or _version(services, page),
        "inputs": input_entries(assembly.texts, services, assembly.files),
        "services": services,
        "volumes": assembly.services.mounts.volumes,
        "networks": {slug(name): options for name, options in assembly.services.networks.items()},
        "files": assembly.files,
        "web": page,
        "provenance": about["provenance"],
    }
    return {key: value for key, value in whole.items() if value not in (None, [], {})}


def _mapped(found: FoundApp) -> _Assembly:
    texts = Texts(found.scope, ledger=found.ledger)
    for asked in found.inputs:
        texts.inputs.ask(asked)
    top = found.compose
    entries = _service_entries(found, top)
    mounts = Mounts(found, texts, top.get("volumes"))
    services = Services(found, texts, Ports(found, texts), mounts, _networks(top.get("networks")))
    services.name_all(entries)
    carried = Carried(found, texts, services, top)
    mapped: dict[str, dict[str, Any]] = {}
    for there, at in entries.items():
        service = nested(services.one(there, at))
        mapped[services.names[there]] = carried.added(there, at, service)
    for name, (_other, alias) in carried.links.items():
        mapped[name].setdefault("aliases", []).extend(
            a for a in alias if a not in mapped[name].get("aliases", [])
        )
    _tell_rest(found, top)
    return _Assembly(found, texts, services, mapped, mounts.files)


def _service_entries(found: FoundApp, top: At) -> dict[str, At]:
    services = top.get("services")
    if not services.mapping():
        services.refuse("the file names no services", "write `services: {NAME: {image: …}}`")
    if len(services.mapping()) > _MOST_SERVICES:
        services.refuse(f"the file has more than {_MOST_SERVICES} services", "no app has so many")
    entries: dict[str, At] = {}
    for name, at in services.entries():
        if not isinstance(at.value, dict):
            at.refuse("a service is a mapping", "write `image: NAME:TAG` below its name")
        if at.get("profiles").value:
            found.ledger.dropping(f"service `{shown(name)}`, which runs only in a profile")
        else:
            entries[name] = at
    if not entries:
        services.refuse("every service is in a profile", "remove `profiles` from those to import")
    return entries


def _networks(at: At) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for name, entry in at.entries():
        options = entry if isinstance(entry.value, dict) else entry.with_value(None)
        if slug(name) not in ("", "default") and options.get("external").value in (None, False):
            found[name] = {"internal": True} if options.get("internal").flag() else {}
    return found


def _tell_rest(found: FoundApp, top: At) -> None:
    known = {"services", "volumes", "networks", "version", "name", "configs", "secrets"}
    for key in top.mapping():
        if key == "include":
            top.get(key).refuse("it includes other files", "write them out into one first")
        if key not in known and not str(key).startswith("x-"):
            found.ledger.dropping(f"`{shown(str(key))}`")


# --- services together -------------------------------------------------------------------------------


def _settle_restart(found: FoundApp, name: str, service: dict[str, Any]) -> None:
    if service.get("restart") == "unless-stopped":
        del service["restart"]
    if service.get("restart") == "no" and not service.get("oneshot") and "ports" not in service:
        found.ledger.person(f"`{name}` is never restarted: if it ends by itself, write `oneshot: true`")


def _settle_dependencies(assembly: _Assembly) -> None:
    services = assembly.mapped
    for name, service in services.items():
        for other, condition in list(service.get("depends_on", {}).items()):
            needed = services.get(other)
            if needed is None or other == name:
                del service["depends_on"][other]
            elif condition == "completed":
                needed["oneshot"] = True
            elif condition == "healthy" and not _checked(needed):
                service["depends_on"][other] = "started"
                assembly.found.ledger.dropping(
                    f"`{name}` waiting for `{other}` to be healthy: it has no health check"
                )
    for name in services:
        conditions = [
            each["depends_on"][name] for each in services.values() if name in each.get("depends_on", {})
        ]
        if services[name].get("oneshot") and any(each != "completed" for each in conditions):
            for each in services.values():
                if name in each.get("depends_on", {}):
                    each["depends_on"][name] = "completed"


def _checked(service: Mapping[str, Any]) -> bool:
    check: Mapping[str, Any] = service.get("healthcheck", {})
    return bool(check) and check["test"][0] != "NONE"


def _settle_health(service: dict[str, Any]) -> None:
    if "healthcheck" in service:
        env = service.get("env", {})
        service["healthcheck"] = without_references(service["healthcheck"], env)
        if env:
            service["env"] = env


def _tell_other_apps(found: FoundApp, services: dict[str, dict[str, Any]]) -> None:
    """Names such as `radarr_server_1` that are left are those of another app of the source."""
    texts = (str(value) for service in services.values() for value in service.get("env", {}).values())
    for name in sorted({match[0] for text in texts for match in _OTHER_APP.finditer(text)}):
        found.ledger.person(
            f"`{shown(name)}` is in another app: put both on a shared network, name its container"
        )


def _settle_addresses(services: dict[str, dict[str, Any]], page: dict[str, Any] | None) -> None:
    """`http://HOST:PORT` of the page itself is what a fleet says the app's address is."""
    if page is None:
        return
    ports = services[page["service"]].get("ports", [])
    host = next((str(port["host"]) for port in ports if port["name"] == "web"), "")
    for service in services.values():
        for key, value in service.get("env", {}).items():
            if isinstance(value, str):
                service["env"][key] = _ROOT_URL.sub(
                    lambda match: "${app.url}" if match[1] in (None, f":{host}") else match[0], value
                )


# --- the page ----------------------------------------------------------------------------------------


def _page(assembly: _Assembly) -> dict[str, Any] | None:
    wanted = assembly.found.page
    if wanted is not None and (name := _page_service(assembly, wanted)):
        return _known_page(assembly, name, wanted)
    if wanted is not None and wanted.service:
        known = assembly.services.names.keys() | assembly.services.aliases.keys()
        why = "whose port is not known" if wanted.service in known else "which is no service of the app"
        assembly.found.ledger.person(f"the page is on `{shown(wanted.service)}`, {why}")
    for name, port in _likely(assembly, wanted):
        _call_web(port)
        scheme = wanted.scheme if wanted else "https" if port["container"] in (443, 8443) else "http"
        return {"service": name, "port": port["container"], **_beside(wanted.path if wanted else "/", scheme)}
    return None


def _likely(assembly: _Assembly, wanted: Page | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Services with the port that most likely shows the page; the port that the source opens comes first."""
    services = assembly.mapped
    asked = wanted.host or wanted.port if wanted else None
    for name, service in services.items():
        for port in service.get("ports", []):
            if (
                asked is not None
                and asked in (port["host"], port["container"])
                and isinstance(port["container"], int)
            ):
                yield name, port
    for databases in (False, True):
        for name, service in services.items():
            port = likeliest_page(service.get("ports", []))
            if port is not None and bool(_DATABASES.search(service["image"])) == databases and not databases:
                yield name, port


def _page_service(assembly: _Assembly, page: Page) -> str:
    services, names = assembly.mapped, assembly.services
    wanted = names.names.get(page.service) or names.aliases.get(page.service) or ""
    return wanted if wanted in services and page.port else ""


def _known_page(assembly: _Assembly, name: str, page: Page) -> dict[str, Any]:
    service = assembly.mapped[name]
    found = {"service": name, "port": page.port, **_beside(page.path, page.scheme)}
    if "network_mode" in service:
        return found
    port = _published(assembly, name, page)
    if port is not None:
        _call_web(port)
    return found


def _published(assembly: _Assembly, name: str, page: Page) -> dict[str, Any] | None:
    """The published port of a page; one that the source reaches through its own proxy is added."""
    service = assembly.mapped[name]
    if "network_mode" in service or page.port is None:
        return None
    ports = service.setdefault("ports", [])
    port = next((each for each in ports if each["container"] == page.port and "protocol" not in each), None)
    if port is None:
        port = assembly.services.ports.page_port(name, page.port, page.host)
        ports.append(port)
    return port


def _call_web(port: dict[str, Any]) -> None:
    port["name"] = "web"


def _beside(path: str, scheme: str) -> dict[str, str]:
    clean = line(path)
    path = clean if clean.startswith("/") else f"/{clean}"
    kept = path if path != "/" and " " not in path and "$" not in path else ""
    return {**({"path": kept} if kept else {}), **({"scheme": "https"} if scheme == "https" else {})}


def _version(services: dict[str, dict[str, Any]], page: dict[str, Any] | None) -> str:
    main = page["service"] if page else next(iter(services))
    name = services[main]["image"].partition("@")[0]
    tag = name.rsplit("/", 1)[-1].partition(":")[2]
    return tag or "latest"
