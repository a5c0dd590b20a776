"""Runtipi apps: `config.json` with a Compose JSON, or a Compose file with `x-runtipi` blocks.

Source of the format: https://runtipi.io/docs/reference/dynamic-compose and .../reference/config-json
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tomo.catalog.importers.compose import about
from tomo.catalog.importers.found import Candidate, FoundApp, Page
from tomo.catalog.importers.ledger import Ledger
from tomo.catalog.importers.reading import At, Folder
from tomo.catalog.importers.variables import Asked, Meaning, Scope, secret
from tomo.catalog.importers.words import architectures, categories, line, link, plain_line, prose, slug
from tomo.errors import SpecError
from tomo.spec.shown import shown

CONFIG: Final = "config.json"
KEY: Final = "x-runtipi"
_COMPOSE_FILES: Final = ("docker-compose.json", "docker-compose.yml", "docker-compose.yaml")
_SKIPPED: Final = frozenset({"__tests__"})
_TYPES: Final[Mapping[str, str]] = {
    "text": "string", "random": "secret", "password": "secret", "boolean": "boolean", "number": "integer",
    "email": "email", "url": "url", "ip": "ip", "fqdn": "hostname", "fqdnip": "string",
}  # fmt: skip
_KEYS: Final[Mapping[str, str]] = {
    "dependsOn": "depends_on", "networkMode": "network_mode", "network-mode": "network_mode",
    "healthCheck": "healthcheck", "extraHosts": "extra_hosts", "extraLabels": "labels", "capAdd": "cap_add",
    "capDrop": "cap_drop", "securityOpt": "security_opt", "shmSize": "shm_size", "stopSignal": "stop_signal",
    "stopGracePeriod": "stop_grace_period", "stdinOpen": "stdin_open", "workingDir": "working_dir",
    "readOnly": "read_only", "containerName": "container_name",
}  # fmt: skip
_OWN: Final = frozenset(
    {
        "name",
        "isMain",
        "internalPort",
        "addPorts",
        "environment",
        "volumes",
        "addToMainNetwork",
        "addToMainNet",
    }
)


def candidates(folder: Folder, file: str = "") -> Iterator[Candidate]:
    """The apps of a copy of an app store (its folder `apps`), or of one app's folder."""
    if file or folder.has(CONFIG):
        yield _candidate(folder)
        return
    apps = folder.sub("apps") if folder.has_folder("apps") else folder
    for name in apps.folders():
        inner = apps.sub(name)
        if name not in _SKIPPED and inner.has(CONFIG):
            yield _candidate(inner)


def _candidate(folder: Folder) -> Candidate:
    return Candidate(folder.path.resolve().name, folder.shown(CONFIG), lambda: read(folder))


def read(folder: Folder) -> FoundApp:
    """One app: what its config says, and its services; of two Compose files the newer format."""
    config = At.top(folder.json(CONFIG))
    if not config.mapping():
        config.refuse("the config is empty", "see `id`, `name`, `version`")
    source_id = line(config.get("id").text()) or line(folder.path.resolve().name)
    ledger = Ledger()
    top, page = _services(folder, config, ledger)
    return FoundApp(
        format="runtipi",
        id=slug(source_id) or "app",
        compose=top,
        about=_about(folder, config, source_id),
        scope=_scope(source_id, config, ledger),
        folder=folder,
        page=page,
        renamed={f"{source_id}-{name}": str(name) for name in top.get("services").mapping()},
        ledger=ledger,
    )


def _about(folder: Folder, config: At, source_id: str) -> dict[str, Any]:
    status = "deprecated" if config.get("deprecated").flag() else None
    if not config.get("available").flag(otherwise=True):
        status = "disabled"
    short = line(config.get("short_desc").value)
    exposable = config.get("exposable").flag(otherwise=True)
    return about(
        title=line(config.get("name").value) or source_id,
        tagline=short,
        description=_description(folder) or prose(config.get("description").value),
        categories=categories(*(item.value for item in config.get("categories").items())),
        developer=line(config.get("author").value),
        links=about(website=link(config.get("website").value), source=link(config.get("source").value)),
        version=line(config.get("version").value),
        status=status,
        architectures=architectures(item.value for item in config.get("supported_architectures").items()),
        exposure=about(
            allowed=None if exposable else False, required=config.get("force_expose").flag() or None
        ),
        provenance=about(
            source="runtipi",
            created_at=line(config.get("created_at").value),
            updated_at=line(config.get("updated_at").value),
        ),
    )


