"""Kept plans of a hand-written program: the same rules as for a fleet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.worlds import PASSPHRASE, World, keys, make_world, salt
from tomo.errors import ExitCode, PlanRefused
from tomo.service.plans.making import KeptPlan, SavePlanRequest
from tomo.service.plans.saved import ApplyPlanRequest, SavedPlans
from tomo.service.runs import PlanRequest, RunResult
from tomo.service.wiring import Doors
from tomo.service.workspace import Place
from tomo.settings import Settings

PROGRAM = """\
import pulumi
from pulumi_command import local

first = local.Command("first", create="echo one")
second = local.Command(
    "second", create="cat", stdin=pulumi.Output.concat("<", first.stdout, ">"),
    environment={"TOKEN": pulumi.Config().require_secret("token")},
)
pulumi.export("said", second.stdout)
"""


class Project:
    """A folder with a program and a secret in its config."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        settings = Settings(
            passphrase=PASSPHRASE, home=folder, user="tester", variables={"PATH": "/usr/bin:/bin"}
        )
        self.plans = SavedPlans(Doors(settings, secrets=keys()))
        self.place = Place(folder, stack="dev")
        (folder / "Pulumi.yaml").write_text("name: demo\nruntime: python\n")
        (folder / "__main__.py").write_text(PROGRAM)
        sealed = keys().for_salt(salt()).encrypt("hunter2")
        config = f"encryptionsalt: {salt()}\nconfig:\n  demo:token:\n    secure: {sealed}\n"
        (folder / "Pulumi.dev.yaml").write_text(config)

    def keep(self, name: str = "plan.json") -> KeptPlan:
        return self.plans.save(SavePlanRequest(PlanRequest(self.place), self.folder / name))

    def apply(self, name: str = "plan.json") -> RunResult:
        return self.plans.apply(ApplyPlanRequest(self.place, self.folder / name, lambda _: None))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_a_program_s_plan_is_the_same_twice_and_is_applied_once(project: Project) -> None:
    first, second = project.keep("one.json"), project.keep("two.json")
    text = first.file.read_text()

    result = project.apply("one.json")

    assert first.file.read_bytes() == second.file.read_bytes()
    assert "hunter2" not in text
    assert result.exit_code is ExitCode.OK, [str(failure.error) for failure in result.failures]
    assert result.outputs["said"].reveal() == "<one>"  # type: ignore[attr-defined]
    with pytest.raises(PlanRefused, match="used before"):
        project.apply("two.json")


def test_an_unknown_of_a_program_names_the_outputs_it_is_made_from(project: Project) -> None:
    plan = project.keep()

    step = next(step for step in plan.shown.plan.steps if step.urn.name == "second")
    origins = step.entry.inputs["stdin"].origins  # type: ignore[attr-defined]
    assert any(origin.endswith("::first.stdout") for origin in origins)


def other_program(project: Project) -> None:
    (project.folder / "__main__.py").write_text(PROGRAM.replace("echo one", "echo two"))


def new_module(project: Project) -> None:
    (project.folder / "more.py").write_text("")


def new_script(project: Project) -> None:
    (project.folder / "scripts").mkdir()
    (project.folder / "scripts" / "deploy.sh").write_text("echo")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (other_program, "the file `__main__.py` was changed"),
        (new_module, "the file `more.py` was added"),
        (new_script, "the file `scripts/deploy.sh` was added"),
    ],
)
def test_a_changed_program_is_refused(project: Project, change: Callable[[Project], None], said: str) -> None:
    project.keep()
    change(project)

    with pytest.raises(PlanRefused) as caught:
        project.apply()

    assert said in caught.value.message


def test_what_is_no_part_of_the_program_does_not_count(project: Project) -> None:
    project.keep()
    (project.folder / "__pycache__").mkdir()
    (project.folder / "__pycache__" / "x.pyc").write_bytes(b"x")
    (project.folder / ".git").mkdir()
    (project.folder / ".git" / "HEAD").write_text("x")
    (project.folder / "venv").mkdir()
    (project.folder / "venv" / "pyvenv.cfg").write_text("x")
    project.keep("another.json")

    assert project.apply().exit_code is ExitCode.OK


# --- forms -------------------------------------------------------------------------------------------


def test_a_plan_in_markdown_shows_no_secret_and_can_t_leave_its_fence(tmp_path: Path) -> None:
    from tomo.service.markdown import plan_markdown

    world: World = make_world(tmp_path)
    world.apply()
    world.edit("    server: nas\n", "    server: nas\n    inputs: {GREETING: 'x ``` <b>'}\n")

    text = plan_markdown(world.plan())

    assert text.startswith("### Plan for `tomo/home`: 1 to update, 1 to replace\n")
    assert "**nas**\n\n````diff\n" in text
    assert '-   envs[0]: "GREETING=hello"' in text
