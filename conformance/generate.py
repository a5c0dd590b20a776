"""Random scenarios: the same seed, the same scenario."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from string import ascii_lowercase
from typing import Any

from conformance.callbacks import HOOKS, ON_ERROR, TRANSFORMS
from conformance.scenario import Expression, Kind, Model, Node, Operation, Scenario, Verb

MOST_NODES = 7
KEYS = ("v", "v", "v", "w", "r", "d", "m", "t")
"""By its first letter a key replaces (r), replaces and deletes first (d), or updates."""
PREFIXES = {
    Kind.CUSTOM: "n",
    Kind.COMPONENT: "g",
    Kind.PROVIDER: "p",
    Kind.READ: "f",
    Kind.DYNAMIC: "y",
}
FIRST_KINDS = (Kind.CUSTOM,) * 9 + (Kind.COMPONENT,) * 3 + (Kind.PROVIDER,) * 2 + (Kind.READ,)
FAULTS = (*("create", "update") * 4, *("delete",) * 3, "diff")
THEMES = ("hooks", "imports", "parts", "transforms", "versions")
"""What most scenarios do without: hooks, imports, every command on parts of a stack, …"""


def scenario_of(seed: str) -> Scenario:
    """The scenario of a seed; one like `hooks-5/7` has that theme for certain."""
    random = Random(seed)
    named = seed.partition("-")[0]
    themes = {theme for theme in THEMES if theme == named or random.random() < 0.1}
    return Author(random, frozenset(themes)).scenario(seed)


@dataclass
class Author:
    """Makes up programs and what is done with them."""

    random: Random
    themes: frozenset[str] = frozenset()
    nodes: list[Node] = field(default_factory=list)
    exports: dict[str, Expression] = field(default_factory=dict)
    named: int = 0
    dynamic: bool = False
    begun: set[str] = field(default_factory=set)
    arriving: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    transforms: tuple[str, ...] = ()

    def scenario(self, title: str) -> Scenario:
        """From an empty stack on."""
        self.dynamic = self._chance(0.1)
        for _ in range(self.random.randint(1, MOST_NODES - 2)):
            self._add()
        calm = self._chance(0.8)
        operations = [self._operation(Verb.UP, calm=calm)]
        # Tomo refuses the name of what a failed run may not have made.
        self.begun = {node.name for node in self.nodes} if calm else set()
        if self._chance(0.15):
            operations.insert(0, replace(operations[0], verb=Verb.PREVIEW, faults={}))
        for _ in range(self.random.randint(1, 4)):
            operations += self._next()
        if self._chance(0.3):
            operations.append(self._operation(Verb.DESTROY, calm=self._chance(0.6)))
        return Scenario(tuple(operations), title)

    def _next(self) -> list[Operation]:
        """A changed program and what is done with it."""
        if self._chance(0.12):
            return [self._operation(Verb.REFRESH, calm=self._chance(0.7), moved=True)]
        for _ in range(self.random.randint(0, 3)):
            self._mutate()
        up = self._operation(Verb.UP, calm=self._chance(0.65))
        if self._chance(0.3):
            return [replace(up, verb=Verb.PREVIEW, faults={}), replace(up, swapped=False)]
        return [up]

    # --- operations -----------------------------------------------------------------------------------

    def _operation(self, verb: Verb, *, calm: bool, moved: bool = False) -> Operation:
        raises = not calm and verb is Verb.UP and self._chance(0.15)
        program = Model(
            tuple(self.nodes), dict(self.exports), raises, self.transforms, hooks="hooks" in self.themes
        )
        # What has hooks is destroyed with its program.
        without = verb is Verb.REFRESH or (verb is Verb.DESTROY and "hooks" not in self.themes)
        there, self.arriving = self.arriving, {}
        stops = not calm and verb is Verb.UP and self._chance(0.4)
        operation = Operation(
            verb,
            Model() if without else program,
            stop_on_error=stops,
            faults={} if calm else self._faults(verb, stops=stops),
            lost=tuple(self._names(Kind.CUSTOM, 1)) if moved and self._chance(0.5) else (),
            edited={name: {"v": 77} for name in self._names(Kind.CUSTOM, 1)} if moved else {},
            there=there,
            swapped=self._chance(0.15),
        )
        may_be_narrow = verb in {Verb.UP, Verb.PREVIEW} or "parts" in self.themes
        return self._narrowed(operation) if self.begun and may_be_narrow and calm else operation

    def _narrowed(self, operation: Operation) -> Operation:
        """The operation about a part of the stack, sometimes; not where resources have new names."""
        often = 0.6 if "parts" in self.themes else 0.2
        if not self._chance(often) or any(node.options.get("aliases") for node in self.nodes):
            return operation
        known = [name for name in self._names(Kind.CUSTOM, 2) if name in self.begun]
        if not known:
            return operation
        named = tuple(f"**::{name}" for name in known[: self.random.randint(1, 2)])
        ways = ("targets", "targets", "excludes", "replaces")
        how = self.random.choice(ways if operation.verb in {Verb.UP, Verb.PREVIEW} else ways[:3])
        # Pulumi makes what needs a new resource that is left out, and then can't read its own state.
        old = all(node.name in self.begun for node in self.nodes)
        dependents = (how == "targets" or (how == "excludes" and old)) and self._chance(0.4)
        match how:
            case "targets":
                return replace(operation, targets=named, dependents=dependents)
            case "excludes":
                # The CLI has no --exclude-dependents for it.
                dependents = dependents and operation.verb is not Verb.DESTROY
                return replace(operation, excludes=named, dependents=dependents)
            case _:
                return replace(operation, replaces=named)

    def _faults(self, verb: Verb, *, stops: bool) -> dict[str, str]:
        """What fails.

        No deletion where that stops the run: what else of its layer goes is chance in Pulumi. Nothing in
        a refresh: Tomo doesn't ask for differences there.
        """
        faults: dict[str, str] = {}
        if verb is Verb.REFRESH:
            return faults
        for _ in range(self.random.randint(1, 2)):
            for name in self._names(Kind.CUSTOM, 1):
                call = self.random.choice([fault for fault in FAULTS if fault != "delete" or not stops])
                init = call in {"create", "update"} and self._chance(0.35)
                faults[f"{call} {name}"] = "init" if init else "fail"
        return faults

    def _names(self, kind: Kind, count: int) -> list[str]:
        names = [node.name for node in self.nodes if node.kind is kind]
        return self.random.sample(names, min(count, len(names)))

    # --- nodes ----------------------------------------------------------------------------------------

    def _add(self) -> None:
        if len(self.nodes) >= MOST_NODES:
            return
        kind = self.random.choice(FIRST_KINDS)
        if kind is Kind.READ and not self._names(Kind.CUSTOM, 1):
            kind = Kind.CUSTOM
        if self.dynamic and kind is Kind.CUSTOM and self._chance(0.5):
            kind = Kind.DYNAMIC
        at = self.random.randint(0, len(self.nodes)) if self._chance(0.3) else len(self.nodes)
        self.nodes.insert(at, self._node(kind, at))

    def _node(self, kind: Kind, at: int) -> Node:
        self.named += 1
        name = f"{PREFIXES[kind]}{ascii_lowercase[self.named % 26]}{'x' * (self.named // 26)}"
        node = Node(name, kind)
        if kind is Kind.READ:
            made = [n.name for n in self.nodes[:at] if n.kind is Kind.CUSTOM]
            there = bool(made) and not self._chance(0.1)
            node = replace(node, id={"ref": f"{self.random.choice(made)}.rid"} if there else "nothing there")
        elif kind is Kind.PROVIDER:
            node = replace(node, inputs={"region": self.random.choice(("one", "two"))})
        else:
            keys = self.random.sample(KEYS, self.random.randint(0 if kind is Kind.COMPONENT else 1, 3))
            node = replace(node, inputs={key: self._expression(at) for key in keys})
            if kind is Kind.CUSTOM and self._chance(0.12):
                node = replace(node, inputs={**node.inputs, "mode": self.random.choice(("vague", "terse"))})
        if kind is Kind.COMPONENT and self._chance(0.5):
            node = replace(node, outputs={"given": self._expression(at)})
        for _ in range(self.random.choice((0, 0, 1, 1, 2, 3))):
            node = self._with_option(node, at)
        if "imports" in self.themes and kind is Kind.CUSTOM and self._chance(0.4):
            node = self._importing(node)
        return node

    def _importing(self, node: Node) -> Node:
        """The node as it takes in what exists: as it is declared, otherwise, or not at all."""
        self.named += 1
        id_ = f"{node.name}-{900 + self.named}"
        inputs = {key: self._literal() for key in node.inputs}
        there = {**inputs, "auto": f"{node.name}-0123456"}
        roll = self.random.random()
        if roll < 0.35:
            there[self.random.choice(KEYS)] = self._literal()
        if roll < 0.9:
            self.arriving[id_] = there
        return replace(node, inputs=inputs, options={**node.options, "import_": id_})

    def _expression(self, at: int, deep: int = 0) -> Expression:
        made = [n.name for n in self.nodes[:at] if n.kind in {Kind.CUSTOM, Kind.READ, Kind.DYNAMIC}]
        roll = self.random.random()
        if roll < 0.4 and made:
            return {"ref": f"{self.random.choice(made)}.{self.random.choice(('rid', 'out'))}"}
        if roll < 0.5:
            return {"secret": self._expression(at, deep + 1)}
        if roll < 0.6 and deep < 2:
            return [self._expression(at, deep + 1) for _ in range(self.random.randint(0, 2))]
        if roll < 0.7 and deep < 2:
            return {key: self._expression(at, deep + 1) for key in self.random.sample(("k", "a.b", "n"), 2)}
        return self._literal()

    def _literal(self) -> Expression:
        return self.random.choice((1, 2, 3, "one", "two", True, 0.5, ""))

    # --- options --------------------------------------------------------------------------------------

    def _with_option(self, node: Node, at: int) -> Node:
        themed = {name: give for theme in sorted(self.themes) for name, give in THEMED.get(theme, {}).items()}
        options = themed if themed and self._chance(0.5) else OPTIONS
        name = self.random.choice(sorted(options))
        value = options[name](self, node, at)
        return node if value is None else replace(node, options={**node.options, name: value})

    def _earlier(self, at: int, *kinds: Kind) -> str | None:
        names = [node.name for node in self.nodes[:at] if node.kind in kinds]
        return self.random.choice(names) if names else None

    def _earlier_all(self, at: int, *kinds: Kind) -> list[str] | None:
        names = [node.name for node in self.nodes[:at] if node.kind in kinds]
        return sorted(self.random.sample(names, min(len(names), self.random.randint(1, 2)))) or None

    # --- changes --------------------------------------------------------------------------------------

    def _mutate(self) -> None:
        self.random.choice(MUTATIONS)(self)

    def _change_input(self) -> None:
        for at, node in self._any(Kind.CUSTOM, Kind.COMPONENT, Kind.DYNAMIC, Kind.PROVIDER):
            if node.kind is Kind.PROVIDER:
                inputs: dict[str, Any] = {"region": self.random.choice(("one", "two", "three"))}
            else:
                key = self.random.choice([*node.inputs, *KEYS])
                inputs = {**node.inputs, key: self._expression(at)}
                if self._chance(0.1):
                    del inputs[key]
            self.nodes[at] = replace(node, inputs=inputs)

    def _remove(self) -> None:
        if len(self.nodes) > 1:
            gone = self.nodes.pop(self.random.randrange(len(self.nodes)))
            self.nodes = [without(node, gone.name) for node in self.nodes]
            self.exports = {k: _freed(v, gone.name) for k, v in self.exports.items()}

    def _change_option(self) -> None:
        for at, node in self._any(*Kind):
            if node.options and self._chance(0.4):
                dropped = self.random.choice(sorted(node.options))
                options = {k: v for k, v in node.options.items() if k != dropped}
                self.nodes[at] = replace(node, options=options)
            else:
                self.nodes[at] = self._with_option(node, at)

    def _rename(self) -> None:
        for at, node in self._any(Kind.CUSTOM, Kind.COMPONENT):
            self.named += 1
            name = f"{node.name[0]}{ascii_lowercase[self.named % 26]}{'x' * (self.named // 26)}"
            options = {**node.options, "aliases": [{"name": node.name}]}
            self.nodes[at] = replace(node, name=name, options=options)
            self.nodes = [renamed(each, node.name, name) for each in self.nodes]
            self.exports = {k: _renamed(v, node.name, name) for k, v in self.exports.items()}

    def _reparent(self) -> None:
        for at, node in self._any(Kind.CUSTOM, Kind.COMPONENT):
            options = {k: v for k, v in node.options.items() if k not in {"parent", "aliases"}}
            before, after = node.options.get("parent"), self._earlier(at, Kind.COMPONENT)
            if after is not None and after != before:
                options["parent"] = after
            if options.get("parent") != before:
                options["aliases"] = [{"parent": before}]
            self.nodes[at] = replace(node, options=options)

    def _hand_over(self) -> None:
        """What the stack made is only read from now on, or the other way round."""
        for at, node in self._any(Kind.CUSTOM, Kind.READ):
            options = {k: v for k, v in node.options.items() if k in {"parent", "depends_on", "provider"}}
            if node.kind is Kind.READ:
                own = Node(node.name, Kind.CUSTOM, {"v": self._expression(at)}, options)
                self.nodes[at] = own
            elif another := self._earlier(at, Kind.CUSTOM):
                self.nodes = [_outliving(each, node.name) for each in self.nodes]
                self.nodes[at] = Node(node.name, Kind.READ, {}, options, {"ref": f"{another}.rid"})

    def _import(self) -> None:
        """Something is taken in from now on, or something else than before."""
        for at, node in self._any(Kind.CUSTOM):
            if "imports" in self.themes:
                self.nodes[at] = self._importing(node)

    def _change_transforms(self) -> None:
        if "transforms" in self.themes:
            self.transforms = () if self._chance(0.4) else (self.random.choice(sorted(TRANSFORMS)),)

    def _export(self) -> None:
        self.exports[self.random.choice(("one", "two"))] = self._expression(len(self.nodes))

    def _any(self, *kinds: Kind) -> Sequence[tuple[int, Node]]:
        found = [(at, node) for at, node in enumerate(self.nodes) if node.kind in kinds]
        return [self.random.choice(found)] if found else []

    def _chance(self, share: float) -> bool:
        return self.random.random() < share


MUTATIONS: tuple[Callable[[Author], None], ...] = (
    *[Author._change_input] * 6,
    *[Author._change_option] * 4,
    *[Author._add] * 2,
    *[Author._remove] * 2,
    Author._rename,
    Author._reparent,
    Author._hand_over,
    Author._export,
    Author._import,
    Author._change_transforms,
)


def _one_provider(author: Author, at: int) -> list[str] | None:
    """Several of one package would be the program's mistake."""
    found = author._earlier(at, Kind.PROVIDER)
    return [found] if found else None


