"""Reads a fleet file whole and reports every mistake in it at once."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path as FilePath

from tomo.errors import Problem, SpecError
from tomo.frozen import frozen
from tomo.spec.consistency import inconsistencies
from tomo.spec.fleet import App, Fleet
from tomo.spec.glance import read_document
from tomo.spec.near import did_you_mean
from tomo.spec.problems import Finding, build, in_order, located
from tomo.spec.routes import proxy_findings
from tomo.spec.yaml import Document, Path, parse


@frozen
class LoadedFleet:
    """A fleet that holds together by itself; `check_fleet` holds it against a catalog."""

    fleet: Fleet
    file: FilePath
    document: Document

    @property
    def folder(self) -> FilePath:
        """Where the file lies; relative paths in it start here."""
        return self.file.parent

    @property
    def catalogs(self) -> tuple[FilePath, ...]:
        """The folders of app files that the fleet names."""
        return tuple(self.folder / path for path in self.fleet.catalogs)

    def line(self, path: Path) -> int:
        """The line of a part of the file, such as `("apps", "photos", "server")`."""
        return self.document.line(path)


def load_fleet(path: FilePath | str) -> LoadedFleet:
    """The fleet of a file; raises SpecError with every mistake that shows without a catalog."""
    file = FilePath(path)
    return fleet_from_document(read_document(file), file)


def fleet_from_text(text: str | bytes, file: FilePath) -> LoadedFleet:
    """The same for a text that is not, or not yet, in the file."""
    return fleet_from_document(parse(text, str(file)), file)


def fleet_from_document(document: Document, file: FilePath) -> LoadedFleet:
    """The same for a file that was parsed before."""
    fleet = build(Fleet, document)
    findings = [*_servers(fleet), *_places(fleet), *_repositories(fleet), *proxy_findings(fleet)]
    problems = [*located(document, findings), *_definitions(fleet, document)]
    if problems:
        raise SpecError(in_order(problems))
    return LoadedFleet(fleet, file, document)


def _servers(fleet: Fleet) -> Iterable[Finding]:
    seen: dict[tuple[str | int | None, ...], str] = {}
    for name, server in fleet.servers.items():
        # A different user is a different login, but the same containers: both names would fight over them.
        key = (server.host.lower(), server.port or 22, server.proxy_jump)
        if key in seen:
            hint = "keep one of them; an app may name it as often as you like"
            yield ("servers", name), f"`{name}` and `{seen[key]}` are the same machine", hint
        seen.setdefault(key, name)


def _places(fleet: Fleet) -> Iterable[Finding]:
    for name, app in fleet.apps.items():
        for path, server in _named_servers(app):
            if server not in fleet.servers:
                hint = did_you_mean(
                    server, fleet.servers, f"add it with `tomo server add {server} USER@HOST`"
                )
                yield ("apps", name, *path), f"there is no server `{server}`", hint
        if app.labels and not fleet.servers_of(app):
            wanted = ", ".join(f"{key}: {value}" for key, value in app.labels.items())
            yield (
                ("apps", name, "labels"),
                f"no server has the labels `{wanted}`",
                "add them under a server's `labels`",
            )
        for server in {server for server in app.servers if app.servers.count(server) > 1}:
            yield ("apps", name, "servers"), f"server `{server}` is named twice", "keep one of them"


def _named_servers(app: App) -> Iterable[tuple[tuple[str | int, ...], str]]:
    if app.server:
        yield ("server",), app.server
    yield from ((("servers", index), server) for index, server in enumerate(app.servers))


def _repositories(fleet: Fleet) -> Iterable[Finding]:
    for name, app in fleet.apps.items():
        repository, slash, _ = (app.app or "").rpartition("/")
        if slash and repository not in fleet.repositories:
            hint = did_you_mean(repository, fleet.repositories, f"`tomo catalog repo pin {repository}`")
            yield ("apps", name, "app"), f"`repositories` has no `{repository}`", hint


def _definitions(fleet: Fleet, document: Document) -> Iterable[Problem]:
    for name, app in fleet.apps.items():
        if app.definition is not None:
            yield from located(document, inconsistencies(app.definition), ("apps", name, "definition"))
