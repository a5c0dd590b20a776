"""What declarations get from one another: children, inherited options, and what each must wait for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field

from tomo.errors import ProgramFailed
from tomo.frozen import frozen
from tomo.model.declaration import Declaration, Key, OutputRef, references
from tomo.model.urn import PROVIDER_TYPE_PREFIX, package_of
from tomo.model.values import Value, is_plain

_TYPE_PARTS = 3
_NOTHING: frozenset[Key] = frozenset()


@frozen
class Place:
    """One declaration with what it inherits: the SDK hands protection and providers down to children."""

    declaration: Declaration
    protect: bool | None
    providers: Mapping[str, Key]
    children: list[Key] = field(default_factory=list)

    @property
    def provider(self) -> Key | None:
        """The provider that serves a custom resource; None for the default one."""
        package = _package(self.declaration.type)
        return self.providers.get(package) if self.declaration.custom and package else None


class StackGraph:
    """All declarations of a stack, by key, in their order."""

    def __init__(self, declarations: Iterable[Declaration]) -> None:
        self.places: dict[Key, Place] = {}
        self._customs: dict[Key, tuple[Key, ...]] = {}
        self._inputs_read: dict[Key, dict[str, frozenset[Key]]] = {}
        for declaration in declarations:
            self._add(declaration)

    def place(self, key: Key, asked_by: Key = "") -> Place:
        """The declaration of that key; raises ProgramFailed where there is none."""
        try:
            return self.places[key]
        except KeyError:
            who = f"`{asked_by}` refers to" if asked_by else "the stack's outputs refer to"
            raise ProgramFailed(f"{who} `{key}`, which is not declared") from None

    def needs(self, key: Key) -> set[Key]:
        """What must be answered before a declaration can be registered."""
        place = self.places[key]
        declaration = place.declaration
        read = {item for keys in self.inputs_read(key).values() for item in keys}
        needed = read | self.dependencies((*read, *declaration.depends_on), key)
        needed.update(item for item in (declaration.parent, declaration.deleted_with, place.provider) if item)
        return needed if declaration.custom else needed | set(place.providers.values())

    def inputs_read(self, key: Key) -> Mapping[str, frozenset[Key]]:
        """For each input the resources whose outputs it holds; found once, as it is asked for often."""
        known = self._inputs_read.get(key)
        if known is None:
            inputs = self.places[key].declaration.inputs
            known = self._inputs_read[key] = {
                name: _NOTHING if is_plain(value) else frozenset(self.read_by(value, key)) or _NOTHING
                for name, value in inputs.items()
            }
        return known

    def done_with(self, key: Key) -> None:
        """Forgets what was found about a declaration's inputs: it is registered."""
        self._inputs_read.pop(key, None)

    def read_by(self, value: Value, key: Key = "") -> Iterator[Key]:
        """The resources whose outputs a value holds."""
        for ref in self.direct(value, key):
            yield ref.key

    def dependencies(self, keys: Iterable[Key], asked_by: Key = "") -> set[Key]:
        """The custom resources that those keys stand for; a component stands for all below it."""
        return {custom for key in keys for custom in self._custom_resources(key, asked_by)}

    def direct(self, value: Value, key: Key = "") -> Iterator[OutputRef]:
        """The references in a value, with those to a component's outputs followed to their ends."""
        for ref in references(value):
            inner = self.component_output(ref, key)
            if inner is None:
                yield ref
            else:
                yield from self.direct(inner[0], ref.key)

    def component_output(self, ref: OutputRef, asked_by: Key = "") -> tuple[Value] | None:
        """What a component declares as that output, in a tuple; None for other references."""
        declaration = self.place(ref.key, asked_by).declaration
        if declaration.custom or ref.output == "urn":
            return None
        if declaration.outputs is None or ref.output not in declaration.outputs:
            raise ProgramFailed(f"the component `{ref.key}` has no output `{ref.output}`")
        return (declaration.outputs[ref.output],)

    def _custom_resources(self, key: Key, asked_by: Key) -> tuple[Key, ...]:
        place = self.place(key, asked_by)
        if place.declaration.custom:
            return (key,)
        if key not in self._customs:
            self._customs[key] = tuple(
                custom for child in place.children for custom in self._custom_resources(child, key)
            )
        return self._customs[key]

    def _add(self, declaration: Declaration) -> None:
        if declaration.key in self.places:
            raise ProgramFailed(f"`{declaration.key}` is declared twice")
        parent = None if declaration.parent is None else self.place(declaration.parent, declaration.key)
        if parent is not None:
            parent.children.append(declaration.key)
        inherited = parent.protect if parent is not None else None
        self.places[declaration.key] = Place(
            declaration,
            protect=inherited if declaration.protect is None else declaration.protect,
            providers=self._providers(declaration, parent),
        )

    def _providers(self, declaration: Declaration, parent: Place | None) -> Mapping[str, Key]:
        inherited = parent.providers if parent is not None else {}
        if declaration.provider is None:
            return inherited
        provider = self.place(declaration.provider, declaration.key).declaration
        if not provider.type.startswith(PROVIDER_TYPE_PREFIX):
            raise ProgramFailed(f"`{declaration.provider}`, the provider of `{declaration.key}`, is none")
        return {**inherited, package_of(provider.type): declaration.provider}


def _package(type_: str) -> str:
    """The package whose provider serves a type; provider resources themselves have none."""
    parts = type_.split(":")
    return parts[0] if len(parts) == _TYPE_PARTS else ""
