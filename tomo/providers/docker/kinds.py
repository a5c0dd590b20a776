"""The package's resource types. Each is loaded when a stack first has one: a plan needs few of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

from tomo.errors import NotSupported
from tomo.providers.docker.resource import Resource

CONTAINER: Final = "docker:index/container:Container"


def _container() -> Resource:
    from tomo.providers.docker.container import Container  # noqa: PLC0415  # as said above; so are the others

    return Container()


def _image() -> Resource:
    from tomo.providers.docker.image import Image  # noqa: PLC0415

    return Image()


def _network() -> Resource:
    from tomo.providers.docker.network import Network  # noqa: PLC0415

    return Network()


def _registry_image() -> Resource:
    from tomo.providers.docker.registry_image import RegistryImage  # noqa: PLC0415

    return RegistryImage()


def _remote_image() -> Resource:
    from tomo.providers.docker.remote_image import RemoteImage  # noqa: PLC0415

    return RemoteImage()


def _tag() -> Resource:
    from tomo.providers.docker.tag import Tag  # noqa: PLC0415

    return Tag()


def _volume() -> Resource:
    from tomo.providers.docker.volume import Volume  # noqa: PLC0415

    return Volume()


KINDS: Final[Mapping[str, Callable[[], Resource]]] = {
    CONTAINER: _container,
    "docker:index/image:Image": _image,
    "docker:index/network:Network": _network,
    "docker:index/registryImage:RegistryImage": _registry_image,
    "docker:index/remoteImage:RemoteImage": _remote_image,
    "docker:index/tag:Tag": _tag,
    "docker:index/volume:Volume": _volume,
}


@cache
def kind_of(type_: str) -> Resource:
    """The resource type of that name; raises NotSupported for one that isn't there."""
    if type_ not in KINDS:
        supported = ", ".join(sorted(name.rpartition(":")[2] for name in KINDS))
        raise NotSupported(f"the resource type `{type_}` is not supported", hint=f"supported are {supported}")
    return KINDS[type_]()
