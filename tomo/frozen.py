"""Frozen dataclasses with slots, made in a quarter of the time.

`dataclass(frozen=True, slots=True)` writes six methods of each class as text and compiles them. A command
loads some two hundred such classes, a sixth of its time. Here only `__init__` is compiled; for the others
functions do that go by a class's fields. See docs/decisions/0038-frozen.md.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields
from operator import attrgetter
from reprlib import recursive_repr
from typing import Any, NoReturn, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: type[T]) -> type[T]:
    """The class as `dataclass(frozen=True, slots=True)` makes it.

    Options of a field that no class here has (`init`, `hash`, `kw_only`) are refused by a TypeError.
    """
    made: Any = dataclass(init=False, repr=False, eq=False, slots=True)(cls)
    own: tuple[Field[Any], ...] = fields(made)
    # What a class that derives from it, and whoever looks, goes by.
    told = made.__dataclass_params__
    told.init = told.repr = told.eq = told.frozen = True
    for each in own:
        if not each.init or each.hash is not None or each.kw_only:
            raise TypeError(f"`{cls.__qualname__}.{each.name}`: use `dataclass(frozen=True, slots=True)`")
    made.__init__ = _init(made, own)
    compared = _values([each.name for each in own if each.compare])
    methods = {
        "__repr__": _repr([each.name for each in own if each.repr]),
        "__eq__": _eq(compared),
        "__setattr__": _refuse_to_set,
        "__delattr__": _refuse_to_delete,
        "__getstate__": _state,
        "__setstate__": _set_state,
    }
    for name, method in methods.items():
        if name not in vars(made):
            setattr(made, name, method)
    # None stands there where a class has an `__eq__` of its own and no `__hash__`.
    if vars(made).get("__hash__") is None:
        made.__hash__ = _hash(compared)
    return made  # type: ignore[no-any-return]  # the same class, or one with slots in its place


def _init(cls: type, own: Sequence[Field[Any]]) -> Callable[..., None]:
    names = [each.name for each in own]
    lines = [
        f"  if {each.name} is _missing: {each.name} = _factories[{each.name!r}]()"
        for each in own
        if each.default_factory is not MISSING
    ]
    lines += [f"  _set{place}(self, {name})" for place, name in enumerate(names)]
    if hasattr(cls, "__post_init__"):
        lines.append("  self.__post_init__()")
    setters = [f"_set{place}" for place in range(len(names))]
    code = "\n".join(
        [
            f"def make({', '.join(['_missing', '_factories', *setters])}):",
            f" def __init__({', '.join(['self', *names])}):",
            *(lines or ["  pass"]),
            " return __init__",
        ]
    )
    factories = {each.name: each.default_factory for each in own if each.default_factory is not MISSING}
    found: dict[str, Any] = {}
    # Its globals are its module's, in which whoever reads the annotations looks for their names.
    exec(code, vars(sys.modules[cls.__module__]), found)  # noqa: S102  # of the names of fields alone
    # The slots' own setters: quicker than `object.__setattr__`, which looks for them by name.
    init: Any = found["make"](MISSING, factories, *(getattr(cls, name).__set__ for name in names))
    has_default = [each for each in own if each.default is not MISSING or each.name in factories]
    if has_default != list(own[len(own) - len(has_default) :]):
        raise TypeError(f"`{cls.__qualname__}`: a field without a default follows one with a default")
    init.__defaults__ = tuple(each.default for each in has_default)
    init.__annotations__ = {**{each.name: each.type for each in own}, "return": None}
    init.__module__, init.__qualname__ = cls.__module__, f"{cls.__qualname__}.__init__"
    return init  # type: ignore[no-any-return]  # what the code above makes


def _values(names: Sequence[str]) -> Callable[[object], tuple[object, ...]]:
    """Gives an instance's values as a tuple."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda instance: tuple([getattr(instance, name) for name in names])


def _repr(names: Sequence[str]) -> Callable[[object], str]:
    @recursive_repr()
    def shown(self: object) -> str:
        parts = ", ".join([f"{name}={getattr(self, name)!r}" for name in names])
        return f"{type(self).__qualname__}({parts})"

    return shown


def _eq(values: Callable[[object], tuple[object, ...]]) -> Callable[[object, object], Any]:
    def equal(self: object, other: object) -> Any:
        return values(self) == values(other) if type(other) is type(self) else NotImplemented

    return equal


def _hash(values: Callable[[object], tuple[object, ...]]) -> Callable[[object], int]:
    return lambda self: hash(values(self))


def _refuse_to_set(_self: object, name: str, _value: object) -> NoReturn:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(_self: object, name: str) -> NoReturn:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[object]:
    return [getattr(self, each.name) for each in fields(self)]


def _set_state(self: Any, state: Sequence[object]) -> None:
    for each, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, each.name, value)
