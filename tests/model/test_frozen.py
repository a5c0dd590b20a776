"""Frozen classes are what `dataclass(frozen=True, slots=True)` makes, but for the time it takes."""

from __future__ import annotations

import copy
import inspect
import math
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, replace
from functools import cached_property
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


@frozen(order=True)
class Version:
    """Ordered by its numbers, whatever it is called."""

    major: int
    minor: int = 0
    name: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, order=True)
class StandardVersion:
    """The same, by the standard library alone."""

    major: int
    minor: int = 0
    name: str = field(default="", compare=False)


@pytest.mark.parametrize("made", [Version, StandardVersion])
def test_ordered_ones_go_by_their_compared_values(made: Callable[..., Any]) -> None:
    first, again, later = made(1, 2, "z"), made(1, 2, "a"), made(1, 10)

    assert sorted([later, made(0), first]) == [made(0), first, later]
    assert (first < later, later > first, first <= again, first >= again) == (True, True, True, True)
    assert (first < again, later <= first) == (False, False)
    with pytest.raises(TypeError, match="not supported between"):
        first < (1, 3)  # noqa: B015  # the comparison is what is tried
    with pytest.raises(TypeError, match="not supported between"):
        Point(1) < Point(2)  # type: ignore[operator]  # noqa: B015  # not an ordered one


@frozen(slots=False)
class Text:
    """Works something out once."""

    words: tuple[str, ...] = ()
    marks: list[str] = field(default_factory=list)

    @cached_property
    def length(self) -> int:
        """How many words it has."""
        return len(self.words)


@frozen(slots=False)
class Titled(Text):
    """One that derives from it, and calls what it has."""

    title: str = ""

    def shown(self) -> str:
        """The title, and what the other class makes of itself."""
        return f"{self.title}: {super().length}"


def test_one_without_slots_has_cached_properties_and_is_frozen_too() -> None:
    text = Text(("a", "b"))

    assert (text.length, text.length, Text().marks) == (2, 2, [])
    assert vars(text) == {"words": ("a", "b"), "marks": [], "length": 2}
    assert Titled(("a",), title="T").shown() == "T: 1"
    assert replace(Titled(("a",), title="T"), words=()) == Titled(title="T")
    assert pickle.loads(pickle.dumps(text)) == copy.deepcopy(text) == text  # made here
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'words'"):
        text.words = ()  # type: ignore[misc]
    assert hash(Version(1, name="a")) == hash(Version(1))


def test_both_kinds_are_told_as_what_they_are() -> None:
    told = Version.__dataclass_params__  # type: ignore[attr-defined]

    assert repr(told) == repr(StandardVersion.__dataclass_params__)  # type: ignore[attr-defined]
    assert [each.name for each in fields(Titled)] == ["words", "marks", "title"]


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
