"""Serves one program to the Pulumi CLI, as Pulumi's Automation API serves inline programs.

Started as a process of its own (`python -m tomo.program.language MAIN FOLDER REPORT [FLEET]`): its first
line is its port, what the program prints follows, and an error that ends the program is written to REPORT.
FLEET is the fleet file for the program of fleets.
"""

# ruff: noqa: N802  # the service's methods are named by the protocol

from __future__ import annotations

import asyncio
import contextvars
import json
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any, Final

import grpc
from pulumi.runtime import reset_options, run_in_stack, set_all_config
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

from tomo.errors import TomoError
from tomo.program.failure import exit_failure, failure_of
from tomo.program.pickling import bounded_provider_serializer
from tomo.program.runner import imports_of, program_of

_THREADS_PER_STEP: Final = 4
_GRACE: Final = 1.0
FLEET_KEY: Final = "tomo:file"
"""The config key that tells the program of fleets which file to read."""


class OneProgramRuntime(language_pb2_grpc.LanguageRuntimeServicer):
    """A language runtime that knows one program, and needs no plugin of its own."""

    def About(self, request: object, context: object) -> Any:  # noqa: ARG002
        """Says which Python runs the program."""
        return language_pb2.AboutResponse(executable=sys.executable)

    def GetRequiredPlugins(self, request: object, context: object) -> Any:  # noqa: ARG002
        """Names none: the engine learns of plugins as the program uses them."""
        return language_pb2.GetRequiredPluginsResponse()

    def GetRequiredPackages(self, request: object, context: object) -> Any:  # noqa: ARG002
        """Names none, as above."""
        return language_pb2.GetRequiredPackagesResponse()

    def GetPluginInfo(self, request: object, context: object) -> Any:  # noqa: ARG002
        """Has no version of its own."""
        return plugin_pb2.PluginInfo()

    def Run(self, request: Any, context: object) -> Any:  # noqa: ARG002
        """Runs the program to its end."""
        return contextvars.copy_context().run(self._run, request)

    def _run(self, request: Any) -> Any:
        raise NotImplementedError


class ProgramServer(OneProgramRuntime):
    """A language runtime that knows one program; `failed` is told the error that ended it."""

    def __init__(
        self, main: Path, work_dir: Path, failed: Callable[[TomoError], None], fleet: Path | None = None
    ) -> None:
        self._main, self._work_dir, self._failed, self._fleet = work_dir / main, work_dir, failed, fleet

    def _run(self, request: Any) -> Any:
        secrets = [request.config[key] for key in request.configSecretKeys if key in request.config]
        try:
            self._run_program(request)
        except SystemExit as exit_:
            failure = exit_failure(exit_, self._work_dir, secrets)
            return self._ended(failure) if failure is not None else language_pb2.RunResponse()
        except grpc.RpcError as error:
            # The engine refused a call, and has told why; or it is gone, and knows why.
            return language_pb2.RunResponse(error=str(error.details()), bail=True)
        except Exception as error:  # noqa: BLE001  # whatever a program raises is its result
            return self._ended(failure_of(error, self._work_dir, secrets))
        return language_pb2.RunResponse()

    def _ended(self, failure: TomoError) -> Any:
        self._failed(failure)
        return language_pb2.RunResponse(error=str(failure), bail=True)

    def _run_program(self, request: Any) -> None:
        folder = self._main if self._main.is_dir() else self._main.parent
        reset_options(
            project=request.project,
            stack=request.stack,
            organization=request.organization,
            monitor_address=request.monitor_address,
            engine_address=request.args[0],
            parallel=request.parallel,
            preview=request.dryRun,
            root_directory=str(self._work_dir),
        )
        own = {FLEET_KEY: str(self._fleet)} if self._fleet is not None else {}
        set_all_config({**request.config, **own}, list(request.configSecretKeys))
        with (
            imports_of(folder),
            chdir(folder),
            bounded_provider_serializer(),
            program_loop(request.parallel) as loop,
        ):
            loop.run_until_complete(run_in_stack(program_of(self._main)))


@contextmanager
def program_loop(parallel: int) -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop for one run of a program, with threads for so many calls at once; nothing of it stays."""
    loop = asyncio.new_event_loop()
    loop.set_default_executor(ThreadPoolExecutor(max(parallel, 1) * _THREADS_PER_STEP))
    loop.set_exception_handler(_stop_without_an_engine)
    asyncio.set_event_loop(loop)
    try:
        yield loop
    finally:
        _end(loop)


def _stop_without_an_engine(loop: asyncio.AbstractEventLoop, what: dict[str, Any]) -> None:
    """Ends a program whose engine is gone: what it waits for would never come."""
    if isinstance(what.get("exception"), grpc.RpcError):
        loop.stop()


def _end(loop: asyncio.AbstractEventLoop) -> None:
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks, timeout=_GRACE))
    loop.run_until_complete(loop.shutdown_default_executor())
    asyncio.set_event_loop(None)
    loop.close()


def write_report(path: Path, error: TomoError) -> None:
    """Leaves an error for the process that started this one."""
    parts = {name: getattr(error, name) for name in ("code", "message", "hint", "where", "detail")}
    path.write_text(json.dumps(parts), "utf-8")


def serve(
    main: Path, work_dir: Path, report: Path, fleet: Path | None, tell_port: Callable[[int], None]
) -> None:
    """Serves until the process is ended."""
    server = grpc.server(ThreadPoolExecutor(4))
    runtime = ProgramServer(main, work_dir, lambda error: write_report(report, error), fleet)
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(runtime, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    tell_port(port)
    threading.Event().wait()


def _tell(port: int) -> None:
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    paths = [Path(each) for each in sys.argv[1:]]
    serve(paths[0], paths[1], paths[2], paths[3] if paths[3:] else None, _tell)
