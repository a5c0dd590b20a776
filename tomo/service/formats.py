"""What the files that people write may hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tomo.errors import UsageError
from tomo.frozen import frozen
from tomo.service.effect import Effect


@frozen
class FormatRequest:
    """Which file: `fleet`, `app` or `policy`."""

    effect: ClassVar[Effect] = Effect.READ
    name: str


@frozen
class DescribedFormat:
    """Every field in Markdown for people, and as a JSON Schema (2020-12) for editors."""

    reference: str
    schema: Mapping[str, Any]


class Formats:
    """The use case that describes a file's format."""

    def describe(self, request: FormatRequest) -> DescribedFormat:
        """The reference and the schema of a format; raises UsageError for an unknown one."""
        from tomo.spec import reference, schema  # noqa: PLC0415  # builds every model, which takes long

        match request.name:
            case "fleet":
                return DescribedFormat(reference.fleet_reference(), schema.fleet_schema())
            case "app":
                return DescribedFormat(reference.app_reference(), schema.app_schema())
            case "policy":
                return DescribedFormat(reference.policy_reference(), schema.policy_schema())
        raise UsageError(f"there is no format `{request.name}`", hint="say `fleet`, `app` or `policy`")
