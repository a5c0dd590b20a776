from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tomo.model.resource import ResourceState
from tomo.model.snapshot import Snapshot
from tomo.model.urn import Urn, provider_ref
from tomo.secrets.passphrase import PassphraseManagers
from tomo.state.backend import FileBackend
from tomo.state.seals import Seals

GOLDEN_SALT = "v1:iidoP0YpTW0=:v1:7zmqQ12ZXdpD57Fj:7yaDL0yFvR+kFYuxhGX4LweehHt7VA=="
STACK = Urn.stack_urn("dev", "shop")
PROVIDER = Urn.make("dev", "shop", None, "pulumi:providers:docker", "host")
GOLDEN_FILE = Path(__file__).parents[1] / "golden" / "golden.json"


class ManualClock:
    """A clock that a test sets."""

    def __init__(self, now: int = 1_700_000_000_123_456_789) -> None:
        self.now = now

    def __call__(self) -> int:
        self.now += 1
        return self.now


@pytest.fixture(scope="session")
def managers() -> PassphraseManagers:
    """Managers of the golden stack's passphrase; a key is derived once a session."""
    return PassphraseManagers(lambda: "golden")


@pytest.fixture
def seals(managers: PassphraseManagers) -> Seals:
    return Seals(managers.for_salt(GOLDEN_SALT))


@pytest.fixture
def golden() -> bytes:
    return GOLDEN_FILE.read_bytes()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def backend(tmp_path: Path, clock: ManualClock) -> FileBackend:
    return FileBackend(tmp_path / "store", clock=clock)


@pytest.fixture
def fleet() -> Callable[[int], Snapshot]:
    """A valid snapshot with so many containers."""

    def make(count: int) -> Snapshot:
        head = (
            ResourceState(STACK, "pulumi:pulumi:Stack", custom=False),
            ResourceState(PROVIDER, "pulumi:providers:docker", custom=True, id="p1"),
        )
        return Snapshot((*head, *(container(f"c{n}") for n in range(count))))

    return make


def container(name: str, **more: object) -> ResourceState:
    urn = Urn.make("dev", "shop", STACK, "docker:index/container:Container", name)
    inputs = {"name": name, "image": "busybox", "ports": [{"internal": 80}]}
    fields = {"inputs": inputs, "outputs": {**inputs, "id": f"id-{name}"}, "id": f"id-{name}"}
    return ResourceState(
        **{
            "urn": urn,
            "type": urn.type,
            "custom": True,
            "parent": STACK,
            "provider": provider_ref(PROVIDER, "p1"),
            "property_dependencies": {"name": (), "image": ()},
            **fields,
            **more,
        }
    )


@pytest.fixture
def make_container() -> Callable[..., ResourceState]:
    return container
