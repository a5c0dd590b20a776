"""What a plan of a program with resources of its own says, and that it holds when it was kept."""

from __future__ import annotations

from tests.cli.conftest import Tomo
from tests.worlds import World

PROGRAM = """\
import pulumi
from pulumi import Output
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult


class Mason(ResourceProvider):
    def diff(self, id_, olds, news):
        keys = ("text", "zone", "settings")
        replaces = ["zone"] if olds.get("zone") != news.get("zone") else []
        return DiffResult(any(olds.get(key) != news.get(key) for key in keys), replaces=replaces)

    def create(self, props):
        return CreateResult("note-" + props["text"], {**props, "length": len(props["text"])})

    def update(self, id_, olds, news):
        return UpdateResult({**news, "length": len(news["text"])})


class Tablet(Resource):
    length: Output[int]

    def __init__(self, name, **props):
        super().__init__(Mason(), name, {"zone": "x", "settings": {}, **props, "length": None})


config = pulumi.Config()
first = Tablet("first", text=config.get("text") or "one", zone=config.get("zone") or "x",
               settings={"list": [1, {"deep": config.get("deep") or "v"}]})
Tablet("second", text=first.length.apply(lambda length: "x" * int(length)))
"""
SENTINEL = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def begun(world: World, tomo: Tomo) -> None:
    (world.folder / "Pulumi.yaml").write_text("name: post\nruntime: python\n")
    (world.folder / "__main__.py").write_text(PROGRAM)
    assert tomo(world, "apply", "--yes", "--stack", "dev").code == 0


def test_a_value_that_a_program_makes_of_an_unknown_is_shown_as_one(nothing: World, tomo: Tomo) -> None:
    begun(nothing, tomo)
    tomo(nothing, "config", "set", "zone", "y")

    shown = tomo(nothing, "plan")
    document = tomo(nothing, "plan", "--json")

    assert 'text: "xxx" → (after apply, from first.' in shown.out
    assert SENTINEL not in shown.out
    assert '"text": "xxx"' in document.out


def test_all_that_differs_is_shown_beside_what_replaces(nothing: World, tomo: Tomo) -> None:
    begun(nothing, tomo)
    tomo(nothing, "config", "set", "zone", "y")
    tomo(nothing, "config", "set", "deep", "w")

    shown = tomo(nothing, "plan")
    [step] = [each for each in tomo(nothing, "plan", "--json").json["steps"] if each["op"] == "replace"]

    assert "(zone: replaced)" in shown.out
    assert 'settings.list[1].deep: "v" → "w"' in shown.out
    assert step["replaceReasons"] == ["zone"]
    assert {path: each["kind"] for path, each in step["detailedDiff"].items()} == {
        "settings.list[1].deep": "update",
        "zone": "update-replace",
    }
    assert step["diffReasons"] == ["settings", "zone"]


def test_a_kept_plan_holds_what_a_program_makes_of_an_unknown(nothing: World, tomo: Tomo) -> None:
    begun(nothing, tomo)
    tomo(nothing, "config", "set", "text", "longer")
    tomo(nothing, "config", "set", "zone", "y")
    file = str(nothing.folder.parent / "plan.json")
    assert tomo(nothing, "plan", "-o", file).code == 0

    applied = tomo(nothing, "apply", file)

    assert applied.code == 0, applied.err
    assert tomo(nothing, "plan", "--expect-no-changes").code == 0


def test_zero_and_one_are_numbers_in_every_form_of_a_plan(nothing: World, tomo: Tomo) -> None:
    begun(nothing, tomo)
    main = nothing.folder / "__main__.py"
    main.write_text(PROGRAM.replace('[1, {"deep"', '[0, {"deep"'))

    assert "settings.list[0]: 1 → 0" in tomo(nothing, "plan").out
    assert "-   settings.list[0]: 1\n+   settings.list[0]: 0" in tomo(nothing, "plan", "--markdown").out
