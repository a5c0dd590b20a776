"""What Tomo tells of a run as event JSON is what the real CLI tells of it: kinds, fields and their order."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pulumi
import pytest

from conformance.vocabulary import Group, Res
from tests.interchange.conftest import Both
from tomo.model.values import Secret

pytestmark = pytest.mark.pulumi_cli

_GENERATED = (
    (re.compile(r"::[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "::ID"),
    (re.compile(r"\b([a-z]+)-[0-9a-f]{7}\b"), r"\1-AUTO"),
    (re.compile(r"\b([a-z]+)-\d+\b"), r"\1-NUMBER"),
)
Line = tuple[str, Any]


def plain(value: Any) -> Any:
    """Without what is made up anew in each run."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, str):
        for pattern, word in _GENERATED:
            value = pattern.sub(word, value)
    return value


def comparable(events: Sequence[Mapping[str, Any]]) -> dict[str, list[Line]]:
    """The lines by resource, each in order, less what `docs/events.md` says is Tomo's own."""
    by_urn: dict[str, list[Line]] = {}
    for event in events:
        [kind] = event.keys() - {"sequence", "timestamp"}
        body = plain(event[kind])
        if kind == "progressEvent" or body.get("severity") == "debug" or _is_own_warning(body):
            continue
        metadata = body.get("metadata", {})
        if "::default" in metadata.get("urn", ""):
            continue  # The CLI's log has default providers, its JSON has not.
        if metadata.get("detailedDiff"):
            detailed = metadata["detailedDiff"].items()
            metadata["detailedDiff"] = {re.split(r"[.\[]", path)[0]: each for path, each in detailed}
        for own in ("durationSeconds", "maybeCorrupt", "status", "steps"):
            body.pop(own, None)
        by_urn.setdefault(metadata.get("urn") or body.get("urn", ""), []).append((kind, body))
    return by_urn


def _is_own_warning(body: Mapping[str, Any]) -> bool:
    return str(body.get("message", "")).startswith("skipped: ")


def same(both: Both) -> dict[str, list[Line]]:
    """What both told of the last operation, found to be the same."""
    mine, theirs = (comparable(ran.events) for ran in both.last)
    assert mine == theirs
    return mine


class Pair(pulumi.ComponentResource):
    def __init__(self, name: str, size: int) -> None:
        super().__init__("my:mod:Pair", name)
        self.first = Res(f"{name}first", {"dx": size}, parent=self)
        self.register_outputs({"first": self.first.out, "pin": pulumi.Output.secret("psst")})


def program(size: int, *, more: bool = True, trouble: bool = False) -> Callable[[], None]:
    def run() -> None:
        group = Group("group")
        secret = pulumi.Output.secret("psst")
        a = Res("a", {"v": size, "text": secret, "nested": {"x": [1, size]}}, parent=group, hide_diffs=["v"])
        b = Res("b", {"r": "one" if size < 2 else "two", "v": a.out}, retain_on_delete=not more)
        if more:
            Res("c", {"v": 1}, depends_on=[b])
        pair = Pair("pair", size)
        if trouble:
            Res("d", {"v": 1}, depends_on=[pair.first])
        pulumi.log.info("hello", a)
        pulumi.log.warn("careful")
        pulumi.export("out", a.out)
        pulumi.export("secret", secret)

    return run


def kinds(lines: Sequence[Line]) -> list[tuple[str, str]]:
    return [(kind, body["metadata"]["op"]) for kind, body in lines if "metadata" in body]


def urn(type_: str, name: str) -> str:
    return f"urn:pulumi:dev::proj::{type_}::{name}"


def test_a_life_from_creation_to_the_end_is_told_alike(both: Both) -> None:
    for store in both.stores:
        store.prepare({"word": "hi", "pin": Secret("psst")})

    both.up(program(1))
    told = same(both)
    assert told[""][0] == ("preludeEvent", {"config": {"proj:pin": "[secret]", "proj:word": "hi"}})
    assert kinds(told[urn("my:mod:Pair", "pair")]) == [
        ("resourcePreEvent", "create"),
        ("resOutputsEvent", "create"),
    ]

    both.up(program(2, more=False))
    told = same(both)
    assert [op for _, op in kinds(told[urn("fake:index:Res", "b")])][::2] == [
        "create-replacement",
        "replace",
        "delete-replaced",
    ]
    assert [op for _, op in kinds(told[urn("my:mod:Pair$fake:index:Res", "pairfirst")])][::2] == [
        "delete-replaced",
        "replace",
        "create-replacement",
    ]

    both.destroy()
    same(both)


@pytest.mark.parametrize(("verb", "name"), [("create", "d"), ("update", "b"), ("delete", "c")])
def test_a_failure_is_told_alike(both: Both, verb: str, name: str) -> None:
    both.up(program(2))
    both.fail(verb, name)

    both.up(program(3, more=verb != "delete", trouble=True))

    told = same(both)
    failed = next(lines for key, lines in told.items() if key.endswith(f"::{name}"))
    assert [kind for kind, _ in failed][-2:] == ["diagnosticEvent", "resOpFailedEvent"]
    assert [kind for kind, _ in told[""]][-3:] == ["diagnosticEvent", "summaryEvent", "cancelEvent"]


def test_what_is_taken_in_and_what_is_only_read_are_told_alike(both: Both) -> None:
    for store in both.stores:
        store.world.things |= {"theirs": {"v": 1}, "others": {"v": 1}}

    def run() -> None:
        Res("taken", {"v": 1}, import_="theirs")
        Res("read", {"v": 1}, id="others")

    both.up(run)

    told = same(both)
    assert kinds(told[urn("fake:index:Res", "read")])[0] == ("resourcePreEvent", "read")
