"""catalog list, search, show, import, lint, pin."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tomo.errors import ExitCode
from tomo_cli.commands import catalog_repo
from tomo_cli.options import (
    HERE,
    Commands,
    DirectoryOption,
    FileOption,
    JsonOption,
    StackOption,
    add_group,
)

if TYPE_CHECKING:
    from tomo.model.catalog import AppFilter, Standing
    from tomo.service.catalogs import CatalogListing
    from tomo.spec.app import AppDefinition

CategoryOption = Annotated[
    str, typer.Option("--category", metavar="NAME", help="Only apps of this category, such as media.")
]
TagOption = Annotated[str, typer.Option("--tag", metavar="WORD", help="Only apps with this tag.")]
ArchOption = Annotated[
    str, typer.Option("--arch", metavar="NAME", help="Only apps that run on it, such as arm64.")
]
MemoryOption = Annotated[
    str, typer.Option("--memory", metavar="SIZE", help="Only apps that need no more memory, such as 1G.")
]
DiskOption = Annotated[
    str, typer.Option("--disk", metavar="SIZE", help="Only apps that need no more disk, such as 10G.")
]
CpuOption = Annotated[
    float, typer.Option("--cpu", metavar="NUMBER", min=0.0, help="Only apps that need no more CPUs; 0: any.")
]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    commands: Commands = {
        "list": list_,
        "search": search,
        "show": show,
        "import": import_,
        "lint": lint,
        "pin": pin,
        "rate": catalog_repo.rate,
        "feature": catalog_repo.feature,
    }
    catalog_repo.register(add_group(app, "catalog", "Find ready-made apps", commands))


def list_(
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    category: CategoryOption = "",
    tag: TagOption = "",
    architecture: ArchOption = "",
    memory: MemoryOption = "",
    disk: DiskOption = "",
    cpu: CpuOption = 0.0,
    as_json: JsonOption = False,
) -> None:
    """List the apps of the catalog."""
    from tomo.service.catalogs import CatalogRequest, Catalogs
    from tomo_cli.doors import doors, place

    wanted = _wanted(category, tag, architecture, memory, disk, cpu)
    request = CatalogRequest(place(directory, file, stack), wanted=wanted)
    _show_listing(Catalogs(doors()).list(request), as_json=as_json)


def search(
    words: Annotated[list[str], typer.Argument(metavar="WORD...", help="Words an app must have.")],
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    category: CategoryOption = "",
    tag: TagOption = "",
    architecture: ArchOption = "",
    memory: MemoryOption = "",
    disk: DiskOption = "",
    cpu: CpuOption = 0.0,
    as_json: JsonOption = False,
) -> None:
    """Find apps by words, the best first."""
    from tomo.service.catalogs import CatalogRequest, Catalogs
    from tomo_cli.console import say
    from tomo_cli.doors import doors, place

    wanted = _wanted(category, tag, architecture, memory, disk, cpu)
    request = CatalogRequest(place(directory, file, stack), " ".join(words or ()), wanted)
    listing = Catalogs(doors()).list(request)
    if not listing.apps and not as_json:
        say("No app has all of these words and fits; `tomo catalog list` shows every app.")
        raise typer.Exit(1)
    _show_listing(listing, as_json=as_json)


def show(
    app: Annotated[str, typer.Argument(metavar="APP", help="The app's id.")],
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one app: inputs, ports, data, needs."""
    from tomo.service.catalogs import CatalogRequest, Catalogs
    from tomo_cli.catalog_view import show_told, told_json
    from tomo_cli.console import print_json
    from tomo_cli.doors import doors, place

    catalogs = Catalogs(doors())
    definition = catalogs.show(CatalogRequest(place(directory, file, stack)), app)
    told = catalogs.told(definition.id)
    if as_json:
        written = definition.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        print_json({**written, **told_json(told)})
    else:
        _show_app(definition)
        show_told(told)


