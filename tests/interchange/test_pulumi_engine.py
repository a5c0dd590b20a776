"""The `pulumi` engine: Tomo's commands through the real CLI, the same on every backend."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from conformance.engines import PulumiCli
from tests.approval.people import Person, person
from tests.interchange import backends
from tests.providers.plugin.notes import install
from tests.worlds import PASSPHRASE, keys
from tomo.errors import ApprovalMissing, ExitCode, NotSupported, PluginMissing, PulumiFailed, StackNotFound
from tomo.model.events import Diagnostic, Event, Result, Severity, StepDone, StepFailed, Summary
from tomo.model.plan import is_hidden
from tomo.model.step import Op
from tomo.model.values import Secret
from tomo.service.configs import Configs, SetConfigRequest
from tomo.service.deployments import Deployments
from tomo.service.outputs import Outputs
from tomo.service.present import plan_json
from tomo.service.runs import ApplyRequest, DriftRequest, PlanRequest, PlanResult, RefreshRequest, RunResult
from tomo.service.status import OutputsRequest
from tomo.service.stop import Stop
from tomo.service.wiring import Doors
from tomo.service.workspace import Place
from tomo.settings import Settings

__all__ = ["person"]

pytestmark = [pytest.mark.pulumi_cli, pytest.mark.timeout(300)]

PROGRAM = """\
import pulumi
from pulumi.dynamic import CreateResult, Resource, ResourceProvider

class Stamp(ResourceProvider):
    def create(self, props):
        return CreateResult("stamped", {{**props, "stamp": props["on"] + "!"}})

class Stamped(Resource):
    stamp: pulumi.Output[str]
    def __init__(self, name, on):
        super().__init__(Stamp(), name, {{"on": on, "stamp": None}})

class Note(pulumi.CustomResource):
    length: pulumi.Output[int]
    def __init__(self, name, **inputs):
        options = pulumi.ResourceOptions(version="1.2.3", depends_on=inputs.pop("after", None))
        super().__init__("notes:index:Note", name, {{**inputs, "title": name, "length": None}}, options)

print("the program runs")
first = Note("first", text={text!r}, room={room!r}, trouble={trouble!r})
second = Note("second", text=pulumi.Config().require_secret("word"), after=[first])
stamped = Stamped("stamped", first.length.apply(str))
pulumi.export("length", first.length)
pulumi.export("word", second.length)
pulumi.export("stamp", stamped.stamp)
{last}
"""


@dataclass
class Study:
    """A project whose state is kept in a backend of Pulumi's, and its notes."""

    folder: Path
    url: str
    cli: PulumiCli
    events: list[Event] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)

    def write(self, text: str = "hello", room: str = "a", trouble: str | None = None, last: str = "") -> None:
        main = PROGRAM.format(text=text, room=room, trouble=trouble, last=last)
        (self.folder / "__main__.py").write_text(main)

    @property
    def notes(self) -> Path:
        return self.folder.parent / "notes"

    @property
    def doors(self) -> Doors:
        environment = {
            "HOME": str(self.folder.parent),
            "PULUMI_HOME": str(self.folder.parent / "pulumi"),
            "PATH": f"{self.folder.parent / 'bin'}:{os.environ['PATH']}",
            "NOTES_FOLDER": str(self.notes),
            "TOMO_PASSPHRASE": PASSPHRASE,
            "TOMO_STATE_URL": self.url,
            "TOMO_PULUMI": str(self.cli._binary),
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "AWS_ACCESS_KEY_ID": "a test's",
            "AWS_SECRET_ACCESS_KEY": "own",
            **self.variables,
        }
        return Doors(Settings.from_environment(environment), secrets=keys())

    @property
    def place(self) -> Place:
        return Place(self.folder, None, "dev", "pulumi")

    def plan(self, **options: bool) -> PlanResult:
        return Deployments(self.doors).plan(PlanRequest(self.place, **options))

    def apply(self, stop: Stop | None = None, **options: bool) -> RunResult:
        request = ApplyRequest(self.place, lambda _: True, sink=self._hear, stop=stop or Stop(), **options)
        return Deployments(self.doors).apply(request)

    def drift(self) -> PlanResult:
        return Deployments(self.doors).drift(DriftRequest(self.place))

    def refresh(self) -> RunResult:
        return Deployments(self.doors).refresh(RefreshRequest(self.place, lambda _: True))

    def outputs(self, *, show_secrets: bool = False) -> dict[str, object]:
        return Outputs(self.doors).outputs(OutputsRequest(self.place, show_secrets))

    def edit(self, name: str, text: str) -> None:
        path = next(self.notes.glob(f"{name}-*.json"))
        path.write_text(json.dumps({**json.loads(path.read_text()), "text": text}))

    def written(self) -> set[str]:
        """Every file of the project, without the program."""
        paths = self.folder.rglob("*")
        return {str(path.relative_to(self.folder)) for path in paths if path.is_file()} - {"__main__.py"}

    def _hear(self, event: Event) -> None:
        self.events.append(event)


