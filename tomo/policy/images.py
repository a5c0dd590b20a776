"""Rules about where images come from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tomo.frozen import frozen
from tomo.model.resource import ResourceState
from tomo.model.step import Step
from tomo.model.urn import Urn
from tomo.model.values import Unknown, Value
from tomo.policy.rule import Case, Options, Violation, texts
from tomo.policy.values import matches, name_of, opened, shown, untold
from tomo.resources.tokens import CONTAINER, REMOTE_IMAGE

BUILT_IMAGE: Final = "docker:index/image:Image"
_DOCKER_HUB: Final = "docker.io"


@frozen
class Reference:
    """An image as Docker reads its name: `docker.io/library/nginx`, tag, digest."""

    repository: str
    tag: str
    digest: str


def reference(text: str) -> Reference:
    """The parts of an image's name, with Docker's own defaults."""
    name, _, digest = text.partition("@")
    before, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        before, tag = name, ""
    first, slash, rest = before.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost"):
        first, rest = _DOCKER_HUB, before if slash else f"library/{before}"
    return Reference(f"{_DOCKER_HUB if first == 'index.docker.io' else first}/{rest}", tag, digest)


def _named(case: Case) -> Iterator[tuple[Step, str, Value, Value]]:
    """Every image that is named in a resource: step, field, as it stands there, opened."""
    for step, entry in case.after(REMOTE_IMAGE, CONTAINER):
        path = "name" if step.type == REMOTE_IMAGE else "image"
        given = entry.inputs.get(path)
        value = opened(given)
        if not _is_of_a_resource(value) and given is not None:
            yield step, path, given, value


def _is_of_a_resource(value: Value) -> bool:
    """Whether it is an image that another resource names or builds, or one that is on the host already."""
    if isinstance(value, Unknown):
        types = {Urn(origin.rpartition(".")[0]).type for origin in value.origins}
        return bool(types) and types <= {REMOTE_IMAGE, BUILT_IMAGE}
    return str(value).startswith("sha256:")


def image_sources(case: Case, options: Options) -> Iterator[Violation]:
    """Images of registries or repositories that are not allowed."""
    allowed = texts(options)
    for step, path, given, value in _named(case):
        if isinstance(value, Unknown):
            yield untold(step, path)
        elif not matches(reference(str(value)).repository, allowed):
            yield Violation(
                step.urn,
                path,
                f"the image {shown(value, given)} comes from `{reference(str(value)).repository}`,"
                " which is not allowed",
                "use an image of an allowed repository, or allow this one: `allow`",
            )


def image_digests(case: Case, _options: Options) -> Iterator[Violation]:
    """Images that are not pinned to a digest."""
    for step, path, given, value in _named(case):
        if isinstance(value, Unknown):
            yield untold(step, path)
        elif not reference(str(value)).digest:
            message = f"the image {shown(value, given)} is not pinned: its tag may be another image tomorrow"
            yield Violation(step.urn, path, message, "name its digest: `NAME:TAG@sha256:…`")


def image_builds(case: Case, _options: Options) -> Iterator[Violation]:
    """Images that are built from a folder."""
    for step, entry in case.after(BUILT_IMAGE):
        if entry.inputs.get("build") is not None:
            message = (
                f"the image `{_built(entry)}` is built here: where its parts come from, no rule can tell"
            )
            yield Violation(
                step.urn, "build", message, "build it where it is checked, and pull it from there"
            )


def _built(entry: ResourceState) -> str:
    given = entry.inputs.get("imageName")
    return given if isinstance(given, str) else name_of(entry)
