"""Umbrel apps: a folder with `umbrel-app.yml` and `docker-compose.yml`.

Source of the format: https://github.com/getumbrel/umbrel-apps/blob/master/README.md
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tomo.catalog.importers.compose import about, main_file
from tomo.catalog.importers.found import Candidate, FoundApp, Page
from tomo.catalog.importers.ledger import Ledger
from tomo.catalog.importers.reading import At, Folder
from tomo.catalog.importers.variables import Asked, Meaning, Scope, secret
from tomo.catalog.importers.words import categories, line, link, prose, slug, word
from tomo.spec.shown import shown

MANIFEST: Final = "umbrel-app.yml"
_PROXY: Final = "app_proxy"
_SCRIPTS: Final = ("exports.sh",)
_EXPORT: Final = re.compile(
    r"""^\s*export ([A-Z][A-Z0-9_]*)=(?:["']([^"'$`\\\n]*)["']|([\w./:-]*))\s*$""", re.MULTILINE
)
_DERIVED: Final = re.compile(
    r"""^\s*export ([A-Z][A-Z0-9_]*)="?\$\(derive_entropy [^()|]*(?:\|\s*head -c\s?(\d{1,3})\s*)?\)"?\s*$""",
    re.MULTILINE,
)
_PREFIX: Final = "umbrel-"


def candidates(folder: Folder, file: str = "") -> Iterator[Candidate]:
    """The apps of a copy of an app store, or of one app's folder."""
    if file or folder.has(MANIFEST):
        yield _candidate(folder)
        return
    for name in folder.folders():
        inner = folder.sub(name)
        if inner.has(MANIFEST):
            yield _candidate(inner)


def _candidate(folder: Folder) -> Candidate:
    return Candidate(folder.path.resolve().name, folder.shown(MANIFEST), lambda: read(folder))


def read(folder: Folder) -> FoundApp:
    """One app: what its manifest says, and the services of its Compose file."""
    manifest = At.top(folder.yaml(MANIFEST))
    if not manifest.mapping():
        manifest.refuse("the manifest is empty", "see `manifestVersion`, `id`, `name`, `version`")
    file = main_file(folder)
    if not file:
        manifest.refuse("there is no `docker-compose.yml` beside the manifest")
    top = At.top(folder.yaml(file))
    source_id = line(manifest.get("id").text()) or line(folder.path.resolve().name)
    ledger = Ledger()
    exported = _exported(folder)
    _tell(folder, manifest, ledger)
    return FoundApp(
        format="umbrel",
        id=slug(source_id) or "app",
        compose=_without_proxy(top),
        about=_about(manifest, source_id),
        scope=_scope(source_id, manifest, {**exported, **_addresses(top)}, ledger),
        folder=folder,
        page=_page(top, manifest, exported, ledger),
        renamed=_compose_names(source_id, top),
        roots=(("/umbrel/app", "."),),
        ledger=ledger,
    )


def _without_proxy(top: At) -> At:
    services = top.get("services")
    kept = {name: value for name, value in services.mapping().items() if name not in (_PROXY, "tor_server")}
    if len(kept) == len(services.mapping()):
        return top
    if not kept:
        services.refuse("nothing is left beside `app_proxy`", "name the app's own services")
    return At(top.document, top.path, {**top.mapping(), "services": kept})


def _about(manifest: At, source_id: str) -> dict[str, Any]:
    needed = [
        {"app": f"{_PREFIX}{name}"[:40].strip("-")}
        for item in manifest.get("dependencies").items()
        if (name := slug(item.text()))
    ]
    return about(
        title=line(manifest.get("name").value) or source_id,
        tagline=line(manifest.get("tagline").value),
        description=prose(manifest.get("description").value),
        notes=about(after_install=_login_note(manifest)),
        categories=categories(line(manifest.get("category").value)),
        icon=link(manifest.get("icon").value),
        developer=line(manifest.get("developer").value),
        links=about(
            website=link(manifest.get("website").value),
            source=link(manifest.get("repo").value),
            support=link(manifest.get("support").value),
        ),
        version=line(manifest.get("version").value),
        release_notes=prose(manifest.get("releaseNotes").value),
        status="disabled" if manifest.get("disabled").flag() else None,
        dependencies=needed,
        implements=[line(item.value) for item in manifest.get("implements").items() if line(item.value)],
        requirements=about(gpu="optional" if "GPU" in _permissions(manifest) else None),
        provenance=about(source="umbrel", url=link(manifest.get("submission").value)),
    )


def _permissions(manifest: At) -> list[str]:
    return [item.text() for item in manifest.get("permissions").items()]


def _login_note(manifest: At) -> str:
    user = line(manifest.get("defaultUsername").value)
    if not user:
        return ""
    made = (
        "the generated `PASSWORD`"
        if manifest.get("deterministicPassword").flag()
        else "the app's first one; change it"
    )
    return f"User `{user}`, password: {made}."


