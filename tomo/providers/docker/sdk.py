"""The official Docker SDK over Tomo's streams, for what it does well: pulls, pushes, builds.

Imported only where one of these really happens: the import alone costs a third of a second.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

import requests.adapters
import urllib3
import urllib3.connection
from docker.api.client import APIClient
from docker.auth import AuthConfig
from docker.errors import APIError, DockerException
from requests.exceptions import RequestException

from tomo.errors import ConnectionLost, DockerError, HostError, Transient
from tomo.model.connection import ByteStream, Connection
from tomo.model.provider import Report
from tomo.model.values import Value
from tomo.providers.docker.problems import refusal
from tomo.providers.docker.registry_auth import Login

if TYPE_CHECKING:
    from requests import PreparedRequest

_TIMEOUT = 3600
_PIECE = 1 << 20


class _Reader(io.RawIOBase):
    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.recv(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class _Socket:
    """A byte stream, in as much of a socket's clothes as `http.client` looks at."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream

    def makefile(self, _mode: str, *_: object, **__: object) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self._stream))

    def sendall(self, data: bytes | memoryview) -> None:
        self._stream.sendall(bytes(data))

    def settimeout(self, seconds: float | None) -> None:
        self._stream.settimeout(seconds)

    def shutdown(self, _how: int) -> None:
        self._stream.close()

    def close(self) -> None:
        self._stream.close()


class _StreamConnection(urllib3.connection.HTTPConnection):
    def __init__(self, open_stream: Callable[[], ByteStream]) -> None:
        super().__init__("docker", timeout=_TIMEOUT)
        self._open_stream = open_stream

    def connect(self) -> None:
        self.sock: Any = _Socket(self._open_stream())

    @property
    def is_connected(self) -> bool:
        return False  # never reused: a long answer may have left it anywhere


class _StreamPool(urllib3.connectionpool.HTTPConnectionPool):
    def __init__(self, open_stream: Callable[[], ByteStream]) -> None:
        super().__init__("docker", maxsize=1)
        self._open_stream = open_stream

    def _new_conn(self) -> Any:
        return _StreamConnection(self._open_stream)


class _StreamAdapter(requests.adapters.HTTPAdapter):
    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self._pool = _StreamPool(connection.open_docker)

    def get_connection_with_tls_context(self, *_: object, **__: object) -> Any:
        return self._pool

    def get_connection(self, *_: object, **__: object) -> Any:
        return self._pool

    def request_url(self, request: PreparedRequest, _proxies: object) -> str:
        return str(request.path_url)

    def close(self) -> None:
        self._pool.close()


