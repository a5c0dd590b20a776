"""Small notations of Docker's: durations, sizes, image names, capabilities, bind texts."""

from __future__ import annotations

import re
from typing import Final

from tomo.model.image import ImageName
from tomo.model.values import Value

MIB: Final = 1024 * 1024
_DURATION: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_NANOSECONDS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_DIGEST: Final = re.compile(r"(?:sha256:)?[0-9a-f]{64}")


def nanoseconds(text: str) -> int | None:
    """A Go duration such as `1m30s`; None where it is none."""
    if text in {"0", ""}:
        return 0
    if not text or _DURATION.sub("", text):
        return None
    return round(sum(float(number) * _NANOSECONDS[unit] for number, unit in _DURATION.findall(text)))


def duration(value: int) -> str:
    """Nanoseconds as Go writes them: `0s`, `5s`, `1m30s`, `500ms`."""
    if value == 0:
        return "0s"
    if value < _NANOSECONDS["s"]:
        unit = next(unit for unit in ("ms", "us", "ns") if value % _NANOSECONDS[unit] == 0)
        return f"{value // _NANOSECONDS[unit]}{unit}"
    seconds, rest = divmod(value, _NANOSECONDS["s"])
    hours, minutes, seconds = seconds // 3600, seconds // 60 % 60, seconds % 60
    fraction = f"{rest / _NANOSECONDS['s']:.9f}"[1:].rstrip("0").rstrip(".")
    head = f"{hours}h{minutes}m" if hours else (f"{minutes}m" if minutes else "")
    return f"{head}{seconds}{fraction}s"


def same_duration(value: Value) -> Value:
    """A duration's meaning: its nanoseconds; zero says nothing."""
    found = nanoseconds(str(value))
    return value if found is None else found


def same_capability(value: Value) -> Value:
    """A capability's meaning: upper case, without `CAP_`."""
    return str(value).upper().removeprefix("CAP_")


def same_address(value: Value) -> Value:
    """An address to listen on; every notation of all of them says nothing."""
    return "" if value in {"0.0.0.0", "::", "*"} else value  # noqa: S104  # compared, not bound


def is_image_id(text: str) -> bool:
    """Whether the text is an image's id and no name."""
    return _DIGEST.fullmatch(text) is not None


def same_image(value: Value) -> Value:
    """An image's meaning: the id with its prefix, or the name in full."""
    text = str(value)
    if is_image_id(text):
        return text if text.startswith("sha256:") else f"sha256:{text}"
    return str(ImageName.parse(text)) if text else text