def _no_provider(kind: Kind) -> bool:
    return kind in {Kind.COMPONENT, Kind.PROVIDER, Kind.DYNAMIC}


OPTIONS: Mapping[str, Callable[[Author, Node, int], Any]] = {
    "parent": lambda a, _n, at: a._earlier(at, Kind.COMPONENT, Kind.COMPONENT, Kind.CUSTOM),
    "depends_on": lambda a, _n, at: a._earlier_all(at, Kind.CUSTOM, Kind.COMPONENT, Kind.READ),
    "provider": lambda a, n, at: None if _no_provider(n.kind) else a._earlier(at, Kind.PROVIDER),
    "providers": lambda a, n, at: _one_provider(a, at) if n.kind is Kind.COMPONENT else None,
    "protect": lambda a, _n, _at: a._chance(0.6),
    "retain_on_delete": lambda a, _n, _at: a._chance(0.7),
    "delete_before_replace": lambda a, _n, _at: a._chance(0.8),
    "ignore_changes": lambda a, n, _at: _of_custom(n, a.random.choice((["v"], ["w"], ["m.k"], ["*"], ["r"]))),
    "replace_on_changes": lambda a, n, _at: _of_custom(n, a.random.choice((["v"], ["m"], ["*"], ["m.k"]))),
    "replace_with": lambda a, n, at: _of_custom(n, a._earlier_all(at, Kind.CUSTOM)),
    "deleted_with": lambda a, n, at: _of_custom(n, a._earlier(at, Kind.CUSTOM)),
    "additional_secret_outputs": lambda a, n, _at: _of_custom(n, a.random.choice((["out"], ["v", "w"]))),
    "replacement_trigger": lambda a, n, at: _of_custom(n, a._expression(at)),
    "hide_diffs": lambda _a, n, _at: _of_custom(n, ["v"]),
    "custom_timeouts": lambda _a, n, _at: _of_custom(n, {"create": "5m", "delete": "90s"}),
}