def ops(result: PlanResult) -> dict[str, str]:
    return {step.urn.name: step.op.pulumi_name for step in result.plan.changes}


OpenStudy = Callable[[str], Study]
MakePerson = Callable[..., Person]


@pytest.fixture(scope="module")
def urls() -> Iterator[Callable[[str], str]]:
    """Backends by name, each begun when first asked for."""
    with ExitStack() as stack:
        begun: dict[str, str] = {}

        def url(name: str) -> str:
            if name not in begun:
                begun[name] = stack.enter_context(getattr(backends, name)())
            return begun[name]

        yield url


@pytest.fixture
def open_study(tmp_path: Path, pulumi_cli: PulumiCli, urls: Callable[[str], str]) -> OpenStudy:
    def open_(backend: str) -> Study:
        project = tmp_path / "project"
        project.mkdir()
        (tmp_path / "notes").mkdir()
        install(tmp_path / "bin")
        url = f"file://{tmp_path / 'project'}" if backend == "file" else urls(backend)
        made = Study(project, url, pulumi_cli)
        # Backends outlive a test, so each has a project of its own.
        (project / "Pulumi.yaml").write_text(f"name: proj-{abs(hash(str(tmp_path)))}\nruntime: python\n")
        Configs(made.doors).set(SetConfigRequest(made.place, "word", Secret("psst")))
        made.write()
        return made

    return open_


@pytest.fixture
def study(open_study: OpenStudy) -> Study:
    return open_study("file")


# --- every backend -----------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["file", "postgresql", "s3"])
def test_a_stack_lives_its_whole_life(open_study: OpenStudy, backend: str) -> None:
    study = open_study(backend)
    before = study.written()

    planned = study.plan()
    assert planned.exit_code is ExitCode.OK, (planned.program_error, planned.failures)
    assert set(ops(planned)) >= {"first", "second", "stamped"}
    assert study.written() == before
    assert list(study.notes.iterdir()) == []

    done = study.apply()
    assert (done.exit_code, done.result) == (ExitCode.OK, Result.SUCCEEDED), (
        done.program_error,
        done.failures,
    )
    assert study.outputs() == {"length": 5, "stamp": "5!", "word": "[secret]"}
    assert study.outputs(show_secrets=True)["word"] == 4

    assert not study.plan().has_changes
    study.edit("first", "edited")
    assert {step.urn.name: step.op for step in study.drift().plan.steps} == {"first": Op.REFRESH}
    assert ops(study.plan()) == {"first": "update", "stamped": "update"}

    assert study.refresh().exit_code is ExitCode.OK
    assert study.drift().plan.steps == ()

    assert study.apply().exit_code is ExitCode.OK
    assert study.apply(destroy=True).exit_code is ExitCode.OK
    assert list(study.notes.iterdir()) == []


# --- what surfaces are told --------------------------------------------------------------------------


def test_events_and_plans_are_those_of_the_embedded_engine(study: Study) -> None:
    study.apply()
    study.write(text="hello, you", room="b")

    planned = study.plan()
    study.events.clear()
    done = study.apply()

    [replaced] = [step for step in planned.plan.changes if step.urn.name == "first"]
    assert (replaced.op, replaced.keys) == (Op.REPLACE, ("room",))
    assert {diff.path: (diff.old, diff.new) for diff in replaced.diffs} == {
        "room": ("a", "b"),
        "text": ("hello", "hello, you"),
    }
    told = plan_json(planned)
    assert told["changeSummary"]["replace"] == 1
    assert done.exit_code is ExitCode.OK
    ended = [event.step for event in study.events if isinstance(event, StepDone)]
    assert {"create-replacement", "delete-replaced"} <= {
        step.op.pulumi_name for step in ended if step.urn.name == "first"
    }
    assert [event.result for event in study.events if isinstance(event, Summary)] == [Result.SUCCEEDED]
    said = [event.message for event in study.events if isinstance(event, Diagnostic)]
    assert {"the program runs", "writing first"} <= set(said)


def test_a_secret_is_nowhere_in_what_is_told(study: Study) -> None:
    done = study.apply()

    told = repr(study.events) + json.dumps(plan_json(done.shown)) + repr(done)
    [second] = [step for step in done.done.steps if step.urn.name == "second"]
    assert isinstance(second.new.inputs["text"], Secret)
    assert "psst" not in told
    assert PASSPHRASE not in told


