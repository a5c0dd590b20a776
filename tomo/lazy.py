"""Modules that are loaded when something in them is first used."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

_MAKING_WAY = threading.Lock()


class LateModule(ModuleType):
    """Stands for a module in `sys.modules` until one of its names is wanted, then makes way for it."""

    def __getattr__(self, name: str) -> Any:
        module = self.__name__
        try:
            loaded = self._loaded()
        except ImportError as error:
            raise AttributeError(f"{module}.{name} is not there: {error}") from error
        return getattr(loaded, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._loaded(), name, value)

    def _loaded(self) -> ModuleType:
        module = self.__name__
        with _MAKING_WAY:
            if sys.modules.get(module) is self:
                del sys.modules[module]
        with _main_as(vars(self).get("__main__") or sys.modules["__main__"]):
            return import_module(module)


@contextmanager
def _main_as(main: ModuleType) -> Iterator[None]:
    """Has a module be loaded beside the process's own `__main__`, not that of a program which runs now.

    dill takes whatever that is for good: it would give objects of another program this one's classes.
    """
    present = sys.modules["__main__"]
    sys.modules["__main__"] = main
    try:
        yield
    finally:
        sys.modules["__main__"] = present


def postpone(module: str, **parts: object) -> LateModule | None:
    """Makes a later `import` of a module cost nothing until the module is used.

    `parts` are names of it that may be imported without loading it. None, and nothing done, where the
    module is loaded already or not installed. A module within a package that is not loaded yet is found by
    `from package import module`, and by `import package.module` only where the package itself names it.
    """
    if module in sys.modules or (spec := _spec_of(module)) is None:
        return None
    late = LateModule(module)
    vars(late).update(parts, __spec__=spec, __main__=sys.modules["__main__"])
    if parts:
        # Asked for by `from package import part`, whichever part that is.
        vars(late)["__path__"] = spec.submodule_search_locations
    sys.modules[module] = late
    package, _, name = module.rpartition(".")
    if package in sys.modules:
        # As loading it would: `import package.module` binds the package only.
        setattr(sys.modules[package], name, late)
    return late


def _spec_of(module: str) -> ModuleSpec | None:
    """Where a module is, found without loading what it is a part of."""
    package, _, _ = module.rpartition(".")
    if not package:
        return PathFinder.find_spec(module)
    parent = _spec_of(package)
    if parent is None or parent.submodule_search_locations is None:
        return None
    return PathFinder.find_spec(module, list(parent.submodule_search_locations))
