"""Frozen classes are what `dataclass(frozen=True, slots=True)` makes, but for the time it takes."""

from __future__ import annotations

import copy
import inspect
import math
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, replace
from typing import Any, ClassVar, get_type_hints

import pytest

from tomo.frozen import frozen


@frozen
class Point:
    """Has every kind of field."""

    kind: ClassVar[str] = "point"
    x: int
    y: int = 0
    notes: list[str] = field(default_factory=list)
    seen: bool = field(default=False, compare=False)
    hidden: str = field(default="", repr=False)

    def moved(self, by: int) -> Point:
        """One further on."""
        return replace(self, x=self.x + by)


@dataclass(frozen=True, slots=True)
class Standard:
    """The same, by the standard library alone."""

    kind: ClassVar[str] = "point"
    x: int
    y: int = 0
    notes: list[str] = field(default_factory=list)
    seen: bool = field(default=False, compare=False)
    hidden: str = field(default="", repr=False)


BOTH = pytest.mark.parametrize("made", [Point, Standard])


@BOTH
@pytest.mark.parametrize(
    ("arguments", "named"), [((1,), {}), ((1, 2), {"notes": ["a"]}), ((), {"x": 3, "seen": True})]
)
def test_it_takes_what_a_dataclass_takes(
    made: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]
) -> None:
    standard = Standard(*arguments, **named)

    instance = made(*arguments, **named)

    assert asdict(instance) == asdict(standard)
    assert repr(instance) == repr(standard).replace("Standard", type(instance).__name__)


@BOTH
@pytest.mark.parametrize(("arguments", "named"), [((), {}), ((1, 2, [], True, "", 6), {}), ((1,), {"z": 1})])
def test_it_refuses_what_a_dataclass_refuses(
    made: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]
) -> None:
    with pytest.raises(TypeError, match="__init__"):
        made(*arguments, **named)


def test_each_instance_gets_a_default_of_its_own() -> None:
    first, second = Point(1), Point(1)

    first.notes.append("x")

    assert second.notes == []


def test_nothing_of_it_can_be_changed_or_added() -> None:
    point = Point(1)

    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'x'"):
        point.x = 2  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError, match="cannot delete field 'x'"):
        del point.x
    with pytest.raises(FrozenInstanceError):
        point.z = 2  # type: ignore[attr-defined]
    assert not hasattr(point, "__dict__")


def test_equal_are_those_of_one_class_whose_compared_values_are_equal() -> None:
    @frozen
    class Other:
        x: int

    assert Point(1, seen=True) == Point(1)
    assert Point(1) != Point(2)
    assert Point(1, hidden="a") != Point(1)
    assert Point(1) != Standard(1)  # type: ignore[comparison-overlap]  # two classes
    assert Other(math.nan) == Other(math.nan)  # type: ignore[arg-type]  # the same object, as in a tuple


def test_equal_ones_have_one_hash() -> None:
    @frozen
    class Pair:
        left: str
        right: tuple[int, ...] = ()
        note: str = field(default="", compare=False)

    @frozen
    class Nothing:
        pass

    assert len({Pair("a", (1,)), Pair("a", (1,), "x"), Pair("a")}) == 2
    assert Nothing() == Nothing()
    assert hash(Nothing()) == hash(())


def test_a_method_of_the_class_itself_stays() -> None:
    @frozen
    class Loud:
        word: str

        def __repr__(self) -> str:
            return "LOUD"

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Loud)

        def __hash__(self) -> int:
            return 7

    assert (repr(Loud("a")), Loud("a") == Loud("b"), hash(Loud("a"))) == ("LOUD", True, 7)


def test_what_follows_the_making_is_done() -> None:
    @frozen
    class Checked:
        size: int

        def __post_init__(self) -> None:
            if self.size < 0:
                raise ValueError("below 0")

    with pytest.raises(ValueError, match="below 0"):
        Checked(-1)


def test_it_is_a_dataclass_to_whoever_looks() -> None:
    assert [each.name for each in fields(Point)] == [each.name for each in fields(Standard)]
    assert list(inspect.signature(Point).parameters) == list(inspect.signature(Standard).parameters)
    assert get_type_hints(Point.__init__) == get_type_hints(Standard.__init__)
    assert Point.__match_args__ == Standard.__match_args__
    assert repr(Point.__dataclass_params__) == repr(Standard.__dataclass_params__)  # type: ignore[attr-defined]
    assert Point(1).moved(2) == Point(3)


def test_it_can_be_copied_and_pickled() -> None:
    point = Point(1, notes=["a"])

    assert copy.copy(point) == point
    assert copy.deepcopy(point) == point
    assert pickle.loads(pickle.dumps(point)) == point  # made here


def test_fields_that_it_has_no_way_with_are_refused() -> None:
    with pytest.raises(TypeError, match="use `dataclass"):

        @frozen
        class Named:
            x: int = field(kw_only=True)

    with pytest.raises(TypeError, match="follows one with a default"):

        @frozen
        class Disordered:
            x: int = 0
            y: int  # type: ignore[misc]
