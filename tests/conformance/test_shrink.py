from conformance.scenario import Model, Node, Operation, Scenario, Verb
from conformance.shrink import shrunk


def large() -> Scenario:
    nodes = (
        Node("a", inputs={"v": 1, "w": {"k": {"secret": 2}}}, options={"protect": True}),
        Node("b", inputs={"v": {"ref": "a.out"}}, options={"depends_on": ["a"]}),
        Node("c"),
    )
    calm = Operation(Verb.UP, Model(nodes, exports={"one": {"ref": "a.out"}}))
    loud = Operation(Verb.UP, Model(nodes), faults={"create c": "fail", "update a": "init"}, swapped=True)
    return Scenario((calm, loud, Operation(Verb.DESTROY)))


def test_what_a_failure_does_not_need_is_left_out() -> None:
    def fails(scenario: Scenario) -> bool:
        return any(
            "update a" in operation.faults
            and any(node.options.get("protect") for node in operation.program.nodes)
            for operation in scenario.operations
        )

    found = shrunk(large(), fails)

    [operation] = found.operations
    assert operation.faults == {"update a": "init"}
    assert operation.program == Model((Node("a", options={"protect": True}),))


def test_an_end_is_made_after_so_many_attempts() -> None:
    asked = []

    shrunk(large(), lambda scenario: bool(asked.append(scenario)), attempts=5)

    assert len(asked) == 5