def _tell(folder: Folder, manifest: At, ledger: Ledger) -> None:
    for name in _SCRIPTS:
        if folder.has(name):
            ledger.person(
                f"`{name}` is a script that sets variables; it was not run, only its plain texts were read"
            )
    if folder.has_folder("hooks"):
        names = ", ".join(shown(name) for name in folder.sub("hooks").files())
        ledger.person(f"hooks were not run: {names or '(none can be read)'}")
    for name in folder.files():
        if name.endswith(".template"):
            ledger.person(f"`{shown(name)}` is a template that was not filled in")
    for key in ("torOnly", "widgets", "backupIgnore"):
        if manifest.get(key).value:
            ledger.dropping(f"`{key}`")


def _exported(folder: Folder) -> dict[str, Asked]:
    """What `exports.sh` sets to a plain text, or to a secret of its own; it is read, never run."""
    if not folder.has(_SCRIPTS[0]):
        return {}
    text = folder.read(_SCRIPTS[0]).decode("utf-8", "replace")
    plain = {
        match[1]: Asked(match[1], default=match[2] or match[3] or "") for match in _EXPORT.finditer(text)
    }
    return plain | {match[1]: _derived(match) for match in _DERIVED.finditer(text)}


def _derived(match: re.Match[str]) -> Asked:
    """A secret that the source would derive from its own: 64 hexadecimal digits, or the first of them."""
    return secret(match[1], kind="hex", length=int(match[2]) // 2 if match[2] else 32)


def _page(top: At, manifest: At, exported: Mapping[str, Asked], ledger: Ledger) -> Page | None:
    port = line(manifest.get("port").value)
    host = int(port) if port.isdigit() and 0 < int(port) < 1 << 16 else None
    services = top.get("services")
    proxy = services.get(_PROXY) if isinstance(services.value, dict) else None
    path = word(manifest.get("path").value) or "/"
    if proxy is None or not isinstance(proxy.value, dict):
        return Page("", None, host, path) if host else None
    environment = proxy.get("environment")
    said = _environment(environment)
    if said.get("PROXY_AUTH_ADD", "true").lower() != "false":
        ledger.person("the source asks for its own login in front of the app; there is none here")
    inside = said.get("APP_PORT", "")
    variable = exported.get(inside.strip("${}"))
    inside = variable.default or "" if variable is not None else inside
    name = said.get("APP_HOST", "").replace("${APP_ID}", "").strip("_")
    name = str(_addresses(top).get(name.strip("${}"), name))
    return Page(name, int(inside) if inside.isdigit() else None, host, path)


def _addresses(top: At) -> dict[str, Meaning]:
    """Services by the variable that holds their fixed address: here they are reached by name."""
    found: dict[str, Meaning] = {}
    for name, at in top.get("services").entries():
        networks = at.value.get("networks") if isinstance(at.value, dict) else None
        for network in networks.values() if isinstance(networks, dict) else ():
            address = network.get("ipv4_address") if isinstance(network, dict) else None
            if isinstance(address, str) and address.startswith("$"):
                found[address.strip("${}")] = slug(name)
    return found


def _environment(at: At) -> dict[str, str]:
    if isinstance(at.value, list):
        pairs = (item.text().partition("=") for item in at.items())
        return {name: value for name, _, value in pairs}
    return {name: entry.text() for name, entry in at.entries()}


def _compose_names(source_id: str, top: At) -> dict[str, str]:
    """`<app>_<service>_1`, as Compose 1 called containers, and what stays of it without the app's id."""
    names = [str(name) for name in top.get("services").mapping()]
    found = {f"{source_id}_{name}_1": name for name in names}
    return found | {f"{name}_1": name for name in names} | {f"{source_id}-{name}-1": name for name in names}


def _scope(source_id: str, manifest: At, exported: Mapping[str, Meaning], ledger: Ledger) -> Scope:
    port = line(manifest.get("port").value)
    known: dict[str, Meaning] = {
        "APP_DATA_DIR": ".",
        "APP_ID": source_id,
        "APP_VERSION": line(manifest.get("version").value),
        "APP_SEED": secret("APP_SEED", kind="seed", label="Seed"),
        "APP_PASSWORD": secret("PASSWORD", label="Password"),
        "DEVICE_HOSTNAME": "${host.name}",
        "DEVICE_DOMAIN_NAME": "${host.address}",
        "APP_DOMAIN": f"${{host.address}}:{port}" if port.isdigit() else "${host.address}",
        "APP_HIDDEN_SERVICE": "",
        "UMBREL_ROOT": "/umbrel",
        "TZ": "${host.timezone}",
        "NETWORK_IP": "${host.address}",
    }

    def scope(name: str) -> Meaning:
        if name in known:
            return known[name]
        if name in exported:
            return exported[name]
        if re.match(r"APP_|TOR_|CORE_|BITCOIN|LIGHTNING", name):
            ledger.person(f"variable `{name}` is set by a script or another app of the source")
            return Asked(name, "secret" if re.search(r"PASS|SEED|SECRET", name) else "string", required=True)
        return None

    return scope