def _description(folder: Folder) -> str:
    try:
        return prose(folder.read("metadata/description.md").decode("utf-8", "replace"))
    except SpecError:
        return ""


# --- services ----------------------------------------------------------------------------------------


def _services(folder: Folder, config: At, ledger: Ledger) -> tuple[At, Page | None]:
    found = [name for name in _COMPOSE_FILES if folder.has(name)]
    if not found:
        config.refuse("there is no Compose file beside the config", f"one of {', '.join(_COMPOSE_FILES)}")
    marked = [name for name in found if name.endswith("l") and KEY.encode() in folder.read(name)]
    if "docker-compose.json" in found and not marked:
        return _of_json(At.top(folder.json("docker-compose.json")), config, ledger)
    name = marked[0] if marked else found[0]
    return _of_yaml(At.top(folder.yaml(name)), config)


def _of_json(top: At, config: At, ledger: Ledger) -> tuple[At, Page | None]:
    """Compose JSON, whose services are a list, as Compose."""
    services: dict[str, Any] = {}
    page: Page | None = None
    for item in top.get("services").items():
        name = item.get("name").text()
        if not name:
            item.refuse("a service has no `name`", "add one")
        if name in services:
            item.refuse(f"two services are called `{shown(name)}`", "give each a name of its own")
        services[name] = _service(item, ledger)
        if item.get("isMain").flag() or (page is None and item.get("internalPort").value is not None):
            page = _page(item, name, config) or page
    if top.get("overrides").value:
        ledger.dropping("`overrides` for other architectures: the images must be of several")
    if not services:
        top.refuse("the file names no services", 'write `"services": [{"name": …, "image": …}]`')
    return At(top.document, ("services",), {"services": services}, made=True), page


def _page(item: At, name: str, config: At) -> Page | None:
    inside = item.get("internalPort").text()
    port = line(config.get("port").value)
    if config.get("no_gui").flag():
        return None
    if not inside.isdigit():
        inside = port if "APP_PORT" in inside else ""
    if not inside.isdigit():
        return None
    suffix = line(config.get("url_suffix").value)
    scheme = "https" if config.get("https").flag() else "http"
    return Page(name, int(inside), int(port) if port.isdigit() else None, suffix or "/", scheme)


def _service(item: At, ledger: Ledger) -> dict[str, Any]:
    service: dict[str, Any] = {
        "environment": _environment(item.get("environment")),
        "volumes": [_volume(each) for each in item.get("volumes").items()],
        "ports": [port for each in item.get("addPorts").items() for port in _ports(each)],
    }
    for key, value in item.entries():
        if key in _OWN:
            continue
        if key == "healthCheck":
            service["healthcheck"] = _health(value)
        elif key == "logging" or not isinstance(value.value, bool) or value.value:
            service[_KEYS.get(key, key)] = value.value
        if key == "network-mode":
            ledger.mapping("`network-mode` is read as `networkMode`")
    return {key: value for key, value in service.items() if value not in (None, [], {})}


def _environment(at: At) -> dict[str, Any]:
    if isinstance(at.value, dict):
        return {key: entry.text() for key, entry in at.entries()}
    return {item.get("key").text(): item.get("value").text() for item in at.items()}


def _volume(at: At) -> dict[str, Any] | str:
    if isinstance(at.value, str):
        return at.value
    source, target = at.get("hostPath").text(), at.get("containerPath").text()
    if not source or not target:
        at.refuse("a volume needs `hostPath` and `containerPath`", "write both")
    path = source.startswith(("/", ".", "~", "$")) or "/" in source
    read_only = at.get("readOnly").flag() or at.get("readonly").flag()
    return {"type": "bind" if path else "volume", "source": source, "target": target, "read_only": read_only}


def _ports(at: At) -> list[dict[str, Any]]:
    host, container = at.get("hostPort").text(), at.get("containerPort").text()
    protocols = [name for name in ("tcp", "udp") if at.get(name).flag()] or ["tcp"]
    return [{"target": container, "published": host, "protocol": name} for name in protocols]


def _health(at: At) -> dict[str, Any]:
    keys = {"startPeriod": "start_period"}
    return {keys.get(key, key): entry.value for key, entry in at.entries()}


