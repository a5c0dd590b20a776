"""Frozen dataclasses with slots, made in a third of the time.

`dataclass(frozen=True, slots=True)` writes six methods of each class as text and compiles them. A command
loads some two hundred such classes, a sixth of its time. Here only `__init__` is compiled, once for all
classes with as many fields; for the others functions do that go by a class's fields. See
docs/decisions/0038-frozen.md.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Sequence
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields
from functools import cache, partial
from operator import attrgetter
from reprlib import recursive_repr
from types import CellType, CodeType, FunctionType, MemberDescriptorType
from typing import Any, Final, NoReturn, TypeVar, dataclass_transform, overload

T = TypeVar("T")
_ORDERS: Final = ("lt", "le", "gt", "ge")


@overload
def frozen(cls: type[T], /) -> type[T]: ...


@overload
def frozen(*, order: bool = ..., slots: bool = ...) -> Callable[[type[T]], type[T]]: ...


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(
    cls: type[T] | None = None, /, *, order: bool = False, slots: bool = True
) -> type[T] | Callable[[type[T]], type[T]]:
    """The class as `dataclass(frozen=True, slots=True)` makes it.

    With `order` its instances are ordered as the tuples of their compared values are; without `slots` they
    have a `__dict__`, as cached properties need it. Options of a field that no class here has (`init`,
    `hash`, `kw_only`) are refused by a TypeError.
    """
    if cls is None:
        return partial(_made, order=order, slots=slots)
    return _made(cls, order=order, slots=slots)


def _made(cls: type[T], *, order: bool, slots: bool) -> type[T]:
    # The standard library has a frozen class derive from frozen ones only, and so refuse changes itself.
    derived = any(hasattr(base, "__dataclass_params__") for base in cls.__mro__[1:])
    made: Any = dataclass(init=False, repr=False, eq=False, frozen=derived, slots=slots)(cls)
    own: tuple[Field[Any], ...] = fields(made)
    # What a class that derives from it, and whoever looks, goes by.
    told = made.__dataclass_params__
    told.init = told.repr = told.eq = told.frozen = True
    told.order = order
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
    }
    if slots:
        methods |= {"__getstate__": _state, "__setstate__": _set_state}
    if order:
        methods |= {f"__{name}__": _ordered(getattr(operator, name), compared) for name in _ORDERS}
    for name, method in methods.items():
        if name not in vars(made):
            setattr(made, name, method)
    # None stands there where a class has an `__eq__` of its own and no `__hash__`.
    if vars(made).get("__hash__") is None:
        made.__hash__ = _hash(compared)
    return made  # type: ignore[no-any-return]  # the same class, or one with slots in its place


def _init(cls: type, own: Sequence[Field[Any]]) -> Callable[..., None]:
    names = tuple(each.name for each in own)
    has_default = [each for each in own if each.default is not MISSING or each.default_factory is not MISSING]
    if has_default != list(own[len(own) - len(has_default) :]):
        raise TypeError(f"`{cls.__qualname__}`: a field without a default follows one with a default")
    code = _template(len(names), after=hasattr(cls, "__post_init__"))
    setters = {f"set{place}": _setter(cls, each) for place, each in enumerate(own)}
    init: Any = FunctionType(
        code.replace(co_varnames=("self", *names), co_qualname=f"{cls.__qualname__}.__init__"),
        # Its globals are its module's, in which whoever reads the annotations looks for their names.
        vars(sys.modules[cls.__module__]),
        "__init__",
        tuple(each.default for each in has_default),
        tuple(CellType(setters[name]) for name in code.co_freevars),
    )
    init.__annotations__ = {**{each.name: each.type for each in own}, "return": None}
    init.__module__ = cls.__module__
    return init  # type: ignore[no-any-return]  # a function of those arguments


@cache
def _template(count: int, *, after: bool) -> CodeType:
    """The code of an `__init__` for so many fields, which gets their names and setters afterwards.

    Compiling is what takes long, and most classes have as many fields as another one. With `after` there is a
    `__post_init__`.
    """
    places = range(count)
    setters, fields_ = [f"set{place}" for place in places], [f"field{place}" for place in places]
    lines = [f"  set{place}(self, field{place})" for place in places]
    lines += ["  self.__post_init__()"] if after else []
    head = [f"def make({', '.join(setters)}):", f" def __init__({', '.join(['self', *fields_])}):"]
    found: dict[str, Any] = {}
    exec("\n".join([*head, *(lines or ["  pass"]), " return __init__"]), {}, found)  # noqa: S102  # of numbers
    code: CodeType = found["make"](*setters).__code__
    return code


def _setter(cls: type, of: Field[Any]) -> Callable[[object, object], None]:
    """The slot's own: quicker than `object.__setattr__`, which looks for it by name."""
    slot = getattr(cls, of.name, None)
    put: Callable[[object, object], None] = (
        slot.__set__ if isinstance(slot, MemberDescriptorType) else partial(_put, of.name)
    )
    make = of.default_factory
    if make is MISSING:
        return put
    return lambda self, value: put(self, make() if value is MISSING else value)


def _put(name: str, instance: object, value: object) -> None:
    object.__setattr__(instance, name, value)


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


def _ordered(
    holds: Callable[[object, object], bool], values: Callable[[object], tuple[object, ...]]
) -> Callable[[object, object], Any]:
    def compared(self: object, other: object) -> Any:
        return holds(values(self), values(other)) if type(other) is type(self) else NotImplemented

    return compared


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
