"""Dokploy templates: a Compose file, `template.toml` with variables, files and domains, and `meta.json`.

Source of the format: https://docs.dokploy.com/docs/core/docker-compose/templates
"""

from __future__ import annotations

import posixpath
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from tomo.catalog.importers.compose import about, main_file
from tomo.catalog.importers.found import Candidate, FoundApp, Page
from tomo.catalog.importers.ledger import Ledger
from tomo.catalog.importers.reading import At, Folder
from tomo.catalog.importers.secrecy import holds_secret
from tomo.catalog.importers.variables import Asked, Meaning, escaped, secret
from tomo.catalog.importers.words import categories, first_sentence, line, link, prose, slug, variable_name
from tomo.spec.shown import shown

TEMPLATE: Final = "template.toml"
_META: Final = "meta.json"
_REFERENCE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)((?::[^{}]*)?)\}")
_HELPERS: Final = frozenset(
    {"password", "base64", "hash", "uuid", "username", "email", "domain", "jwt", "randomPort"}
)
_MOST_FILES: Final = 200
_NESTED: Final = 8


def candidates(folder: Folder, file: str = "") -> Iterator[Candidate]:
    """The templates of a copy of the repository (its folder `blueprints`), or of one template's folder."""
    if file or folder.has(TEMPLATE):
        yield _candidate(folder)
        return
    blueprints = folder.sub("blueprints") if folder.has_folder("blueprints") else folder
    for name in blueprints.folders():
        inner = blueprints.sub(name)
        if inner.has(TEMPLATE):
            yield _candidate(inner)


def _candidate(folder: Folder) -> Candidate:
    return Candidate(folder.path.resolve().name, folder.shown(TEMPLATE), lambda: read(folder))


def read(folder: Folder) -> FoundApp:
    """One template."""
    template = At.top(folder.toml(TEMPLATE))
    template.mapping()
    file = main_file(folder)
    if not file:
        template.refuse("there is no `docker-compose.yml` beside the template")
    top = At.top(folder.yaml(file))
    meta = At.top(folder.json(_META)) if folder.has(_META) else template.with_value({})
    source_id = line(meta.get("id").value) or line(folder.path.resolve().name)
    ledger = Ledger()
    config = template.get("config")
    domains = _domains(config)
    helpers = Helpers(template.get("variables"), _domain_variable(domains), ledger)
    environment = _environment(config.get("env"), ledger)
    meanings = {name: helpers.meaning(name, text) for name, text in environment.items()}
    inline = _files(config.get("mounts"), helpers)
    return FoundApp(
        format="dokploy",
        id=slug(source_id) or "app",
        compose=top,
        about=_about(meta, source_id),
        scope=meanings.get,
        inputs=helpers.inputs,
        folder=folder,
        page=domains[0][0] if domains else None,
        pages=tuple(page for page, _ in domains[1:]),
        roots=(("../files", "."), ("./files", "."), ("files", ".")),
        inline=inline,
        variables=tuple(environment),
        ledger=ledger,
    )


def _about(meta: At, source_id: str) -> dict[str, Any]:
    links = meta.get("links")
    tags = [line(item.value) for item in meta.get("tags").items() if line(item.value)]
    description = prose(meta.get("description").value)
    return about(
        title=line(meta.get("name").value) or source_id,
        tagline=first_sentence(description),
        description=description,
        categories=categories(*tags),
        tags=tags,
        links=about(
            website=link(links.get("website").value),
            source=link(links.get("github").value),
            docs=link(links.get("docs").value),
        ),
        version=line(meta.get("version").value),
        provenance={"source": "dokploy"},
    )


def _domains(config: At) -> list[tuple[Page, str]]:
    """The pages, each with the text of its host."""
    found = []
    for item in config.get("domains").items():
        port = item.get("port").text()
        if port and not (port.isdigit() and 0 < int(port) < 1 << 16):
            item.get("port").refuse(f"`{shown(port)}` is not a port", "from 1 to 65535")
        path = line(item.get("path").value) or "/"
        page = Page(item.get("serviceName").text(), int(port) if port else None, None, path)
        found.append((page, item.get("host").text()))
    return found


def _domain_variable(domains: list[tuple[Page, str]]) -> str:
    match = _REFERENCE.fullmatch(domains[0][1]) if domains else None
    return match[1] if match else "main_domain"


def _environment(at: At, ledger: Ledger) -> dict[str, str]:
    """The variables of the `.env` file that the source would write; a list of lines, or a table."""
    if isinstance(at.value, dict):
        for key in (key for key, value in at.value.items() if isinstance(value, dict | list)):
            ledger.dropping(f"`env.{shown(str(key))}`, which is no variable")
        plain = {key: entry for key, entry in at.entries() if not isinstance(entry.value, dict | list)}
        return {key: entry.text() for key, entry in plain.items()}
    if isinstance(at.value, str):
        at = at.with_value(at.value.splitlines())
    found: dict[str, str] = {}
    for item in at.items():
        pairs = item.entries() if isinstance(item.value, dict) else ()
        found |= {key: entry.text() for key, entry in pairs}
        if not isinstance(item.value, dict):
            name, separator, value = item.text().partition("=")
            if separator and not name.strip().startswith("#"):
                found[name.strip()] = _unquoted(value)
    return found


