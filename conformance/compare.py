"""What two engines did, held against each other."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from conformance.engines import Ran, Told
from conformance.normal import apart
from conformance.scenario import Operation, Verb
from tomo.model.urn import Urn

CHANGES = {"create", "update", "delete"}


Lines = Sequence[Mapping[str, Any]]
"""Steps or calls, as JSON has them."""


class Where(StrEnum):
    """What differs."""

    EXIT = "exit"
    FAILED = "failed"
    STEPS = "steps"
    ORDER = "order"
    WHY = "why"
    CALLS = "calls"
    CALL_ORDER = "order of calls"
    STATE = "state"


@dataclass(frozen=True)
class Difference:
    """One thing in which an operation went otherwise on Tomo than on Pulumi; `path` is within an entry."""

    where: Where
    urn: str
    mine: Any
    theirs: Any
    path: str = ""

    def __str__(self) -> str:
        at = " ".join(each for each in (self.where.value, self.urn, self.path) if each)
        return f"{at}\n    Tomo:   {_line(self.mine)}\n    Pulumi: {_line(self.theirs)}"


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


@dataclass(frozen=True)
class Side:
    """What one engine did and left, with all ids as names."""

    ran: Ran
    told: Lines
    calls: Lines
    state: Mapping[str, Any]


@dataclass(frozen=True)
class Scene:
    """One operation as both engines carried it out, from a state that both had."""

    operation: Operation
    before: Mapping[str, Any]
    mine: Side
    theirs: Side
    differences: tuple[Difference, ...]


def compared(operation: Operation, mine: Side, theirs: Side) -> tuple[Difference, ...]:
    """Everything in which the two differ."""
    verb, found = operation.verb, list[Difference]()
    if mine.ran.ok != theirs.ran.ok:
        found.append(Difference(Where.EXIT, "", _exit(mine.ran), _exit(theirs.ran)))
    found += _failures_apart(mine.ran, theirs.ran)
    # Pulumi tells of a refresh of each resource, Tomo of those that have changed or are gone.
    if verb is not Verb.REFRESH:
        found += _steps_apart(_without_refused(mine, theirs), theirs.told)
    found += _calls_apart(verb, mine.calls, _without_idle_questions(operation, theirs.calls))
    found += _states_apart(mine.state, theirs.state)
    return tuple(found)


def as_json(step: Told) -> dict[str, Any]:
    """A step as JSON has it."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in vars(step).items()}


def _exit(ran: Ran) -> str:
    return "done" if ran.ok else "failed"


def _failures_apart(mine: Ran, theirs: Ran) -> Iterator[Difference]:
    """Resources that failed on one side only; whom one refusal names, it is told of each."""
    there = theirs.failed | theirs.refused
    named = {urn for urn in theirs.refused if Urn(urn).name in mine.named}
    # What failed after its step was done, as a hook may, is no failed step on either side.
    here = mine.failed | mine.refused | named
    for urn in sorted(here ^ there):
        sides = ["failed" if urn in side else "did not fail" for side in (here, there)]
        yield Difference(Where.FAILED, urn, *sides)


def _without_refused(mine: Side, theirs: Side) -> Lines:
    """Tomo's steps less those of what can't even be decided about: there Pulumi tells of an error only."""
    told = {step["urn"] for step in theirs.told}
    refused = (theirs.ran.refused & mine.ran.failed) - told
    alone = {urn for urn in refused if len(_of(urn, mine.told)) == 1}
    return [step for step in mine.told if step["urn"] not in alone]


def _steps_apart(mine: Lines, theirs: Lines) -> list[Difference]:
    found = list(_each_apart(Where.STEPS, mine, theirs, "op"))
    if not found:
        order = [[f"{step['op']} {Urn(step['urn']).name}" for step in side] for side in (mine, theirs)]
        found += _order_apart(Where.ORDER, *order)
    apart_already = {each.urn for each in found}
    for urn in sorted(_urns(mine, theirs) - apart_already):
        for here, there in zip(_of(urn, mine), _of(urn, theirs), strict=True):
            found += _reasons_apart(here, there)
    return found


