"""Images that answer in the place of an app's own one, for a machine that reaches no image registry.

All of them are one file system, a minimal Debian with two small programs, under as many names and settings as
are asked for: a hundred cost little more than one.
"""

import hashlib
import io
import json
import tarfile
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

from lab.docker import LABEL, Member, docker
from lab.images import ImageStore

SCRIPTS: Final = Path(__file__).resolve().parent / "stand_in"
SERVE, ASK = "/usr/local/lib/stand-in/serve", "/usr/local/lib/stand-in/ask"
WORKING_DIR: Final = "/app"
MARKER: Final = ".stand-in"
OWN_VOLUME: Final = "/srv/image-own"
"""Every stand-in declares a volume that no catalog entry knows, as many public images do."""


@dataclass(frozen=True)
class StandIn:
    """What one image has to answer for.

    `reference` is its public name and tag; `pages` are paths and the status each answers with; folders of
    `data` get a marker file at their first start; `programs` are what health checks and hooks run, by name or
    path, and `starters` what stands in a container's `entrypoint`. `revision` makes two images of one kind
    differ.
    """

    reference: str
    tcp: tuple[int, ...] = ()
    udp: tuple[int, ...] = ()
    pages: Mapping[str, int] = field(default_factory=dict)
    data: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    starters: tuple[str, ...] = ()
    revision: str = "1"

    def settings(self) -> dict[str, Any]:
        """What the image says about itself: ports, volumes, labels and a check, as real ones bring them."""
        exposed = [f"{port}/tcp" for port in self.tcp] + [f"{port}/udp" for port in self.udp]
        return {
            "Env": [f"{key}={value}" for key, value in self._environment().items()],
            "ExposedPorts": {port: {} for port in exposed},
            "Volumes": {path: {} for path in (*self.data, OWN_VOLUME)},
            "Labels": {LABEL: "stand-in", "org.opencontainers.image.revision": self.revision},
            "Healthcheck": {"Test": ["CMD", ASK], "Interval": 5_000_000_000, "Retries": 3},
            "WorkingDir": WORKING_DIR,
            "Entrypoint": [SERVE],
        }

    def _environment(self) -> Mapping[str, str]:
        def line(words: Iterable[object]) -> str:
            return " ".join(map(str, words))

        return {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "STAND_IN_TCP": line(self.tcp),
            "STAND_IN_UDP": line(self.udp),
            "STAND_IN_PAGES": line(f"{status}:{path}" for path, status in self.pages.items()),
            "STAND_IN_DATA": line(self.data),
        }


def write_archive(store: ImageStore, wanted: Sequence[StandIn], target: Path) -> None:
    """Writes a file from which `docker load` makes every image that is wanted."""
    base = _base(store, wanted)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        saved = Path(folder) / "base.tar"
        docker("save", "--output", str(saved), base)
        with tarfile.open(saved) as source, tarfile.open(target, "w") as archive:
            described = json.loads(_content(source, "manifest.json"))[0]
            for layer in described["Layers"]:
                archive.addfile(source.getmember(layer), source.extractfile(layer))
            config = json.loads(_content(source, described["Config"]))
            manifest = [_add(archive, config, described["Layers"], each) for each in wanted]
            _put(archive, "manifest.json", manifest)


def _add(
    archive: tarfile.TarFile, config: Mapping[str, Any], layers: Sequence[str], one: StandIn
) -> Mapping[str, Any]:
    own = {**config, "config": one.settings()}
    own.pop("container_config", None)
    name = hashlib.sha256(json.dumps(own).encode()).hexdigest() + ".json"
    _put(archive, name, own)
    return {"Config": name, "RepoTags": [one.reference], "Layers": list(layers)}


def _base(store: ImageStore, wanted: Sequence[StandIn]) -> str:
    python = store.with_packages("python", store.base(), ["python3-minimal"])
    scripts = [Member(path.stem, path.read_bytes(), mode=0o755) for path in sorted(SCRIPTS.glob("*.py"))]
    links = {_place(name): ASK for each in wanted for name in each.programs}
    links |= {_place(name): SERVE for each in wanted for name in each.starters}
    steps = [
        f"mkdir -p {PurePosixPath(link).parent} && ln -sf {to} {link}" for link, to in sorted(links.items())
    ]
    return store.built(
        "stand-in",
        "\n".join(
            [
                f"FROM {python}",
                f"COPY serve {SERVE}",
                f"COPY ask {ASK}",
                "RUN " + " && ".join([f"mkdir -p {WORKING_DIR}", *steps]),
                "",
            ]
        ),
        scripts,
    )


def _place(program: str) -> str:
    """Where a program of that name is found: on the path, or below the working directory."""
    return str(
        PurePosixPath(WORKING_DIR, program) if "/" in program else PurePosixPath("/usr/local/bin", program)
    )


def _content(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    assert file is not None  # docker wrote it as a plain file
    return file.read()


def _put(archive: tarfile.TarFile, name: str, document: object) -> None:
    content = json.dumps(document).encode()
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))
