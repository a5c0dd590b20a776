"""Images of catalog apps built from Debian packages: the software is real, its version is Debian's.

Each keeps the conventions of the public image as far as the catalog uses them: its variables, ports and paths.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from demo import standins
from lab.docker import LABEL, Member, docker
from lab.images import ImageStore, install
from lab.lab import CACHE

HERE = Path(__file__).resolve().parent / "images"
DEMO = Path(standins.__file__).resolve().parent / "images"
ENTRYPOINT = standins.ENTRYPOINT
TOOLS = ("curl", "wget")
# What no app serves only costs time when a server is given its images.
LEFT_OUT = (
    "/usr/share/doc /usr/share/man /usr/share/locale /usr/share/i18n /var/cache/apt/*.bin /var/lib/mysql/*"
    " /var/lib/postgresql/15 /usr/bin/promtool /usr/bin/vmbackup /usr/bin/vmrestore /usr/bin/vmctl /usr/bin/vmalert"
)


@dataclass(frozen=True)
class DebianImage:
    """How the image of one repository is made of Debian packages; the first one is the software itself."""

    repository: str
    packages: tuple[str, ...]
    steps: tuple[str, ...]
    files: Path | None = None
    apart: bool = False
    """Has a file system of its own, made when an app that uses it is run, and isn't in the shared one."""

    @property
    def software(self) -> str:
        """The package whose version is the software's."""
        return self.packages[0]


def _of_the_demo(repository: str, one: standins.StandIn) -> DebianImage:
    return DebianImage(repository, tuple(one.packages), tuple(one.steps), DEMO / one.name)


def _page_at(folder: str) -> str:
    return (
        f"RUN sed -i 's#DocumentRoot .*#DocumentRoot {folder}#' /etc/apache2/sites-available/000-default.conf"
    )


