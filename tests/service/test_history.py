"""Back to an earlier recorded state, through the service, on hosts in memory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.worlds import CONTAINER, World
from tomo.errors import CannotGoBack, ExitCode, NotSupported, PlanRefused, VersionNotFound
from tomo.model.events import Result
from tomo.service.history import Histories, HistoryRequest, can_go_back_to
from tomo.service.plans.making import KeptPlan, SavePlanRequest
from tomo.service.plans.saved import ApplyPlanRequest, SavedPlans
from tomo.service.runs import PlanRequest, PlanResult, RunResult
from tomo.testing.registry import ImageDefinition, exits

OTHER_MOUNT = """\
            - {volume: data, path: /data}
            - {volume: more, path: /more}
"""


def applied(world: World, **options: object) -> None:
    result = world.apply(**options)

    assert result.exit_code is ExitCode.OK, (result.failures, result.program_error, result.shown)


def changed(result: PlanResult) -> set[str]:
    return {f"{step.op.pulumi_name} {step.type.rsplit(':', 1)[-1]}" for step in result.plan.changes}


def env(world: World) -> dict[str, str]:
    entries = world.nas.docker.inspect(CONTAINER)["Config"]["Env"]
    return dict(entry.split("=", 1) for entry in entries)


def mounts(world: World) -> set[str]:
    return {mount["Destination"] for mount in world.nas.docker.inspect(CONTAINER)["Mounts"]}


def entry_files(world: World) -> list[Path]:
    folder = world.folder / ".pulumi" / "history" / "tomo" / "home"
    return sorted(folder.glob("*.history.json"))


def grow(world: World) -> None:
    """Another greeting, another image, one volume more."""
    world.edit("default: hello", "default: goodbye")
    world.edit("image: tomo-test/web:1.0", "image: tomo-test/web:2.0")
    world.edit("            - {volume: data, path: /data}\n", OTHER_MOUNT)
    world.edit("volumes: {data: {}}", "volumes: {data: {}, more: {}}")


def test_env_mounts_and_image_come_back_and_the_spec_of_then_has_nothing_to_do(world: World) -> None:
    spec = world.file.read_text()
    applied(world)
    before = env(world), mounts(world)
    grow(world)
    applied(world)
    assert (env(world), mounts(world)) != before

    applied(world, to=1)

    assert (env(world), mounts(world)) == before
    world.file.write_text(spec)
    assert not world.plan().has_changes, changed(world.plan())
    assert not world.plan(look=False).has_changes


def test_the_way_back_is_a_normal_plan_that_changes_nothing(world: World) -> None:
    applied(world)
    grow(world)
    applied(world)
    state, writes = world.state.read_bytes(), len(world.nas.docker.writes)

    plan = world.plan(to=1)

    assert any(step.type.endswith(":Container") and step.diffs for step in plan.plan.changes)
    assert "delete Volume" in changed(plan)
    assert plan.exit_code is ExitCode.OK
    assert (world.state.read_bytes(), len(world.nas.docker.writes)) == (state, writes)


def test_the_way_to_the_present_is_empty(world: World) -> None:
    applied(world)

    assert not world.plan(to=1).has_changes
    assert not world.plan(to=1, look=False).has_changes


def test_an_app_that_is_gone_comes_back_on_networks_and_images_made_anew(world: World) -> None:
    spec = world.file.read_text()
    applied(world)
    before = env(world), mounts(world)
    world.edit("    server: nas\n", "    server: nas\n    state: absent\n")
    applied(world)
    assert world.nas.docker.container_names == []

    applied(world, to=1)

    assert (env(world), mounts(world)) == before
    world.file.write_text(spec)
    assert not world.plan().has_changes, changed(world.plan())


def test_secrets_of_then_come_back_and_stay_sealed(world: World) -> None:
    applied(world)
    token = env(world)["TOKEN"]
    text = world.config.read_text()
    world.config.write_text("\n".join(line for line in text.splitlines() if "TOKEN" not in line) + "\n")
    applied(world)
    assert env(world)["TOKEN"] != token

    applied(world, to=1)

    assert env(world)["TOKEN"] == token
    assert token not in world.state.read_text()
    assert token not in repr(world.plan(to=1).plan)


def test_a_run_back_is_a_version_of_its_own_and_says_so(world: World) -> None:
    applied(world, message="first")
    grow(world)
    applied(world)

    applied(world, to=1)

    versions = Histories(world.doors).list(HistoryRequest(world.place)).versions
    assert [version.number for version in versions] == [3, 2, 1]
    assert [version.entry.message for version in versions] == ["back to version 1", "", "first"]
    assert all(map(can_go_back_to, versions))


def test_an_unknown_version_is_named_with_those_there_are(world: World) -> None:
    applied(world)

    with pytest.raises(VersionNotFound, match="no version `7`: it has 1 to 1"):
        world.plan(to=7)


def test_a_stack_without_history_has_no_version(world: World) -> None:
    with pytest.raises(VersionNotFound, match="nothing was recorded yet"):
        world.plan(to=1)


def test_what_a_failed_run_left_is_refused_and_the_one_before_named(world: World) -> None:
    applied(world)
    world.registry.add(ImageDefinition("tomo-test/web:2.0", behaviour=exits(1)))
    world.edit("image: tomo-test/web:1.0", "image: tomo-test/web:2.0")
    assert world.apply().result is Result.FAILED
    state = world.state.read_bytes()

    with pytest.raises(CannotGoBack, match="failed update") as refused:
        world.apply(to=2)

    assert "--to 1" in refused.value.hint
    assert world.state.read_bytes() == state


def test_a_version_without_its_checkpoint_is_refused(world: World) -> None:
    applied(world)
    (entry,) = entry_files(world)
    entry.with_name(entry.name.replace(".history.", ".checkpoint.")).unlink()

    with pytest.raises(CannotGoBack, match="has no checkpoint"):
        world.plan(to=1)


def test_a_version_of_nothing_is_refused(world: World) -> None:
    applied(world)
    applied(world, destroy=True, look=False)

    with pytest.raises(CannotGoBack, match="has no resources"):
        world.plan(to=2)


def test_everything_destroyed_comes_back(world: World) -> None:
    applied(world)
    before = env(world), mounts(world)
    applied(world, destroy=True, look=False)

    applied(world, to=1)

    assert (env(world), mounts(world)) == before
    assert not world.plan().has_changes, changed(world.plan())


def test_a_version_with_hooks_is_refused_by_name(world: World) -> None:
    applied(world)
    (entry,) = entry_files(world)
    checkpoint = entry.with_name(entry.name.replace(".history.", ".checkpoint."))
    document = json.loads(checkpoint.read_bytes())
    container = next(
        r for r in document["checkpoint"]["latest"]["resources"] if r["type"].endswith(":Container")
    )
    container["resourceHooks"] = {"BeforeCreate": ["mine"]}
    checkpoint.write_text(json.dumps(document))

    with pytest.raises(NotSupported, match="has hooks"):
        world.plan(to=1)


# --- kept in a file ----------------------------------------------------------------------------------


def kept_back(world: World, file: Path, to: int = 1) -> KeptPlan:
    return SavedPlans(world.doors).save(SavePlanRequest(PlanRequest(world.place, to=to), file))


def apply_kept(world: World, file: Path) -> RunResult:
    return SavedPlans(world.doors).apply(ApplyPlanRequest(world.place, file, lambda _shown: None))


def test_a_plan_back_is_kept_and_leads_back(world: World, tmp_path: Path) -> None:
    applied(world)
    before = env(world), mounts(world)
    grow(world)
    applied(world)
    kept = kept_back(world, tmp_path / "plan.json")

    result = apply_kept(world, kept.file)

    assert result.exit_code is ExitCode.OK, [str(failure.error) for failure in result.failures]
    assert (env(world), mounts(world)) == before
    [newest, *_] = Histories(world.doors).list(HistoryRequest(world.place)).versions
    assert newest.entry.message == "back to version 1"
    assert not world.plan(to=1).has_changes


def test_the_same_plan_back_has_the_same_bytes_and_names_the_version_it_rests_on(
    world: World, tmp_path: Path
) -> None:
    applied(world)
    grow(world)
    applied(world)

    first, second = kept_back(world, tmp_path / "one.json"), kept_back(world, tmp_path / "two.json")

    assert first.digest == second.digest
    assert first.file.read_bytes() == second.file.read_bytes()
    body = json.loads(first.file.read_text())["body"]
    assert body["options"]["to"] == 1
    assert list(body["basis"]["history"]) == ["1"]


def test_a_removed_app_comes_back_by_a_kept_plan(world: World, tmp_path: Path) -> None:
    applied(world)
    before = env(world), mounts(world)
    world.edit("    server: nas\n", "    server: nas\n    state: absent\n")
    applied(world)
    kept = kept_back(world, tmp_path / "plan.json")

    result = apply_kept(world, kept.file)

    assert result.exit_code is ExitCode.OK, [str(failure.error) for failure in result.failures]
    assert (env(world), mounts(world)) == before


def test_a_kept_plan_back_is_refused_where_its_version_is_another(world: World, tmp_path: Path) -> None:
    applied(world)
    grow(world)
    applied(world)
    kept = kept_back(world, tmp_path / "plan.json")
    stored = sorted(entry_files(world)[0].parent.glob("*.checkpoint.json"))
    stored[0].write_bytes(stored[0].read_bytes() + b"\n")

    with pytest.raises(PlanRefused, match="the history's version `1` was changed"):
        apply_kept(world, kept.file)

    assert env(world)["GREETING"] == "goodbye"


def test_a_kept_plan_back_is_refused_where_its_version_is_gone(world: World, tmp_path: Path) -> None:
    applied(world)
    grow(world)
    applied(world)
    kept = kept_back(world, tmp_path / "plan.json")
    for file in entry_files(world)[0].parent.iterdir():
        file.unlink()

    with pytest.raises(PlanRefused, match="leads back to a version") as caught:
        apply_kept(world, kept.file)

    assert caught.value.exit_code is ExitCode.PLAN_REFUSED
