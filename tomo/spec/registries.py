"""The registries that images come from."""

# Annotations are values here: as texts pydantic would compile each of them at every start.
import re
from collections.abc import Mapping
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, model_validator

from tomo.model.image import DOCKER_HUB, ImageName
from tomo.spec.addresses import Mirror
from tomo.spec.base import Flag, Model, SecretRef, Word, mistake
from tomo.spec.shown import shown

_ADDRESS: Final = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(?::[0-9]{1,5})?", re.IGNORECASE
)
_PATH: Final = re.compile(r"(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*")


def _address(text: str) -> str:
    """A registry as it stands in images' names."""
    if "://" in text:
        raise mistake(
            f"`{shown(text)}` is not a registry", f"without the scheme: `{shown(text).split('://', 1)[1]}`"
        )
    if "/" in text or not _ADDRESS.fullmatch(text):
        raise mistake(
            f"`{shown(text)}` is not a registry",
            "write it as it stands in the names of its images, such as `registry.lan:5000`",
        )
    if not ("." in text or ":" in text or text == "localhost"):
        raise mistake(
            f"`{shown(text)}` would not be taken for a registry in an image's name",
            f"Docker wants a dot or a port in it, such as `{shown(text)}:5000`",
        )
    return DOCKER_HUB if text.lower() in {"index.docker.io", "registry-1.docker.io"} else text.lower()


def _place(text: str) -> str:
    address, slash, path = text.partition("/")
    _address(address)
    if not _PATH.fullmatch(slash + path):
        raise mistake(f"`{shown(text)}` is not a place of images", "such as `cache.lan:5000/ghcr`")
    return text


class Registry(Model):
    """A registry: a login for it, mirrors of it, or another one that its images are pulled through."""

    username: Word | None = Field(None, description="Whom hosts log in as.")
    password: SecretRef | None = Field(
        None, description="The login's password or token, `{secret: NAME}`; Docker on a host is sent it."
    )
    mirrors: tuple[Mirror, ...] = Field(
        (),
        description="For `docker.io`: mirrors or pull-through caches that every server's Docker asks first.",
    )
    through: Annotated[Word, AfterValidator(_place)] | None = Field(
        None,
        description="A mirror or pull-through cache, `HOST[:PORT][/PATH]`: "
        "images are pulled from there, under its name.",
    )
    insecure: Flag = Field(default=False, description="Servers speak to it without TLS.")

    @model_validator(mode="after")
    def _whole_login(self) -> Self:
        if (self.username is None) != (self.password is None):
            missing = "password" if self.password is None else "username"
            raise mistake(f"a login without `{missing}`", "write both `username` and `password`")
        return self


_NONE: Final = Registry()


def _together(registries: dict[str, Registry]) -> dict[str, Registry]:
    """What must hold between registries."""
    for address, registry in registries.items():
        if registry.mirrors and address != DOCKER_HUB:
            raise mistake(
                f"Docker asks mirrors for images of `{DOCKER_HUB}` only, not of `{address}`",
                f"write `through: {registry.mirrors[0].split('://', 1)[1].rstrip('/')}` for it",
            )
        if registry.through and registries.get(registry.through.partition("/")[0], _NONE).through:
            raise mistake(
                f"`{address}` goes through `{registry.through}`, which goes through another one itself",
                "write the last one",
            )
    return registries


Registries = Annotated[dict[Annotated[Word, AfterValidator(_address)], Registry], AfterValidator(_together)]
"""Registries by the address that stands in the names of their images."""


def pulled_as(image: str, registries: Mapping[str, Registry]) -> str:
    """The name that an image is pulled under: its own, or that in the registry that it goes through."""
    if not registries or "${" in image:
        return image
    name = ImageName.parse(image)
    registry = registries.get(name.registry.lower())
    return name.below(registry.through) if registry is not None and registry.through else image
