"""An image registry in a container here: pushed to on loopback, used by the hosts as a mirror."""

from dataclasses import dataclass

from lab.docker import Member, docker, gateway, try_docker
from lab.images import ImageStore, install
from lab.ports import answer, free_port
from lab.runs import Run
from lab.waiting import until

INSIDE = 5000
CONFIG = f"""version: 0.1
log: {{level: warn}}
storage:
  filesystem: {{rootdirectory: /var/lib/docker-registry}}
  delete: {{enabled: true}}
http: {{addr: ":{INSIDE}"}}
"""


@dataclass(frozen=True)
class Registry:
    """A running registry."""

    container: str
    push_address: str
    mirror: str

    def push(self, image: str, public_name: str) -> None:
        """Offers a local image under the name that hosts pull, such as `nginx:1.27`."""
        target = f"{self.push_address}/{repository(public_name)}"
        docker("tag", image, target)
        docker("push", "--quiet", target)
        try_docker("image", "rm", "--no-prune", target)


def repository(public_name: str) -> str:
    """The name under which a mirror is asked for a public image: `nginx:1` is `library/nginx:1`."""
    plain = public_name.removeprefix("docker.io/")
    return plain if "/" in plain else f"library/{plain}"


def start_registry(
    store: ImageStore, run: Run, name: str = "registry", *, users: str = "", cache_of: str = ""
) -> Registry:
    """Starts a registry and returns once it answers.

    `users` are the lines of an htpasswd file that lets nobody else in; one that is `cache_of` another
    registry's address pulls from there what it is asked for.
    """
    files = [Member("config.yml", CONFIG.encode()), Member("users", users.encode())]
    image = store.built("registry", _dockerfile(store), files)
    settings = (
        {
            "REGISTRY_AUTH": "htpasswd",
            "REGISTRY_AUTH_HTPASSWD_REALM": "lab",
            "REGISTRY_AUTH_HTPASSWD_PATH": "/etc/docker/registry/users",
        }
        if users
        else {}
    )
    settings |= {"REGISTRY_PROXY_REMOTEURL": cache_of} if cache_of else {}
    port, bridge = free_port(), gateway()
    container = docker(
        "run", "--detach", "--name", f"{run.name}-{name}", *run.labels(), "--restart", "unless-stopped",
        *(f"--env={key}={value}" for key, value in settings.items()),
        "--publish", f"127.0.0.1:{port}:{INSIDE}", "--publish", f"{bridge}:{port}:{INSIDE}", image,
    )  # fmt: skip
    until(
        lambda: answer(port, b"GET /v2/ HTTP/1.0\r\n\r\n").startswith(b"HTTP/"),
        "the registry's answer",
        within=30,
    )
    return Registry(container, f"127.0.0.1:{port}", f"http://{bridge}:{port}")


def _dockerfile(store: ImageStore) -> str:
    return "\n".join(
        [
            f"FROM {store.base()}",
            install(["docker-registry"]),
            "COPY config.yml users /etc/docker/registry/",
            'VOLUME ["/var/lib/docker-registry"]',
            'CMD ["docker-registry", "serve", "/etc/docker/registry/config.yml"]',
            "",
        ]
    )