def import_(
    source: Annotated[
        Path, typer.Argument(metavar="PATH", help="A copy of a catalog on this machine: a folder or a file.")
    ],
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="NAME",
            help="compose, portainer, casaos, runtipi, umbrel, dokploy or coolify; found by itself.",
        ),
    ] = "",
    into: Annotated[
        Path | None,
        typer.Option("--into", metavar="FOLDER", help="Where to; the fleet's first `catalogs` by default."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="Also write every line as JSON to a file.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Take over apps of another catalog."""
    from tomo.service.catalog_imports import CatalogImportRequest, CatalogImports, Fate
    from tomo_cli.catalog_view import show_import
    from tomo_cli.console import print_json
    from tomo_cli.doors import doors, place

    request = CatalogImportRequest(place(directory, file, stack), source, format_, into, report)
    result = CatalogImports(doors()).run(request)
    if as_json:
        print_json(result.as_json())
    else:
        show_import(result, report)
    if result.count(Fate.REFUSED) == len(result.apps):
        raise typer.Exit(ExitCode.FAILED)


def lint(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATH...]", help="App files or folders of them; the fleet's own by default."),
    ] = None,
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hold app files against the catalog's rules."""
    from tomo.service.catalogs import Catalogs, LintRequest
    from tomo_cli.catalog_view import show_lint
    from tomo_cli.console import print_json
    from tomo_cli.doors import doors, place

    request = LintRequest(place(directory, file, stack), tuple(paths or ()))
    report = Catalogs(doors()).lint(request)
    if as_json:
        print_json(report.as_json())
    else:
        show_lint(report)
    if report.problems:
        raise typer.Exit(ExitCode.FAILED)


def pin(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[APP|PATH...]",
            help="Apps that ship, app files or folders of them; the fleet's own files by default.",
        ),
    ] = None,
    directory: DirectoryOption = HERE,
    file: FileOption = None,
    stack: StackOption = None,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Also renew digests that are there, by their tags.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Add digests to images; asks registries."""
    from tomo.service.marketplace.pinning import PinImagesRequest, Pinning
    from tomo_cli.console import print_json
    from tomo_cli.doors import doors, place
    from tomo_cli.outdated_view import pinned_json, show_pinned

    request = PinImagesRequest(place(directory, file, stack), tuple(paths or ()), refresh)
    done = Pinning(doors()).run(request)
    if as_json:
        print_json(pinned_json(done))
    else:
        show_pinned(done)
    if any(each.problems for each in done):
        raise typer.Exit(ExitCode.FAILED)


def _wanted(category: str, tag: str, architecture: str, memory: str, disk: str, cpu: float) -> AppFilter:
    from tomo.model.catalog import AppFilter

    sizes = (_size("--memory", memory), _size("--disk", disk))
    return AppFilter(category, tag, architecture, *sizes, cpu)


def _size(option: str, text: str) -> int:
    from tomo.errors import UsageError
    from tomo.spec.shown import shown
    from tomo.spec.size import size_in_bytes

    try:
        return size_in_bytes(text) if text else 0
    except ValueError:
        raise UsageError(f"`{option} {shown(text)}` is not a size", hint="such as `512M` or `2G`") from None


def _show_listing(listing: CatalogListing, *, as_json: bool) -> None:
    from dataclasses import asdict

    from tomo.model.catalog import Standing
    from tomo_cli.console import print_json, say, table

    standings = {app.ref: listing.standings.get(app.ref, Standing()) for app in listing.apps}
    if as_json:
        print_json([{"ref": app.ref, **asdict(app), **asdict(standings[app.ref])} for app in listing.apps])
        return
    rows = [
        (app.ref, app.version, next(iter(app.categories), ""), f"{_praise(standings[app.ref])}{app.tagline}")
        for app in listing.apps
    ]
    table(("APP", "VERSION", "CATEGORY", "WHAT IT IS"), rows)
    if shared := sorted(listing.shared):
        say(f"Several have {', '.join(shared)}; the app that you mean is the one that you name in full.")
    for problem in listing.problems:
        say(f"warning: {problem}")


def _praise(standing: Standing) -> str:
    stars = f"{standing.stars:.1f}/5 ({standing.ratings})" if standing.ratings else ""
    words = [*(["featured"] if standing.featured else []), *([stars] if stars else [])]
    return f"[{', '.join(words)}] " if words else ""


def _show_app(app: AppDefinition) -> None:
    from tomo.spec.app import in_language
    from tomo.spec.risk import grants_of
    from tomo_cli.console import fields, heading, table, text

    needs = app.requirements
    fields(
        {
            "app": f"{in_language(app.title)} ({app.id}) {app.version}",
            "what": in_language(app.tagline),
            "status": app.status,
            "categories": ", ".join(app.categories),
            "website": app.links.website or app.links.source or "",
            "needs": ", ".join(
                part
                for part in (
                    f"{needs.memory} memory" if needs.memory else "",
                    f"{needs.disk} disk" if needs.disk else "",
                    f"{needs.cpu:g} CPUs" if needs.cpu else "",
                    "/".join(app.architectures),
                )
                if part
            ),
            "containers": ", ".join(f"{key} ({service.image})" for key, service in app.services.items()),
            "data": ", ".join(app.volumes) or "(none)",
            "rights": ", ".join(grants_of(app)) or "none beyond an ordinary container",
        }
    )
    if description := in_language(app.description):
        text(f"\n{description}")
    if notes := in_language(app.notes.before_install):
        text(f"\n{notes}")
    shown = [entry for entry in app.inputs if not entry.hidden]
    if shown:
        heading("Inputs")
        rows = []
        for entry in shown:
            made = "generated" if entry.generate else entry.default or ""
            kind = f"{entry.type}, required" if entry.required and not made else entry.type
            rows.append((entry.name, kind, made, in_language(entry.description or entry.label or "")))
        table(("INPUT", "KIND", "DEFAULT", "WHAT IT IS"), rows)
    ports = [(p.name, p.host_ports, f"{key}:{p.container}/{p.protocol}", p.expose) for key, p in app.ports()]
    if ports:
        heading("Ports")
        table(("PORT", "ON THE SERVER", "CONTAINER", "REACH"), ports)
    text(f"\nAdd it with `tomo app add {app.id} --server NAME`.")
