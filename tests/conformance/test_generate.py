import inspect
from collections import Counter
from pathlib import Path

from pulumi import ResourceOptions

from conformance.generate import OPTIONS, THEMED, THEMES, scenario_of, without
from conformance.scenario import Kind, Node, Scenario, Verb, read_scenario, written


def many() -> list[Scenario]:
    return [scenario_of(f"unit/{number}") for number in range(400)]


def test_a_seed_gives_the_same_scenario_again() -> None:
    assert scenario_of("7/3") == scenario_of("7/3")
    assert scenario_of("7/3") != scenario_of("7/4")


def test_a_scenario_survives_being_written(tmp_path: Path) -> None:
    file = tmp_path / "case.json"

    for scenario in many()[:20]:
        file.write_text(written(scenario))

        assert read_scenario(file) == scenario


def test_every_kind_option_and_verb_comes_up() -> None:
    operations = [operation for scenario in many() for operation in scenario.operations]
    nodes = [node for operation in operations for node in operation.program.nodes]

    assert {operation.verb for operation in operations} == set(Verb)
    assert {node.kind for node in nodes} == set(Kind)
    themed = {name for options in THEMED.values() for name in options}
    assert {name for node in nodes for name in node.options} >= {*OPTIONS, *themed, "aliases", "import_"}


def test_every_resource_option_is_played_or_known_not_to_be() -> None:
    played = {name for options in THEMED.values() for name in options}.union(
        OPTIONS, ("aliases", "import_", "id")
    )
    left_out = {"env_var_mappings", "state_migrations", "urn"}

    known = set(inspect.signature(ResourceOptions).parameters)

    assert known - played == left_out


def test_a_seed_may_name_what_its_scenario_is_about() -> None:
    options = {
        theme: {name for number in range(20) for name in options_of(f"{theme}-unit/{number}")}
        for theme in THEMES
    }

    assert {"hooks"} <= options["hooks"]
    assert {"import_"} <= options["imports"]
    assert {"transforms", "transformations"} <= options["transforms"]
    assert {"version", "plugin_download_url"} <= options["versions"]


def options_of(seed: str) -> set[str]:
    operations = scenario_of(seed).operations
    return {name for op in operations for node in op.program.nodes for name in node.options}


def test_what_a_node_refers_to_was_declared_before_it() -> None:
    for scenario in many():
        for operation in scenario.operations:
            seen: set[str] = set()
            for node in operation.program.nodes:
                seen.add(node.name)
                assert {name.partition(".")[0] for name in references(node.inputs)} <= seen
                assert Counter(n.name for n in operation.program.nodes)[node.name] == 1


def references(value: object) -> list[str]:
    if isinstance(value, list):
        return [found for item in value for found in references(item)]
    if not isinstance(value, dict):
        return []
    own = [value["ref"]] if set(value) == {"ref"} else []
    return own + [found for item in value.values() for found in references(item)]


def test_a_node_stands_without_what_it_referred_to() -> None:
    node = Node(
        "b",
        inputs={"v": {"ref": "a.out"}, "w": [{"ref": "c.out"}]},
        options={"parent": "a", "depends_on": ["a", "c"], "replace_with": ["a"], "ignore_changes": ["a"]},
    )

    alone = without(node, "a")

    assert alone.inputs == {"v": "gone", "w": [{"ref": "c.out"}]}
    assert alone.options == {"depends_on": ["c"]}
