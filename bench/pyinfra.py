"""pyinfra, the best of the peers that can be had here, doing the same work by its own operations.

It leaves a container as it is whose declaration has changed, so it is told to make every one anew.
"""

import venv
from pathlib import Path

from bench.fleets import IMAGE, NETWORK, container_names
from bench.timing import Took, environment, timed
from bench.world import CONTAINERS, World
from lab.hosts import Host

VERSION = "3.10"
_DEPLOY = """from pyinfra.operations import docker

docker.network(network={network!r})
for name in {names!r}:
    docker.container(
        container=name, image={image!r}, networks=[{network!r}], env_vars=["ROUND={env}"], force=True
    )
"""


class Pyinfra:
    """A pinned pyinfra in an environment of its own."""

    def __init__(self, cache: Path) -> None:
        self._home = cache / f"pyinfra-{VERSION}"
        self._program = self._home / "bin" / "pyinfra"

    def install(self) -> None:
        """Installs it unless it is there."""
        if not self._program.exists():
            venv.create(self._home, with_pip=True, clear=True)
            pip = [str(self._home / "bin" / "pip"), "install", "--quiet", f"pyinfra=={VERSION}"]
            timed([*pip, "--disable-pip-version-check"])
        timed([str(self._program), "--version"])

    def apply(self, world: World, env: str) -> Took:
        """Makes every container have the variable's value."""
        folder = world.folder.parent / "pyinfra"
        folder.mkdir(exist_ok=True)
        hosts = [(host.name, _login(host)) for host in world.hosts]
        (folder / "inventory.py").write_text(f"hosts = {hosts!r}\n")
        names = container_names(CONTAINERS)
        deploy = _DEPLOY.format(network=NETWORK, names=names, image=IMAGE, env=env)
        (folder / "deploy.py").write_text(deploy)
        return timed([str(self._program), "-y", "inventory.py", "deploy.py"], cwd=folder, env=environment())


def _login(host: Host) -> dict[str, str | int]:
    return {
        "ssh_hostname": host.address,
        "ssh_port": host.port,
        "ssh_user": host.user,
        "ssh_key": str(host.identity),
        "ssh_known_hosts_file": str(host.known_hosts),
        "ssh_strict_host_key_checking": "yes",
    }
