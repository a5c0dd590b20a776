"""Which images on a host nothing uses any more, by a fleet's policy. Looks only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from tomo.errors import DockerUnavailable
from tomo.model.connection import Connection
from tomo.model.image import ImageName
from tomo.model.values import Value
from tomo.providers.docker.http import HttpStream, Request, StreamBroken

_SECONDS: Final = 60.0
_ID: Final = re.compile(r"sha256:[0-9a-f]{64}")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,200}")
_UNITS: Final[Mapping[str, int]] = {"d": 86_400, "h": 3_600}
_NEVER: Final = "0001-"


def prunable(connection: Connection, policy: Value, now: float) -> str:
    """`NAME SIZE ID` of each image that may go, joined by `; `; the oldest id first, empty for none.

    An image goes that no container is made from, that the fleet does not declare (`keep`), and that has
    been on the host for `older_than` since it was last pulled or tagged.
    """
    if not isinstance(policy, Mapping):
        return ""
    try:
        stream = HttpStream(connection.open_docker())
    except DockerUnavailable:
        return ""
    try:
        return "; ".join(sorted(_candidates(stream, policy, now)))
    except (StreamBroken, OSError, ValueError):
        # Nothing is removed that could not be looked at whole.
        return ""
    finally:
        stream.close()


def _candidates(stream: HttpStream, policy: Mapping[str, Value], now: float) -> Iterator[str]:
    images, containers = _asked(stream, "/images/json", "/containers/json?all=1")
    used = {str(each.get("ImageID")) for each in containers}
    kept = _meant(policy.get("keep"))
    free = [each for each in images if str(each.get("Id")) not in used and not kept & _names(each)]
    if policy.get("images") == "dangling":
        free = [each for each in free if not _tags(each)]
    free = [each for each in free if _ID.fullmatch(str(each.get("Id")))]
    paths = [f"/images/{quote(str(each['Id']), safe='')}/json" for each in free]
    oldest = now - _age(policy.get("olderThan"))
    for each, seen in zip(free, _asked(stream, *paths), strict=True):
        if _since(seen) <= oldest:
            name = next(iter(_tags(each)), "untagged")
            yield f"{name} {_shown(int(each.get('Size') or 0))} {each['Id']}"


def _asked(stream: HttpStream, *paths: str) -> list[Any]:
    """Each path's answer; ValueError where Docker refuses one."""
    if not paths:
        return []
    answers = list(stream.pipeline([Request("GET", path) for path in paths], _SECONDS))
    if not all(answer.ok for answer in answers):
        raise ValueError("refused")
    return [answer.json() for answer in answers]


def _tags(image: Mapping[str, Any]) -> list[str]:
    tags = [str(tag) for tag in image.get("RepoTags") or ()]
    return [tag for tag in tags if _NAME.fullmatch(tag)]


def _names(image: Mapping[str, Any]) -> set[str]:
    return _meant([*(image.get("RepoTags") or ()), *(image.get("RepoDigests") or ())])


def _meant(names: object) -> set[str]:
    """Names in full; one with tag and digest by either."""
    found: set[str] = set()
    for name in names if isinstance(names, list | tuple) else ():
        parsed = ImageName.parse(str(name))
        found.add(str(parsed))
        if parsed.digest and parsed.tag:
            found.add(f"{parsed.registry}/{parsed.repository}:{parsed.tag}")
    return found


def _since(image: Mapping[str, Any]) -> float:
    """When the image came to the host under its last name; when it was made, where Docker doesn't know."""
    metadata = image.get("Metadata") or {}
    tagged = str(metadata.get("LastTagTime") or _NEVER)
    text = str(image.get("Created") or "") if tagged.startswith(_NEVER) else tagged
    return datetime.fromisoformat(re.sub(r"(\.\d{1,6})\d*", r"\1", text)).timestamp()


def _age(text: Value) -> int:
    number, unit = str(text)[:-1], str(text)[-1:]
    return int(number) * _UNITS[unit]


def _shown(size: int) -> str:
    return f"{size / 1_000_000:.1f}MB"
