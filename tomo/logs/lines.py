"""Lines of JSON: time, level, event, correlation id, and what else is told; known secrets masked."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final, Self

import structlog

from tomo.model.log import Field, LogLevel
from tomo.model.values import Secret, Value, leaves
from tomo.secrets.redaction import Redactor

_NUMBERS: Final = {LogLevel.DEBUG: 10, LogLevel.INFO: 20, LogLevel.WARNING: 30, LogLevel.ERROR: 40}
"""structlog's own, which are those of the standard library."""
_FIRST: Final = ("time", "level", "event", "correlation")
_LONGEST: Final = 2_000

Write = Callable[[str], None]
"""Takes a line without its end; raises OSError where it can't be kept."""


@dataclass(slots=True)
class Masks:
    """The secrets that this process knows. What is still sealed is masked from when it is opened."""

    _redactor: Redactor = field(default_factory=Redactor)
    _sealed: list[Secret] = field(default_factory=list)
    _alone: Lock = field(default_factory=Lock)

    def learn(self, value: Value) -> None:
        """Takes note of every secret in a value; opens none."""
        found = [leaf for leaf in leaves(value) if isinstance(leaf, Secret)]
        with self._alone:
            self._sealed.extend(found)

    def mask(self, text: str) -> str:
        """The text without what is known to be secret."""
        with self._alone:
            opened = [secret for secret in self._sealed if secret.is_open]
            if opened:
                self._sealed = [secret for secret in self._sealed if not secret.is_open]
                for secret in opened:
                    self._redactor.learn(secret)
        return self._redactor.redact(text)


class JsonLog:
    """A log that writes one JSON object a line."""

    def __init__(self, logger: Any, masks: Masks) -> None:
        self._logger, self._masks = logger, masks

    def tell(self, level: LogLevel, event: str, **fields: Field) -> None:
        """Writes one line, where the level is asked for."""
        self._logger.log(_NUMBERS[level], event, **fields)

    def bind(self, **fields: Field) -> Self:
        """The same log, with more fields in every line."""
        return type(self)(self._logger.bind(**fields), self._masks)

    def learn(self, value: Value) -> None:
        """Has every secret in a value masked from now on; opens none of them."""
        self._masks.learn(value)


def json_log(write: Write, level: LogLevel, lost: Callable[[str], None]) -> JsonLog:
    """A log over something that takes lines; `lost` is told once where that takes none any more."""
    masks = Masks()
    logger = structlog.wrap_logger(
        _Lines(write, lost),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            _Masked(masks),
            _rendered,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_NUMBERS[level]),
        context_class=dict,
        cache_logger_on_first_use=True,
    )
    return JsonLog(logger, masks)


class _Masked:
    """Masks every text of a line, by what it says and not by what its field is called."""

    def __init__(self, masks: Masks) -> None:
        self._masks = masks

    def __call__(self, _logger: Any, _name: str, line: MutableMapping[str, Any]) -> Mapping[str, Any]:
        return {key: self._value(value) for key, value in line.items()}

    def _value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, Sequence):
            return [self._text(str(each)) for each in value]
        return value if value is None or isinstance(value, (bool, int, float)) else self._text(str(value))

    def _text(self, text: str) -> str:
        masked = self._masks.mask(text)
        return masked if len(masked) <= _LONGEST else f"{masked[:_LONGEST]}…"


def _rendered(_logger: Any, _name: str, line: Mapping[str, Any]) -> str:
    """One line of ASCII: no text in it can end it, or drive a terminal that shows it."""
    first = {key: line[key] for key in _FIRST if key in line}
    return json.dumps({**first, **line}, default=str)


class _Lines:
    """What structlog hands its lines to; a log that can't be written stops nobody's work."""

    def __init__(self, write: Write, lost: Callable[[str], None]) -> None:
        self._write, self._lost = write, lost
        self._told = False

    def msg(self, line: str) -> None:
        try:
            self._write(line)
        except OSError as error:
            if not self._told:
                self._told = True
                self._lost(f"warning: the log can't be written any more: {error.strerror}")

    debug = info = warning = error = log = msg
