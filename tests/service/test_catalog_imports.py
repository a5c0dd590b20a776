"""Imports of other catalogs: where files go, which stay, what is told and recorded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.catalog.importers.test_malformed import VARIANTS
from tests.databases import put_database
from tests.worlds import World
from tomo.catalog.index import Catalog
from tomo.errors import NotAllowed, SpecError, UsageError
from tomo.model.audit import AuditOutcome
from tomo.model.people import Person, Role
from tomo.service.audits import Audits, ListAuditRequest
from tomo.service.catalog_imports import (
    CatalogImport,
    CatalogImportRequest,
    CatalogImports,
    Fate,
)
from tomo.service.recording import Actor, Trail
from tomo.service.workspace import Place

COMPOSE = "name: {name}\nservices:\n  web:\n    image: a:{tag}\n"


def compose(folder: Path, *names: str, tag: str = "1.0") -> Path:
    """A copy with a Compose file for each name."""
    for name in names:
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "compose.yaml").write_text(COMPOSE.format(name=name, tag=tag))
    return folder


def imported(world: World, source: Path, into: Path | None, *, format_: str = "") -> CatalogImport:
    request = CatalogImportRequest(world.place, source, format_, into)
    return CatalogImports(world.doors).run(request)


def fates(result: CatalogImport) -> Sequence[Fate]:
    return [app.fate for app in result.apps]


def test_apps_are_written_once_and_then_stay_the_same(nothing: World, tmp_path: Path) -> None:
    copy, mine = compose(tmp_path / "copy", "one", "two"), tmp_path / "mine"

    first = imported(nothing, copy, mine)
    second = imported(nothing, copy, mine)
    third = imported(nothing, compose(copy, "one", tag="1.1"), mine)

    assert fates(first) == [Fate.NEW, Fate.NEW]
    assert fates(second) == [Fate.UNCHANGED, Fate.UNCHANGED]
    assert fates(third) == [Fate.CHANGED, Fate.UNCHANGED]
    assert Catalog([mine]).get("one").version == "1.1"


def test_what_a_person_edited_or_wrote_stays(nothing: World, tmp_path: Path) -> None:
    copy, mine = compose(tmp_path / "copy", "edited", "own", "link"), tmp_path / "mine"
    imported(nothing, copy, mine)
    (mine / "edited.yaml").write_text((mine / "edited.yaml").read_text() + "# mine\n")
    (mine / "own.yaml").write_bytes(b"schema: \xff")
    (mine / "link.yaml").unlink()
    (mine / "link.yaml").symlink_to(tmp_path / "elsewhere")

    result = imported(nothing, compose(copy, "edited", "own", "link", tag="2.0"), mine)

    assert fates(result) == [Fate.EDITED] * 3
    assert (mine / "edited.yaml").read_text().endswith("# mine\n")
    assert not (tmp_path / "elsewhere").exists()


def test_the_fleets_first_catalog_is_where_apps_go(bare: World, tmp_path: Path) -> None:
    fleet = bare.folder / "fleet.yaml"
    (bare.folder / "own" / "apps").mkdir(parents=True)
    fleet.write_text(fleet.read_text() + "catalogs: [own]\n")

    result = imported(bare, compose(tmp_path / "copy", "one"), None)

    assert result.known
    assert [path.name for path in (bare.folder / "own" / "apps").iterdir()] == ["one.yaml"]


def test_without_a_folder_nothing_is_written(nothing: World, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        imported(nothing, compose(tmp_path / "copy", "one"), None)

    assert "--into" in caught.value.hint


def test_nothing_is_written_into_the_copy(nothing: World, tmp_path: Path) -> None:
    copy = compose(tmp_path / "copy", "one")

    with pytest.raises(UsageError, match="in the copy"):
        imported(nothing, copy, copy / "apps")

    assert not (copy / "apps").exists()


def test_an_id_that_tomo_ships_gets_another_one(nothing: World, tmp_path: Path) -> None:
    result = imported(nothing, compose(tmp_path / "copy", "jellyfin"), tmp_path / "mine")

    assert [app.id for app in result.apps] == ["jellyfin-2"]


def test_a_malformed_file_is_named_and_the_others_go_on(nothing: World, tmp_path: Path) -> None:
    copy, mine = compose(tmp_path / "copy", "good"), tmp_path / "mine"
    (copy / "bad").mkdir()
    (copy / "bad" / "compose.yaml").write_text("services: [\n")

    result = imported(nothing, copy, mine)

    assert [(app.name, app.fate) for app in result.apps] == [("bad", Fate.REFUSED), ("good", Fate.NEW)]
    assert "compose.yaml:2:" in result.apps[0].reasons[0]
    assert [path.name for path in mine.iterdir()] == ["good.yaml"]


@pytest.mark.parametrize(
    ("format_", "what"), [(format_, what) for format_, made in VARIANTS.items() for what in made]
)
def test_nothing_of_a_malformed_copy_is_written(
    nothing: World, tmp_path: Path, format_: str, what: str
) -> None:
    copy, mine = tmp_path / "copy", tmp_path / "mine"
    copy.mkdir()
    for name, content in VARIANTS[format_][what][0].items():
        (copy / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    try:
        result = imported(nothing, copy, mine, format_=format_.partition(" ")[0])
    except SpecError as refused:
        told = refused.problems
    else:
        told = tuple(reason for app in result.apps for reason in app.reasons)
        assert set(fates(result)) == {Fate.REFUSED}
    assert told
    assert not mine.exists()


def test_a_copy_that_cannot_be_read_writes_nothing(nothing: World, tmp_path: Path) -> None:
    (tmp_path / "templates.json").write_text('[{"title": "A", "image": "a:1"}, ')

    with pytest.raises(SpecError):
        imported(nothing, tmp_path / "templates.json", tmp_path / "mine")

    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize(
    ("source", "format_", "words"),
    [
        ("nowhere", "", "no file or folder"),
        ("copy", "composer", "no format"),
        ("copy", "umbrel", "holds no app"),
    ],
)
def test_wrong_words_are_refused(
    nothing: World, tmp_path: Path, source: str, format_: str, words: str
) -> None:
    compose(tmp_path / "copy", "one")

    with pytest.raises(UsageError, match=words):
        imported(nothing, tmp_path / source, tmp_path / "mine", format_=format_)


def test_the_report_says_it_all(nothing: World, tmp_path: Path) -> None:
    copy, report = compose(tmp_path / "copy", "one"), tmp_path / "report.json"
    text = COMPOSE.format(name="one", tag="latest") + (
        "    privileged: true\n    environment: {DB_PASSWORD: x1, SMTP_PASSWORD: '${SMTP_PASSWORD}'}\n"
        "    volumes: ['./data:/data']\n    pull_policy: always\n"
    )
    (copy / "one" / "compose.yaml").write_text(text)

    request = CatalogImportRequest(nothing.place, copy, into=tmp_path / "mine", report=report)
    CatalogImports(nothing.doors).run(request)

    written = json.loads(report.read_text())
    (app,) = written["apps"]
    assert (written["schema"], written["format"], written["counts"]["new"]) == (
        "tomo.catalog-import/v1",
        "compose",
        1,
    )
    assert all(app[key] for key in ("mapped", "generated", "dropped", "needs_grant", "needs_person", "lint"))
    assert "x1" not in report.read_text()


def test_an_import_is_in_the_audit_record(nothing: World, tmp_path: Path) -> None:
    put_database(nothing.settings.data_folder)
    trail = Trail(nothing.settings, Actor("anna@desk", "owner", "cli"), lambda _line: None)
    doors = replace(nothing.doors, trail=trail)
    copy = compose(tmp_path / "copy", "one")

    CatalogImports(doors).run(CatalogImportRequest(nothing.place, copy, into=tmp_path / "mine"))

    found = [entry.event for entry in Audits(nothing.doors).list(ListAuditRequest(5))]
    event = next(event for event in found if event.action == "catalog.import")
    assert (event.outcome, event.object) == (AuditOutcome.DONE, str(copy))
    assert event.details["new"] == "1"


def test_somebody_who_may_only_read_cannot_import(nothing: World, tmp_path: Path) -> None:
    put_database(nothing.settings.data_folder)
    reader = Person("ben", Role.READONLY)
    trail = Trail(nothing.settings, Actor("ben@desk", "", "cli"), lambda _line: None, lambda: reader)
    doors = replace(nothing.doors, trail=trail)

    with pytest.raises(NotAllowed):
        CatalogImports(doors).run(
            CatalogImportRequest(nothing.place, compose(tmp_path / "copy", "one"), into=tmp_path / "mine")
        )

    assert not (tmp_path / "mine").exists()


def test_a_place_without_a_fleet_file_will_do(nothing: World, tmp_path: Path) -> None:
    request = CatalogImportRequest(Place(tmp_path), compose(tmp_path / "copy", "one"), into=tmp_path / "mine")

    assert CatalogImports(nothing.doors).run(request).count(Fate.NEW) == 1
