"""What happens in a process, told to whoever asked for a log; nobody is by default."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Protocol, Self, TypeAlias, runtime_checkable

from tomo.errors import TomoError
from tomo.model.values import Value

Field: TypeAlias = str | int | float | bool | list[str] | None
"""What a line of a log may hold beside its event."""


class LogLevel(StrEnum):
    """How much a log tells; each level tells what those after it tell, too."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Log(Protocol):
    """Takes lines, from any thread; it never raises. Known secrets in them are masked."""

    def tell(self, level: LogLevel, event: str, **fields: Field) -> None:
        """Writes one line, where the level is asked for."""
        ...

    def bind(self, **fields: Field) -> Self:
        """The same log, with more fields in every line."""
        ...

    def learn(self, value: Value) -> None:
        """Has every secret in a value masked from now on; opens none of them."""
        ...


@runtime_checkable
class Dials(Protocol):
    """Something that dials hosts, and can tell a log of it."""

    def listen(self, log: Log) -> None:
        """Has every dial from now on told to a log."""
        ...


@contextmanager
def told(
    log: Log | None, event: str, level: LogLevel = LogLevel.DEBUG, **fields: Field
) -> Iterator[dict[str, Field]]:
    """Has what is done inside stand in the log when it has ended: how long it took, and its error's code.

    What is learned meanwhile is put into the mapping it gives; an `error` among it makes the line a warning.
    """
    more: dict[str, Field] = {}
    if log is None:
        yield more
        return
    begun = time.monotonic()
    try:
        yield more
    except TomoError as error:
        more |= {"error": error.code, "message": str(error)}
        log.tell(LogLevel.WARNING, event, **fields, **more, seconds=_since(begun))
        raise
    except BaseException as error:
        more |= {"error": type(error).__name__}
        log.tell(LogLevel.ERROR, event, **fields, **more, seconds=_since(begun))
        raise
    ended = LogLevel.WARNING if "error" in more else level
    log.tell(ended, event, **fields, **more, seconds=_since(begun))


def _since(begun: float) -> float:
    return round(time.monotonic() - begun, 6)
