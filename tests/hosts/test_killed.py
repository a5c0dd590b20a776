"""An apply on a real server, killed at random instants: the next one brings it to its end.

`CRASHES=100` kills so often; `SEED=…` at other instants.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from lab.hosts import Host
from tests.hosts.conftest import PASSPHRASE as KEY
from tests.hosts.conftest import MakeSite, Site
from tests.hosts.terminal import Terminal, Typed
from tomo.secrets.passphrase import PassphraseManagers
from tomo.state.backend import FileBackend

pytestmark = [pytest.mark.hosts, pytest.mark.timeout(3600)]

CRASHES = int(os.environ.get("CRASHES", "5"))
SEED = os.environ.get("SEED", "tomo")


@pytest.fixture(scope="module")
def site(make_site: MakeSite, hosts: list[Host]) -> Site:
    site = make_site(hosts[:1])
    site.write()
    site.converge()
    return site


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Terminal:
    return Terminal(capsys, monkeypatch, tmp_path)


def declare(site: Site, number: int) -> None:
    """A container replaced, and its image with it; after a destroy everything is made anew."""
    site.write(greeting=f"hello{number}", tag=str(1 + number % 2))


def killed(site: Site, terminal: Terminal, after: float) -> bool:
    """An apply that gets so many seconds; whether it needed more."""
    typed: Typed = terminal.start(site.folder, "apply", "--yes")
    try:
        return not typed.ends_within(after)
    finally:
        typed.kill()


def is_whole(site: Site, host: Host) -> None:
    """What runs is what is declared and recorded, once, under its own name."""
    backend = FileBackend(site.folder)
    stored = backend.load("tomo", site.folder.name, PassphraseManagers(lambda: KEY))
    recorded = {e.id for e in stored.snapshot.resources if e.type == "docker:index/container:Container"}
    listed = host.ssh("docker", "ps", "-a", "--no-trunc", "--format", "'{{.ID}} {{.Names}}'").out
    there = dict(line.strip("'").split() for line in listed.splitlines())
    assert sorted(there.values()) == ["site-neighbour", "site-page"]
    assert set(there) == recorded
    volumes = host.ssh("docker", "volume", "ls", "-q").out.split()
    assert [name for name in volumes if name.startswith("site")] == ["site-data"]
    assert stored.snapshot.pending_operations == ()
    assert not list(Path(site.folder).rglob("*.journal"))


def test_an_apply_killed_at_any_instant_is_brought_to_its_end_by_the_next(
    site: Site, hosts: list[Host], terminal: Terminal
) -> None:
    chance = random.Random(SEED)  # instants, no secrets
    site.destroy()
    begun = time.monotonic()
    assert terminal.start(site.folder, "apply", "--yes").end().code == 0
    whole = time.monotonic() - begun
    cut_off = 0

    for number in range(CRASHES):
        if number % 2 == 0:
            site.destroy()
        declare(site, number)
        cut_off += killed(site, terminal, chance.uniform(0.3, whole))

        again = terminal.tomo(site.folder, "apply", "--yes")

        assert again.code == 0, f"crash {number} of seed {SEED}:\n{again.text}"
        is_whole(site, hosts[0])
        planned = terminal.tomo(site.folder, "plan", "--expect-no-changes")
        assert planned.code == 0, planned.text
    assert cut_off
