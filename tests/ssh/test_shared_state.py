"""Two people, one state on a real server: `tomo` as they type it, in processes of their own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.ssh.conftest import Sshd

pytestmark = pytest.mark.sshd

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """\
import os, pulumi
from pulumi.dynamic import CreateResult, Resource, ResourceProvider

class Recorded(ResourceProvider):
    def create(self, props):
        return CreateResult("made", props)

class Thing(Resource):
    def __init__(self, name, after):
        super().__init__(Recorded(), name, {"after": after})

def wait(made):
    if gate := os.environ.get("GATE"):
        open(gate + ".begun", "w").close()
        with open(gate) as pipe:  # opened when somebody opens its other end
            pipe.read()
    return made

first = Thing("first", "")
Thing("second", first.id.apply(wait))
pulumi.export("token", pulumi.Config().require_secret("token"))
"""


@dataclass(frozen=True)
class Ran:
    """What a command left."""

    code: int
    out: str
    err: str


@dataclass
class Person:
    """Somebody with a checkout of the project; `url` is the state that all share."""

    folder: Path
    home: Path
    url: str

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        main = "from tomo_cli.main import main; main()"
        command = [sys.executable, "-c", main, *arguments, "-C", str(self.folder)]
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{ROOT}:{ROOT / 'cli'}",
            "HOME": str(self.home),
            "USER": self.folder.name,
            "TOMO_STATE_URL": self.url,
            "TOMO_PASSPHRASE": "open sesame",
        }
        return subprocess.Popen(
            command,
            env=environment | variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, said: str = "") -> Ran:
        process = self.start(*arguments)
        out, err = process.communicate(said, timeout=50)
        return Ran(process.returncode, out, err)


@pytest.fixture
def server(sshd: Callable[..., Sshd]) -> Sshd:
    return sshd("Subsystem sftp internal-sftp", "MaxSessions 2")


@pytest.fixture
def people(server: Sshd, tmp_path: Path, keys: Path) -> tuple[Person, Person]:
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "known_hosts").write_text(f"[127.0.0.1]:{server.port} {server.host_key()}\n")
    (home / ".ssh" / "config").write_text(
        f"Host box\n HostName 127.0.0.1\n Port {server.port}\n User root\n IdentityFile {keys / 'ed25519'}\n"
    )
    made = []
    for name in ("kim", "sam"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
        (folder / "__main__.py").write_text(PROGRAM)
        made.append(Person(folder, home, f"ssh://box{tmp_path}/store"))
    kim, sam = made
    sealed = kim.run("config", "set", "token", "--secret", "--stack", "dev", said="hunter2")
    assert sealed.code == 0, sealed.err
    shutil.copy(kim.folder / "Pulumi.dev.yaml", sam.folder)  # as git brings it
    return kim, sam


def test_one_dies_at_work_and_the_other_is_told_takes_over_and_goes_on(
    people: tuple[Person, Person], server: Sshd, tmp_path: Path
) -> None:
    kim, sam = people
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    run = kim.start("apply", "--yes", "--stack", "dev", GATE=str(gate))
    while not Path(f"{gate}.begun").exists():
        assert run.poll() is None, run.communicate()

    meanwhile = sam.run("apply", "--yes")
    run.send_signal(signal.SIGKILL)
    run.communicate()
    unlocked = sam.run("state", "unlock", "--yes")
    done = sam.run("apply", "--yes")
    again = kim.run("plan", "--expect-no-changes")

    assert (meanwhile.code, unlocked.code) == (1, 0)
    for ran in (meanwhile, unlocked):
        for part in ("`kim`", f"`{socket.gethostname()}`", str(run.pid), "ago"):
            assert part in " ".join(ran.err.split()), ran.err
    assert "`dev` is locked by" in meanwhile.err
    assert "still runs" in " ".join(meanwhile.err.split())
    assert "runs no more" in " ".join(unlocked.err.split())
    assert done.code == 0, done.err
    assert again.code == 0, again.err
    assert not (kim.folder / ".pulumi").exists()


def test_every_command_reads_the_shared_state(people: tuple[Person, Person], tmp_path: Path) -> None:
    kim, sam = people
    made = kim.run("apply", "--yes", "--stack", "dev")
    assert made.code == 0, made.err

    listed = sam.run("state", "list", "--json")
    shown = sam.run("state", "show", "first")
    outputs = sam.run("outputs")
    stacks = sam.run("stack", "list")
    exported = sam.run("state", "export")
    (sam.folder / "state.json").write_text(exported.out)
    imported = sam.run("state", "import", str(sam.folder / "state.json"), "--yes")
    destroyed = kim.run("destroy", "--yes")

    assert f'"file": "ssh://box{tmp_path}/store/.pulumi/stacks/shop/dev.json"' in listed.out
    for ran in (listed, shown, outputs, stacks, exported, imported, destroyed):
        assert ran.code == 0, ran.err
        assert "hunter2" not in ran.out + ran.err
    assert "dev" in stacks.out
    for path in (tmp_path / "store").rglob("*"):
        assert not path.is_file() or b"hunter2" not in path.read_bytes()
