"""Apps come to another version through the service, on hosts in memory."""

from __future__ import annotations

import json

import pytest

from tests.worlds import CONTAINER, World
from tomo.errors import ExitCode, SpecError, UsageError
from tomo.model.update import MovedData
from tomo.service.app_updates import AppUpdates, ChangedApps, NewerVersionsRequest, UpdateAppsRequest
from tomo.service.new_versions import Newer
from tomo.service.runs import PlanResult
from tomo.testing.registry import ImageDefinition, exits

ENTRY = """\
schema: tomo.app/v1
id: page
title: A page
version: "{version}"
release_notes: {notes}
inputs:
  - {{name: TOKEN, type: secret, generate: {{kind: password, length: 24}}}}
services:
  server:
    image: tomo-test/web:{version}
    env: {{TOKEN: {{input: TOKEN}}}}
    ports: [{{name: web, container: 80, host: 8080}}]
    mounts: [{{volume: data, path: {path}}}]
    healthcheck: {{test: [CMD, "true"], interval: 1s, timeout: 1s}}
volumes: {{data: {{}}}}
web: {{service: server, port: 80}}
upgrade: {upgrade}
"""

FLEET = """\
# my home
fleet: home
catalogs: [own]
servers:
  nas:
    host: 192.0.2.10
    user: root
    host_key: {key}
  pi:
    host: 192.0.2.11
    user: root
    host_key: {key}
apps:
  web:  # the page
    app: page
    servers: [nas, pi]
    version: "1.0"  # as tried out
"""


def entry(
    world: World, version: str, *, upgrade: str = "{}", path: str = "/data", notes: str = "Better."
) -> None:
    folder = world.folder / "own"
    folder.mkdir(exist_ok=True)
    text = ENTRY.format(version=version, upgrade=upgrade, path=path, notes=notes)
    (folder / "page.yaml").write_text(text)


@pytest.fixture
def pair(world: World) -> World:
    """An app of a catalog on two servers, applied in version 1.0."""
    key = world.file.read_text().split("host_key: ")[1].splitlines()[0]
    world.file.write_text(FLEET.format(key=key))
    entry(world, "1.0")
    assert world.apply().exit_code is ExitCode.OK
    return world


def update(world: World, *apps: str, agree: bool = True, **options: object) -> tuple[ChangedApps, PlanResult]:
    seen: list[PlanResult] = []

    def confirm(shown: PlanResult) -> bool:
        seen.append(shown)
        return agree

    request = UpdateAppsRequest(world.place, confirm, apps, **options)  # type: ignore[arg-type]
    changed = AppUpdates(world.doors).update(request)
    return changed, seen[0] if seen else changed.run.shown if changed.run else PlanResult(
        world.plan().plan, ""
    )


def image_tags(world: World) -> list[str]:
    entries = json.loads(world.state.read_text())["checkpoint"]["latest"]["resources"]
    found = {each["urn"]: each["inputs"]["name"] for each in entries if each["type"].endswith("RemoteImage")}
    return [
        next(name for urn, name in found.items() if urn.endswith(f"@{server}")) for server in ("nas", "pi")
    ]


def test_an_update_is_a_plan_with_what_the_entry_says_and_writes_the_version_where_it_stands(
    pair: World,
) -> None:
    entry(
        pair,
        "2.0",
        upgrade="{breaking: true, data_migration: automatic, notes: Read this.}",
        path="/var/data",
    )
    with pytest.raises(SpecError) as refused:
        pair.plan()
    assert "tomo app update web" in refused.value.problems[0].hint

    changed, shown = update(pair, "web")

    (told,) = shown.updates
    assert (told.app, told.servers, told.before, told.after) == ("web", ("nas", "pi"), "1.0", "2.0")
    assert (told.breaking, told.data_migration, told.notes, told.release_notes) == (
        True,
        "automatic",
        "Read this.",
        "Better.",
    )
    assert told.moved == (MovedData("web", "web-data", ("/data",), ("/var/data",)),)
    assert told.data == ("web-data",)
    assert changed.written
    assert 'version: "2.0"  # as tried out' in pair.file.read_text()
    assert image_tags(pair) == ["tomo-test/web:2.0"] * 2
    assert not pair.plan().has_changes