def _hooks(author: Author, node: Node, _at: int) -> dict[str, list[str]] | None:
    if node.kind in {Kind.PROVIDER, Kind.READ}:
        return None
    kinds = author.random.sample(HOOK_KINDS, author.random.randint(1, 3))
    # Most of them agree, or little would ever be made.
    names = ("heard", "heard", "heard", "early", "early", *HOOKS)
    found = {kind: [author.random.choice(names)] for kind in kinds}
    if author._chance(0.3):
        found["on_error"] = [author.random.choice(ON_ERROR)]
    return found


def _some_transforms(author: Author, node: Node, _at: int) -> list[str] | None:
    # The SDK fails at a read by an unknown id with transformations.
    if node.kind in {Kind.PROVIDER, Kind.READ}:
        return None
    return author.random.sample(sorted(TRANSFORMS), author.random.randint(1, 2))


def _served(node: Node, value: str) -> str | None:
    return value if node.kind in {Kind.CUSTOM, Kind.READ, Kind.PROVIDER} else None


HOOK_KINDS = tuple(
    f"{when}_{what}" for what in ("create", "update", "delete") for when in ("before", "after")
)
THEMED: Mapping[str, Mapping[str, Callable[[Author, Node, int], Any]]] = {
    "hooks": {"hooks": _hooks},
    "transforms": {"transforms": _some_transforms, "transformations": _some_transforms},
    "versions": {
        "version": lambda a, n, _at: _served(n, a.random.choice(("1.0.0", "2.1.0-beta.1"))),
        "plugin_download_url": lambda _a, n, _at: _served(n, "https://example.com/plugins"),
    },
}
"""Options that come up where a scenario has their theme; imports come with what is imported."""


