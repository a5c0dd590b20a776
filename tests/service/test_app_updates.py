"""Apps come to another version through the service, on hosts in memory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.worlds import CONTAINER, NAS, PI, World
from tomo.errors import CannotGoBack, ExitCode, SpecError, TomoError, UsageError, VersionNotFound
from tomo.model.events import StepDone, StepStarted
from tomo.model.rollout import Rollout
from tomo.model.update import MovedData, not_backed_up
from tomo.resources.tokens import CONTAINER as CONTAINER_TYPE
from tomo.service.app_edits import AppSettings
from tomo.service.app_history import mark_of
from tomo.service.app_updates import (
    AppUpdates,
    ChangedApps,
    NewerVersionsRequest,
    RollBackAppRequest,
    RunTerms,
    UpdateAppsRequest,
)
from tomo.service.apps import Apps, ChangeAppRequest
from tomo.service.backups.listing import listed_backups
from tomo.service.backups.requests import ListBackupsRequest
from tomo.service.new_versions import Newer
from tomo.service.plans.making import SavePlanRequest, ShowPlanRequest
from tomo.service.plans.saved import ApplyPlanRequest, SavedPlans
from tomo.service.runs import PlanRequest, PlanResult
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


# --- the way back --------------------------------------------------------------------------------------


def roll_back(world: World, to: int | None = None, *, agree: bool = True) -> ChangedApps:
    request = RollBackAppRequest(world.place, lambda _: agree, "web", to)
    return AppUpdates(world.doors).rollback(request)


def inspected(world: World, *, of: str = NAS) -> tuple[object, ...]:
    found = world.hosts[of].docker.inspect(CONTAINER)
    return (
        found["Image"],
        sorted(found["Config"]["Env"]),
        sorted(
            (mount["Name"], mount["Destination"]) for mount in found["Mounts"] if mount["Type"] == "volume"
        ),
        found["HostConfig"]["PortBindings"],
    )


def test_a_rollback_brings_back_image_env_mounts_and_ports_and_the_next_plan_is_empty(pair: World) -> None:
    before = inspected(pair)
    entry(pair, "2.0", path="/var/data")
    pair.edit('version: "1.0"', 'ports: {web: 9090}\n    env: {MORE: yes please}\n    version: "2.0"')
    assert pair.apply().exit_code is ExitCode.OK
    assert inspected(pair) != before

    changed = roll_back(pair)

    assert changed.run is not None
    assert changed.run.exit_code is ExitCode.OK
    assert [(each.before, each.after, each.back) for each in changed.run.shown.updates] == [
        ("2.0", "1.0", True)
    ]
    assert inspected(pair) == before
    assert "rolled_back_to" in pair.file.read_text()
    for look in (True, False):
        assert not pair.plan(look=look).has_changes
    assert update(pair)[0].apps == ()


def test_a_rollback_is_undone_by_the_next_update(pair: World) -> None:
    entry(pair, "2.0")
    update(pair, "web")
    after, text = inspected(pair), pair.file.read_text()
    roll_back(pair, 1)
    assert inspected(pair) != after

    changed, shown = update(pair, "web")

    assert changed.written
    assert [(each.before, each.after) for each in shown.updates] == [("1.0", "2.0")]
    assert inspected(pair) == after
    assert pair.file.read_text() == text
    assert not pair.plan().has_changes


def test_the_secret_of_then_comes_back(pair: World) -> None:
    text = pair.config.read_text()
    before = inspected(pair)
    pair.config.write_text("\n".join(line for line in text.splitlines() if "TOKEN" not in line) + "\n")
    assert pair.apply().exit_code is ExitCode.OK
    assert inspected(pair) != before

    roll_back(pair)

    assert inspected(pair) == before
    assert not pair.plan().has_changes


def test_a_rollback_over_changed_data_says_so_beforehand(pair: World) -> None:
    entry(pair, "2.0", upgrade="{data_migration: automatic}")
    update(pair, "web")

    changed = roll_back(pair, agree=False)

    assert changed.run is not None
    (told,) = changed.run.shown.updates
    assert "restore a backup" in told.warnings[0]
    assert "rolled_back_to" not in pair.file.read_text()


def test_other_apps_are_left_alone_by_a_rollback(pair: World) -> None:
    pair.file.write_text(pair.file.read_text() + "  other: {app: page, server: pi, ports: {web: 8081}}\n")
    assert pair.apply().exit_code is ExitCode.OK
    entry(pair, "2.0")
    update(pair)
    id_ = pair.hosts[PI].docker.inspect("other")["Id"]

    changed = roll_back(pair)

    assert changed.run is not None
    assert changed.run.done is not None
    assert pair.hosts[PI].docker.inspect("other")["Id"] == id_
    assert {step.urn.name.partition("@")[0] for step in changed.run.done.changes} == {"web"}


def test_a_failed_rollback_leaves_the_file_as_it_was(pair: World) -> None:
    entry(pair, "2.0")
    update(pair, "web")
    text, id_ = pair.file.read_text(), pair.nas.docker.inspect(CONTAINER)["Id"]
    pair.registry.add(ImageDefinition("tomo-test/web:1.0", behaviour=exits(1)))
    for host in pair.hosts.values():
        host.docker.remove_image_by_hand("tomo-test/web:1.0")

    changed = roll_back(pair)

    assert changed.put_back
    assert pair.file.read_text() == text
    assert pair.nas.docker.inspect(CONTAINER)["Id"] == id_


def test_a_version_that_is_not_there_or_another_one_is_refused_by_name(pair: World) -> None:
    with pytest.raises(CannotGoBack, match="no earlier state"):
        roll_back(pair)
    with pytest.raises(VersionNotFound, match="no version `9`"):
        roll_back(pair, 9)
    entry(pair, "2.0")
    update(pair, "web")
    roll_back(pair, 1)
    folder = pair.folder / ".pulumi" / "history" / "tomo" / "home"
    first = min(folder.glob("*.history.json"))
    first.unlink()

    with pytest.raises(CannotGoBack, match="another one by now") as refused:
        pair.plan()

    assert "tomo app update web" in refused.value.hint


def test_settings_of_an_app_that_is_rolled_back_are_refused(pair: World) -> None:
    entry(pair, "2.0")
    update(pair, "web")
    roll_back(pair)

    with pytest.raises(UsageError, match="rolled back"):
        Apps(pair.doors).change(ChangeAppRequest(pair.place, "web", AppSettings(ports={"web": "9000"})))


def test_a_server_that_the_app_was_not_on_then_is_named(pair: World) -> None:
    pair.edit("servers: [nas, pi]", "server: nas")
    entry(pair, "2.0")
    update(pair, "web")
    pair.edit("server: nas\n    version", "servers: [nas, pi]\n    version")
    assert pair.apply().exit_code is ExitCode.OK

    with pytest.raises(CannotGoBack, match="no `web` on `pi`"):
        roll_back(pair, 2)


def test_a_kept_plan_rests_on_the_version_that_an_app_stands_as(pair: World, tmp_path: Path) -> None:
    entry(pair, "2.0")
    update(pair, "web")
    digest = mark_of(pair.doors.open(pair.place), "web", 1).checkpoint
    pair.edit("version: ", f"rolled_back_to: {{version: 1, checkpoint: {digest}}}\n    version: ")
    plans = SavedPlans(pair.doors)

    kept = plans.save(SavePlanRequest(PlanRequest(pair.place), tmp_path / "plan"))

    assert list(plans.show(ShowPlanRequest(kept.file)).saved.basis.history) == ["1"]
    assert [each.back for each in plans.show(ShowPlanRequest(kept.file)).saved.updates] == [True]
    assert plans.apply(ApplyPlanRequest(pair.place, kept.file, lambda _: None)).exit_code is ExitCode.OK
    assert not pair.plan().has_changes


# --- the backup that comes first -------------------------------------------------------------------------

RISKY = "{data_migration: automatic}"


@pytest.fixture
def saved(pair: World) -> World:
    """The same fleet with a place for backups."""
    pyrage = pytest.importorskip("pyrage")
    recipient = pyrage.x25519.Identity.generate().to_public()
    pair.edit("servers:\n", f"backup: {{to: backups, recipients: [{recipient}]}}\nservers:\n")
    return pair


def test_an_update_that_risks_data_backs_it_up_before_anything_else(saved: World) -> None:
    entry(saved, "2.0", upgrade=RISKY)

    changed, shown = update(saved, "web")

    assert [(each.app, each.server, each.volumes, each.version) for each in shown.backups] == [
        ("web", "nas", ("web-data",), "1.0"),
        ("web", "pi", ("web-data",), "1.0"),
    ]
    assert changed.run is not None
    assert changed.run.exit_code is ExitCode.OK
    manifests = listed_backups(saved.doors, ListBackupsRequest(saved.place))
    assert {(each.instance, each.reason, each.version) for each in manifests} == {
        ("web@nas", "before-update", "1.0"),
        ("web@pi", "before-update", "1.0"),
    }


def test_an_update_without_risk_or_with_no_backup_asked_for_makes_none(saved: World) -> None:
    entry(saved, "2.0")
    assert update(saved, "web")[1].backups == ()
    entry(saved, "3.0", upgrade=RISKY)
    saved.registry.add(ImageDefinition("tomo-test/web:3.0"))

    _, shown = update(saved, "web", terms=RunTerms(backup=False))

    assert shown.backups == ()
    assert "not backed up" in not_backed_up(shown.updates, shown.backups)[0]
    assert not (saved.folder / "backups").exists()


def test_nothing_is_begun_where_the_backup_fails_and_the_file_is_put_back(saved: World) -> None:
    entry(saved, "2.0", upgrade=RISKY)
    (saved.folder / "backups").write_text("in the way")
    text, state = saved.file.read_text(), saved.state.read_bytes()

    with pytest.raises(TomoError):
        update(saved, "web")

    assert (saved.file.read_text(), saved.state.read_bytes()) == (text, state)
    assert image_tags(saved) == ["tomo-test/web:1.0"] * 2


def test_what_is_approved_includes_the_backup_and_is_not_used_up_where_it_fails(
    saved: World, tmp_path: Path
) -> None:
    entry(saved, "2.0", upgrade=RISKY)
    saved.edit('version: "1.0"', 'version: "2.0"')
    plans = SavedPlans(saved.doors)
    kept = plans.save(SavePlanRequest(PlanRequest(saved.place), tmp_path / "plan"))
    assert [each.to for each in plans.show(ShowPlanRequest(kept.file)).shown.backups] == ["backups"] * 2
    request = ApplyPlanRequest(saved.place, kept.file, lambda _: None)
    (saved.folder / "backups").write_text("in the way")
    with pytest.raises(TomoError):
        plans.apply(request)
    (saved.folder / "backups").unlink()

    assert plans.apply(request).exit_code is ExitCode.OK

    assert len(listed_backups(saved.doors, ListBackupsRequest(saved.place))) == 2


# --- over several servers --------------------------------------------------------------------------------


def test_a_canary_that_fails_leaves_the_other_server_untouched_and_says_so(pair: World) -> None:
    entry(pair, "2.0")
    pair.registry.add(ImageDefinition("tomo-test/web:2.0", behaviour=exits(1)))
    writes, text = len(pair.hosts[PI].docker.writes), pair.file.read_text()

    changed, shown = update(pair, "web", terms=RunTerms(rollout=Rollout(canary=1)))

    assert shown.stages == (("nas",), ("pi",))
    assert changed.run is not None
    assert changed.run.not_begun == ("pi",)
    assert [failure.urn.rpartition("::")[2] for failure in changed.run.failures] == ["web@nas"]
    assert len(pair.hosts[PI].docker.writes) == writes
    assert changed.put_back
    assert pair.file.read_text() == text
    assert image_tags(pair)[1] == "tomo-test/web:1.0"


def test_a_canary_that_is_well_lets_the_others_begin(pair: World) -> None:
    entry(pair, "2.0")
    done: list[str] = []

    def hear(event: object) -> None:
        if isinstance(event, StepStarted) and not event.planning and event.step.type == CONTAINER_TYPE:
            done.append(f"begun {event.step.host}")
        if isinstance(event, StepDone) and not event.planning and event.step.type == CONTAINER_TYPE:
            done.append(f"well {event.step.host}")

    changed, _ = update(pair, "web", terms=RunTerms(rollout=Rollout(serial=1), sink=hear))

    assert changed.run is not None
    assert changed.run.not_begun == ()
    assert max(i for i, each in enumerate(done) if each == "well nas") < done.index("begun pi")
    assert image_tags(pair) == ["tomo-test/web:2.0"] * 2
    assert not pair.plan().has_changes


def test_an_apply_goes_in_stages_too_and_a_kept_plan(pair: World, tmp_path: Path) -> None:
    entry(pair, "2.0")
    pair.edit('version: "1.0"', 'version: "2.0"')
    pair.registry.add(ImageDefinition("tomo-test/web:2.0", behaviour=exits(1)))
    plans = SavedPlans(pair.doors)
    kept = plans.save(SavePlanRequest(PlanRequest(pair.place), tmp_path / "plan"))
    request = ApplyPlanRequest(pair.place, kept.file, lambda _: None, rollout=Rollout(canary=1))

    first = plans.apply(request)
    second = pair.apply(rollout=Rollout(serial=1))

    assert first.not_begun == second.not_begun == ("pi",)
    assert image_tags(pair)[1] == "tomo-test/web:1.0"


@pytest.mark.parametrize(
    ("canary", "serial", "batches"),
    [
        (0, 0, ("abcde",)),
        (1, 0, ("a", "bcde")),
        (0, 2, ("ab", "cd", "e")),
        (1, 2, ("a", "bc", "de")),
        (9, 2, ("abcde",)),
    ],
)
def test_servers_are_taken_in_batches(canary: int, serial: int, batches: tuple[str, ...]) -> None:
    assert Rollout(canary, serial).batches("abcde") == tuple(map(tuple, batches))


def test_what_a_well_canary_did_stays_where_a_later_stage_fails_and_the_file_keeps_it(pair: World) -> None:
    entry(pair, "2.0")

    def sicken(event: object) -> None:
        if isinstance(event, StepDone) and not event.planning and event.step.type == CONTAINER_TYPE:
            pair.registry.remove("tomo-test/web:2.0")

    changed, _ = update(pair, "web", terms=RunTerms(rollout=Rollout(canary=1), sink=sicken, retry=False))

    assert changed.run is not None
    assert changed.run.exit_code is ExitCode.FAILED
    assert changed.written
    assert not changed.put_back
    assert image_tags(pair) == ["tomo-test/web:2.0", "tomo-test/web:1.0"]
    assert AppUpdates(pair.doors).newer(NewerVersionsRequest(pair.place)) == (
        Newer("web", ("1.0", "2.0"), "2.0"),
    )


def test_an_image_that_the_fleet_file_sets_is_told_to_stay(pair: World) -> None:
    pair.edit(
        '    version: "1.0"', '    services: {server: {image: "tomo-test/web:1.0"}}\n    version: "1.0"'
    )
    entry(pair, "2.0")

    _, shown = update(pair, "web", agree=False)

    assert shown.updates[0].warnings == (
        "the fleet file sets the image of server, which stays: change it there too",
    )