class Sdk:
    """The SDK's low-level client for one host. Close it after use."""

    def __init__(self, connection: Connection, host: str, version: str) -> None:
        self._host = host
        self._client = APIClient(base_url="http://docker:2375", version=version, timeout=_TIMEOUT)
        self._client.trust_env = False
        self._client.mount("http://docker:2375", _StreamAdapter(connection))

    def close(self) -> None:
        """Ends its streams."""
        self._client.close()

    def pull(self, image: str, login: Login | None, platform: str, report: Report) -> None:
        """Pulls an image by its whole name."""
        auth = login.auth_config() if login else {}
        repository, tag = _split(image)

        def call() -> Iterator[Mapping[str, Value]]:
            answer: Iterator[Mapping[str, Value]] = self._client.pull(
                repository, tag=tag, stream=True, decode=True, auth_config=auth, platform=platform or None
            )
            return answer

        doing, user = f"pulling the image `{image}`", login.username if login else ""
        self._follow(call, doing, image, report, f"pulling {image}", user=user)

    def push(self, image: str, login: Login | None, report: Report) -> str:
        """Pushes an image; its digest in the registry, `""` where the registry doesn't say."""
        repository, tag = _split(image)
        auth = login.auth_config() if login else {}

        def call() -> Iterator[Mapping[str, Value]]:
            answer: Iterator[Mapping[str, Value]] = self._client.push(
                repository, tag=tag, stream=True, decode=True, auth_config=auth
            )
            return answer

        doing, user = f"pushing the image `{image}`", login.username if login else ""
        said = self._follow(call, doing, image, report, f"pushing {image}", user=user)
        digests = [
            aux["Digest"] for line in said if isinstance(aux := line.get("aux"), Mapping) and "Digest" in aux
        ]
        return str(digests[-1]) if digests else ""

    def load(self, archive: BinaryIO, image: str, report: Report) -> None:
        """Has the host take an image from what `docker save` gave; it is sent piece by piece."""

        def call() -> Iterator[Mapping[str, Value]]:
            load: Any = self._client.load_image
            answer: Iterator[Mapping[str, Value]] = load(_pieces(archive), quiet=False)
            return answer

        self._follow(call, f"loading the image `{image}`", "", report, f"loading {image}")

    def save(self, image: str) -> Iterator[bytes]:
        """What `docker save` gives for an image, piece by piece."""
        doing = f"saving the image `{image}`"
        try:
            yield from self._client.get_image(image)
        except HostError:
            raise
        except APIError as error:
            said = str(error.explanation or error)
            raise refusal(said, host=self._host, doing=doing, image=image) from error
        except (RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise self._lost(doing, error) from error

    def build(self, options: Mapping[str, Any], logins: list[Login], report: Report) -> list[str]:
        """Builds an image with the classic builder; returns what the builder printed."""
        tag = str(options["tag"])
        auths = {login.auth_config()["serveraddress"]: login.auth_config() for login in logins}
        # The SDK has no public way to say these; a login file on this machine must not decide.
        vars(self._client)["_auth_configs"] = AuthConfig({"auths": auths})
        said = self._follow(
            lambda: self._client.build(decode=True, **options),
            f"building the image `{tag}`",
            tag,
            report,
            f"building {tag}",
        )
        return [str(line["stream"]) for line in said if "stream" in line]

    def _follow(
        self,
        call: Callable[[], Iterator[Mapping[str, Value]]],
        doing: str,
        image: str,
        report: Report,
        told: str,
        *,
        user: str = "",
    ) -> list[Mapping[str, Value]]:
        progress = _Progress(report, told)
        lines: list[Mapping[str, Value]] = []
        try:
            for line in call():
                if "error" in line:
                    said = str(line["error"]).strip()
                    raise refusal(said, host=self._host, doing=doing, image=image, user=user)
                lines.append(line)
                progress.take(line)
        except HostError:
            raise
        except APIError as error:
            raise refusal(
                str(error.explanation or error), host=self._host, doing=doing, image=image, user=user
            ) from error
        except (RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise self._lost(doing, error) from error
        except (DockerException, ValueError, TypeError) as error:
            raise DockerError(f"{doing} on `{self._host}` failed: {error}", host=self._host) from error
        return lines

    def _lost(self, doing: str, error: Exception) -> HostError:
        """Pulling, pushing or building once more comes to the same, however far it came."""
        lost = ConnectionLost(
            f"the connection to Docker on `{self._host}` broke while {doing}",
            host=self._host,
            hint="run the command again",
            detail=type(error).__name__,
        )
        lost.transient = Transient.CONNECTION
        return lost


def _pieces(stream: BinaryIO) -> Iterator[bytes]:
    while piece := stream.read(_PIECE):
        yield piece


def _split(image: str) -> tuple[str, str]:
    """Repository and tag as the API wants them; a digest counts as a tag."""
    if "@" in image:
        repository, _, digest = image.partition("@")
        return repository, digest
    last = image.rsplit("/", 1)[-1]
    if ":" not in last:
        return image, "latest"
    repository, _, tag = image.rpartition(":")
    return repository, tag


class _Progress:
    """Sums the layers' progress up to one line, told when it has moved by ten percent."""

    def __init__(self, report: Report, told: str) -> None:
        self._report, self._told = report, told
        self._layers: dict[str, tuple[int, int]] = {}
        self._last = -1

    def take(self, line: Mapping[str, Value]) -> None:
        if isinstance(stream := line.get("stream"), str) and stream.startswith("Step "):
            self._report(f"{self._told}: {stream.strip()}")
        detail = line.get("progressDetail")
        if not isinstance(detail, Mapping) or not detail.get("total"):
            return
        self._layers[str(line.get("id"))] = (int(detail.get("current") or 0), int(detail["total"]))
        done, total = (sum(column) for column in zip(*self._layers.values(), strict=True))
        tenth = done * 10 // total if total else 0
        if tenth != self._last:
            self._last = tenth
            self._report(f"{self._told} ({tenth * 10} %)")