def test_policies_hold_for_what_the_cli_would_do(study: Study) -> None:
    study.apply()
    study.write(room="b")
    policies = "schema: tomo.policy/v1\nextends: none\nrules: {replaces: deny}\n"
    (study.folder / "tomo-policy.yaml").write_text(policies)
    before = {path.name: path.read_bytes() for path in study.notes.iterdir()}

    planned, refused = study.plan(), study.apply()

    assert planned.exit_code is ExitCode.POLICY
    assert ("first", "replaces", "room") in [
        (finding.resource.name, finding.rule, finding.field) for finding in planned.judgement.denied
    ]
    assert refused.exit_code is ExitCode.POLICY
    assert {path.name: path.read_bytes() for path in study.notes.iterdir()} == before


def test_where_approvals_are_on_the_cli_gets_no_word_without_one(study: Study, person: MakePerson) -> None:
    study.apply()
    study.write(text="changed")
    approvers = study.folder.parent / "approvers"
    approvers.write_text(person("kim").line)
    study.variables["TOMO_APPROVERS"] = str(approvers)
    before = {path.name: path.read_bytes() for path in study.notes.iterdir()}

    refused = study.apply()

    assert isinstance(refused.refusal, ApprovalMissing)
    assert study.plan().has_changes
    assert {path.name: path.read_bytes() for path in study.notes.iterdir()} == before


def test_a_failure_is_told_and_the_rest_goes_on(study: Study) -> None:
    study.write(trouble="fail")

    done = study.apply()

    assert done.exit_code is ExitCode.FAILED
    assert [failure.error.message for failure in done.failures] == ["the pen broke"]
    [failed] = [event for event in study.events if isinstance(event, StepFailed)]
    assert (failed.step.urn.name, failed.message) == ("first", "the pen broke")


def test_a_program_that_raises_is_told_by_its_own_lines(study: Study) -> None:
    study.write(last="raise ValueError('not today')")

    planned = study.plan()

    assert planned.exit_code is ExitCode.FAILED
    assert str(planned.program_error).startswith("__main__.py:")
    assert planned.program_error.message == "ValueError: not today"


def test_what_is_under_way_is_finished_after_ctrl_c(study: Study) -> None:
    study.write(trouble="wait")
    stop = Stop()
    answers: list[RunResult] = []
    running = threading.Thread(target=lambda: answers.append(study.apply(stop)))
    running.start()
    waited = threading.Event()
    while not any(isinstance(e, Diagnostic) and e.message == "writing first" for e in list(study.events)):
        assert running.is_alive()
        waited.wait(0.05)

    stop.request()
    running.join(30)

    [done] = answers
    assert (done.result, done.exit_code) == (Result.CANCELLED, ExitCode.FAILED)
    assert study.plan().exit_code is ExitCode.OK


# --- what is refused ---------------------------------------------------------------------------------


def test_a_wrong_passphrase_is_the_cli_s_own_refusal(study: Study) -> None:
    study.apply()
    study.variables["TOMO_PASSPHRASE"] = "another"

    with pytest.raises(PulumiFailed, match="incorrect passphrase"):
        study.plan()


def test_a_missing_plugin_is_named_with_how_to_get_it(study: Study) -> None:
    (study.folder.parent / "bin" / "pulumi-resource-notes").unlink()

    planned = study.plan()

    missing = [each.error for each in planned.failures] + [planned.program_error]
    [hint] = {error.hint for error in missing if isinstance(error, PluginMissing)}
    assert hint == "pulumi plugin install resource notes v1.2.3"
    assert planned.exit_code is ExitCode.FAILED


def test_outputs_and_destroy_of_a_stack_that_is_not_there_are_refused(study: Study) -> None:
    with pytest.raises(StackNotFound):
        study.outputs()
    with pytest.raises(StackNotFound):
        study.plan(destroy=True)


def test_a_state_on_a_server_is_refused_by_name(study: Study) -> None:
    study.url = "ssh://192.0.2.1/state"

    with pytest.raises(NotSupported, match="ssh://"):
        study.plan()


def test_the_embedded_engine_goes_on_with_the_stack(study: Study) -> None:
    study.apply()

    planned = Deployments(study.doors).plan(PlanRequest(Place(study.folder, None, "dev")))

    assert planned.exit_code is ExitCode.OK, (planned.program_error, planned.failures)
    assert [step for step in planned.plan.changes if not is_hidden(step)] == []
    assert planned.plan.outputs.moved == []


def test_a_plugin_that_does_not_end_as_asked_is_told_of_and_fails_nothing(study: Study) -> None:
    study.variables["NOTES_GOES_BADLY"] = "1"

    planned = study.plan()
    done = study.apply()

    assert (planned.exit_code, planned.program_error) == (ExitCode.OK, None)
    assert (done.exit_code, done.result) == (ExitCode.OK, Result.SUCCEEDED)
    warned = [each for each in study.events if isinstance(each, Diagnostic) and "prematurely" in each.message]
    assert {each.severity for each in warned} == {Severity.WARNING}
    assert [each.error for each in study.events if isinstance(each, Summary)] == [None]
