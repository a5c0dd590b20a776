"""One host's Docker daemon: calls over a few kept-alive streams, refusals as Tomo's errors."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from tomo.errors import ConnectionLost, DockerError, HostError, Transient
from tomo.model.connection import Connection
from tomo.model.values import Value
from tomo.providers.docker.http import HttpStream, Request, Response, StreamBroken, segment
from tomo.providers.docker.problems import refusal

OLDEST_API: Final = (1, 40)
NEWEST_API: Final = (1, 47)
"""Above it answers may have another shape; a newer daemon is asked to speak this one."""

CALL_TIMEOUT: Final = 120.0
_PING_TIMEOUT: Final = 10.0
_IDLE: Final = 1.0
_STREAMS: Final = 4
_VERSION: Final = re.compile(r"(\d+)\.(\d+)")

Json = Mapping[str, Value]


class Daemon:
    """Calls may come from several threads; each takes a stream of its own for as long as it lasts."""

    def __init__(
        self,
        connection: Connection,
        host: str,
        *,
        streams: int = _STREAMS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.connection = connection
        self.host = host
        self._limit = streams
        self._now = now
        self._idle: list[HttpStream] = []
        self._open = 0
        self._free = threading.Condition()
        self._version = ""
        self._acts = threading.local()

    @contextmanager
    def act(self, *, repeatable: bool = False) -> Iterator[None]:
        """An act of this thread. Its failure may pass only while the act has changed nothing.

        A lost connection is one that may; so is what says so itself. A `repeatable` act may have begun.
        """
        self._acts.changed = False
        try:
            yield
        except HostError as error:
            if self._acts.changed and not repeatable:
                error.transient = None
            elif isinstance(error, ConnectionLost):
                error.transient = Transient.CONNECTION
            raise

    # --- calls ---------------------------------------------------------------------------------

    def look(self, paths: Sequence[str]) -> dict[str, Response]:
        """Every path's answer, in one go over one stream; refusals are answers too."""
        requests = [Request("GET", self._versioned(path)) for path in paths]
        return dict(zip(paths, self._exchange(requests, CALL_TIMEOUT), strict=True))

    def find(self, path: str, doing: str) -> dict[str, Value] | None:
        """What is at a path; None where there is nothing."""
        answer = self._exchange([Request("GET", self._versioned(path))], CALL_TIMEOUT)[0]
        if answer.status == 404:  # noqa: PLR2004
            return None
        return document(self._checked(answer, doing))

    def get(
        self,
        path: str,
        doing: str,
        query: Mapping[str, str] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        image: str = "",
        user: str = "",
    ) -> Response:
        """What a path answers; raises where it refuses."""
        request = Request("GET", self._versioned(path), query or {}, headers=headers or {})
        return self._checked(self._exchange([request], CALL_TIMEOUT)[0], doing, image, user)

    def send(
        self,
        method: str,
        path: str,
        doing: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Json | None = None,
        raw: bytes = b"",
        timeout: float | None = CALL_TIMEOUT,
        fine: frozenset[int] = frozenset(),
        image: str = "",
    ) -> Response:
        """Does something; a status in `fine` is no failure, as 404 when removing."""
        payload = json.dumps(body).encode() if body is not None else raw
        content_type = "application/x-tar" if raw else "application/json"
        request = Request(method, self._versioned(path), query or {}, payload, content_type)
        answer = self._exchange([request], timeout)[0]
        return answer if answer.status in fine else self._checked(answer, doing, image)

    def _checked(self, answer: Response, doing: str, image: str = "", user: str = "") -> Response:
        if answer.ok:
            return answer
        raise refusal(answer.message, host=self.host, doing=doing, image=image, user=user)

    # --- versions --------------------------------------------------------------------------------

    def api_version(self) -> str:
        """The API version spoken: the daemon's own, or the newest known one where it is newer."""
        if not self._version:
            # Not `/version`: for that the daemon starts runc and others to ask them theirs.
            self._exchange([Request("GET", "/_ping")], CALL_TIMEOUT)
        return self._version or ".".join(map(str, OLDEST_API))

    def api_level(self) -> tuple[int, ...]:
        """The API version spoken, to compare."""
        return tuple(map(int, self.api_version().split(".")))

    def _versioned(self, path: str) -> str:
        return f"/v{self.api_version()}{path}"

    def _note_version(self, answer: Response) -> None:
        match = _VERSION.search(answer.headers.get("api-version", ""))
        if match is None:
            return
        version = (int(match[1]), int(match[2]))
        if version < OLDEST_API:
            raise DockerError(
                f"Docker on `{self.host}` speaks API {match[0]}, older than 1.40",
                host=self.host,
                hint="update Docker there to 19.03 or newer",
            )
        self._version = ".".join(map(str, min(version, NEWEST_API)))

    # --- streams ---------------------------------------------------------------------------------

    def _exchange(self, requests: Sequence[Request], timeout: float | None) -> list[Response]:
        for attempt in (1, 2):
            with self._stream(fresh=not _repeatable(requests)) as stream:
                reused = stream.used
                try:
                    answers = self._sent(stream, requests, timeout)
                except TimeoutError as error:
                    raise DockerError(
                        f"Docker on `{self.host}` did not answer within {timeout:g} s",
                        host=self.host,
                        hint="look at the daemon there with `journalctl -u docker`",
                        detail=requests[0].path,
                    ) from error
                except StreamBroken as error:
                    # A stream that was idle may have died unnoticed: nothing was done on it yet.
                    if attempt == 1 and reused and not error.answered and _repeatable(requests):
                        # Where one died the others did too, as when Docker was started anew.
                        self.close()
                        continue
                    raise self._lost(error) from error
                except ValueError as error:
                    raise self._lost(error) from error
            if not self._version and answers:
                self._note_version(answers[0])
            return answers
        raise AssertionError  # the second attempt always returns or raises

    def _sent(self, stream: HttpStream, requests: Sequence[Request], timeout: float | None) -> list[Response]:
        """The answers. A write counts as done from the moment it is sent, until it is refused."""
        if _repeatable(requests):
            return list(stream.pipeline(requests, timeout))
        before = getattr(self._acts, "changed", False)
        self._acts.changed = True
        answers = list(stream.pipeline(requests, timeout))
        self._acts.changed = before or any(answer.ok for answer in answers)
        return answers

    def _lost(self, error: Exception) -> HostError:
        return ConnectionLost(
            f"the connection to Docker on `{self.host}` broke",
            host=self.host,
            hint="run the command again",
            detail=str(error),
        )

    @contextmanager
    def _stream(self, *, fresh: bool) -> Iterator[HttpStream]:
        """A stream of one's own; a `fresh` one has answered lately, as writes are never repeated."""
        stream = self._take()
        if fresh and stream.used and self._now() - stream.answered_at > _IDLE and not self._lives(stream):
            self._give_back(stream)
            self.close()
            stream = self._take()
        try:
            yield stream
            stream.answered_at = self._now()
        finally:
            self._give_back(stream)

    def _take(self) -> HttpStream:
        with self._free:
            while not self._idle and self._open >= self._limit:
                self._free.wait()
            if self._idle:
                return self._idle.pop()
            self._open += 1
        try:
            return HttpStream(self.connection.open_docker())
        except BaseException:
            with self._free:
                self._open -= 1
                self._free.notify()
            raise

    def _lives(self, stream: HttpStream) -> bool:
        try:
            stream.call(Request("GET", "/_ping"), _PING_TIMEOUT)
        except (StreamBroken, OSError, ValueError):
            return False
        return not stream.broken

    def _give_back(self, stream: HttpStream) -> None:
        if stream.broken:
            stream.close()
        with self._free:
            if stream.broken:
                self._open -= 1
            else:
                self._idle.append(stream)
            self._free.notify()

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Ends the idle streams."""
        with self._free:
            idle, self._idle = self._idle, []
            self._open -= len(idle)
        for stream in idle:
            stream.close()


def _repeatable(requests: Sequence[Request]) -> bool:
    return all(request.method in {"GET", "HEAD"} for request in requests)


def document(answer: Response) -> dict[str, Value]:
    """An answer's JSON object."""
    found = answer.json()
    return dict(found) if isinstance(found, Mapping) else {}


def container_path(id_: str) -> str:
    """Where a container is inspected, by id or name."""
    return f"/containers/{segment(id_)}/json"


def image_path(name: str) -> str:
    """Where an image is inspected; names keep their slashes."""
    return f"/images/{'/'.join(segment(part) for part in name.split('/'))}/json"