def _order_apart(where: Where, mine: list[str], theirs: list[str]) -> list[Difference]:
    """Deletes at the end have the order of their layers, which is any order within one."""
    here, there = _before_the_end(mine), _before_the_end(theirs)
    return [] if here == there else [Difference(where, "", here, there)]


_AT_THE_END = ("delete", "discard", "remove-pending-replace")


def _before_the_end(order: list[str]) -> list[str]:
    last = max((at for at, line in enumerate(order) if not line.startswith(_AT_THE_END)), default=-1)
    return order[: last + 1]


def _reasons_apart(here: Mapping[str, Any], there: Mapping[str, Any]) -> Iterator[Difference]:
    """Why something is done stands with the step that people count.

    Tomo tells of it even where Pulumi does not: for components, where a provider left it out, of a trigger,
    and of what goes along with its provider.
    """
    if here["op"] not in {"update", "replace"}:
        return
    for key in ("keys", "diffs"):
        if there[key] and here[key] != there[key]:
            yield Difference(Where.WHY, here["urn"], here[key], there[key], f"{here['op']} {key}")


def _calls_apart(verb: Verb, mine: Lines, theirs: Lines) -> list[Difference]:
    found: list[Difference] = []
    # Pulumi asks for the differences that a refresh shows; Tomo compares for itself.
    left_out = {"configure", *(["diff"] if verb is Verb.REFRESH else [])}
    for asked in sorted({call["verb"] for call in (*mine, *theirs)} - left_out):
        here, there = ([call for call in side if call["verb"] == asked] for side in (mine, theirs))
        found += _each_apart(Where.CALLS, here, there, "given", asked)
    if not found:
        order = [
            [f"{call['verb']} {Urn(call['urn']).name}" for call in side if call["verb"] in CHANGES]
            for side in (mine, theirs)
        ]
        found += _order_apart(Where.CALL_ORDER, *order)
    return found


def _without_idle_questions(operation: Operation, calls: Lines) -> Lines:
    """Pulumi's calls less those whose answers it doesn't use.

    Where targets are deleted it asks which dependents would be replaced, and deletes or refuses all alike.
    """
    if not operation.targets:
        return calls
    declared = {node.name for node in operation.program.nodes}
    return [call for call in calls if call["verb"] != "diff" or Urn(call["urn"]).name in declared]


def _each_apart(where: Where, mine: Lines, theirs: Lines, key: str, path: str = "") -> Iterator[Difference]:
    for urn in sorted(_urns(mine, theirs)):
        here, there = ([line[key] for line in _of(urn, side)] for side in (mine, theirs))
        if here != there and not _by_chance(where, path, here, there):
            yield Difference(where, urn, here, there, path)


def _by_chance(where: Where, path: str, here: list[Any], there: list[Any]) -> bool:
    """Whether two lists differ only in the order of deletes, which at the end is chance in Pulumi."""
    if where is Where.STEPS:
        deletes = {op for op in (*here, *there) if op.startswith(("delete", "discard"))}
        same = [[op for op in side if op not in deletes] for side in (here, there)]
        return same[0] == same[1] and sorted(here) == sorted(there) and set(here[-2:]) <= deletes
    return path == "delete" and sorted(here, key=_line) == sorted(there, key=_line)


def _urns(mine: Lines, theirs: Lines) -> set[str]:
    return {line["urn"] for line in (*mine, *theirs)}


def _of(urn: str, lines: Lines) -> list[Mapping[str, Any]]:
    return [line for line in lines if line["urn"] == urn]


def _states_apart(here: Mapping[str, Any], there: Mapping[str, Any]) -> list[Difference]:
    found = []
    for key in sorted({*here, *there}):
        urn = (here.get(key) or there[key])["urn"]
        if key not in here or key not in there:
            found.append(
                Difference(Where.STATE, urn, here.get(key, "nothing"), there.get(key, "nothing"), "entry")
            )
        else:
            found += [Difference(Where.STATE, urn, m, t, p) for p, m, t in apart(here[key], there[key])]
    return found
