"""Images of catalog apps built from Debian packages, for a machine that reaches no image registry.

Each keeps the conventions of the public image that the catalog entry relies on: its name, variables, ports
and paths.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import yaml

from lab.docker import Member, has_image, try_docker
from lab.images import ImageStore, install
from lab.registry import Registry
from lab.shell import LabError

HERE = Path(__file__).resolve().parent
CATALOG = HERE.parent / "catalog" / "apps"
PROBE = "busybox:latest"


ENTRYPOINT = ("COPY entrypoint /usr/local/bin/entrypoint", 'ENTRYPOINT ["/usr/local/bin/entrypoint"]')


@dataclass(frozen=True)
class StandIn:
    """How the image of one service is made of Debian packages."""

    app: str
    service: str
    name: str
    packages: Sequence[str]
    steps: Sequence[str]

    def image(self, store: ImageStore) -> str:
        """Builds it, unless it is there."""
        files = [
            Member(path.name, path.read_bytes(), mode=0o755 if path.name == "entrypoint" else 0o644)
            for path in sorted((HERE / "images").glob(f"{self.name}/*"))
        ]
        dockerfile = "\n".join([f"FROM {store.base()}", install(self.packages), *self.steps, ""])
        return store.built(f"demo-{self.name}", dockerfile, files)

    def public_name(self) -> str:
        """The name and tag under which the catalog asks for it."""
        entry = yaml.safe_load((CATALOG / f"{self.app}.yaml").read_text(encoding="utf-8"))
        return str(entry["services"][self.service]["image"])


WORDPRESS = StandIn(
    "wordpress",
    "server",
    "wordpress",
    ("wordpress", "wordpress-theme-twentytwentythree", "libapache2-mod-php", "php-mysql", "php-gd", "curl"),
    (
        *ENTRYPOINT,
        "COPY wp-config.php /usr/local/share/wp-config.php",
        "RUN rm -rf /var/www/html/* /usr/share/wordpress/wp-config.php && a2enmod rewrite",
        'VOLUME ["/var/www/html"]',
        "EXPOSE 80",
        "STOPSIGNAL SIGWINCH",
        'CMD ["apache2", "-D", "FOREGROUND"]',
    ),
)
MARIADB = StandIn(
    "wordpress",
    "db",
    "mariadb",
    ("mariadb-server",),
    (
        *ENTRYPOINT,
        "RUN rm -rf /var/lib/mysql/*",
        'VOLUME ["/var/lib/mysql"]',
        "EXPOSE 3306",
        'CMD ["mariadbd", "--user=mysql", "--bind-address=0.0.0.0"]',
    ),
)
RADICALE = StandIn(
    "radicale",
    "server",
    "radicale",
    ("radicale", "curl"),
    (
        *ENTRYPOINT,
        'VOLUME ["/config", "/data"]',
        "EXPOSE 5232",
        'CMD ["radicale", "--config", "/config/config"]',
    ),
)
PROMETHEUS = StandIn(
    "prometheus",
    "server",
    "prometheus",
    ("prometheus", "wget"),
    (
        "RUN mkdir /prometheus && chown nobody:nogroup /prometheus",
        "USER nobody",
        'VOLUME ["/prometheus"]',
        "WORKDIR /prometheus",
        "EXPOSE 9090",
        'ENTRYPOINT ["/usr/bin/prometheus"]',
    ),
)
ALL = (WORDPRESS, MARIADB, RADICALE, PROMETHEUS)


def public_images_reachable() -> bool:
    """Whether this machine can pull a tiny public image within a few seconds."""
    known = has_image(PROBE)
    try:
        reachable = try_docker("pull", "--quiet", PROBE, timeout=20).code == 0
    except LabError:
        return False
    if reachable and not known:
        try_docker("image", "rm", PROBE)
    return reachable


def offer(registry: Registry, store: ImageStore) -> Iterator[str]:
    """Builds every stand-in and pushes it under its public name; yields each name when it is there."""

    def offered(standin: StandIn) -> str:
        name = standin.public_name()
        registry.push(standin.image(store), name)
        return name

    with ThreadPoolExecutor(max_workers=2) as pool:
        yield from pool.map(offered, ALL)
