"""This machine itself, as a host."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import replace
from typing import IO

from tomo.errors import HostError
from tomo.model.connection import LOCAL, Argv, ByteStream, CommandResult, HostSpec
from tomo.settings import Settings
from tomo.ssh.docker_road import DOCKER_SOCKET
from tomo.ssh.link import timed_out, too_much
from tomo.ssh.shell import ShellConnection

_CHUNK = 1 << 16
_PATIENCE = 1.0


class LocalConnection(ShellConnection):
    """Commands by subprocess, Docker by its socket; `DOCKER_HOST=unix://…` is honoured."""

    def __init__(self, spec: HostSpec = LOCAL, settings: Settings | None = None) -> None:
        url = settings.docker_host if settings else None
        super().__init__(spec if spec.docker_socket or not url else _with_socket(spec, url))

    @property
    def is_root(self) -> bool:
        """Whether this process is root's."""
        return os.geteuid() == 0

    def execute(
        self, argv: Argv, *, stdin: bytes, timeout: float | None, limit: int, shown: str
    ) -> CommandResult:
        """Runs a command in a process group of its own, which a timeout ends as a whole."""
        started = time.monotonic()
        try:
            process = subprocess.Popen(  # noqa: S603  # an argument list, no shell
                list(argv),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                bufsize=0,
            )
        except FileNotFoundError:
            return CommandResult(127, stderr=f"{argv[0]}: not found\n".encode())
        except PermissionError:
            return CommandResult(126, stderr=f"{argv[0]}: Permission denied\n".encode())
        except OSError as error:
            raise HostError(f"`{shown}` can't be started: {error.strerror}", host=self.spec.label) from error
        with process:
            try:
                out, err = _exchange(process, stdin, None if timeout is None else started + timeout, limit)
            except TimeoutError as error:
                self._kill(process)
                raise timed_out(self.spec.label, shown) from error
            except OverflowError as error:
                self._kill(process)
                raise too_much(self.spec.label, shown, limit) from error
            except BaseException:
                self._kill(process)
                raise
        code = process.returncode
        return CommandResult(128 - code if code < 0 else code, out, err)

    def open_socket(self) -> ByteStream | None:
        """A stream to Docker's socket; None where it is not there or refuses."""
        stream = socket.socket(socket.AF_UNIX)
        try:
            stream.connect(self.spec.docker_socket or DOCKER_SOCKET)
        except OSError:
            stream.close()
            return None
        return stream

    def open_process(self, argv: Argv) -> ByteStream:
        """A command's stdin and stdout as a stream."""
        return _Process(list(argv))

    def close(self) -> None:
        """Nothing to end: streams are their users' own."""

    @staticmethod
    def _kill(process: subprocess.Popen[bytes]) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, number)
            except ProcessLookupError:
                return
            except PermissionError:
                return  # root's by sudo; ShellConnection ends those
            with suppress(subprocess.TimeoutExpired):
                process.wait(_PATIENCE)


def _with_socket(spec: HostSpec, url: str) -> HostSpec:
    """The spec with the socket that DOCKER_HOST names; another kind of address is no local daemon."""
    if not url.startswith("unix://"):
        return spec
    return replace(spec, docker_socket=url.removeprefix("unix://") or None)


class _Process:
    """A command whose stdin and stdout are one end of a socket pair."""

    def __init__(self, argv: list[str]) -> None:
        self._stream, theirs = socket.socketpair()
        try:
            self._process = subprocess.Popen(  # noqa: S603
                argv,
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            self._stream.close()
            raise HostError(f"`{argv[0]}` can't be started: {error.strerror}", host=LOCAL.host) from error
        finally:
            theirs.close()

    def sendall(self, data: bytes) -> None:
        self._stream.sendall(data)

    def recv(self, size: int) -> bytes:
        return self._stream.recv(size)

    def settimeout(self, seconds: float | None) -> None:
        self._stream.settimeout(seconds)

    def stderr(self) -> str:
        """What the command says on stderr, once its stream has ended."""
        said = self._process.stderr
        return said.read(4096).decode("utf-8", "replace") if said else ""

    def close(self) -> None:
        self._stream.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_PATIENCE)
        if self._process.returncode is None:
            self._process.kill()
            self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()


def _exchange(
    process: subprocess.Popen[bytes], stdin: bytes, deadline: float | None, limit: int
) -> tuple[bytes, bytes]:
    """Feeds stdin and drains both outputs until they end; TimeoutError, OverflowError at the bounds."""
    if not (process.stdin and process.stdout and process.stderr):
        raise AssertionError("the process has its three pipes")
    outputs = {process.stdout: bytearray(), process.stderr: bytearray()}
    left = memoryview(stdin)
    with selectors.DefaultSelector() as selector:
        for pipe in outputs:
            selector.register(pipe, selectors.EVENT_READ)
        if left:
            os.set_blocking(process.stdin.fileno(), False)
            selector.register(process.stdin, selectors.EVENT_WRITE)
        else:
            process.stdin.close()
        while selector.get_map():
            for key, _ in selector.select(_remaining(deadline)):
                if key.fileobj is process.stdin:
                    left = _written(process.stdin, left, selector)
                else:
                    _read(key.fileobj, outputs, selector)  # type: ignore[arg-type]  # one of the two pipes
            if sum(map(len, outputs.values())) > limit:
                raise OverflowError
    process.wait(_remaining(deadline))
    return bytes(outputs[process.stdout]), bytes(outputs[process.stderr])


def _remaining(deadline: float | None) -> float | None:
    if deadline is None:
        return None
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _written(pipe: IO[bytes], left: memoryview, selector: selectors.BaseSelector) -> memoryview:
    try:
        left = left[os.write(pipe.fileno(), left[:_CHUNK]) :]
    except BlockingIOError:
        return left
    except BrokenPipeError:
        left = left[:0]
    if not left:
        selector.unregister(pipe)
        pipe.close()
    return left


def _read(pipe: IO[bytes], outputs: dict[IO[bytes], bytearray], selector: selectors.BaseSelector) -> None:
    part = os.read(pipe.fileno(), _CHUNK)
    outputs[pipe] += part
    if not part:
        selector.unregister(pipe)
