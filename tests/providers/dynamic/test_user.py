"""People's own dynamic providers, pickled by the SDK as their programs do it."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest
from pulumi import dynamic
from pulumi.dynamic.dynamic import serialize_provider

from tomo.errors import ProviderFailed
from tomo.model.provider import (
    CheckRequest,
    CreateRequest,
    DeleteRequest,
    DiffRequest,
    ReadRequest,
    ReadStatus,
    UpdateRequest,
)
from tomo.model.urn import Urn
from tomo.model.values import UNKNOWN, UNKNOWN_TEXT, Asset, Secret
from tomo.program.pickling import bounded_provider_serializer
from tomo.providers.dynamic.provider import DynamicProvider
from tomo.providers.dynamic.user import users_errors

URN = Urn("urn:pulumi:dev::proj::pulumi-python:dynamic:Resource::r")


def pickled(provider: Any) -> str:
    with bounded_provider_serializer():
        return dynamic.dynamic.serialize_provider(provider)


@pytest.fixture
def engine(hosts: Any) -> DynamicProvider:
    return DynamicProvider(hosts, project="proj", config={"proj:greeting": "hello"})


@pytest.fixture
def code() -> str:
    class Random(dynamic.ResourceProvider):
        def configure(self, req: Any) -> None:
            self.greeting = req.config.require("greeting")

        def check(self, _olds: Any, news: Any) -> Any:
            failures = [dynamic.CheckFailure("n", "must not be negative")] if news.get("n", 0) < 0 else []
            return dynamic.CheckResult({**news, "filled": "default"}, failures)

        def diff(self, _id: str, olds: Any, news: Any) -> Any:
            return dynamic.DiffResult(
                changes=olds.get("n") != news.get("n"), replaces=["n"], delete_before_replace=True
            )

        def create(self, props: Any) -> Any:
            return dynamic.CreateResult("id-1", {**props, "said": f"{self.greeting} {props['n']}"})

        def update(self, _id: str, olds: Any, news: Any) -> Any:
            return dynamic.UpdateResult({**news, "was": olds["n"]})

        def delete(self, _id: str, props: Any) -> None:
            raise RuntimeError(f"cannot delete {props['n']}")

        def read(self, id_: str, props: Any) -> Any:
            if id_ == "lost":
                return dynamic.ReadResult("", {})
            return dynamic.ReadResult(id_, {**props, "n": 9.0}, {**props, "n": 9.0})

    return pickled(Random())


def test_check_completes_and_keeps_the_code(engine: DynamicProvider, code: str) -> None:
    result = engine.check(CheckRequest(URN, {}, {"n": 1, "__provider": code}))

    assert result.inputs == {"n": 1, "filled": "default", "__provider": code}
    assert result.failures == ()


def test_a_refused_input_is_a_failure_not_an_error(engine: DynamicProvider, code: str) -> None:
    result = engine.check(CheckRequest(URN, {}, {"n": -1, "__provider": code}))

    assert [(each.property, each.reason) for each in result.failures] == [("n", "must not be negative")]


def test_create_gets_numbers_as_floats_and_its_configuration(engine: DynamicProvider, code: str) -> None:
    made = engine.create(CreateRequest(URN, {"n": 2, "__provider": code}))

    assert made.id == "id-1"
    assert made.outputs["said"] == "hello 2.0"
    assert made.outputs["__provider"] == code


def test_update_gets_the_recorded_outputs(engine: DynamicProvider, code: str) -> None:
    request = UpdateRequest(URN, "id-1", {}, {"n": 2, "__provider": code}, {"n": 3, "__provider": code})

    assert engine.update(request).outputs["was"] == 2.0


def test_diff_says_change_and_replacement(engine: DynamicProvider, code: str) -> None:
    old, new = {"n": 1, "__provider": code}, {"n": 2, "__provider": code}

    changed = engine.diff(DiffRequest(URN, "i", old, old, new))
    same = engine.diff(DiffRequest(URN, "i", old, old, old))

    assert (changed.changed, changed.replace_keys, changed.delete_before_replace) == (True, ("n",), True)
    assert same.changed is False
    assert same.properties == ()


def test_unknowns_reach_diff_as_their_text(engine: DynamicProvider) -> None:
    class Echo(dynamic.ResourceProvider):
        def diff(self, _id: str, _olds: Any, news: Any) -> Any:
            return dynamic.DiffResult(changes=news["v"] == "04da6b54-80e4-46f7-96ec-b56ff0331ba9")

    code = pickled(Echo())

    result = engine.diff(
        DiffRequest(URN, "i", {}, {"__provider": code}, {"v": UNKNOWN, "__provider": UNKNOWN})
    )

    assert UNKNOWN_TEXT == "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
    assert result.changed is True


def test_a_provider_that_says_nothing_leaves_the_diff_to_the_engine(engine: DynamicProvider) -> None:
    code = pickled(dynamic.ResourceProvider())

    result = engine.diff(DiffRequest(URN, "i", {}, {}, {"__provider": code}))

    assert result.changed is None


def test_previews_do_not_call_the_provider(engine: DynamicProvider) -> None:
    made = engine.create(CreateRequest(URN, {"n": 1, "__provider": "no pickle"}, preview=True))
    updated = engine.update(
        UpdateRequest(URN, "i", {}, {}, {"n": 1, "__provider": "no pickle"}, preview=True)
    )

    assert (made.id, made.outputs["n"]) == ("", 1)
    assert updated.outputs["n"] == 1


def test_read_finds_changes_and_losses(engine: DynamicProvider, code: str) -> None:
    outputs = {"n": 1, "__provider": code}

    found, lost = engine.read(
        [ReadRequest(URN, "here", outputs, outputs), ReadRequest(URN, "lost", outputs, outputs)]
    )

    assert (found.status, found.inputs["n"], found.outputs["n"]) == (ReadStatus.FOUND, 9.0, 9.0)
    assert found.inputs["__provider"] == code
    assert lost.status is ReadStatus.GONE


def test_what_a_provider_raises_ends_as_one_error_with_its_own_traceback(
    engine: DynamicProvider, code: str
) -> None:
    with pytest.raises(
        ProviderFailed, match="delete failed for `r`: RuntimeError: cannot delete 1"
    ) as caught:
        engine.delete(DeleteRequest(URN, "i", {}, {"n": 1, "__provider": code}))

    assert "raise RuntimeError" in caught.value.detail
    assert "tomo/providers" not in caught.value.detail


def test_whatever_a_provider_raises_ends_its_step_and_hangs_nothing() -> None:
    failed = pytest.raises(ProviderFailed, match="create failed for `r`: GeneratorExit: deep")
    with failed, users_errors(URN, "create failed for"):
        raise GeneratorExit("deep")
    with pytest.raises(KeyboardInterrupt), users_errors(URN, "create failed for"):
        raise KeyboardInterrupt


def test_a_provider_that_cannot_be_loaded_says_so(engine: DynamicProvider) -> None:
    with pytest.raises(ProviderFailed, match="cannot load the provider of `r`"):
        engine.create(CreateRequest(URN, {"__provider": "AAAA"}))
    with pytest.raises(ProviderFailed, match="no `__provider`"):
        engine.create(CreateRequest(URN, {}))


def test_a_failed_look_is_not_the_end_of_a_plan(engine: DynamicProvider) -> None:
    [result] = engine.read([ReadRequest(URN, "i", {}, {"__provider": "AAAA"})])

    assert result.status is ReadStatus.UNREACHABLE
    assert "cannot load" in result.problem


def test_a_pickle_is_loaded_once_for_all_its_resources(engine: DynamicProvider) -> None:
    class Counting(dynamic.ResourceProvider):
        def __init__(self) -> None:
            super().__init__()
            self.calls = 0

        def create(self, props: Any) -> Any:
            self.calls += 1
            return dynamic.CreateResult(str(self.calls), {})

    code = pickled(Counting())

    ids = [engine.create(CreateRequest(URN, {"__provider": code})).id for _ in range(1000)]

    assert ids[-1] == "1000"


def test_assets_and_nested_values_go_both_ways(engine: DynamicProvider) -> None:
    class Mirror(dynamic.ResourceProvider):
        def create(self, props: Any) -> Any:
            asset = pulumi.AssetArchive({"a": pulumi.StringAsset(props["file"].text + "!")})
            return dynamic.CreateResult(
                "1", {"list": (1, None), "file": asset, "nested": {"a": props["nested"]}}
            )

    code = pickled(Mirror())
    inputs = {"file": Asset(text="x"), "nested": [Secret("hush"), True], "__provider": code}

    outputs = engine.create(CreateRequest(URN, inputs)).outputs

    assert outputs["list"] == [1, None]
    assert outputs["file"].assets["a"] == Asset(text="x!")
    assert outputs["nested"] == {"a": ["hush", True]}


def test_values_that_no_state_can_hold_are_refused(engine: DynamicProvider) -> None:
    class Odd(dynamic.ResourceProvider):
        def create(self, props: Any) -> Any:
            return dynamic.CreateResult("1", {"v": {1, 2}})

    with pytest.raises(ProviderFailed, match="value of type `set`"):
        engine.create(CreateRequest(URN, {"__provider": pickled(Odd())}))


def test_the_sdk_still_serializes_the_way_this_expects() -> None:
    assert callable(serialize_provider)


def test_values_that_are_none_neither_reach_a_provider_nor_come_from_it(engine: DynamicProvider) -> None:
    class Echo(dynamic.ResourceProvider):
        def create(self, props: Any) -> Any:
            return dynamic.CreateResult("id-1", {**props, "nothing": None, "inner": {"k": None}})

    inputs = {"list": [None, {"k": None, "v": 1}], "none": None, "__provider": pickled(Echo())}

    made = engine.create(CreateRequest(URN, inputs))

    del inputs["none"]
    assert made.outputs == {**inputs, "list": [None, {"v": 1.0}], "inner": {"k": None}}


def test_what_is_unknown_is_so_again_after_a_check(engine: DynamicProvider) -> None:
    code = pickled(dynamic.ResourceProvider())
    news = {"v": UNKNOWN, "list": [1, UNKNOWN], "__provider": code}

    checked = engine.check(CheckRequest(URN, {}, news, b""))

    assert checked.inputs == news
