"""Names of resources, as Pulumi writes them (engine-spec 1.1)."""

from __future__ import annotations

STACK_TYPE = "pulumi:pulumi:Stack"
PROVIDER_TYPE_PREFIX = "pulumi:providers:"
_PREFIX = "urn:pulumi:"


class Urn(str):
    """`urn:pulumi:<stack>::<project>::<qualified type>::<name>`; the name may hold `::` itself."""

    __slots__ = ()

    @classmethod
    def make(cls, stack: str, project: str, parent: Urn | None, type_: str, name: str) -> Urn:
        """The URN of a resource; the root stack as parent contributes no type."""
        qualified = type_
        if parent is not None and parent.type != STACK_TYPE:
            qualified = f"{parent.qualified_type}${type_}"
        return cls(f"{_PREFIX}{stack}::{project}::{qualified}::{name}")

    @classmethod
    def stack_urn(cls, stack: str, project: str) -> Urn:
        """The URN of the root stack resource."""
        return cls.make(stack, project, None, STACK_TYPE, f"{project}-{stack}")

    @property
    def is_valid(self) -> bool:
        """Whether the text has the prefix and all four parts."""
        return self.startswith(_PREFIX) and len(self.split("::", 3)) == 4  # noqa: PLR2004

    @property
    def stack(self) -> str:
        """The stack's name."""
        return self.split("::", 3)[0].removeprefix(_PREFIX)

    @property
    def project(self) -> str:
        """The project's name."""
        return self.split("::", 3)[1]

    @property
    def qualified_type(self) -> str:
        """The resource's type with its parents' types before it, joined by `$`."""
        return self.split("::", 3)[2]

    @property
    def type(self) -> str:
        """The resource's own type."""
        return self.split("::", 3)[2].rsplit("$", 1)[-1]

    @property
    def name(self) -> str:
        """The resource's name in the program."""
        return self.split("::", 3)[3]


def provider_ref(urn: str, id_: str) -> str:
    """The reference `<provider URN>::<id>` that resources carry."""
    return f"{urn}::{id_}"


def split_provider_ref(ref: str) -> tuple[Urn, str]:
    """The provider's URN and id; split at the last `::`, as a name may hold that itself."""
    urn, _, id_ = ref.rpartition("::")
    return Urn(urn), id_


def package_of(type_: str) -> str:
    """The package that serves a type: `docker` of `docker:index/container:Container`.

    A provider resource belongs to the package it provides.
    """
    if type_.startswith(PROVIDER_TYPE_PREFIX):
        return type_.removeprefix(PROVIDER_TYPE_PREFIX)
    return type_.split(":", 1)[0]