ALL = (
    _of_the_demo("prom/prometheus", standins.PROMETHEUS),
    _of_the_demo("tomsquest/docker-radicale", standins.RADICALE),
    _of_the_demo("wordpress", standins.WORDPRESS),
    _of_the_demo("mariadb", standins.MARIADB),
    DebianImage(
        "postgres",
        ("postgresql-15",),
        (
            *ENTRYPOINT,
            "ENV PATH=/usr/lib/postgresql/15/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            'VOLUME ["/var/lib/postgresql/data"]',
            "STOPSIGNAL SIGINT",
            "EXPOSE 5432",
            'CMD ["postgres", "-D", "/var/lib/postgresql/data", "-c", "listen_addresses=*"]',
        ),
        HERE / "postgres",
    ),
    DebianImage(
        "redis",
        ("redis-server",),
        (*ENTRYPOINT, "WORKDIR /data", 'VOLUME ["/data"]', "EXPOSE 6379", 'CMD ["redis-server"]'),
        HERE / "redis",
    ),
    DebianImage(
        "nginx",
        ("nginx-light",),
        (
            "RUN rm /etc/nginx/sites-enabled/default",
            "STOPSIGNAL SIGQUIT",
            "EXPOSE 80",
            'CMD ["nginx", "-g", "daemon off;"]',
        ),
    ),
    DebianImage(
        "caddy",
        ("caddy",),
        (
            "ENV XDG_CONFIG_HOME=/config XDG_DATA_HOME=/data",
            "EXPOSE 80 443 443/udp 2019",
            'CMD ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]',
        ),
    ),
    DebianImage(
        "prom/node-exporter",
        ("prometheus-node-exporter",),
        ("USER nobody", "EXPOSE 9100", 'ENTRYPOINT ["/usr/bin/prometheus-node-exporter"]'),
    ),
    DebianImage(
        "eclipse-mosquitto",
        ("mosquitto", "mosquitto-clients"),
        (
            *ENTRYPOINT,
            'VOLUME ["/mosquitto/data", "/mosquitto/log"]',
            "EXPOSE 1883",
            'CMD ["mosquitto", "-c", "/mosquitto/config/mosquitto.conf"]',
        ),
        HERE / "mosquitto",
    ),
    DebianImage(
        "rabbitmq",
        ("rabbitmq-server",),
        (
            *ENTRYPOINT,
            "RUN rabbitmq-plugins --offline enable rabbitmq_management && rm -rf /var/lib/rabbitmq/*",
            'VOLUME ["/var/lib/rabbitmq"]',
            "EXPOSE 5672 15672",
            # Debian's own start script would send the log to files.
            "ENV HOME=/var/lib/rabbitmq",
            'CMD ["/usr/lib/rabbitmq/bin/rabbitmq-server"]',
        ),
        HERE / "rabbitmq",
    ),
    DebianImage(
        "linuxserver/transmission",
        ("transmission-daemon",),
        (
            *ENTRYPOINT,
            "EXPOSE 9091 51413 51413/udp",
            'VOLUME ["/config"]',
            'CMD ["transmission-daemon", "--foreground", "--config-dir", "/config"]',
        ),
        HERE / "transmission",
    ),
    DebianImage(
        "linuxserver/qbittorrent",
        ("qbittorrent-nox",),
        (
            *ENTRYPOINT,
            'VOLUME ["/config"]',
            "EXPOSE 8080 6881 6881/udp",
            'CMD ["qbittorrent-nox", "--profile=/config"]',
        ),
        HERE / "qbittorrent",
    ),
    DebianImage(
        "registry",
        ("docker-registry",),
        (
            "RUN sed -i 's#/var/lib/docker-registry#/var/lib/registry#' /etc/docker/registry/config.yml",
            "RUN sed -i '/^auth:/,$d' /etc/docker/registry/config.yml",
            'VOLUME ["/var/lib/registry"]',
            "EXPOSE 5000",
            'CMD ["docker-registry", "serve", "/etc/docker/registry/config.yml"]',
        ),
    ),
    DebianImage(
        "victoriametrics/victoria-metrics",
        ("victoria-metrics",),
        ("EXPOSE 8428", 'ENTRYPOINT ["/usr/bin/victoria-metrics"]'),
    ),
    DebianImage(
        "adminer",
        ("adminer", "php-cli"),
        ("EXPOSE 8080", "WORKDIR /usr/share/adminer", 'CMD ["php", "-S", "0.0.0.0:8080", "adminer.php"]'),
    ),
    DebianImage(
        "phpmyadmin",
        ("phpmyadmin", "apache2", "libapache2-mod-php", "php-mysql", "php-mbstring"),
        (
            *ENTRYPOINT,
            _page_at("/usr/share/phpmyadmin"),
            "EXPOSE 80",
            'CMD ["apache2ctl", "-D", "FOREGROUND"]',
        ),
        HERE / "phpmyadmin",
    ),
    DebianImage(
        "linuxserver/smokeping",
        ("smokeping", "apache2"),
        (
            *ENTRYPOINT,
            "RUN a2enmod cgid && sed -i s/www-data/smokeping/ /etc/apache2/envvars",
            (
                "RUN mkdir /config /data /run/smokeping"
                " && sed -i s#/var/lib/smokeping#/data# /etc/smokeping/config.d/pathnames"
                " && mv /etc/smokeping/config.d /usr/local/share/smokeping && ln -s /config /etc/smokeping/config.d"
            ),
            'VOLUME ["/config", "/data"]',
            "EXPOSE 80",
            'CMD ["smokeping", "--nodaemon"]',
        ),
        HERE / "smokeping",
        apart=True,
    ),
    DebianImage(
        "netdata/netdata",
        ("netdata-core", "netdata-web", "netdata-plugins-bash", "netdata-plugins-python"),
        (
            *ENTRYPOINT,
            (
                "RUN sed -i 's/bind socket to IP = .*/bind socket to IP = */' /etc/netdata/netdata.conf"
                " && rm /etc/netdata/.opt-out-from-anonymous-statistics"
            ),
            "RUN ln -s /dev/stdout /var/log/netdata/access.log && ln -s /dev/stderr /var/log/netdata/error.log",
            "EXPOSE 19999",
            'CMD ["netdata", "-D", "-s", "/host", "-p", "19999"]',
        ),
        HERE / "netdata",
        apart=True,
    ),
    DebianImage(
        "quay.io/jupyter/base-notebook",
        ("jupyter-notebook",),
        (
            "COPY docker_healthcheck.py /etc/jupyter/docker_healthcheck.py",
            "RUN chmod 755 /etc/jupyter/docker_healthcheck.py && useradd --create-home --gid users jovyan",
            "USER jovyan",
            "RUN mkdir /home/jovyan/work",
            "WORKDIR /home/jovyan",
            "EXPOSE 8888",
            'CMD ["jupyter-notebook", "--ip=0.0.0.0", "--port=8888", "--no-browser"]',
        ),
        HERE / "jupyter",
        apart=True,
    ),
    DebianImage(
        "clickhouse",
        ("clickhouse-server", "clickhouse-client"),
        (
            *ENTRYPOINT,
            (
                "RUN mkdir -p /etc/clickhouse-server/config.d /var/log/clickhouse-server && printf"
                " '<yandex><listen_host>0.0.0.0</listen_host></yandex>' >/etc/clickhouse-server/config.d/listen.xml"
            ),
            'VOLUME ["/var/lib/clickhouse"]',
            "EXPOSE 8123 9000",
            'CMD ["clickhouse-server", "--config-file=/etc/clickhouse-server/config.xml"]',
        ),
        HERE / "clickhouse",
        apart=True,
    ),
)


def built_of_debian(reference: str) -> DebianImage | None:
    """How the image of this name is made of Debian packages, where it is."""
    repository = reference.partition("@")[0].rpartition(":")[0]
    return next((each for each in ALL if each.repository == repository), None)


def prepare(store: ImageStore) -> str:
    """Makes the one file system that most of them share, and returns its name."""
    shared = [package for each in ALL if not each.apart for package in each.packages]
    return _file_system(store, "debian-apps", shared)


def build(store: ImageStore, reference: str, made: DebianImage, revision: str) -> str:
    """Builds it under its public name, which is returned."""
    base = _file_system(store, f"debian-{made.software}", made.packages) if made.apart else prepare(store)
    dockerfile = "\n".join([f"FROM {base}", *made.steps, f"LABEL {LABEL}.revision={revision}", ""])
    docker("tag", store.built(f"real-{made.software}", dockerfile, list(_members(made.files))), reference)
    return reference


def _file_system(store: ImageStore, name: str, packages: Sequence[str]) -> str:
    steps = f"{install(list(dict.fromkeys([*TOOLS, *packages])))} && rm -rf {LEFT_OUT}"
    return store.built(name, f"FROM {store.base()}\n{steps}\n")


def _members(folder: Path | None) -> Iterator[Member]:
    for path in sorted(folder.glob("*")) if folder else ():
        yield Member(path.name, path.read_bytes(), mode=0o755 if path.name == "entrypoint" else 0o644)


if __name__ == "__main__":
    prepare(ImageStore(CACHE))
