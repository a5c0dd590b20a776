"""Images on a host: find, pull, push, tag, remove; shared by the resources that name one."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tomo.errors import DockerError
from tomo.model.image import ImageName
from tomo.model.images import ImageArchive
from tomo.model.provider import Report
from tomo.model.values import Value
from tomo.providers.docker.daemon import image_path
from tomo.providers.docker.inspected import listed, part, text_of
from tomo.providers.docker.registry_auth import Login
from tomo.providers.docker.resource import Host

if TYPE_CHECKING:
    from tomo.providers.docker.sdk import Sdk


def find(host: Host, name: str) -> dict[str, Value] | None:
    """An image by name or id; None where the host has none."""
    return host.daemon.find(image_path(name), f"looking for the image `{name}`")


def login_for(host: Host, image: str) -> Login | None:
    """The login for the registry that an image's name points to."""
    return host.logins.for_registry(ImageName.parse(image).registry)


@contextmanager
def sdk(host: Host) -> Iterator[Sdk]:
    """The Docker SDK for as long as one piece of work lasts."""
    from tomo.providers.docker.sdk import Sdk  # noqa: PLC0415  # costs 0.3 s, so only where needed

    client = Sdk(host.daemon.connection, host.name, host.daemon.api_version())
    try:
        yield client
    finally:
        client.close()


def pull(host: Host, image: str, platform: str, report: Report) -> dict[str, Value]:
    """Pulls an image, or loads it from the run's archive of images, and returns it inspected."""
    if host.archive is not None:
        return _loaded(host, host.archive, image, report)
    report(f"pulling {image}")
    with sdk(host) as client:
        client.pull(image, login_for(host, image), platform, report)
    found = find(host, image)
    if found is None:
        raise DockerError(f"`{host.name}` pulled `{image}` but doesn't have it", host=host.name)
    return found


def _loaded(host: Host, archive: ImageArchive, image: str, report: Report) -> dict[str, Value]:
    report(f"loading {image} from {archive.name}")
    with archive.open(image) as stream, sdk(host) as client:
        client.load(stream, image, report)
    found = find(host, image)
    if found is None:
        raise DockerError(
            f"`{host.name}` loaded `{image}` and doesn't have it under that name",
            host=host.name,
            hint="an image that is named by its digest can't come from a bundle: name it by its tag",
        )
    return found


def save(host: Host, image: str) -> Iterator[bytes]:
    """What `docker save` gives for an image that the host has, piece by piece."""
    with sdk(host) as client:
        yield from client.save(image)


def tag(host: Host, source: str, target: str) -> None:
    """Gives an image another name."""
    name = ImageName.parse(target)
    host.daemon.send(
        "POST",
        image_path(source).removesuffix("/json") + "/tag",
        f"tagging `{source}` as `{target}`",
        query={"repo": name.familiar, "tag": name.tag},
        image=source,
    )


def registry_digest(host: Host, image: str, login: Login | None) -> str:
    """The digest that the image's registry has for its name, asked by the host's daemon."""
    headers = {"X-Registry-Auth": _encoded(login)} if login else {}
    path = image_path(image).removesuffix("/json").replace("/images/", "/distribution/", 1) + "/json"
    doing = f"asking the registry for `{image}`"
    user = login.username if login else ""
    answer = host.daemon.get(path, doing, headers=headers, image=image, user=user).json()
    return text_of(part(answer, "Descriptor"), "digest")


def _encoded(login: Login) -> str:
    return base64.urlsafe_b64encode(json.dumps(login.auth_config()).encode()).decode()


def repo_digest(found: Mapping[str, Value], name: str) -> str:
    """`repository@sha256:…` of the image in the registry its name points to; `""` where it has none."""
    wanted = ImageName.parse(name)
    for text in listed(found, "RepoDigests"):
        digest = ImageName.parse(str(text))
        if (digest.registry, digest.repository) == (wanted.registry, wanted.repository):
            return str(text)
    return ""


def id_of(found: Mapping[str, Value]) -> str:
    """The image's id, `sha256:…`."""
    return text_of(found, "Id")
