"""Random programs: resources with every option the engine knows, each after what it needs."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from hypothesis import strategies as st

from tomo.testing.lifecycle import Handle, Program

NAMES = tuple("abcdefg")


@dataclass(frozen=True)
class Part:
    """One resource. `needs`, `under` and `feeds` hold names that are used where they stand before it."""

    name: str
    component: bool = False
    value: int = 0
    replacing: int = 0
    first: int = 0
    feeds: tuple[tuple[str, str], ...] = ()
    needs: tuple[str, ...] = ()
    under: str = ""
    provider: str = ""
    protect: bool = False
    retain: bool = False
    delete_first: bool | None = None
    deleted_with: str = ""
    replace_with: str = ""


@dataclass(frozen=True)
class Parts:
    """A program, as data that can be printed, changed and run."""

    parts: tuple[Part, ...]
    regions: tuple[int, int] = (0, 0)

    @property
    def names(self) -> set[str]:
        return {part.name for part in self.parts}

    def __call__(self, p: Program) -> None:
        providers = {
            name: p.provider(name, {"region": region})
            for name, region in zip(("left", "right"), self.regions, strict=True)
            if any(part.provider == name for part in self.parts)
        }
        made: dict[str, Handle] = {}
        for part in self.parts:
            made[part.name] = _declared(p, part, made, providers)
        p.export(names=sorted(made))


def _declared(p: Program, part: Part, made: dict[str, Handle], providers: dict[str, str]) -> Handle:
    options: dict[str, object] = {
        "needs": [made[name] for name in part.needs if name in made],
        "protect": part.protect or None,
    }
    components = {name: handle for name, handle in made.items() if handle.urn.type == "my:mod:Comp"}
    if part.under in components:
        options["under"] = components[part.under]
    if part.component:
        return p.component(part.name, **options)
    if part.provider:
        options["provider"] = providers[part.provider]
    if part.replace_with in made:
        options["replace_with"] = (made[part.replace_with].urn,)
    options["retain_on_delete"] = part.retain or None
    options["delete_before_replace"] = part.delete_first
    inputs: dict[str, object] = {"v": part.value, "r": part.replacing, "d": part.first}
    if part.deleted_with in made and part.deleted_with not in components:
        options["deleted_with"] = made[part.deleted_with].urn
        inputs["within"] = made[part.deleted_with].out("rid")
    for name, key in part.feeds:
        if name in made and name not in components:
            inputs[f"{key}_{name}"] = made[name].out("rid" if key != "v" else "out")
    return p.res(part.name, inputs, **options)


def _some(names: tuple[str, ...]) -> st.SearchStrategy[str]:
    return st.sampled_from(("", *names))


@st.composite
def programs(draw: Callable) -> Parts:
    """Programs of up to six resources, in an order drawn as well."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=6, unique=True))
    few = st.integers(0, 1)
    rarely = st.sampled_from((False, False, False, True))
    parts = []
    for index, name in enumerate(names):
        before = tuple(names[:index])
        feeds = st.tuples(st.sampled_from(before or ("-",)), st.sampled_from(("v", "r", "d")))
        parts.append(
            Part(
                name,
                component=name in "ag",
                value=draw(few),
                replacing=draw(few),
                first=draw(few),
                feeds=tuple(draw(st.lists(feeds, max_size=2, unique=True))),
                needs=tuple(draw(st.lists(st.sampled_from(before or ("-",)), max_size=1))),
                under=draw(_some(before)),
                provider=draw(st.sampled_from(("", "", "left", "right"))),
                protect=draw(rarely),
                retain=draw(rarely),
                delete_first=draw(st.sampled_from((None, None, True, False))),
                deleted_with=draw(_some(before)) if draw(rarely) else "",
                replace_with=draw(_some(before)) if draw(rarely) else "",
            )
        )
    return Parts(tuple(parts), (draw(few), draw(few)))


def unprotected(program: Parts) -> Parts:
    return replace(program, parts=tuple(replace(part, protect=False) for part in program.parts))
