"""What is in a host's volumes, read and written as tar through Docker's own API, with nothing else there.

A container of an empty image, made here and never started, has the volumes mounted; its archive endpoint
reads and writes them (Docker Engine API, `GET` and `PUT /containers/ID/archive`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from tomo.errors import ConnectionLost, DockerError, HostError
from tomo.model.values import Value
from tomo.providers.docker.daemon import Daemon, document
from tomo.providers.docker.http import HttpStream, Request, StreamBroken, segment
from tomo.providers.docker.problems import refusal

LABEL: Final = "tomo.backup"
_IMAGE: Final = "tomo-backup"
_EMPTY_TAR: Final = bytes(10240)
_ROOT: Final = "/volumes"
_PATIENCE: Final = 600.0
_GONE: Final = frozenset({404, 409})


class VolumeData:
    """The content of some volumes of one host."""

    def __init__(self, daemon: Daemon, container: str) -> None:
        self._daemon, self._container = daemon, container

    def read(self, volume: str, folder: str = "") -> Iterator[bytes]:
        """The tar of a volume or of a folder in it; each name begins with that of the top."""
        path = f"/v{self._daemon.api_version()}/containers/{self._container}/archive"
        request = Request("GET", path, {"path": f"{_ROOT}/{volume}/{folder}".rstrip("/")})
        with self._stream(f"reading the volume `{volume}`") as stream:
            answer, body = stream.streamed(request, _PATIENCE)
            if not answer.ok:
                raise refusal(answer.message, host=self._daemon.host, doing=f"reading the volume `{volume}`")
            yield from body

    def write(self, volume: str, chunks: Iterable[bytes]) -> None:
        """Unpacks a tar into a volume, over what is there; owners, modes and links as they are in it."""
        path = f"/v{self._daemon.api_version()}/containers/{self._container}/archive"
        request = Request("PUT", path, {"path": f"{_ROOT}/{volume}"}, content_type="application/x-tar")
        doing = f"writing to the volume `{volume}`"
        with self._stream(doing) as stream:
            answer = stream.sent(request, chunks, _PATIENCE)
        if not answer.ok:
            raise refusal(answer.message, host=self._daemon.host, doing=doing)

    @contextmanager
    def _stream(self, doing: str) -> Iterator[HttpStream]:
        """A stream of its own: what is read of it may end anywhere."""
        host = self._daemon.host
        stream = HttpStream(self._daemon.connection.open_docker())
        try:
            yield stream
        except TimeoutError as error:
            raise DockerError(
                f"Docker on `{host}` stood still at {doing}", host=host, hint="run it again"
            ) from error
        except (StreamBroken, ValueError) as error:
            raise ConnectionLost(
                f"the connection to Docker on `{host}` broke at {doing}",
                host=host,
                hint="run it again",
                detail=str(error),
            ) from error
        finally:
            stream.close()


@contextmanager
def volume_data(daemon: Daemon, volumes: Sequence[str], *, read_only: bool = True) -> Iterator[VolumeData]:
    """The content of volumes that are there; what is made for it on the host is gone at the end."""
    doing = "making a container to reach volumes by"
    imported = daemon.send(
        "POST",
        "/images/create",
        doing,
        query={"fromSrc": "-", "repo": _IMAGE, "tag": "empty", "changes": f"LABEL {LABEL}=1"},
        raw=_EMPTY_TAR,
    )
    image = _image_id(imported.body) or f"{_IMAGE}:empty"
    try:
        made = daemon.send(
            "POST", "/containers/create", doing, body=_body(image, volumes, read_only=read_only)
        )
        container = str(document(made).get("Id", ""))
        try:
            yield VolumeData(daemon, segment(container))
        finally:
            with suppress(HostError):
                daemon.send(
                    "DELETE",
                    f"/containers/{segment(container)}",
                    "removing it",
                    query={"force": "1"},
                    fine=_GONE,
                )
    finally:
        # Another backup of the same host may be using it: then that one removes it.
        with suppress(HostError):
            daemon.send("DELETE", f"/images/{_IMAGE}:empty", "removing an image", fine=_GONE)


def _image_id(body: bytes) -> str:
    import json  # noqa: PLC0415  # for one line

    for line in body.splitlines():
        with suppress(ValueError):
            status = json.loads(line).get("status", "")
            if str(status).startswith("sha256:"):
                return str(status)
    return ""


def _body(image: str, volumes: Sequence[str], *, read_only: bool) -> Mapping[str, Value]:
    mounts: list[Value] = [
        {
            "Type": "volume",
            "Source": volume,
            "Target": f"{_ROOT}/{volume}",
            "ReadOnly": read_only,
            "VolumeOptions": {"NoCopy": True},
        }
        for volume in volumes
    ]
    return {
        "Image": image,
        "Cmd": ["never", "started"],
        "Labels": {LABEL: "1"},
        "NetworkDisabled": True,
        "HostConfig": {"Mounts": mounts, "NetworkMode": "none"},
    }


def volume_of(daemon: Daemon, volume: str) -> dict[str, Value] | None:
    """A volume as Docker shows it; None where there is none."""
    return daemon.find(f"/volumes/{segment(volume)}", f"looking for the volume `{volume}`")


def make_volume(daemon: Daemon, volume: str) -> None:
    """Makes an empty volume."""
    daemon.send(
        "POST",
        "/volumes/create",
        f"making the volume `{volume}`",
        body={"Name": volume, "Labels": {LABEL: "1"}},
    )


def remove_volume(daemon: Daemon, volume: str) -> None:
    """Removes a volume; one that is gone is fine."""
    daemon.send(
        "DELETE", f"/volumes/{segment(volume)}", f"removing the volume `{volume}`", fine=frozenset({404})
    )


def users_of(daemon: Daemon, volume: str) -> list[tuple[str, str]]:
    """The containers that have a volume mounted: name and state."""
    import json  # noqa: PLC0415  # for one filter

    filters = json.dumps({"volume": [volume]})
    rows = daemon.get("/containers/json", "listing containers", {"all": "1", "filters": filters}).json()
    return sorted(
        (str(names[0]).removeprefix("/"), str(row.get("State", "")))
        for row in (rows if isinstance(rows, list) else ())
        if isinstance(row, Mapping) and isinstance(names := row.get("Names"), list) and names
    )
