"""Version ranges of `pulumi.require_pulumi_version`, in the syntax of the CLI."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Final

from tomo.errors import NotSupported, ProgramFailed

PULUMI_VERSION: Final = (3, 250, 0)
"""The CLI whose behaviour the embedded engine has; SDK features it lacks are refused one by one."""

Version = tuple[int, int, int]

_TERM: Final = re.compile(r"(>=|<=|==|!=|>|<|=|!)?\s*v?(\d+)(?:\.(\d+|x))?(?:\.(\d+|x))?")
_COMPARE: Final[dict[str, Callable[[Version, Version], bool]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
    "=": operator.eq,
    "": operator.eq,
    "!=": operator.ne,
    "!": operator.ne,
}


def require(wanted: str, version: Version = PULUMI_VERSION) -> None:
    """Raises NotSupported where `version` is outside of the range."""
    if any(_all_hold(alternative, wanted, version) for alternative in wanted.split("||")):
        return
    shown = ".".join(map(str, version))
    raise NotSupported(
        f"the program requires Pulumi `{wanted}`, and this engine behaves as Pulumi {shown}",
        hint="change the range given to pulumi.require_pulumi_version",
    )


def _all_hold(alternative: str, wanted: str, version: Version) -> bool:
    rest = _TERM.sub("", alternative)
    terms = _TERM.findall(alternative)
    if rest.strip() or not terms:
        raise ProgramFailed(
            f"`{wanted}` is not a version range", hint="write it like >=3.100.0 or >=3.0.0 <4.0.0"
        )
    return all(_holds(compare, parts, version) for compare, *parts in terms)


def _holds(compare: str, parts: list[str], version: Version) -> bool:
    given = [int(part) for part in parts if part and part != "x"]
    if len(given) < len(version) and compare in {"", "=", "==", "!", "!="}:
        inside = list(version[: len(given)]) == given
        return inside != compare.startswith("!")
    padded = (*given, 0, 0)[:3]
    return _COMPARE[compare](version, (padded[0], padded[1], padded[2]))
