"""Images that nothing uses: shown by a plan, removed by an apply, those and no others."""

from __future__ import annotations

from tests.worlds import World
from tomo.model.plan import Plan
from tomo.testing.registry import ImageDefinition

POLICY = "    docker: {prune: {older_than: 1h}}\n"


def with_policy(world: World) -> None:
    file = world.folder / "fleet.yaml"
    file.write_text(file.read_text().replace("    user: root\n", f"    user: root\n{POLICY}", 1))


def old_image(world: World, name: str) -> None:
    world.nas.docker.add_image(ImageDefinition(name))
    world.nas.docker.age_image(name)


def changes(plan: Plan) -> list[str]:
    return [f"{step.op.pulumi_name} {step.urn.name}" for step in plan.changes]


def listed(plan: Plan) -> str:
    [step] = [step for step in plan.steps if step.urn.name == "nas-prune"]
    assert step.new is not None
    environment = step.new.inputs["environment"]
    assert isinstance(environment, dict)
    return str(environment["TOMO_PRUNE_IMAGES"])


def test_unused_images_are_shown_and_go_and_the_next_plan_is_empty(world: World) -> None:
    world.apply()
    with_policy(world)
    old_image(world, "old/page:1")

    shown = world.plan()
    result = world.apply()

    assert "create nas-prune" in changes(shown.plan)
    assert listed(shown.plan).startswith("old/page:1 25.0MB sha256:")
    assert any("1 unused image of 25.0 MB goes from `nas`: old/page:1" in s.message for s in shown.shortfalls)
    assert result.exit_code == 0, [str(each.error) + each.error.detail for each in result.failures]
    assert world.nas.docker.image_names == ["tomo-test/web:1.0"]
    assert changes(world.plan().plan) == []


def test_a_further_unused_image_is_a_step_of_its_own_and_volumes_stay(world: World) -> None:
    with_policy(world)
    world.apply()
    volumes = world.nas.docker.volume_names
    old_image(world, "old/page:2")

    shown = world.plan()
    world.apply()

    assert changes(shown.plan) == ["update nas-prune"]
    assert "old/page:2" in listed(shown.plan)
    assert changes(world.plan().plan) == []
    assert world.nas.docker.volume_names == volumes


def test_what_the_fleet_declares_stays_though_nothing_runs_from_it_yet(world: World) -> None:
    with_policy(world)
    world.apply()
    old_image(world, "old/page:3")
    world.nas.docker.remove_by_hand("web")

    shown = world.plan()

    assert "tomo-test/web:1.0" not in listed(shown.plan)
    assert "old/page:3" in listed(shown.plan)


def test_an_image_that_is_used_by_the_time_of_the_apply_stays(world: World) -> None:
    with_policy(world)
    world.apply()
    old_image(world, "old/page:4")
    text = listed(world.plan().plan)
    world.nas.docker.run_by_hand("late", "old/page:4")

    said = world.nas.docker.prune_by_ids(text)

    assert said == "0 images removed\n"
    assert "old/page:4" in world.nas.docker.image_names
