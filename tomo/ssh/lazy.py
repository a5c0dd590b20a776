"""Modules that are loaded when something in them is first used."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class LateModule(ModuleType):
    """Stands for a module in `sys.modules` until one of its names is wanted, then makes way for it."""

    def __getattr__(self, name: str) -> Any:
        module = self.__name__
        if sys.modules.get(module) is self:
            del sys.modules[module]
        try:
            loaded = import_module(module)
        except ImportError as error:
            raise AttributeError(f"{module}.{name} is not there: {error}") from error
        return getattr(loaded, name)


def postpone(module: str) -> None:
    """Makes a later `import` of a module cost nothing until the module is used."""
    sys.modules.setdefault(module, LateModule(module))
