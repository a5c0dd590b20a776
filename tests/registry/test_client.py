"""What registries are asked, and how what they answer is taken."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from tests.registry.contract import RegistryContract
from tomo.errors import RegistryDenied, RegistryError, RegistryUnreachable, Transient
from tomo.model.image import ImageName
from tomo.model.values import Secret
from tomo.registry.access import Endpoint, RegistryLogin, endpoint_of
from tomo.registry.client import RegistryClient
from tomo.registry.name import askable
from tomo.testing.registry import FakeRegistry, ImageDefinition
from tomo.testing.registry_http import Manners, RegistryServer, serve_registry

PASSWORD = "correct-horse-battery"


class Someone:
    """Access with a login, and with mirrors before the registry itself."""

    def __init__(self, password: str = PASSWORD, mirrors: Sequence[str] = ()) -> None:
        self._login = RegistryLogin("ann", Secret(password))
        self._mirrors = tuple(map(endpoint_of, mirrors))

    def endpoints(self, registry: str) -> Sequence[Endpoint]:
        return (*self._mirrors, endpoint_of(registry))

    def login(self, endpoint: Endpoint) -> RegistryLogin | None:
        return self._login


def _registry() -> FakeRegistry:
    return FakeRegistry([ImageDefinition(f"tomo-test/web:{tag}") for tag in "12"])


@contextmanager
def _served(manners: Manners | None = None) -> Iterator[RegistryServer]:
    with serve_registry(_registry(), manners).running() as server:
        yield server


def _web(server: RegistryServer) -> ImageName:
    return askable(f"{server.address}/tomo-test/web:1")


class TestTheDouble(RegistryContract):
    @pytest.fixture
    def address(self) -> Iterator[str]:
        with _served() as server:
            yield server.address


@pytest.mark.docker
class TestARealRegistry(RegistryContract):
    """Debian's docker-registry, in a container of the lab."""

    @pytest.fixture
    def address(self, request: pytest.FixtureRequest) -> str:
        address: str = request.getfixturevalue("registry").push_address
        return address


def test_a_digest_costs_one_request_without_a_body() -> None:
    with _served() as server:
        RegistryClient().digest(_web(server))

    assert server.asked == ["HEAD /v2/tomo-test/web/manifests/1"]


def test_where_a_registry_names_no_digest_it_is_taken_of_the_bytes() -> None:
    with _served(Manners(names_digests=False)) as server:
        found = RegistryClient().digest(_web(server))

    assert found == server.image("tomo-test/web", "1").digest  # type: ignore[union-attr]


@pytest.mark.parametrize("scheme", ["bearer", "basic"])
def test_a_login_opens_what_is_private(scheme: str) -> None:
    with _served(Manners(scheme, f"ann:{PASSWORD}")) as server:
        found = RegistryClient(Someone()).digest(_web(server))

    assert found.startswith("sha256:")


@pytest.mark.parametrize("scheme", ["bearer", "basic"])
def test_a_wrong_or_missing_login_is_said_without_its_password(scheme: str) -> None:
    with _served(Manners(scheme, f"ann:{PASSWORD}")) as server:
        with pytest.raises(RegistryDenied) as wrong:
            RegistryClient(Someone("something-else-entirely")).digest(_web(server))
        with pytest.raises(RegistryDenied):
            RegistryClient().digest(_web(server))

    assert "something-else-entirely" not in f"{wrong.value} {wrong.value.hint} {wrong.value.detail}"


def test_a_token_is_had_once_for_a_repository_and_may_only_pull() -> None:
    with _served(Manners("bearer")) as server:
        client = RegistryClient()
        for tag in "12":
            client.digest(askable(f"{server.address}/tomo-test/web:{tag}"))

    tokens = [asked for asked in server.asked if "/token" in asked]
    assert tokens == ["GET /token?service=fake&scope=repository%3Atomo-test%2Fweb%3Apull"]


@pytest.mark.parametrize(
    "realm", ["http://tokens.example.com/", "file:///etc/passwd", "gopher://127.0.0.1/", "http://", "//x"]
)
def test_a_login_goes_to_no_realm_that_could_be_overheard(realm: str) -> None:
    with (
        _served(Manners("bearer", f"ann:{PASSWORD}", realm=realm)) as server,
        pytest.raises(RegistryError, match="isn't asked"),
    ):
        RegistryClient(Someone()).digest(_web(server))


def test_a_list_of_tags_is_read_to_its_last_page() -> None:
    with _served(Manners(page=1)) as server:
        tags = RegistryClient().tags(_web(server))

    assert tags == ("1", "2")


def test_a_mirror_is_asked_first_and_the_registry_where_it_has_nothing() -> None:
    with _served(Manners(status=503)) as broken, _served() as mirror, _served() as registry:
        access = Someone(mirrors=[broken.address, mirror.address])
        RegistryClient(access).digest(_web(registry))

    assert broken.asked
    assert mirror.asked
    assert not registry.asked


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (429, RegistryUnreachable, "asked too often"),
        (403, RegistryDenied, "to nobody"),
        (500, RegistryUnreachable, "500 Internal Server Error"),
        (418, RegistryError, "418"),
        (302, RegistryError, "302 Found"),
    ],
)
def test_each_refusal_is_said_in_words(status: int, kind: type[RegistryError], words: str) -> None:
    with _served(Manners(status=status)) as server, pytest.raises(kind, match=words):
        RegistryClient().digest(_web(server))


def test_a_registry_that_is_not_there_is_an_error_that_may_pass() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"127.0.0.1:{closed.getsockname()[1]}"

    with pytest.raises(RegistryUnreachable, match="doesn't answer") as caught:
        RegistryClient().digest(askable(f"{address}/app:1"))

    assert caught.value.transient is Transient.REGISTRY


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n[[",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nnever",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 200_000,
        b"HTTP/1.1 200 OK\r\n\r\n" + b" " * (5 * 2**20),
    ],
)
def test_an_answer_that_makes_no_sense_is_a_clear_error(answer: bytes) -> None:
    with _answering(answer) as address, pytest.raises(RegistryError, match=address):
        RegistryClient().tags(askable(f"{address}/app:1"))


@contextmanager
def _answering(answer: bytes) -> Iterator[str]:
    """A server that answers the same to whoever connects first."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                try:
                    connection.sendall(answer)
                except OSError:
                    return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        thread.join(timeout=10)
