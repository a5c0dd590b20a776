"""What a request may hold that this engine refuses, and what older SDKs send."""

from pathlib import Path

import pytest
from pulumi.runtime.proto import alias_pb2, callback_pb2, resource_pb2, source_pb2

from tomo.errors import NotSupported
from tomo.model.goal import Alias
from tomo.program.goals import Places, goal_of, invoke_goal_of, read_goal_of

PLACES = Places(project=Path("/project"), program=Path("/project/infra"))


def request(**fields):
    return resource_pb2.RegisterResourceRequest(type="a:b:C", name="x", custom=True, **fields)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("remote components", {"remote": True}),
        ("parameterized packages", {"packageRef": "ref"}),
        ("state migrations", {"state_migrations": [callback_pb2.Callback(token="t")]}),
        ("env_var_mappings", {"envVarMappings": {"A": "B"}}),
    ],
)
def test_a_field_that_is_not_supported_is_refused_by_name(name, fields):
    with pytest.raises(NotSupported, match=f"a:b:C `x`: .*{name}"):
        goal_of(request(**fields), PLACES)


def test_packages_with_parameters_are_refused_for_reads_and_functions_too():
    with pytest.raises(NotSupported, match="parameterized"):
        read_goal_of(resource_pb2.ReadResourceRequest(type="a:b:C", name="x", id="1", packageRef="r"), PLACES)
    with pytest.raises(NotSupported, match="parameterized"):
        invoke_goal_of(resource_pb2.ResourceInvokeRequest(tok="a:b:c", packageRef="r"), PLACES)


def test_without_property_dependencies_every_input_counts_for_all():
    bare = request()
    bare.object.update({"v": 1})

    assert goal_of(bare, PLACES).property_dependencies is None


def test_aliases_as_plain_urns_are_understood():
    sent = request(aliasURNs=["urn:old"], aliases=[alias_pb2.Alias(urn="urn:older")])

    assert goal_of(sent, PLACES).aliases == (Alias(urn="urn:old"), Alias(urn="urn:older"))


@pytest.mark.parametrize(
    ("uri", "position"),
    [
        ("file:///project/infra/a%20b.py", "project:///infra/a b.py#3,7"),
        ("file:///elsewhere/x.py", ""),
        ("file:///project/.venv/lib/python3.11/site-packages/lib/x.py", ""),
    ],
)
def test_only_positions_in_the_project_are_kept(uri, position):
    sent = request(sourcePosition=source_pb2.SourcePosition(uri=uri, line=3, column=7))

    assert goal_of(sent, PLACES).source_position == position
