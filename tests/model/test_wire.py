import pytest
from google.protobuf import struct_pb2

from tomo.errors import NotSupported
from tomo.model import wire
from tomo.model.values import UNKNOWN, UNKNOWN_TEXT, Archive, Asset, ResourceRef, Secret, Unknown, has_unknown


def struct(**fields):
    message = struct_pb2.Struct()
    message.update(fields)
    return message


@pytest.mark.parametrize(
    "value",
    [
        "text",
        "",
        True,
        False,
        7,
        -1,
        1.5,
        [],
        {},
        [1, ["a", {"b": None}]],
        {"a": {"b": [True, None]}},
        UNKNOWN,
        Secret("hush"),
        Secret({"a": [1, UNKNOWN]}),
        [Secret(1)],
        Asset(text="x", hash="h"),
        Asset(path="a/b"),
        Archive(assets={"a": Asset(text="x"), "sub": Archive(path="d")}, hash="h"),
        ResourceRef("urn:pulumi:s::p::t::n", "id-1", "1.2.3"),
        ResourceRef("urn:pulumi:s::p::t::n"),
    ],
    ids=repr,
)
def test_a_value_comes_back_as_it_was_sent(value):
    message = wire.to_struct({"v": value})

    back = wire.from_struct(message)["v"]

    assert type(back) is type(value)
    assert repr(back) == repr(value)
    if not has_unknown(value):
        assert back == value


def test_numbers_without_a_fraction_are_ints_as_far_as_doubles_are_exact():
    message = struct(port=8080.0, half=0.5, huge=1e300)

    values = wire.from_struct(message)

    assert values == {"port": 8080, "half": 0.5, "huge": 1e300}
    assert type(values["port"]) is int


def test_true_does_not_become_one():
    assert wire.from_struct(struct(flag=True))["flag"] is True


def test_an_output_value_without_a_value_is_unknown():
    message = struct(v={wire.SIGNATURE: wire.OUTPUT, "secret": True, "dependencies": ["urn"]})

    value = wire.from_struct(message)["v"]

    assert isinstance(value, Secret)
    assert isinstance(value.reveal(), Unknown)


def test_an_output_value_is_its_value():
    message = struct(v={wire.SIGNATURE: wire.OUTPUT, "value": {"a": 1}})

    assert wire.from_struct(message) == {"v": {"a": 1}}


def test_a_reference_to_a_resource_that_has_no_id_yet_says_where_it_comes_from():
    message = struct(v={wire.SIGNATURE: wire.RESOURCE, "urn": "urn:x", "id": UNKNOWN_TEXT})

    assert wire.from_struct(message) == {"v": ResourceRef("urn:x", Unknown("urn:x.id"))}


def test_an_asset_of_an_unknown_path_is_unknown():
    message = struct(v={wire.SIGNATURE: wire.ASSET, "path": UNKNOWN_TEXT})

    assert wire.from_struct(message) == {"v": UNKNOWN}


def test_a_value_of_an_unknown_kind_is_refused_by_name():
    message = struct(v={wire.SIGNATURE: "0badcafe"})

    with pytest.raises(NotSupported, match="`0badcafe`"):
        wire.from_struct(message)


def test_a_tuple_is_sent_as_a_list():
    assert wire.from_struct(wire.to_struct({"v": (1, 2)})) == {"v": [1, 2]}


def test_an_object_that_is_no_value_is_refused():
    with pytest.raises(NotSupported, match="`object`"):
        wire.to_struct({"v": object()})
