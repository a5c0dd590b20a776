"""Coolify templates: Compose files with a header of comments and variables with telling names.

Source of the format: https://coolify.io/docs/services/contribute and .../knowledge-base/docker/compose
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tomo.catalog.importers.compose import SUFFIXES, about
from tomo.catalog.importers.found import Candidate, FoundApp, Page
from tomo.catalog.importers.ledger import Ledger
from tomo.catalog.importers.reading import At, Folder
from tomo.catalog.importers.variables import Asked, Meaning, Scope, secret
from tomo.catalog.importers.words import categories, first_sentence, line, link, prose, slug

_HEADER: Final = re.compile(
    r"#\s*(documentation|slogan|category|tags|logo|port|ignore|minversion)\s*:\s*(.*)"
)
_DECLARED: Final = re.compile(r"SERVICE_(?:URL|FQDN)_([A-Z0-9]+(?:_[A-Z]\w*|_\d+(?=_))*?)(?:_(\d{1,5}))?")
_MAGIC: Final = re.compile(
    r"SERVICE_(PASSWORD|USER|BASE64|REALBASE64|HEX)(?:WITHSYMBOLS)?_(?:(\d{2,4})_)?(.+)"
)
_LINKED: Final = re.compile(r"SERVICE_(URL|FQDN)_(.+)")
_SIGNED: Final = re.compile(r"SERVICE_SUPABASE(ANON|SERVICE)(_KEY|KEY)?")
_KINDS: Final = {"PASSWORD": "password", "BASE64": "password", "REALBASE64": "base64", "HEX": "hex"}
_LOW: Final = 1024


def candidates(folder: Folder, file: str = "") -> Iterator[Candidate]:
    """The templates of a copy of the repository (its `templates/compose`), of a folder, or one file."""
    if file:
        yield _candidate(folder, file)
        return
    for path in ("templates/compose", "compose"):
        if folder.has_folder(path):
            folder = folder.sub(path)
            break
    for name in folder.files():
        if name.endswith(SUFFIXES):
            yield _candidate(folder, name)


def _candidate(folder: Folder, file: str) -> Candidate:
    return Candidate(file.rpartition(".")[0], folder.shown(file), lambda: read(folder, file))


def header_of(text: str) -> dict[str, str]:
    """What the comments at the top of a template say."""
    found: dict[str, str] = {}
    for row in text.splitlines()[:40]:
        if match := _HEADER.match(row.strip()):
            found.setdefault(match[1], match[2].strip().strip("\"'"))
    return found


def read(folder: Folder, file: str) -> FoundApp:
    """One template."""
    document = folder.yaml(file)
    header = header_of(document.text)
    top = At.top(document)
    name = line(file.rpartition(".")[0])
    ledger = Ledger()
    pages = _pages(top, header)
    return FoundApp(
        format="coolify",
        id=slug(name) or "app",
        compose=_without_declarations(top),
        about=_about(header, name),
        scope=_scope(pages, ledger),
        page=pages[0] if pages else None,
        pages=tuple(pages[1:]),
        ledger=ledger,
    )


def _about(header: Mapping[str, str], name: str) -> dict[str, Any]:
    slogan = prose(header.get("slogan"))
    tags = [line(tag) for tag in header.get("tags", "").split(",") if line(tag)]
    return about(
        title=line(name.replace("-", " ").title()),
        tagline=first_sentence(slogan),
        description=slogan,
        categories=categories(line(header.get("category", "")), *tags),
        tags=tags,
        links=about(docs=link(header.get("documentation")), website=link(header.get("documentation"))),
        status="beta" if header.get("ignore", "").lower() == "true" else None,
        provenance={"source": "coolify"},
    )


# --- pages -------------------------------------------------------------------------------------------


def _names(at: At) -> Iterator[str]:
    """The names of a service's variables."""
    environment = at.get("environment")
    if isinstance(environment.value, dict):
        yield from (str(key) for key in environment.value)
    elif isinstance(environment.value, list):
        yield from (
            str(item).partition("=")[0].strip() for item in environment.value if isinstance(item, str)
        )


def _pages(top: At, header: Mapping[str, str]) -> list[Page]:
    """The pages that services declare by a variable such as `SERVICE_URL_APP_3000`, the app's own first."""
    found: dict[str, Page] = {}
    for name, at in top.get("services").entries():
        if not isinstance(at.value, dict):
            continue
        for variable in _names(at):
            match = _DECLARED.fullmatch(variable)
            if match and match[1] not in found:
                port = match[2] or (header.get("port") if not found else None) or _port_of(at)
                if port and port.isdigit() and 0 < int(port) < 1 << 16:
                    found[match[1]] = Page(name, int(port), _published(int(port), found.values()))
    pages = list(found.values())
    wanted = header.get("port", "")
    pages.sort(key=lambda page: str(page.port) != wanted)
    return pages


def _published(port: int, others: Any) -> int:
    host = port if port >= _LOW else 8000 + port
    taken = {page.host for page in others}
    while host in taken:
        host += 1
    return host


def _port_of(at: At) -> str | None:
    value = at.get("expose").value
    return str(value[0]) if isinstance(value, list) and value else None


def _without_declarations(top: At) -> At:
    """The file without variables that only declare pages: they say nothing to the containers."""
    services = {
        name: {**value, "environment": _kept(value["environment"])}
        if isinstance(value, dict) and isinstance(value.get("environment"), dict | list)
        else value
        for name, value in top.get("services").mapping().items()
    }
    return At(top.document, top.path, {**top.mapping(), "services": services})


def _kept(environment: Any) -> Any:
    if isinstance(environment, dict):
        return {key: value for key, value in environment.items() if not _LINKED.fullmatch(str(key))}
    return [
        item
        for item in environment
        if not (isinstance(item, str) and _LINKED.fullmatch(item.partition("=")[0].strip()))
    ]


# --- variables ---------------------------------------------------------------------------------------


def _scope(pages: list[Page], ledger: Ledger) -> Scope:
    by_name = {re.sub(r"[^A-Z0-9]", "", page.service.upper()): page for page in pages}
    first = pages[0] if pages else None

    def scope(name: str) -> Meaning:
        if match := _LINKED.fullmatch(name):
            return _address(match[1], match[2], by_name, first)
        if _SIGNED.match(name):
            ledger.person(f"`{name}` is a token signed with another secret: make it and set it")
            return Asked(name, "secret", required=True)
        if match := _MAGIC.fullmatch(name):
            return _magic(name, match)
        return None

    return scope


def _address(kind: str, rest: str, by_name: Mapping[str, Page], first: Page | None) -> str:
    """Where people reach a service: the app's own address, or another published port."""
    bare, _, port = rest.rpartition("_")
    called = bare if bare and port.isdigit() else rest
    page = by_name.get(re.sub(r"[^A-Z0-9]", "", called))
    if kind == "FQDN":
        return "${host.address}" if page is None or page == first else f"${{host.address}}:{page.host}"
    return "${app.url}" if page is None or page == first else f"http://${{host.address}}:{page.host}"


def _magic(name: str, match: re.Match[str]) -> Asked:
    length = int(match[2]) if match[2] else 32
    if match[1] == "USER":
        return Asked(name, generate={"kind": "username", "length": 16})
    kind = _KINDS[match[1]]
    return secret(name, kind=kind, length=-(-length // 2) if kind == "hex" else length)