def _of_custom(node: Node, value: Any) -> Any:
    return value if node.kind in {Kind.CUSTOM, Kind.DYNAMIC} else None


# --- programs without a node, or with another name for it --------------------------------------------


def without(node: Node, gone: str) -> Node:
    """The node as it can stand where another is gone."""
    options = {}
    for name, value in node.options.items():
        if name == "aliases":
            options[name] = [a for a in value if not isinstance(a, Mapping) or a.get("parent") != gone]
        elif isinstance(value, list):
            options[name] = [_freed(each, gone) for each in value if each != gone]
        elif value != gone:
            options[name] = _freed(value, gone)
    kept = {name: value for name, value in options.items() if value != [] or node.options[name] == []}
    inputs = {key: _freed(value, gone) for key, value in node.inputs.items()}
    outputs = None if node.outputs is None else _freed(node.outputs, gone)
    return replace(node, inputs=inputs, options=kept, id=_freed(node.id, gone), outputs=outputs)


def _outliving(node: Node, owner: str) -> Node:
    """The node as it can stand where the stack no longer owns what it was to be deleted with."""
    if node.options.get("deleted_with") != owner:
        return node
    return replace(node, options={k: v for k, v in node.options.items() if k != "deleted_with"})


def renamed(node: Node, old: str, new: str) -> Node:
    """The node as it refers to another by its new name."""
    options = {
        name: value if name == "aliases" else _renamed_option(value, old, new)
        for name, value in node.options.items()
    }
    if "aliases" in options:
        options["aliases"] = [
            {**each, "parent": new} if isinstance(each, Mapping) and each.get("parent") == old else each
            for each in options["aliases"]
        ]
    return replace(
        node,
        inputs=_renamed(node.inputs, old, new),
        options=options,
        id=_renamed(node.id, old, new),
        outputs=_renamed(node.outputs, old, new),
    )


def _renamed_option(value: Any, old: str, new: str) -> Any:
    if isinstance(value, list):
        return [new if each == old else _renamed(each, old, new) for each in value]
    return new if value == old else _renamed(value, old, new)


def _freed(expression: Expression, gone: str) -> Expression:
    return _mapped(expression, lambda name, _output: "gone" if name == gone else None)


def _renamed(expression: Expression, old: str, new: str) -> Expression:
    return _mapped(expression, lambda name, output: {"ref": f"{new}.{output}"} if name == old else None)


def _mapped(expression: Expression, put: Callable[[str, str], Expression | None]) -> Expression:
    """The expression with something else in the place of some references."""
    if isinstance(expression, list):
        return [_mapped(each, put) for each in expression]
    if not isinstance(expression, Mapping):
        return expression
    if set(expression) == {"ref"}:
        name, _, output = expression["ref"].partition(".")
        instead = put(name, output)
        return expression if instead is None else instead
    return {key: _mapped(value, put) for key, value in expression.items()}
