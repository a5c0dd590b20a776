"""The log of a process, where the environment asks for one: opened once, bound to each piece of work."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TextIO, TypeVar

from tomo.errors import TomoError, UsageError
from tomo.model.events import Event, HostLooked, Sink, StepDone, StepFailed, StepSkipped, StepStarted
from tomo.model.log import Field, Log, LogLevel
from tomo.model.values import Secret
from tomo.settings import Settings

if TYPE_CHECKING:
    from tomo.service.recording import Act, Trail
    from tomo.service.wiring import Doors

A = TypeVar("A", str, "str | None")
_OFF: Final = "off"


def open_log(settings: Settings, stderr: TextIO, tell: Callable[[str], None]) -> Log | None:
    """The log that `TOMO_LOG` and `TOMO_LOG_FILE` ask for; None where they ask for none.

    Without a file its lines go to stderr. `tell` gets what a person must know of it. Raises UsageError.
    """
    level = _level(settings)
    if level is None:
        return None
    from tomo.logs.lines import json_log  # noqa: PLC0415  # structlog is for those who want a log

    log: Log = json_log(_writer(settings, stderr), level, tell)
    known = (settings.passphrase, settings.registry_password, settings.database_url)
    log.learn([Secret(text) for text in known if text])
    return log


def for_call(doors: Doors, trail: Trail, **fields: Field) -> Doors:
    """The doors of one piece of work in a process that does many: its own trail, its id in the log."""
    log = doors.log.bind(correlation=trail.correlation, **fields) if doors.log is not None else None
    return replace(doors, trail=trail, log=log)


def learning(ask: Callable[[str], A] | None, log: Log | None) -> Callable[[str], A] | None:
    """A question whose answer is masked in the log from then on."""
    if ask is None or log is None:
        return ask

    def asked(prompt: str) -> A:
        answer = ask(prompt)
        if answer:
            log.learn(Secret(answer))
        return answer

    return asked


def begun(log: Log, surface: str) -> Callable[[BaseException | None], None]:
    """Tells that a command begins; gives what tells its end."""
    since = time.monotonic()
    log.tell(LogLevel.INFO, "command begun", surface=surface)

    def ended(error: BaseException | None) -> None:
        seconds = round(time.monotonic() - since, 6)
        if error is None:
            log.tell(LogLevel.INFO, "command ended", seconds=seconds)
            return
        code = error.code if isinstance(error, TomoError) else type(error).__name__
        log.tell(LogLevel.ERROR, "command ended", seconds=seconds, error=code, message=str(error))

    return ended


def tell_act(log: Log | None, what: str, act: Act) -> None:
    """Tells of an act that stands in the audit record too, under the same correlation id."""
    if log is None:
        return
    outcome = {} if what == "begun" else {"outcome": act.outcome.value}
    log.tell(LogLevel.INFO, f"act {what}", action=act.action, object=act.object, run=act.run, **outcome)


def logged(sink: Sink, log: Log | None) -> Sink:
    """A sink that also tells a log what becomes of hosts and steps."""
    if log is None:
        return sink

    def take(event: Event) -> None:
        _tell_event(log, event)
        sink(event)

    return take


def _tell_event(log: Log, event: Event) -> None:
    match event:
        case StepStarted(step, planning):
            level = LogLevel.DEBUG if planning else LogLevel.INFO
            log.tell(level, "step begun", op=step.op.pulumi_name, urn=step.urn, planning=planning)
        case StepDone(step, planning, seconds):
            level = LogLevel.DEBUG if planning else LogLevel.INFO
            log.tell(level, "step done", op=step.op.pulumi_name, urn=step.urn, seconds=seconds)
        case StepFailed():
            log.tell(
                LogLevel.ERROR, "step failed", op=event.step.op.pulumi_name, urn=event.step.urn,
                error=event.code, message=event.message, seconds=event.seconds,
            )  # fmt: skip
        case StepSkipped(urn, because):
            log.tell(LogLevel.WARNING, "step skipped", urn=urn, because=because)
        case HostLooked(host, resources, seconds, problem):
            level = LogLevel.WARNING if problem else LogLevel.INFO
            log.tell(level, "looked", host=host, resources=resources, seconds=seconds, problem=problem)
        case _:
            return


# --- what the environment says -----------------------------------------------------------------------


def _level(settings: Settings) -> LogLevel | None:
    asked = settings.log
    if asked is None:
        return LogLevel.INFO if settings.log_file is not None else None
    if asked.lower() == _OFF:
        return None
    try:
        return LogLevel(asked.lower())
    except ValueError:
        raise UsageError(
            f"`TOMO_LOG` is `{asked}`, which is no level",
            hint=f"set it to one of {', '.join(f'`{level}`' for level in LogLevel)} or `{_OFF}`",
        ) from None


def _writer(settings: Settings, stderr: TextIO) -> Callable[[str], None]:
    if settings.log_file is None:

        def write(line: str) -> None:
            stderr.write(line + "\n")
            stderr.flush()

        return write
    from tomo.logs.file import KEPT, MOST_BYTES, LogFile  # noqa: PLC0415  # as above

    most = _number("TOMO_LOG_BYTES", settings.log_bytes, MOST_BYTES, least=1024)
    kept = _number("TOMO_LOG_KEEP", settings.log_keep, KEPT, least=0)
    file = LogFile(settings.log_file, most, kept)
    file.open()
    return file.write


def _number(name: str, text: str | None, otherwise: int, *, least: int) -> int:
    if text is None:
        return otherwise
    if not text.isascii() or not text.isdigit() or int(text) < least:
        raise UsageError(f"`{name}` is `{text}`", hint=f"set it to a whole number, {least} at least")
    return int(text)
