"""Runs a Pulumi program in this process, through the unmodified SDK, against a Registrar.

Folder, import path, `sys.modules` and the cyclic collector belong to the process: only one program at a
time runs in one. Everything is put back when it ends, so that the next run starts afresh.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import importlib
import os
import runpy
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tomo.errors import ProgramFailed
from tomo.model.events import Severity
from tomo.model.source import ProgramRun, Registrar
from tomo.program.collector import collector_off
from tomo.program.failure import exit_failure, failure_of
from tomo.program.late import postpone_parts
from tomo.program.loop import ProgramLoop

if TYPE_CHECKING:
    from tomo.program.callbacks import Callbacks
    from tomo.program.monitor import Monitor

Main = Path | Callable[[], Any]

_GRACE: Final = 1.0
"""Seconds that cancelled tasks of an ended program have to clean up after themselves."""


class SdkSource:
    """A Pulumi program as a source of resources.

    `main` is a `__main__.py`, another Python file, a folder that holds `__main__.py`, or a function; a
    relative path starts at `work_dir`, the folder of Pulumi.yaml. As with the CLI, the program runs in its
    own folder and paths of its assets start there; a function runs in `work_dir`. `traced` says that the
    environment holds a trace (`TRACEPARENT`), to which the SDK adds.
    """

    def __init__(self, main: Main, work_dir: Path, *, traced: bool = True) -> None:
        self._main = main
        self._traced = traced
        self._work_dir = work_dir.resolve()
        self._program_dir = self._work_dir
        if isinstance(main, Path):
            path = self._work_dir / main
            self._program_dir = path if path.is_dir() else path.parent

    def run(self, run: ProgramRun, registrar: Registrar) -> None:
        """Runs the program to its end and returns when everything it registered is answered."""
        # The SDK keeps a run's settings, config and root resource in context variables.
        contextvars.copy_context().run(self._run, run, registrar)

    def _run(self, run: ProgramRun, registrar: Registrar) -> None:
        postpone_parts(traced=self._traced)
        from tomo.program.callbacks import Callbacks  # noqa: PLC0415  # loads the SDK
        from tomo.program.goals import Places  # noqa: PLC0415
        from tomo.program.monitor import Monitor  # noqa: PLC0415

        loop = ProgramLoop()
        places = Places(project=self._work_dir, program=self._program_dir)
        callbacks = Callbacks(loop)
        monitor = Monitor(run, registrar, places, loop.in_call, callbacks)
        try:
            with self._surroundings(registrar, loop), contextlib.closing(callbacks):
                _configure(run, registrar, monitor, self._work_dir, loop)
                _use(callbacks, monitor)
                with loop.woken_by_signals():
                    loop.run_until_complete(_in_stack(self._program()))
        except SystemExit as exit_:
            failure: Exception | None = exit_failure(exit_, self._work_dir, _secrets(run, monitor))
            if failure is not None:
                raise failure from None
        except Exception as error:
            failure = failure_of(error, self._work_dir, _secrets(run, monitor))
            if failure is error:
                raise
            raise failure from error

    @contextmanager
    def _surroundings(self, registrar: Registrar, loop: ProgramLoop) -> Iterator[None]:
        from tomo.program.pickling import bounded_provider_serializer  # noqa: PLC0415  # loads the SDK
        from tomo.program.printed import printed_lines_said  # noqa: PLC0415
        from tomo.program.shortcuts import shortcuts  # noqa: PLC0415

        with ExitStack() as stack:
            stack.enter_context(imports_of(self._program_dir))
            stack.enter_context(contextlib.chdir(self._program_dir))
            stack.enter_context(bounded_provider_serializer())
            stack.enter_context(shortcuts())
            stack.enter_context(collector_off())
            stack.enter_context(_current(loop))
            say = _log_of(registrar, loop)
            stack.enter_context(printed_lines_said(lambda line: say(Severity.INFO, line, ""), loop.in_call))
            yield

    def _program(self) -> Callable[[], Any]:
        return program_of(self._work_dir / self._main) if isinstance(self._main, Path) else self._main


def program_of(path: Path) -> Callable[[], Any]:
    """What runs the program of a file or folder; raises ProgramFailed where there is none."""
    file = path / "__main__.py" if path.is_dir() else path
    if not file.is_file():
        raise ProgramFailed(
            f"there is no program `{file.name}` in `{file.parent}`",
            hint="write the program to __main__.py beside Pulumi.yaml",
        )

    def run_file() -> None:
        runpy.run_path(str(file), run_name="__main__")

    return run_file


def _secrets(run: ProgramRun, monitor: Monitor) -> list[str]:
    given = [run.config[key] for key in run.secret_config_keys if key in run.config]
    return [*given, *monitor.secret_texts()]


def _configure(
    run: ProgramRun, registrar: Registrar, monitor: Monitor, root: Path, loop: ProgramLoop
) -> None:
    from pulumi import runtime  # noqa: PLC0415  # 0.2 s, for programs only
    from pulumi.runtime import settings  # noqa: PLC0415

    from tomo.program.monitor import EngineService  # noqa: PLC0415  # loads the SDK

    settings.ROOT.set(None)
    runtime.set_all_config(dict(run.config), sorted(run.secret_config_keys))
    runtime.configure(
        runtime.Settings(
            project=run.project,
            stack=run.stack,
            organization=run.organization,
            dry_run=run.dry_run,
            parallel=run.parallel,
            root_directory=str(root),
            monitor=monitor,
            engine=EngineService(_log_of(registrar, loop)),
        )
    )


def _use(callbacks: Callbacks, monitor: Monitor) -> None:
    from pulumi.runtime import settings  # noqa: PLC0415  # loads the SDK

    callbacks.registered_with(monitor)
    settings.SETTINGS.callbacks = callbacks


def _log_of(registrar: Registrar, loop: ProgramLoop) -> Callable[[Severity, str, str], None]:
    """The engine's log; what a surface writes while it shows a message is not the program's output."""

    def log(severity: Severity, message: str, urn: str) -> None:
        with loop.calling():
            registrar.log(severity, message, urn)

    return log


def _in_stack(program: Callable[[], Any]) -> Any:
    from pulumi import runtime  # noqa: PLC0415  # 0.2 s, for programs only

    return runtime.run_in_stack(program)


# --- what a run changes in the process, and puts back --------------------------------------------------


@contextmanager
def _current(loop: ProgramLoop) -> Iterator[None]:
    # Tasks of a failed program repeat its error; the error itself is raised by the run.
    loop.set_exception_handler(lambda _loop, _context: None)
    asyncio.set_event_loop(loop)
    try:
        yield
    finally:
        try:
            _end_tasks(loop)
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            asyncio.set_event_loop(None)
            loop.close()


def _end_tasks(loop: ProgramLoop) -> None:
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks, timeout=_GRACE))


@contextmanager
def imports_of(folder: Path) -> Iterator[None]:
    """Lets the program import its own modules; they are forgotten afterwards, as they may change."""
    path, argv, quiet = list(sys.path), list(sys.argv), sys.dont_write_bytecode
    known = set(sys.modules)
    sys.path.insert(0, str(folder))
    sys.argv = [str(folder)]
    # A plan writes nothing; and bytecode of an edited file of the same size and second would be stale.
    sys.dont_write_bytecode = True
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:], sys.argv, sys.dont_write_bytecode = path, argv, quiet
        for name in set(sys.modules) - known:
            # A package that was loaded before is not the program's, wherever it lies.
            if name.partition(".")[0] not in known and _lies_in(sys.modules[name], folder):
                del sys.modules[name]


def _lies_in(module: Any, folder: Path) -> bool:
    places = [getattr(module, "__file__", None), *getattr(module, "__path__", ())]
    for place in filter(None, places):
        path = Path(os.path.abspath(place))  # noqa: PTH100  # symlinks stay: the import path has them too
        if path.is_relative_to(folder) and "site-packages" not in path.parts:
            return True
    return False
