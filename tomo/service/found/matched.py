"""Which containers are those of a catalog app: by compose service, by name, by image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tomo.errors import UsageError
from tomo.model.image import ImageName
from tomo.service.found.look import Running
from tomo.spec.app import AppDefinition


def matched(
    name: str, definition: AppDefinition, candidates: Sequence[Running], server: str
) -> Mapping[str, Running]:
    """The container of each service; raises UsageError where one is missing or it isn't clear which."""
    usable = _one_project(name, definition, candidates)
    found: dict[str, Running] = {}
    for service, spec in definition.services.items():
        taken = {each.id for each in found.values()}
        left = [each for each in usable if each.id not in taken]
        alike = [each for each in left if _repository(each.image) == _repository(spec.image)]
        if len(alike) > 1:
            alike = [each for each in alike if _is_called(service, name, definition, each)] or alike
        if len(alike) > 1:
            names = ", ".join(f"`{each.name}`" for each in alike)
            raise UsageError(
                f"several containers on `{server}` may be `{service}` of `{definition.id}`: {names}",
                hint=f"name the ones you mean: `--container {alike[0].name}`",
            )
        if alike:
            found[service] = alike[0]
        elif spec.when is None:
            raise UsageError(
                f"no container on `{server}` runs `{_repository(spec.image)}`, the image of `{service}` "
                f"of `{definition.id}`",
                hint=f"take a container in as it is: `tomo import {server} NAME --container CONTAINER`",
            )
    return found


def _one_project(name: str, definition: AppDefinition, candidates: Sequence[Running]) -> Sequence[Running]:
    """The containers of the compose project that is called like the app, where there is one."""
    own = [each for each in candidates if each.project in {name, definition.id} and each.project]
    return own or candidates


def _is_called(service: str, name: str, definition: AppDefinition, each: Running) -> bool:
    usual = {f"{name}-{service}", f"{definition.id}-{service}", service}
    if len(definition.services) == 1:
        usual |= {name, definition.id}
    return each.service == service or each.name in usual


def _repository(image: str) -> str:
    parsed = ImageName.parse(image)
    return f"{parsed.registry}/{parsed.repository}"
