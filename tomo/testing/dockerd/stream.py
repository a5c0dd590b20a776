"""A socket in memory: what a client writes is served at once, what dockerd answers waits to be read."""

from __future__ import annotations

import io
import os
from collections import deque
from collections.abc import Callable, Iterator
from time import monotonic
from typing import TYPE_CHECKING, Self

from tomo.testing.dockerd.http import Request, RequestParser, Response, body_of, head_of

if TYPE_CHECKING:
    from typing_extensions import Buffer

Serve = Callable[[Request], Response]


class MemoryStream:
    """One client's connection. A `ByteStream`, and socket enough for http.client and urllib3.

    No thread serves it: requests run in the thread that writes or reads. `alive` tells whether the daemon
    still runs; when it does not, the stream has ended.
    """

    def __init__(self, serve: Serve, alive: Callable[[], bool], version: str) -> None:
        self._serve = serve
        self._alive = alive
        self._version = version
        self._parser = RequestParser()
        self._requests: deque[Request] = deque()
        self._answer: Iterator[bytes] | None = None
        self._out = bytearray()
        self._timeout: float | None = None
        self._closed = False
        self._ended = False
        self._signal: tuple[int, int] | None = None
        self._signalled = False

    def sendall(self, data: Buffer) -> None:
        """Serves every request that is complete now."""
        if self._closed or self._ended or not self._alive():
            raise BrokenPipeError("the connection is closed")
        self._requests.extend(self._parser.feed(bytes(data)))
        self._serve_next()

    def send(self, data: Buffer) -> int:
        """Like `sendall`; tells how much was sent."""
        self.sendall(data)
        return len(memoryview(data))

    def recv(self, size: int, _flags: int = 0) -> bytes:
        """Bytes of the answer; `b""` at the end, TimeoutError where nothing was asked."""
        self._fill()
        taken = bytes(self._out[:size])
        del self._out[:size]
        self._update_signal()
        return taken

    def recv_into(self, buffer: Buffer, size: int = 0) -> int:
        """Reads into a buffer."""
        view = memoryview(buffer).cast("B")
        data = self.recv(size or len(view))
        view[: len(data)] = data
        return len(data)

    def makefile(self, mode: str = "rb", _buffering: int | None = None) -> io.BufferedReader:
        """A buffered reader, as `http.client` asks for one."""
        if "r" not in mode:
            raise ValueError(f"only reading is needed, not `{mode}`")
        return io.BufferedReader(_Reader(self))

    def settimeout(self, seconds: float | None) -> None:
        """Bounds later reads of answers that take time."""
        self._timeout = seconds

    def gettimeout(self) -> float | None:
        """The bound that is set."""
        return self._timeout

    def setsockopt(self, *_options: object) -> None:
        """There is no option to set in memory."""

    def shutdown(self, _how: int = 0) -> None:
        """Ends the stream."""
        self.close()

    def close(self) -> None:
        """Ends the stream; what runs for it stops."""
        self._closed = True
        self._answer = None
        self._out.clear()
        if self._signal is not None:
            for descriptor in self._signal:
                os.close(descriptor)
            self._signal = None

    def fileno(self) -> int:
        """A descriptor that is readable while an answer waits, for `select` and `poll`."""
        if self._closed:
            return -1
        if self._signal is None:
            self._signal = os.pipe()
            self._signalled = False
        self._update_signal()
        return self._signal[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _serve_next(self) -> None:
        while self._answer is None and self._requests and not self._ended:
            request = self._requests.popleft()
            response = self._serve(request)
            self._out += head_of(response, request, self._version)
            self._answer = self._body(response, request)
            # A hijacked answer's body comes apart from its head, as on a wire: clients read it another way.
            if response.chunks is None and not response.raw:
                for part in self._answer:
                    self._out += part
                self._answer = None
        self._update_signal()

    def _body(self, response: Response, request: Request) -> Iterator[bytes]:
        yield from body_of(response, request)
        if response.raw or request.headers.get("connection", "").lower() == "close":
            self._ended = True

    def _fill(self) -> None:
        """Waits until there is something to read, or the end."""
        deadline = None if self._timeout is None else monotonic() + self._timeout
        while not self._out:
            if self._closed or not self._alive() or (self._answer is None and self._ended):
                return
            if self._answer is None:
                raise TimeoutError("timed out: no request is under way")
            part = next(self._answer, None)
            if part is None:
                self._answer = None
                self._serve_next()
            else:
                self._out += part
            if not self._out and deadline is not None and monotonic() > deadline:
                raise TimeoutError("timed out")

    def _update_signal(self) -> None:
        ready = bool(self._out) or self._answer is not None or self._ended
        if self._signal is None or ready == self._signalled:
            return
        if ready:
            os.write(self._signal[1], b"!")
        else:
            os.read(self._signal[0], 1)
        self._signalled = ready


class _Reader(io.RawIOBase):
    """The stream as a raw file; `_sock` is where the docker SDK looks for the socket."""

    def __init__(self, stream: MemoryStream) -> None:
        super().__init__()
        self._sock = stream

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Buffer) -> int:
        """Reads what there is."""
        return self._sock.recv_into(buffer)

    def recv(self, size: int) -> bytes:
        """Reads like a socket: the docker SDK takes this object for one."""
        return self._sock.recv(size)

    def fileno(self) -> int:
        """The stream's descriptor."""
        return self._sock.fileno()
