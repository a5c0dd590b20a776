"""Which engine runs a stack: an option, else the environment, else the stack's own files say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.worlds import World
from tomo.errors import NotSupported, PulumiMissing, SpecError, UsageError
from tomo.model.values import Secret
from tomo.service.configs import Configs, SetConfigRequest
from tomo.service.deployments import Deployments
from tomo.service.engines import EngineName
from tomo.service.plans.making import SavePlanRequest
from tomo.service.plans.saved import SavedPlans
from tomo.service.runs import PlanRequest
from tomo.service.workspace import Place, Workspace

PULUMI = EngineName.PULUMI


@pytest.fixture
def program(nothing: World) -> World:
    """A project with a stack of its own."""
    (nothing.folder / "Pulumi.yaml").write_text("name: post\nruntime: python\n")
    (nothing.folder / "__main__.py").write_text("")
    (nothing.folder / "Pulumi.dev.yaml").write_text("config: {post:size: 1}\n")
    return nothing


def opened(world: World, engine: str | None = None, **variables: str) -> Workspace:
    place = Place(world.folder, engine=engine)
    return world.with_settings(variables=variables).open(place)


def test_without_a_word_about_it_tomo_s_own_engine_runs(program: World) -> None:
    assert opened(program).engine is EngineName.EMBEDDED


def test_a_program_s_config_names_the_engine(program: World) -> None:
    Configs(program.doors).set(SetConfigRequest(program.place, "tomo:engine", "pulumi"))

    assert opened(program).engine is PULUMI
    with pytest.raises(PulumiMissing):
        Deployments(program.with_settings(variables={"PATH": ""})).plan(PlanRequest(program.place))


def test_a_project_names_the_engine_of_all_its_stacks(program: World) -> None:
    (program.folder / "Pulumi.yaml").write_text(
        "name: post\nruntime: python\nconfig:\n  tomo:engine:\n    value: pulumi\n"
    )
    assert opened(program).engine is PULUMI

    Configs(program.doors).set(SetConfigRequest(program.place, "tomo:engine", "embedded"))

    assert opened(program).engine is EngineName.EMBEDDED


def test_the_environment_wins_over_config_and_an_option_over_both(program: World) -> None:
    Configs(program.doors).set(SetConfigRequest(program.place, "tomo:engine", "pulumi"))

    assert opened(program, TOMO_ENGINE="embedded").engine is EngineName.EMBEDDED
    assert opened(program, "pulumi", TOMO_ENGINE="embedded").engine is PULUMI


def test_an_engine_that_is_none_is_named_with_its_file(program: World) -> None:
    (program.folder / "Pulumi.dev.yaml").write_text("config: {tomo:engine: terraform}\n")

    with pytest.raises(UsageError, match=r"Pulumi\.dev\.yaml: there is no engine `terraform`") as caught:
        Deployments(program.doors).plan(PlanRequest(program.place))

    assert caught.value.hint == "engines are `embedded` and `pulumi`"


@pytest.mark.parametrize("value", ["terraform", Secret("pulumi")])
def test_no_such_engine_can_be_set(program: World, value: str | Secret) -> None:
    before = (program.folder / "Pulumi.dev.yaml").read_bytes()

    with pytest.raises(UsageError):
        Configs(program.doors).set(SetConfigRequest(program.place, "tomo:engine", value))

    assert (program.folder / "Pulumi.dev.yaml").read_bytes() == before


def test_a_sealed_engine_is_refused_without_a_passphrase(program: World) -> None:
    (program.folder / "Pulumi.dev.yaml").write_text("config: {tomo:engine: {secure: xyz}}\n")

    with pytest.raises(SpecError) as caught:
        _ = opened(program, PATH="").engine

    assert "must be a plain text" in caught.value.problems[0].message


def test_a_fleet_names_its_engine_in_its_file(world: World) -> None:
    world.edit("fleet: home\n", "fleet: home\nengine: pulumi\n")

    assert opened(world).engine is PULUMI
    assert opened(world, "embedded").engine is EngineName.EMBEDDED


def test_a_fleet_with_an_engine_that_is_none_is_told_with_its_line(world: World) -> None:
    world.edit("fleet: home\n", "fleet: home\nengine: terraform\n")

    with pytest.raises(SpecError) as caught:
        opened(world)

    assert [problem.line for problem in caught.value.problems] == [3]


def test_what_only_tomo_s_own_engine_does_says_how_to_choose_it(world: World) -> None:
    world.edit("fleet: home\n", "fleet: home\nengine: pulumi\n")
    request = SavePlanRequest(PlanRequest(world.place), world.folder / "plan.json")

    with pytest.raises(NotSupported, match="not supported with the `pulumi` engine") as caught:
        SavedPlans(world.doors).save(request)

    assert "--engine embedded" in caught.value.hint
    own = replace(request, plan=PlanRequest(Place(world.folder, engine="embedded")))
    assert SavedPlans(world.doors).save(own).shown.has_changes
