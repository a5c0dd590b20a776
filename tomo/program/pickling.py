"""Keeps Pulumi's serializer of dynamic providers from growing with each use.

`pulumi.dynamic` sorts dictionaries while it pickles, by replacing two methods of Python's own pickler, and
never puts the old ones back: each call wraps the wrapper of the call before. So a program with some 90 to
300 dynamic resources ends with a RecursionError, and each resource costs more than the last. Here the two
methods are put back after every call. The text it yields is the same; at about 0.4 ms a call there is no
need for a cache, which could miss that a captured variable has changed.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

_REPLACED: Final = ("_batch_setitems", "save_dict")


@contextmanager
def bounded_provider_serializer() -> Iterator[None]:
    """While it is open, any number of dynamic resources can be declared."""
    from pulumi.dynamic import dynamic  # noqa: PLC0415  # the SDK is loaded for programs only

    original = dynamic.serialize_provider

    def serialize_provider(provider: Any) -> str:
        with _pickler_restored():
            return str(original(provider))

    dynamic.serialize_provider = serialize_provider
    try:
        with _pickler_restored():
            yield
    finally:
        dynamic.serialize_provider = original


@contextmanager
def _pickler_restored() -> Iterator[None]:
    pickler: Any = pickle._Pickler  # noqa: SLF001  # the class that is patched
    before = {name: vars(pickler)[name] for name in _REPLACED}
    try:
        yield
    finally:
        for name, method in before.items():
            setattr(pickler, name, method)
