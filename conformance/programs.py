"""Runs inline programs for the CLI, as the Automation API does, and leaves nothing of a failed one behind."""

# ruff: noqa: N802  # the methods' names are the protocol's

from __future__ import annotations

import asyncio
import contextvars
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from pulumi.runtime import reset_options, run_in_stack, set_all_config
from pulumi.runtime.proto import LanguageRuntimeServicer, language_pb2, language_pb2_grpc, plugin_pb2


@contextmanager
def program_served(program: Callable[[], Any]) -> Iterator[int]:
    """Serves a program on a port of loopback; it has ended when the block has."""
    threads = ThreadPoolExecutor(4)
    server = grpc.server(threads)
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(Language(program), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(grace=5).wait()
        threads.shutdown(wait=True)


class Language(LanguageRuntimeServicer):
    """A language runtime that knows one program."""

    def __init__(self, program: Callable[[], Any]) -> None:
        self._program = program

    def About(self, request: Any, context: Any) -> Any:
        return language_pb2.AboutResponse(executable=sys.executable)

    def GetRequiredPlugins(self, request: Any, context: Any) -> Any:
        return language_pb2.GetRequiredPluginsResponse()

    def GetRequiredPackages(self, request: Any, context: Any) -> Any:
        return language_pb2.GetRequiredPackagesResponse()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo()

    def Run(self, request: Any, context: Any) -> Any:
        return contextvars.copy_context().run(self._run, request)

    def _run(self, request: Any) -> Any:
        reset_options(
            project=request.project,
            stack=request.stack,
            organization=request.organization,
            monitor_address=request.monitor_address,
            engine_address=request.args[0],
            parallel=request.parallel,
            preview=request.dryRun,
        )
        set_all_config(request.config, request.configSecretKeys)
        loop = asyncio.new_event_loop()
        loop.set_default_executor(ThreadPoolExecutor(max(request.parallel, 1) * 4))
        loop.set_exception_handler(_stop_without_an_engine)
        try:
            loop.run_until_complete(run_in_stack(self._program))
        except grpc.RpcError as error:
            # A monitor that is gone was stopped by an engine that knows why.
            gone = error.code() is grpc.StatusCode.UNAVAILABLE
            return language_pb2.RunResponse(error="" if gone else error.details())
        except BaseException as error:  # noqa: BLE001  # whatever a program raises is its result
            return language_pb2.RunResponse(error=f"{type(error).__name__}: {error}")
        finally:
            _close(loop)
        return language_pb2.RunResponse()


def _stop_without_an_engine(loop: asyncio.AbstractEventLoop, what: dict[str, Any]) -> None:
    """Ends a program whose engine is gone: what it waits for would never come."""
    if isinstance(what.get("exception"), grpc.RpcError):
        loop.stop()


def _close(loop: asyncio.AbstractEventLoop) -> None:
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks))
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
