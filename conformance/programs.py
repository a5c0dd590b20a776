"""Runs inline programs for the CLI, as the Automation API does, and leaves nothing of a failed one behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from pulumi import RunError
from pulumi.runtime import reset_options, run_in_stack, set_all_config
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

from tomo.program.language import OneProgramRuntime, program_loop


@dataclass
class Served:
    """A program that is served; `unheard` after a run whose engine could not be reached."""

    port: int = 0
    unheard: bool = False


@contextmanager
def program_served(program: Callable[[], Any]) -> Iterator[Served]:
    """Serves a program on a port of loopback; it has ended when the block has."""
    threads = ThreadPoolExecutor(4)
    server = grpc.server(threads)
    served = Served()
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(Language(program, served), server)
    served.port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield served
    finally:
        server.stop(grace=5).wait()
        threads.shutdown(wait=True)


class Language(OneProgramRuntime):
    """Runs one function, and says what ended it."""

    def __init__(self, program: Callable[[], Any], served: Served) -> None:
        self._program, self._served = program, served

    def GetRequiredPackages(self, request: object, context: object) -> Any:  # noqa: N802  # as the protocol has it
        """Names what is installed, as any language host does: else versions come from what is recorded."""
        package = plugin_pb2.PackageDependency(name="fake", kind="resource")
        return language_pb2.GetRequiredPackagesResponse(packages=[package])

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
        try:
            with program_loop(request.parallel) as loop:
                loop.run_until_complete(run_in_stack(self._program))
        except BaseException as error:  # noqa: BLE001  # whatever a program raises is its result
            # A monitor that is gone was stopped by an engine that knows why, or was never there.
            self._served.unheard = _is_gone(error)
            return language_pb2.RunResponse(bail=True) if self._served.unheard else _failure(error)
        return language_pb2.RunResponse()


def _is_gone(error: BaseException) -> bool:
    """Whether the engine's monitor can't be reached; the SDK has a word of its own for it."""
    if isinstance(error, RunError):
        return "monitor has terminated" in str(error)
    return isinstance(error, grpc.RpcError) and error.code() is grpc.StatusCode.UNAVAILABLE


def _failure(error: BaseException) -> Any:
    told = error.details() if isinstance(error, grpc.RpcError) else f"{type(error).__name__}: {error}"
    return language_pb2.RunResponse(error=told)
