"""Makes a small Debian root file system from the package mirror that this machine itself uses."""

import hashlib
import os
import platform
import shutil
import tempfile
from pathlib import Path

from lab.shell import LabError, attempt, execute, words


def release() -> str:
    """The code name of the Debian release this machine runs, such as `bookworm`."""
    facts = platform.freedesktop_os_release()
    if facts.get("ID") != "debian" or "VERSION_CODENAME" not in facts:
        raise LabError(
            f"throwaway servers are made on Debian only, and this is `{facts.get('PRETTY_NAME', '?')}`"
        )
    return facts["VERSION_CODENAME"]


def apt_sources() -> str:
    """The machine's own package sources of its release, as lines of a `sources.list`."""
    fields = "$(REPO_URI) $(RELEASE) $(COMPONENT)"
    asked = execute(["apt-get", "indextargets", "--format", fields, "Created-By: Packages"])
    ours = sorted({line for line in words(asked) if line.split()[1].split("-")[0] == release()}, key=_suite)
    if not ours:
        raise LabError(f"apt on this machine has no package source for `{release()}`")
    return "".join(f"deb {line}\n" for line in ours)


def _suite(line: str) -> tuple[int, str]:
    return (len(line.split()[1]), line)


def mirror() -> str:
    """The mirror that holds the release itself."""
    for line in words(apt_sources()):
        _, uri, suite, component = line.split()
        if (suite, component) == (release(), "main"):
            return uri
    raise LabError(f"apt on this machine has no source for `{release()} main`")


def apt_settings() -> str:
    """The machine's way out for apt, where it has one, as lines of an `apt.conf`."""
    configured = attempt(["apt-config", "dump"]).out
    ways_out = ("Acquire::http::Proxy ", "Acquire::https::Proxy ")
    return "".join(f"{line}\n" for line in words(configured) if line.startswith(ways_out))


PACKAGES = "ca-certificates,iproute2"
LEFT_OUT = ("./var/cache/apt/*", "./var/lib/apt/lists/*", "./var/log/*.log")


def recipe() -> str:
    """All that decides what a root file system looks like."""
    return "\n".join([release(), PACKAGES, *LEFT_OUT, apt_sources(), apt_settings()])


def root_file_system(cache: Path) -> Path:
    """A tar file with a minimal Debian; made once and kept in the cache."""
    archive = cache / f"{release()}-{hashlib.sha256(recipe().encode()).hexdigest()[:12]}.tar"
    if not archive.exists():
        _bootstrap(archive)
    return archive


def _bootstrap(archive: Path) -> None:
    if os.geteuid() != 0:
        raise LabError("making a Debian root file system needs root")
    if shutil.which("debootstrap") is None:
        raise LabError("`debootstrap` is not installed")
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
        root, half = Path(folder) / "root", Path(folder) / "half.tar"
        options = ["--variant=minbase", f"--include={PACKAGES}"]
        execute(["debootstrap", *options, release(), str(root), mirror()])
        (root / "etc/apt/sources.list").write_text(apt_sources())
        (root / "etc/apt/apt.conf.d/99lab").write_text(apt_settings())
        excluded = [f"--exclude={pattern}" for pattern in LEFT_OUT]
        execute(["tar", "-C", str(root), *excluded, "-cf", str(half), "."])
        half.rename(archive)
