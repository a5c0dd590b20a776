"""Images the lab needs, each made once and named by what it is made of."""

import fcntl
import hashlib
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lab import debian
from lab.docker import LABEL, Member, build, docker, has_image
from lab.shell import LabError

HOST_PACKAGES = (
    "systemd",
    "systemd-sysv",
    "dbus",
    "openssh-server",
    "sudo",
    "iptables",
    "procps",
)
# What a container can't do, or what only a machine with a screen needs.
MASKED_UNITS = (
    "systemd-udevd.service",
    "systemd-logind.service",
    "systemd-modules-load.service",
    "getty@tty1.service",
    "console-getty.service",
    "dev-hugepages.mount",
    "sys-kernel-debug.mount",
)
SUDOER = "ops"
UNPRIVILEGED = "guest"

# Keys are made at the first start of each host, so that no two hosts share them.
HOST_KEYS_UNIT = """[Unit]
Before=ssh.service
ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key
[Service]
Type=oneshot
ExecStart=/usr/bin/ssh-keygen -A
[Install]
WantedBy=multi-user.target
"""

# Services must not start while an image is built; on a running host they must.
QUIET_INSTALL = (
    "printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d"
    " && apt-get update -q"
    " && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends {packages}"
    " && rm -rf /usr/sbin/policy-rc.d /var/lib/apt/lists/* /var/cache/apt/archives/*.deb"
)


def install(packages: Sequence[str]) -> str:
    """The shell text of a build step that installs Debian packages."""
    return "RUN " + QUIET_INSTALL.format(packages=" ".join(packages))


class ImageStore:
    """Makes the lab's images in the machine's Docker, one maker at a time."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache

    def base(self) -> str:
        """A minimal Debian with this machine's package sources."""
        tag = _tag("debian", debian.recipe())
        with self._making(tag) as missing:
            if missing:
                archive = debian.root_file_system(self._cache)
                docker("import", "--change", f"LABEL {LABEL}=image", str(archive), tag, timeout=300)
        return tag

    def host(self) -> str:
        """A Debian server: systemd, sshd, sudo, the users root, ops (may sudo) and guest (may not)."""
        dockerfile = f"FROM {self.base()}\n" + _host_steps()
        return self.built("host", dockerfile, [Member("keys.service", HOST_KEYS_UNIT.encode())])

    def docker_host(self) -> str:
        """The same server with Debian's Docker installed."""
        return self.with_packages("docker-host", self.host(), ["docker.io"])

    def with_packages(self, name: str, base: str, packages: Sequence[str]) -> str:
        """An image with more Debian packages on top of another image."""
        return self.built(name, f"FROM {base}\n{install(packages)}\n")

    def built(self, name: str, dockerfile: str, files: Sequence[Member] = ()) -> str:
        """The image of a Dockerfile; built unless one of the very same recipe exists."""
        recipe = dockerfile + "".join(f"{file.path}:{file.mode}:{file.content!r}" for file in files)
        tag = _tag(name, recipe)
        with self._making(tag) as missing:
            if missing:
                build(tag, dockerfile, files)
        return tag

    @contextmanager
    def _making(self, tag: str) -> Iterator[bool]:
        """Holds the lock of one image; true when it has to be made."""
        self._cache.mkdir(parents=True, exist_ok=True)
        with (self._cache / f"{tag.replace('/', '-').replace(':', '-')}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield not has_image(tag)


def _tag(name: str, recipe: str) -> str:
    return f"tomo-lab/{name}:{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"


def _host_steps() -> str:
    shell = [
        "rm -f /etc/ssh/ssh_host_*_key*",
        "systemctl mask " + " ".join(MASKED_UNITS),
        "systemctl enable ssh.service lab-host-keys.service",
        f"useradd --create-home --shell /bin/bash {SUDOER}",
        f"useradd --create-home --shell /bin/bash {UNPRIVILEGED}",
        f"echo '{SUDOER} ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/{SUDOER}",
        # dpkg's fsyncs only cost time on a server that lives for minutes.
        "echo force-unsafe-io > /etc/dpkg/dpkg.cfg.d/lab",
    ]
    return "\n".join(
        [
            install(HOST_PACKAGES),
            "COPY keys.service /etc/systemd/system/lab-host-keys.service",
            "RUN " + " && ".join(shell),
            "ENV container=docker",
            "STOPSIGNAL SIGRTMIN+3",
            'CMD ["/sbin/init"]',
            "",
        ]
    )


BUSYBOX_SETUP = 'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "--install", "-s", "/bin"]\n'


def busybox() -> Member:
    """The machine's static busybox, the whole operating system of a test image."""
    binary = shutil.which("busybox")
    if binary is None:
        raise LabError("`busybox` is not installed (Debian package busybox-static)")
    return Member("busybox", Path(binary).read_bytes(), mode=0o755)


def page_image(store: ImageStore, page: str) -> str:
    """A web server with one page, on port 80, with a health check; `MESSAGE` replaces the page."""
    start = 'mkdir -p /www && echo "${MESSAGE:-$PAGE}" > /www/index.html && exec httpd -f -p 80 -h /www'
    check = 'HEALTHCHECK --interval=1s --timeout=2s --retries=3 CMD ["wget", "-q", "-O", "-", "http://127.0.0.1/"]'
    dockerfile = f"{BUSYBOX_SETUP}ENV PAGE={page!r}\nEXPOSE 80\n{check}\nCMD {_json_shell(start)}\n"
    return store.built("page", dockerfile, [busybox()])


def broken_image(store: ImageStore) -> str:
    """An image whose program says why and exits with 3 at once."""
    start = "echo 'cannot open /data: no such directory' >&2; exit 3"
    return store.built("broken", f"{BUSYBOX_SETUP}CMD {_json_shell(start)}\n", [busybox()])


def unhealthy_image(store: ImageStore) -> str:
    """An image that runs for ever and fails its health check each time."""
    check = "HEALTHCHECK --interval=1s --timeout=2s --retries=2 CMD " + _json_shell(
        "echo 'database is locked'; exit 1"
    )
    start = _json_shell("trap 'exit 0' TERM; while true; do sleep 3600 & wait; done")
    return store.built("unhealthy", f"{BUSYBOX_SETUP}{check}\nCMD {start}\n", [busybox()])


def _json_shell(script: str) -> str:
    escaped = script.replace("\\", "\\\\").replace('"', '\\"')
    return f'["/bin/sh", "-c", "{escaped}"]'
