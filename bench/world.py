"""The servers of one run, and what is done to them behind every tool's back."""

import shlex
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.fleets import IMAGE, NETWORK, Node, container_names, fleet_text
from bench.timing import PASSPHRASE, BenchError, Took, environment, timed, timed_together
from lab.hosts import Host
from lab.images import ImageStore, busybox
from lab.lab import Lab

CONTAINERS = 25
TIGHT = {"MaxStartups": "1", "MaxSessions": "2"}
# A process that ends at once on SIGTERM, so that no tool waits for the time-out before the kill.
_IDLE = """FROM scratch
COPY busybox /bin/busybox
ENTRYPOINT ["/bin/busybox", "sh", "-c", "trap 'exit 0' TERM; while :; do busybox sleep 999 & wait; done"]
"""

# A busy dockerd 20.10 may keep an endpoint of a removed container, and only forgets it when it starts anew.
_CLEAR = """docker ps --all --quiet | xargs --no-run-if-empty docker rm --force
docker image rm --force {image}
for attempt in 1 2 3 4 5 6 7 8 9; do
  docker network inspect {network} >/dev/null 2>&1 || exit 0
  docker network rm {network} && exit 0
  sleep 0.3
done
systemctl restart docker && docker network rm {network}
"""


def idle_image(store: ImageStore) -> str:
    """The image of every container."""
    return store.built("idle", _IDLE, [busybox()])


@dataclass(frozen=True)
class World:
    """Servers with Docker, the fleet that declares them, and the command that is measured."""

    hosts: Sequence[Host]
    folder: Path
    tomo: Path

    def declare(self, env: str) -> None:
        """Writes the fleet file; `env` is the value of a variable in every container."""
        nodes = [
            Node(host.name, host.address, host.host_key, host.port, str(host.identity)) for host in self.hosts
        ]
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "fleet.yaml").write_text(fleet_text(nodes, CONTAINERS, env))

    def run_tomo(self, *arguments: str) -> Took:
        """Runs Tomo in the fleet's folder, from process start."""
        return timed(
            [str(self.tomo), *arguments], cwd=self.folder, env=environment(TOMO_PASSPHRASE=PASSPHRASE)
        )

    def on_every_host(self, script: str) -> Took:
        """Runs a shell script on all hosts at once, over one cold `ssh` each."""
        return timed_together([[*host.ssh_argv(), script] for host in self.hosts])

    def create_by_loop(self, env: str) -> Took:
        """The floor of a first apply: a loop of `docker run` on each host."""
        return self.on_every_host(
            f"set -e; docker network create {NETWORK}; for name in {_names()}; do {_run(env)}; done"
        )

    def change_by_loop(self, env: str) -> Took:
        """The least that changes a variable of every container: each removed and run anew."""
        return self.on_every_host(
            f"set -e; for name in {_names()}; do docker rm --force $name; {_run(env)}; done"
        )

    def clear(self) -> None:
        """Takes away what any tool made, and Tomo's state."""
        self.on_every_host(_CLEAR.format(network=NETWORK, image=IMAGE))
        shutil.rmtree(self.folder, ignore_errors=True)

    def check(self, env: str) -> None:
        """Fails unless every container runs with the variable's value: a tool that did less was no faster."""
        expected = sorted(container_names(CONTAINERS))
        form = "{{.Name}} {{.State.Running}} {{.Config.Env}}"
        for host in self.hosts:
            said = host.ssh(
                f"docker ps --quiet | xargs docker inspect --format {shlex.quote(form)}", timeout=300
            )
            right = sorted(
                line.split()[0].lstrip("/")
                for line in said.out.splitlines()
                if " true " in line and f"ROUND={env}" in line
            )
            if right != expected:
                raise BenchError(
                    f"on {host.name} only {len(right)} containers run with ROUND={env}: {said.err}"
                )

    def cpu_seconds(self) -> float | None:
        """The CPU time that the servers have used so far; None where this machine keeps no such count.

        Time on the wall swings with whatever else the machine does, this hardly.
        """
        files = [Path(f"/sys/fs/cgroup/cpuacct/docker/{host.container}/cpuacct.usage") for host in self.hosts]
        if not all(file.exists() for file in files):
            return None
        return sum(int(file.read_text()) for file in files) / 1e9

    def logins(self) -> list[int]:
        """How many logins each host's sshd has accepted so far."""
        return [
            int(host.inside("sh", "-c", "journalctl --unit ssh --no-pager | grep -c 'Accepted ' || true"))
            for host in self.hosts
        ]


@contextmanager
def worlds(tomo: Path, *, tight: bool) -> Iterator[tuple[World, World | None]]:
    """Four servers, and, where wanted, one whose sshd allows next to nothing; gone at the end."""
    with Lab() as lab:
        registry = lab.registry()
        registry.push(idle_image(lab.images), IMAGE)
        mirrors = [registry.mirror]
        with ThreadPoolExecutor(1) as pool:
            narrow = (
                pool.submit(lab.hosts, "tight", docker_installed=True, mirrors=mirrors, sshd_options=TIGHT)
                if tight
                else None
            )
            hosts = lab.hosts("one", "two", "three", "four", docker_installed=True, mirrors=mirrors)
            more = narrow.result() if narrow else []
        yield (
            World(hosts, lab.folder / "fleet", tomo),
            World(more, lab.folder / "tight", tomo) if more else None,
        )


def _names() -> str:
    return " ".join(container_names(CONTAINERS))


def _run(env: str) -> str:
    return f"docker run --detach --name $name --network {NETWORK} --env ROUND={env} {IMAGE}"
