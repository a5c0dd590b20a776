"""Dynamic resources: their providers travel as pickled text."""

import base64
import pickle

import pytest

from tomo.model.values import Secret

PROVIDER = """
import pulumi
from pulumi import dynamic


class Maker(dynamic.ResourceProvider):
    def __init__(self, size):
        self.size = size

    def create(self, props):
        return dynamic.CreateResult("made", {"size": self.size, **props})


class Made(dynamic.Resource, module="tests", name="Made"):
    size: pulumi.Output[int]

    def __init__(self, name, size, opts=None):
        super().__init__(Maker(size), name, {"size": None, "given": size}, opts)

"""


def serialized(goal):
    provider = goal.inputs["__provider"]
    assert isinstance(provider, Secret)
    return provider.reveal()


def test_a_dynamic_resource_carries_its_provider(project):
    recorded = project({"__main__.py": PROVIDER + "Made('a', 3)\n"})

    goal = recorded.goal("a")
    assert goal.type == "pulumi-python:dynamic/tests:Made"
    assert goal.inputs["given"] == 3
    assert base64.b64decode(serialized(goal)).startswith(b"\x80")


@pytest.mark.slow  # the SDK needs 2 s for that many; fewer would not prove it
def test_more_than_a_thousand_dynamic_resources_are_declared(project):
    recorded = project({"__main__.py": PROVIDER + "for n in range(1200):\n    Made(f'm{n}', n % 2)\n"})

    providers = {serialized(goal) for goal in recorded.goals if goal.custom}
    assert len(recorded.goals) == 1201
    assert len(providers) == 2


def test_a_provider_is_the_same_text_in_every_run(project):
    program = {"__main__.py": PROVIDER + "Made('a', 3)\nMade('b', 3)\n"}

    first, second = project(program), project(program)

    texts = [serialized(run.goal(name)) for run in (first, second) for name in ("a", "b")]
    assert len(set(texts)) == 1


def test_a_changed_variable_that_a_provider_uses_is_seen(project):
    main = (
        PROVIDER + "SIZE = 1\nMaker.create = lambda self, props: SIZE\nMade('a', 0)\nSIZE = 2\nMade('b', 0)\n"
    )

    recorded = project({"__main__.py": main})

    assert serialized(recorded.goal("a")) != serialized(recorded.goal("b"))


def test_the_pickler_is_left_as_it_was(project):
    before = (pickle.Pickler, dict(vars(pickle._Pickler)))

    project({"__main__.py": PROVIDER + "Made('a', 3)\n"})

    assert (pickle.Pickler, dict(vars(pickle._Pickler))) == before


def test_a_secret_that_a_provider_captures_makes_it_secret(project):
    main = PROVIDER + (
        "class Plain(Maker):\n    serialize_as_secret_always = False\n"
        "class Kept(dynamic.Resource):\n"
        "    def __init__(self, name, size):\n        super().__init__(Plain(size), name, {})\n"
        "Kept('open', 1)\nKept('closed', pulumi.Output.secret(1))\n"
    )

    recorded = project({"__main__.py": main})

    assert isinstance(recorded.goal("open").inputs["__provider"], str)
    assert isinstance(recorded.goal("closed").inputs["__provider"], Secret)