def test_nothing_is_written_where_the_person_declines(pair: World) -> None:
    entry(pair, "2.0")
    text, state = pair.file.read_text(), pair.state.read_bytes()

    changed, _ = update(pair, "web", agree=False)

    assert changed.declined
    assert (pair.file.read_text(), pair.state.read_bytes()) == (text, state)


def test_a_jump_that_the_entry_does_not_allow_is_refused_by_an_apply_too(pair: World) -> None:
    entry(pair, "2.0", upgrade='{from: ["1.5", "1.9"]}')

    changed, _ = update(pair, "web")

    assert changed.run is not None
    assert changed.run.exit_code is not ExitCode.OK
    assert [each.message for each in changed.run.shown.shortfalls] == [
        "`web` can't go from 1.0 to 2.0 in one step: its entry allows it from 1.5, 1.9"
    ] * 2
    pair.edit('version: "1.0"', 'version: "2.0"')
    assert pair.apply().done is None


def test_a_jump_from_a_version_below_an_allowed_one_is_done(pair: World) -> None:
    entry(pair, "2.0", upgrade='{from: ["1"]}')

    changed, _ = update(pair, "web")

    assert changed.run is not None
    assert changed.run.exit_code is ExitCode.OK


def test_a_failed_update_leaves_the_old_container_and_puts_the_file_back(pair: World) -> None:
    pair.registry.add(ImageDefinition("tomo-test/web:2.0", behaviour=exits(1)))
    entry(pair, "2.0")
    text = pair.file.read_text()
    before = [host.docker.inspect(CONTAINER)["Id"] for host in pair.hosts.values()]

    changed, _ = update(pair, "web")

    assert changed.put_back
    assert not changed.written
    assert changed.run is not None
    assert changed.run.exit_code is ExitCode.FAILED
    assert pair.file.read_text() == text
    assert [host.docker.inspect(CONTAINER)["Id"] for host in pair.hosts.values()] == before
    assert AppUpdates(pair.doors).newer(NewerVersionsRequest(pair.place)) == (Newer("web", ("1.0",), "2.0"),)


def test_an_update_on_one_server_leaves_the_other_alone_and_its_version_recorded(pair: World) -> None:
    entry(pair, "2.0")

    update(pair, "web", servers=("pi",))

    assert image_tags(pair) == ["tomo-test/web:1.0", "tomo-test/web:2.0"]
    assert AppUpdates(pair.doors).newer(NewerVersionsRequest(pair.place)) == (
        Newer("web", ("1.0", "2.0"), "2.0"),
    )


def test_without_a_name_every_app_that_is_behind_is_updated(pair: World) -> None:
    assert update(pair)[0].apps == ()
    entry(pair, "2.0")

    changed, _ = update(pair)

    assert changed.apps == ("web",)
    assert not pair.plan().has_changes


@pytest.mark.parametrize(
    ("apps", "servers", "said"),
    [
        (("wbe",), (), "no app `wbe`"),
        (("web",), ("nsa",), "no server `nsa`"),
    ],
)
def test_what_is_not_there_is_named(
    pair: World, apps: tuple[str, ...], servers: tuple[str, ...], said: str
) -> None:
    entry(pair, "2.0")

    with pytest.raises(UsageError, match=said):
        update(pair, *apps, servers=servers)


def test_an_app_that_was_never_applied_is_refused(pair: World) -> None:
    pair.file.write_text(pair.file.read_text() + "  other: {app: page, server: pi}\n")

    with pytest.raises(UsageError, match="never applied"):
        update(pair, "other")