def _of_yaml(top: At, config: At) -> tuple[At, Page | None]:
    page: Page | None = None
    for name, at in top.get("services").entries():
        block = at.get(KEY) if isinstance(at.value, dict) else at.with_value({})
        if not isinstance(block.value, dict):
            continue
        inside = block.get("internal_port").text() or block.get("internalPort").text()
        if inside and (page is None or block.get("is_main").flag() or block.get("isMain").flag()):
            shaped = block.with_value({"internalPort": inside})
            page = _page(shaped, name, config) or page
    return top, page


# --- variables ---------------------------------------------------------------------------------------


def _scope(source_id: str, config: At, ledger: Ledger) -> Scope:
    fields = {
        asked.name: asked for item in config.get("form_fields").items() for asked in [_field(item, ledger)]
    }
    port = line(config.get("port").value)
    domain = f"${{host.address}}:{port}" if port.isdigit() else "${host.address}"
    known: dict[str, Meaning] = {
        "APP_DATA_DIR": ".",
        "ROOT_FOLDER_HOST": "/runtipi",
        "ROOT_FOLDER": "/runtipi",
        "APP_ID": source_id,
        "APP_PORT": port,
        "APP_DOMAIN": domain,
        "APP_HOST": "${host.address}",
        "APP_PROTOCOL": "",
        "APP_EXPOSED": "",
        "LOCAL_DOMAIN": "${host.name}",
        "INTERNAL_IP": "${host.address}",
        "NETWORK_INTERFACE": "",
        "TZ": "${host.timezone}",
        "TIPI_UID": "1000",
        "TIPI_GID": "1000",
        "UID": line(config.get("uid").value) or "1000",
        "GID": line(config.get("gid").value) or "1000",
        "DNS_IP": "9.9.9.9",
        "VAPID_PUBLIC_KEY": Asked("VAPID_PUBLIC_KEY", required=True),
        "VAPID_PRIVATE_KEY": Asked("VAPID_PRIVATE_KEY", "secret", generate={"kind": "vapid", "length": 32}),
    }

    def scope(name: str) -> Meaning:
        return fields.get(name) or known.get(name)

    return scope


def _field(item: At, ledger: Ledger) -> Asked:
    """A form field as an input."""
    name = item.get("env_variable").text()
    if not name or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        item.refuse(f"`{shown(name)}` is no variable's name", "write `env_variable: NAME`")
    kind = item.get("type").text()
    label = prose(item.get("label").value)
    hint = prose(item.get("hint").value)
    default = item.get("default").text() if item.get("default").value is not None else None
    required = item.get("required").flag()
    if kind == "random":
        ledger.generating(f"secret `{name}`")
        return _random(item, name, label, hint)
    options = _options(item.get("options"))
    type_ = "enum" if options else _TYPES.get(kind, "string")
    if type_ == "secret":
        if default:
            ledger.generating(f"secret `{name}`, in place of a known default")
            return secret(name, label=label, description=hint)
        return Asked(name, "secret", label, hint, required=required)
    return Asked(
        name,
        type_,
        label,
        hint,
        default=default,
        required=required and default is None,
        validate=_rules(item),
        options=options,
        placeholder=line(item.get("placeholder").value),
    )


def _random(item: At, name: str, label: str, hint: str) -> Asked:
    least = item.get("min").text()
    length = int(least) if least.isdigit() else 32
    encoding = item.get("encoding").text()
    kind = encoding if encoding in ("hex", "base64") else "password"
    # Lengths of `hex` and `base64` are bytes here, and characters there.
    return secret(
        name,
        kind=kind,
        length=length if kind == "password" else -(-length // 2),
        label=label,
        description=hint,
    )


def _options(at: At) -> list[dict[str, Any]]:
    found = []
    for item in at.items():
        value = item.get("value").text() if isinstance(item.value, dict) else item.text()
        label = line(item.get("label").value) if isinstance(item.value, dict) else ""
        found.append({"value": value, **({"label": label} if label else {})})
    return found


def _rules(item: At) -> dict[str, Any] | None:
    found: dict[str, Any] = {}
    for key in ("min", "max"):
        text = item.get(key).text()
        if text.isdigit():
            found[key] = int(text)
    if pattern := plain_line(item.get("regex").value):
        found["pattern"] = pattern
        found["message"] = line(item.get("pattern_error").value) or None
    return {key: value for key, value in found.items() if value is not None} or None