def _unquoted(value: str) -> str:
    value = value.strip()
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value


def _files(at: At, helpers: Helpers) -> dict[str, str]:
    """Files that the template carries, by their path, as Tomo's templates."""
    found: dict[str, str] = {}
    for index, item in enumerate(at.items()):
        if index >= _MOST_FILES:
            item.refuse(f"the template carries more than {_MOST_FILES} files", "no app has so many")
        path, content = item.get("filePath").text(), item.get("content").text()
        if not path.strip():
            helpers.ledger.dropping("a file without a path")
            continue
        clean = posixpath.normpath("/" + path).lstrip("/").removeprefix("files/")
        if ".." in path.split("/") or not clean or clean == ".":
            item.refuse(f"the file `{shown(path)}` leaves its folder", "write a plain path")
        found[clean] = helpers.template(content)
    return found


# --- variables ---------------------------------------------------------------------------------------


@dataclass
class Helpers:
    """The template's variables and the values that its helpers would make, as inputs of Tomo's."""

    variables: At
    domain: str
    ledger: Ledger
    found: dict[str, Asked] = field(default_factory=dict)
    open: list[str] = field(default_factory=list)

    @property
    def inputs(self) -> tuple[Asked, ...]:
        """Every input that a variable stands for, whether or not anything refers to it."""
        for name, entry in self.variables.entries():
            self.meaning(name, entry.text())
        return tuple(self.found.values())

    def meaning(self, name: str, text: str) -> Meaning:
        """What a variable of the Compose file is: an input, or text with references to some."""
        match = _REFERENCE.fullmatch(text.strip())
        if match is not None:
            return self._one(match, name)
        if "${" in text and _REFERENCE.search(text):
            return self.template(text)
        if not holds_secret(name, text):
            return Asked(name, default=text)
        if not text:
            return Asked(name, "secret")
        self.ledger.generating(f"secret `{name}`, in place of a known default")
        return secret(name)

    def template(self, text: str) -> str:
        """Text with Tomo's references in place of helpers and variables; any other `$` is kept."""
        found, end = [], 0
        for match in _REFERENCE.finditer(text):
            found.append(escaped(text[end : match.start()]))
            meaning = self._one(match, "")
            if isinstance(meaning, Asked):
                self.found.setdefault(variable_name(meaning.name), meaning)
                meaning = f"${{input.{variable_name(meaning.name)}}}"
            found.append(escaped(match[0]) if meaning is None else meaning)
            end = match.end()
        return "".join([*found, escaped(text[end:])])

    def _one(self, match: re.Match[str], name: str) -> Meaning:
        called, arguments = match[1], match[2].removeprefix(":")
        variables = self.variables.mapping()
        if called in variables and not arguments and not (called in self.open and called in _HELPERS):
            if called in self.open or len(self.open) > _NESTED:
                self.variables.get(called).refuse("the variable refers to itself", "write its value")
            self.open.append(called)
            meaning = self._variable(called, self.variables.get(called).text())
            self.open.pop()
            return meaning
        return self._helper(called, arguments, name)

    def _variable(self, called: str, text: str) -> Meaning:
        if text.strip() == "${domain}" or (called == self.domain and "${" in text):
            if called == self.domain:
                return "${host.address}"
            asked = Asked(
                called.upper(), "hostname", required=True, description="A name of its own for this part"
            )
            return self.found.setdefault(variable_name(asked.name), asked)
        meaning = self.meaning(called.upper(), text)
        if isinstance(meaning, Asked):
            return self.found.setdefault(variable_name(meaning.name), meaning)
        return meaning

    def _helper(self, called: str, arguments: str, name: str) -> Meaning:
        length = int(arguments) if arguments.isdigit() and len(arguments) < 5 else 32  # noqa: PLR2004  # not a date
        wanted = variable_name(name or called).upper()
        made: Mapping[str, Meaning] = {
            "password": secret(wanted, length=length),
            "base64": secret(wanted, kind="base64", length=length),
            "hash": secret(wanted, kind="hex", length=-(-length // 2)),
            "uuid": secret(wanted, kind="uuid"),
            "username": Asked(wanted, generate={"kind": "username", "length": 12}),
            "email": Asked(wanted, "email", required=True, placeholder="admin@example.org"),
            "domain": "${host.address}",
            "randomPort": str(20_000 + zlib.crc32(wanted.encode()) % 10_000),
        }
        if called == "jwt":
            return self._jwt(arguments, wanted)
        if called.startswith("timestamp"):
            return _timestamp(called, arguments) or Asked(wanted, "integer", required=True)
        return made.get(called)

    def _jwt(self, arguments: str, wanted: str) -> Asked:
        if not arguments or arguments.isdigit():
            return secret(wanted, kind="jwt")
        self.ledger.person(f"`{wanted}` is a token signed with another secret: make it and set it")
        return Asked(wanted, "secret", required=True)


def _timestamp(called: str, date: str) -> str | None:
    try:
        seconds = int(datetime.fromisoformat(date).timestamp())
    except ValueError:
        return None
    return str(seconds * 1000 if called.endswith("ms") else seconds)
