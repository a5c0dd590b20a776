"""Which image names may go into a request to a registry."""

from __future__ import annotations

import re
from typing import Final

from tomo.errors import UsageError
from tomo.model.image import ImageName
from tomo.spec.shown import shown

_HOST: Final = r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\]"
_REGISTRY: Final = re.compile(rf"(?:{_HOST})(?::[0-9]{{1,5}})?")
_PART: Final = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REPOSITORY: Final = re.compile(rf"{_PART}(?:/{_PART})*")
TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_LONGEST: Final = 255


def askable(text: str) -> ImageName:
    """The parts of a name that a registry can be asked for; raises UsageError for any other text."""
    found = ImageName.parse(text)
    name, at, _ = text.partition("@")
    fits = (
        _REGISTRY.fullmatch(found.registry)
        and _REPOSITORY.fullmatch(found.repository)
        and len(found.repository) <= _LONGEST
        and (not found.tag or TAG.fullmatch(found.tag))
        and (not at or DIGEST.fullmatch(found.digest))
        and not name.endswith(":")
    )
    if not fits:
        raise UsageError(f"`{shown(text)}` is not an image's name", hint="such as `nginx:1.30.4`")
    return found
