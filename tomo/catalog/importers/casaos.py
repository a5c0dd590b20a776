"""CasaOS apps: a Compose file with `x-casaos` blocks.

Source of the format: https://github.com/IceWhaleTech/CasaOS-AppStore/blob/main/CONTRIBUTING.md
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from tomo.catalog.importers.compose import about, main_file
from tomo.catalog.importers.found import Candidate, FoundApp, Page
from tomo.catalog.importers.ledger import Ledger
from tomo.catalog.importers.reading import At, Folder
from tomo.catalog.importers.variables import Asked, Meaning, Scope, secret
from tomo.catalog.importers.words import architectures, categories, languages, line, link, slug, word
from tomo.spec.shown import shown

KEY: Final = "x-casaos"
_KINDS: Final = {"envs": "env", "ports": "port", "volumes": "volume"}
_DATA: Final = "/DATA/AppData"


def candidates(folder: Folder, file: str = "") -> Iterator[Candidate]:
    """The apps of a copy of an app store (its folder `Apps`), of one app's folder, or one file."""
    if file or main_file(folder):
        name = file or main_file(folder)
        yield _candidate(folder, name)
        return
    apps = folder.sub("Apps") if folder.has_folder("Apps") else folder
    for name in apps.folders():
        inner = apps.sub(name)
        if found := main_file(inner):
            yield _candidate(inner, found)


def _candidate(folder: Folder, file: str) -> Candidate:
    return Candidate(folder.path.resolve().name, folder.shown(file), lambda: read(folder, file))


def read(folder: Folder, file: str) -> FoundApp:
    """One app's Compose file."""
    top = At.top(folder.yaml(file))
    store = top.get(KEY)
    if not isinstance(store.value, dict):
        top.refuse(f"the file has no `{KEY}` block", "import it with `--format compose`")
    source_id = line(top.get("name").value) or line(store.get("id").value) or line(folder.path.resolve().name)
    ledger = Ledger()
    _tell(store, ledger)
    return FoundApp(
        format="casaos",
        id=slug(source_id) or "app",
        compose=top,
        about=_about(store, source_id),
        scope=_scope(source_id),
        folder=folder,
        page=_page(top, store),
        roots=((f"{_DATA}/{source_id}", "."), (_DATA, ".")),
        described=_described(top),
        ledger=ledger,
    )


def _about(store: At, source_id: str) -> dict[str, Any]:
    tips = store.get("tips")
    before = tips.get("before_install") if isinstance(tips.value, dict) else tips.with_value(None)
    return about(
        title=languages(store.get("title").value) or source_id,
        tagline=languages(store.get("tagline").value),
        description=languages(store.get("description").value),
        notes=about(before_install=languages(before.value)),
        categories=categories(line(store.get("category").value)),
        icon=link(store.get("icon").value),
        thumbnail=link(store.get("thumbnail").value),
        screenshots=_links(store.get("screenshot_link").value),
        developer=line(store.get("developer").value or store.get("author").value),
        links=about(
            website=link(store.get("website").value),
            source=link(store.get("repo").value),
            docs=link(store.get("docs").value),
            support=link(store.get("support").value),
        ),
        version=line(store.get("version").value),
        release_notes=languages(store.get("release_notes").value),
        architectures=architectures(_list(store.get("architectures").value)),
        provenance=about(source="casaos", updated_at=line(store.get("update_at").value)),
    )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _links(value: Any) -> list[str]:
    return [found for each in _list(value) if (found := link(each))]


def _tell(store: At, ledger: Ledger) -> None:
    tips = store.get("tips")
    if isinstance(tips.value, dict) and tips.get("custom").value:
        ledger.person(f"a note of the source: {shown(languages_text(tips.get('custom').value))}")
    for key in ("envs", "ports", "volumes"):
        if store.get(key).value:
            ledger.mapping(f"`{key}` of the whole app, which belong to a service")


def languages_text(value: Any) -> str:
    """A text in English, or in the first language it has, as one line."""
    found = languages(value)
    return line(found if isinstance(found, str) else found.get("en") or next(iter(found.values()), ""))


def _page(top: At, store: At) -> Page | None:
    """The page: the server's port is `port_map`, the container's is looked up among the published ones."""
    port = line(store.get("port_map").value)
    main = line(store.get("main").value)
    if not port.isdigit() or int(port) == 0:
        return None
    path = word(store.get("index").value) or "/"
    scheme = "https" if line(store.get("scheme").value) == "https" else "http"
    inside = _container_port(
        top.get("services").get(main) if main in top.get("services").mapping() else None, port
    )
    return Page(main if inside else "", inside or int(port), int(port), path, scheme)


def _container_port(service: At | None, host: str) -> int | None:
    if (
        service is None
        or not isinstance(service.value, dict)
        or not isinstance(service.get("ports").value, list)
    ):
        return None
    for item in service.get("ports").items():
        if isinstance(item.value, dict):
            published, target = item.get("published").text(), item.get("target").text()
        else:
            parts = item.text().partition("/")[0].split(":")
            published, target = parts[-2] if len(parts) > 1 else parts[0], parts[-1]
        if published == host and target.isdigit():
            return int(target)
    return None


def _described(top: At) -> Mapping[tuple[str, str, str], Any]:
    found: dict[tuple[str, str, str], Any] = {}
    services = top.get("services")
    for name, value in services.mapping().items():
        block = value.get(KEY) if isinstance(value, dict) else None
        blocks = [block, top.value.get(KEY)]
        for each in (each for each in blocks if isinstance(each, dict)):
            for key, kind in _KINDS.items():
                for item in _list(each.get(key)):
                    if isinstance(item, dict) and isinstance(item.get("container"), str | int):
                        found.setdefault(
                            (slug(str(name)), kind, str(item["container"])), item.get("description")
                        )
    return found


def _scope(source_id: str) -> Scope:
    def scope(name: str) -> Meaning:
        known: dict[str, Meaning] = {
            "AppID": source_id,
            "TZ": "${host.timezone}",
            "PUID": "1000",
            "PGID": "1000",
            "default_username": Asked("USERNAME", default="admin", label="User name"),
            "default_pwd": secret("PASSWORD", label="Password"),
            "default_password": secret("PASSWORD", label="Password"),
            "public_ip": "${host.address}",
        }
        return known.get(name)

    return scope
