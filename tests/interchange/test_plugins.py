"""One program and one plugin on the real CLI and on Tomo: the same steps, the same calls, the same state."""

from __future__ import annotations

import json
import os
import runpy
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from conformance.engines import PulumiCli
from conformance.normal import Names, comparable, told_apart
from conformance.store import PASSPHRASE, STACK, Store
from tests.providers.plugin.notes import install
from tomo.errors import ExitCode
from tomo.model.plan import is_hidden
from tomo.secrets.passphrase import PassphraseManagers
from tomo.service.deployments import Deployments
from tomo.service.runs import ApplyRequest, PlanRequest
from tomo.service.wiring import Doors
from tomo.service.workspace import Place
from tomo.settings import Settings

pytestmark = pytest.mark.pulumi_cli

PROGRAM = """\
import pulumi

class Notes(pulumi.ProviderResource):
    pass

class Note(pulumi.CustomResource):
    length: pulumi.Output[int]
    def __init__(self, name, version="1.2.3", **inputs):
        options = inputs.pop("options", {})
        inputs = {"title": name, **inputs, "length": None}
        super().__init__("notes:index:Note", name, inputs, pulumi.ResourceOptions(version=version, **options))

class Group(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("my:mod:Group", name)

house = Notes("notes", "house", {"house": "12", "door": pulumi.Output.secret("blue")},
              pulumi.ResourceOptions(version="1.2.3"))
group = Group("group")
first = Note("first", text="TEXT", room="ROOM", count=3, parts=[1, {"a": None, "b": True}])
second = Note("second", text=first.length.apply(lambda n: "x" * int(n)), options={"provider": house})
third = Note("third", text=pulumi.Output.secret("psst"), friend=first, options={"parent": group})
fourth = Note("fourth", text="t", file=pulumi.StringAsset("content"), options={"depends_on": [third]})
pulumi.export("length", first.length)
pulumi.export("secret", third.length)
pulumi.export("loud", pulumi.runtime.invoke("notes:index:shout", {"text": "hi"}, pulumi.InvokeOptions(
    version="1.2.3")).value["text"])
"""


NOT_COMPARED = {"Handshake", "Cancel", "DiffConfig"}
"""Who asks, how it ends, and what only Pulumi asks about a configuration that is as it was."""


@dataclass
class Study:
    """A project with a stack, notes of its own, and a log of what its plugin was asked."""

    store: Store
    old: bool
    names: Names = field(default_factory=Names)

    def prepare(self) -> Study:
        self.notes.mkdir()
        return self

    @property
    def notes(self) -> Path:
        return self.store.directory / "notes"

    @property
    def log(self) -> Path:
        return self.store.directory / "calls.jsonl"

    def variables(self, bin_: Path) -> dict[str, str]:
        return {
            "PATH": f"{bin_}:{os.environ['PATH']}",
            "NOTES_FOLDER": str(self.notes),
            "NOTES_CALLS": str(self.log),
            **({"NOTES_OLD": "1"} if self.old else {}),
        }

    def calls(self) -> list[str]:
        """What the plugin was asked since the last time, but for who asks and what chance gives."""
        found = [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return sorted(_shown(verb, body) for verb, body in found if verb not in NOT_COMPARED)


def _shown(verb: str, body: Mapping[str, Any]) -> str:
    untold = {"randomSeed", "resource_status_address", "resource_status_token"}
    if verb == "Configure":
        untold |= {"urn", "name", "type", "id"}
    return f"{verb} {json.dumps({k: v for k, v in body.items() if k not in untold}, sort_keys=True)}"


@dataclass
class Pair:
    """The same done in both places."""

    here: Study
    there: Study
    cli: PulumiCli
    bin: Path
    secrets: PassphraseManagers

    def write(self, text: str, room: str = "a") -> None:
        for place in (self.here, self.there):
            main = place.store.directory / "__main__.py"
            main.write_text(PROGRAM.replace("TEXT", text).replace("ROOM", room))

    def plan(self) -> dict[str, list[str]]:
        result = self._tomo().plan(PlanRequest(Place(self.here.store.directory, None, STACK), look=False))
        assert result.exit_code is ExitCode.OK, (result.program_error, result.failures)
        self.cli.settings = self.there.variables(self.bin)
        ran = self.cli.plan(self.there.store, self._program)
        return self._same_steps(result.plan.steps, ran)

    def apply(self) -> dict[str, list[str]]:
        request = ApplyRequest(Place(self.here.store.directory, None, STACK), lambda _: True, look=False)
        result = self._tomo().apply(request)
        assert result.exit_code is ExitCode.OK, (result.program_error, result.failures)
        self.cli.settings = self.there.variables(self.bin)
        ran = self.cli.up(self.there.store, self._program)
        assert ran.ok, ran.said
        found = self._same_steps(result.done.steps, ran)
        states = [comparable(each.store, each.names) for each in (self.here, self.there)]
        assert told_apart(*states) == []
        return found

    def _same_steps(self, steps: Any, ran: Any) -> dict[str, list[str]]:
        assert ran.ok, ran.said
        mine: dict[str, list[str]] = {}
        for step in steps:
            if not is_hidden(step):
                mine.setdefault(step.urn, []).append(step.op.pulumi_name)
        assert {urn: sorted(ops) for urn, ops in mine.items()} == {
            urn: sorted(ops) for urn, ops in ran.ops.items()
        }
        return {urn.rpartition("::")[2]: ops for urn, ops in mine.items() if set(ops) != {"same"}}

    def _program(self) -> None:
        runpy.run_path(str(self.there.store.directory / "__main__.py"))

    def _tomo(self) -> Deployments:
        variables = {
            **self.here.variables(self.bin),
            "HOME": str(self.here.store.directory),
            "TOMO_PASSPHRASE": PASSPHRASE,
        }
        return Deployments(Doors(Settings.from_environment(variables), secrets=self.secrets))


@pytest.fixture(params=["a plugin that shakes hands", "an older plugin"])
def pair(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    salt: str,
    secrets: PassphraseManagers,
    pulumi_cli: PulumiCli,
) -> Pair:
    old = request.param == "an older plugin"
    stores = [Store(tmp_path / name, salt, secrets).prepare() for name in ("tomo", "pulumi")]
    here, there = (Study(store, old).prepare() for store in stores)
    install(tmp_path / "bin")
    # A copy: its settings are this test's own, and the CLI is everybody's.
    return Pair(here, there, copy(pulumi_cli), tmp_path / "bin", secrets)


def test_a_plugin_is_asked_and_answers_the_same_on_both(pair: Pair) -> None:
    pair.write("hello")
    assert pair.plan()["first"] == ["create"]
    pair.here.calls(), pair.there.calls()

    pair.apply()
    mine = pair.here.calls()
    theirs = pair.there.calls()
    acts = ("Create", "Update", "Delete")
    assert [each for each in mine if each.startswith(acts) and '"preview"' not in each] == [
        each for each in theirs if each.startswith(acts)
    ]
    # Tomo plans before it acts, so it asks more; Pulumi leaves an asset's text out of what was.
    assert {each for each in theirs if '"hash"' not in each} - set(mine) == set()

    pair.write("hello, you")
    assert pair.plan() == {"first": ["update"], "second": ["update"]}
    pair.apply()
    mine, theirs = pair.here.calls(), pair.there.calls()
    assert {each for each in theirs if '"hash"' not in each} - set(mine) == set()

    pair.write("hello, you", room="b")
    assert pair.apply()["first"] == ["create-replacement", "replace", "delete-replaced"]
    assert set(pair.apply()) == set()
