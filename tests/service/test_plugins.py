"""A program whose resources belong to a plugin of its own, through the service: plan, apply, drift, destroy."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.providers.plugin.notes import install
from tests.worlds import PASSPHRASE, keys
from tomo.errors import ExitCode, PluginMissing
from tomo.model.events import Diagnostic, Event
from tomo.service.deployments import Deployments
from tomo.service.runs import ApplyRequest, DriftRequest, PlanRequest, PlanResult, RunResult
from tomo.service.wiring import Doors
from tomo.service.workspace import Place
from tomo.settings import Settings

PROGRAM = """\
import pulumi

class Note(pulumi.CustomResource):
    length: pulumi.Output[int]
    def __init__(self, name, **inputs):
        super().__init__("notes:index:Note", name, {{**inputs, "length": None}},
                         pulumi.ResourceOptions(version="1.2.3"))

first = Note("first", text={text!r}, trouble={trouble!r})
second = Note("second", text=first.length.apply(lambda n: "x" * int(n)))
pulumi.export("length", first.length)
"""


@dataclass
class Study:
    """A project in a folder, and a plugin on the PATH that keeps notes in another."""

    folder: Path
    notes: Path
    events: list[Event] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)

    def write(self, text: str, trouble: str | None = None) -> None:
        (self.folder / "__main__.py").write_text(PROGRAM.format(text=text, trouble=trouble))

    @property
    def service(self) -> Deployments:
        environment = {
            "HOME": str(self.folder),
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "NOTES_FOLDER": str(self.notes),
            "TOMO_PASSPHRASE": PASSPHRASE,
            **self.variables,
        }
        return Deployments(Doors(Settings.from_environment(environment), secrets=keys()))

    @property
    def place(self) -> Place:
        return Place(self.folder, None, "dev")

    def plan(self) -> PlanResult:
        return self.service.plan(PlanRequest(self.place))

    def apply(self, **options: bool) -> RunResult:
        return self.service.apply(
            ApplyRequest(self.place, lambda _: True, sink=self.events.append, **options)
        )

    def drift(self) -> PlanResult:
        return self.service.drift(DriftRequest(self.place))

    @property
    def kept(self) -> dict[str, str]:
        """What the notes say, by name."""
        found = {path.stem: json.loads(path.read_text()) for path in self.notes.glob("*.json")}
        return {name.rpartition("-")[0]: note["text"] for name, note in found.items()}


@pytest.fixture
def study(tmp_path: Path) -> Study:
    folder, notes = tmp_path / "project", tmp_path / "notes"
    folder.mkdir()
    notes.mkdir()
    (folder / "Pulumi.yaml").write_text("name: proj\nruntime: python\n")
    install(folder / "bin")
    made = Study(folder, notes)
    made.write("hello")
    return made


@pytest.fixture
def left_over() -> Callable[[], list[str]]:
    """The plugins of this test's process that still run."""

    def running() -> list[str]:
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                parent = stat.read_text().rpartition(")")[2].split()[1]
                line = (stat.parent / "cmdline").read_text()
            except OSError:
                continue
            if parent == str(os.getpid()) and "notes.py" in line:
                found.append(line)
        return found

    return running


@pytest.mark.slow  # a plugin is a Python process here, which imports gRPC
def test_a_program_with_a_plugin_is_planned_applied_looked_at_and_destroyed(
    study: Study, left_over: Callable[[], list[str]]
) -> None:
    planned = study.plan()
    assert [step.op.pulumi_name for step in planned.plan.changes] == ["create"] * 4, planned.program_error
    assert study.kept == {}

    done = study.apply()
    assert (done.exit_code, study.kept) == (ExitCode.OK, {"first": "hello", "second": "xxxxx"})
    assert done.outputs["length"] == 5

    assert not study.plan().has_changes
    next(study.notes.glob("first-*.json")).write_text('{"text": "edited", "title": "t"}')
    assert [step.urn.name for step in study.drift().plan.steps] == ["first"]
    assert study.apply().exit_code is ExitCode.OK
    assert study.kept["first"] == "hello"

    assert study.apply(destroy=True).exit_code is ExitCode.OK
    assert study.kept == {}
    assert left_over() == []


@pytest.mark.slow  # a plugin is a Python process here, which imports gRPC
def test_what_a_plugin_says_is_told_and_its_death_names_the_resource(
    study: Study, left_over: Callable[[], list[str]]
) -> None:
    study.write("hello", trouble="die")

    done = study.apply()

    said = [event.message for event in study.events if isinstance(event, Diagnostic)]
    assert "writing first" in said
    assert "notes: the notes are ready" in said
    assert done.exit_code is ExitCode.FAILED
    [failure] = done.failures
    assert failure.error.message == "the plugin `notes` ended while it was at `first`"
    assert failure.error.detail == "exit code 3\nthe notes are ready\nout of paper"
    assert left_over() == []


def test_a_missing_plugin_ends_the_plan_with_how_to_get_it(study: Study) -> None:
    (study.folder / "bin" / "pulumi-resource-notes").unlink()

    result = study.plan()

    errors = [result.program_error, *(failure.error for failure in result.failures)]
    missing = [error for error in errors if isinstance(error, PluginMissing)]
    assert [error.hint for error in missing] == ["pulumi plugin install resource notes v1.2.3"]
    assert result.exit_code is ExitCode.FAILED
