"""The way back, as people type it."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Tomo
from tests.worlds import World


def test_the_history_names_runs_by_number_and_the_plan_leads_back(world: World, tomo: Tomo) -> None:
    tomo(world, "apply", "--yes", "--message", "the first")
    world.edit("default: hello", "default: goodbye")
    tomo(world, "apply", "--yes")

    history = tomo(world, "state", "history")
    plan = tomo(world, "plan", "--to", "1")
    ran = tomo(world, "apply", "--to", "1", "--yes")

    assert "the first" in history.out
    assert "tomo plan --to VERSION" in history.err
    assert "GREETING=hello" in plan.out
    assert ran.code == 0
    assert tomo(world, "state", "history", "--json").json["versions"][0] | {
        "startTime": "",
        "endTime": "",
        "resourceChanges": {},
    } == {
        "version": 3,
        "kind": "update",
        "result": "succeeded",
        "message": "back to version 1",
        "startTime": "",
        "endTime": "",
        "resourceChanges": {},
        "canGoBackTo": True,
    }


def test_a_history_without_runs_says_what_makes_one(world: World, tomo: Tomo) -> None:
    assert "tomo apply" in tomo(world, "state", "history").err


def test_a_way_back_is_no_removal_and_may_be_kept(world: World, tomo: Tomo) -> None:
    tomo(world, "apply", "--yes")

    assert tomo(world, "plan", "--to", "1", "--destroy").code == 64
    assert tomo(world, "plan", "--to", "1", "--engine", "pulumi").code == 1
    assert tomo(world, "plan", "--to", "9").code == 1
    file = str(world.folder / "plan")
    assert f"tomo apply {file}" in tomo(world, "plan", "--to", "1", "-o", file).err
    assert tomo(world, "apply", file, "--to", "1").code == 64
    assert tomo(world, "apply", file).code == 0


PROGRAM = """\
import pulumi
from pulumi import Output, ResourceOptions
from pulumi.dynamic import CreateResult, Resource, ResourceProvider, UpdateResult


class Scribe(ResourceProvider):
    def create(self, props):
        return CreateResult("note-" + props["text"], {**props, "length": len(props["text"])})

    def update(self, id_, olds, news):
        return UpdateResult({**news, "length": len(news["text"])})


class Scroll(Resource):
    length: Output[int]

    def __init__(self, name, props, opts=None):
        super().__init__(Scribe(), name, {**props, "length": None}, opts)


first = Scroll("first", {"text": "TEXT", "pin": pulumi.Output.secret("open-sesame-please")})
second = Scroll("second", {"text": first.id})
pulumi.export("letter", second.id)
"""


@pytest.mark.parametrize("kept", [False, True])
def test_a_program_goes_back_without_being_run(nothing: World, tomo: Tomo, *, kept: bool) -> None:
    program = nothing.folder / "__main__.py"
    (nothing.folder / "Pulumi.yaml").write_text("name: post\nruntime: python\n")
    program.write_text(PROGRAM.replace("TEXT", "hello"))
    assert tomo(nothing, "apply", "--yes", "--stack", "dev").code == 0
    program.write_text(
        PROGRAM.replace("TEXT", "goodbye").replace("second = ", "third = ").replace("second.id", "third.id")
    )
    program.write_text(program.read_text().replace('"second"', '"third"'))
    assert tomo(nothing, "apply", "--yes").code == 0
    program.write_text("raise SystemExit('not to be run')\n")

    file = str(nothing.folder.parent / "plan.json")
    planned = tomo(nothing, "plan", "--to", "1", "-o", file) if kept else None
    ran = tomo(nothing, "apply", file) if planned else tomo(nothing, "apply", "--yes", "--to", "1")

    assert planned is None or planned.code == 0, planned.err
    assert ran.code == 0, ran.err
    assert "open-sesame-please" not in ran.out + ran.err
    program.write_text(PROGRAM.replace("TEXT", "hello"))
    assert tomo(nothing, "plan", "--expect-no-changes").code == 0
    assert tomo(nothing, "outputs", "--json").json == {"letter": "note-note-hello"}
