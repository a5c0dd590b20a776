"""Who a run is about, where `--target`, `--exclude` or `--replace` name it (engine-spec 2.7).

Pure: it takes URNs and recorded entries and says yes or no; what follows from that is decided elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property

from tomo.errors import TargetsRefused, TomoError
from tomo.model.resource import ResourceState, needs
from tomo.model.selection import Selection
from tomo.model.urn import PROVIDER_TYPE_PREFIX, STACK_TYPE, Urn


class Patterns:
    """URNs and patterns of URNs, as Pulumi reads them."""

    def __init__(self, texts: Iterable[str]) -> None:
        every = tuple(dict.fromkeys(texts))
        self._literals = frozenset(text for text in every if "*" not in text)
        self._globs = {text: re.compile(_regex(text)) for text in every if "*" in text}
        self._every = every

    def __contains__(self, urn: str) -> bool:
        if urn in self._literals:
            return True
        return bool(self._globs) and any(glob.fullmatch(urn) for glob in self._globs.values())

    def missing(self, urns: Collection[str]) -> list[str]:
        """Those that name none of these, in the order in which they were given."""
        return [text for text in self._every if not self._matches(text, urns)]

    def _matches(self, text: str, urns: Collection[str]) -> bool:
        if text in self._literals:
            return text in urns
        return any(self._globs[text].fullmatch(urn) for urn in urns)


def _regex(glob: str) -> str:
    return ".*".join("[^:]*".join(map(re.escape, piece.split("*"))) for piece in glob.split("**"))


class Targets:
    """The answers for one run over one recorded state; kept under the run's lock.

    `skipped` are new resources that were not made, each with those of them it needs. `carried` are those
    that the program had not declared when one that stays as it is took them along. `left_out` is everything
    that was left alone.
    """

    def __init__(self, selection: Selection, recorded: Sequence[ResourceState]) -> None:
        self.selection = selection
        self._recorded = recorded
        self._excluding = not selection.targets
        self._named = Patterns(selection.targets or selection.excludes)
        self._replaces = Patterns(selection.replaces)
        self._marked: set[Urn] = set()
        self.skipped: dict[Urn, tuple[Urn, ...]] = {}
        self.carried: dict[Urn, Urn] = {}
        self.left_out: list[Urn] = []

    # --- registrations --------------------------------------------------------------------------------

    def includes(self, urn: Urn, needed: Iterable[Urn]) -> bool:
        """Whether a registered resource is concerned; asked in the order of registration.

        The stack and providers always are, but for a provider of something that is not made.
        """
        if not self.selection.is_partial:
            return True
        below = set(needed)
        marked = self._is_marked(urn, below)
        if _is_implicit(urn):
            if marked and not self._excluding:
                self._marked.add(urn)
            return below.isdisjoint(self.skipped.keys())
        if marked:
            self._marked.add(urn)
        return marked is not self._excluding

    def skip(self, urn: Urn, needed: Iterable[Urn]) -> None:
        """Notes a new resource that is not made."""
        self.skipped[urn] = tuple(dict.fromkeys(each for each in needed if each in self.skipped))

    def refuse_unmade(self, urn: Urn, needed: Iterable[Urn]) -> TomoError | None:
        """The refusal of a chosen resource that needs new ones which are not made; None where it doesn't."""
        found: dict[Urn, None] = {}
        waiting = [each for each in needed if each in self.skipped] if self.skipped else []
        while waiting:
            each = waiting.pop()
            if each not in found:
                found[each] = None
                waiting += self.skipped[each]
        missing = [each for each in self.skipped if each in found and not _is_implicit(each)]
        return _needs_unmade(urn, missing, excluded=self._excluding) if found else None

    def replaces(self, urn: Urn) -> bool:
        """Whether `--replace` names a resource."""
        return urn in self._replaces

    def deletes(self, urn: Urn) -> bool:
        """Whether a recorded resource would be deleted if the program no longer declared it."""
        return (urn in self._named) is not self._excluding

    def _is_marked(self, urn: Urn, below: Iterable[Urn]) -> bool:
        """Whether a resource is named or, where that is asked for, needs one that is."""
        if urn in self._named:
            return True
        return self._with_dependents and any(each in self._marked or each in self._named for each in below)

    @property
    def _with_dependents(self) -> bool:
        asked = self.selection
        return asked.exclude_dependents if self._excluding else asked.target_dependents

    # --- what is named and isn't there ----------------------------------------------------------------

    def refuse_unknown_replaces(self) -> TomoError | None:
        """The refusal of a `--replace` of what the state doesn't hold."""
        return self._unknown("--replace", self._replaces, ())

    def refuse_unknown(self, registered: Iterable[Urn] = ()) -> TomoError | None:
        """The refusal of a name that neither the state nor the program has; None where all are known.

        Pulumi lets an exclude pass that names nothing. Here it might be what was to be spared.
        """
        return self._unknown("--exclude" if self._excluding else "--target", self._named, registered)

    def _unknown(self, option: str, named: Patterns, registered: Iterable[Urn]) -> TomoError | None:
        missing = named.missing({*(entry.urn for entry in self._recorded), *registered})
        if not missing:
            return None
        hint = "`tomo state export` has all URNs"
        if missing[0].startswith("urn:") and "$" not in missing[0]:
            hint = "a shell takes `$…` out of a URN: put it in single quotes; " + hint
        # A plain name stands for any resource that ends in it; people see what they typed.
        typed = missing[0].removeprefix("**::")
        return TargetsRefused(f"`{option} {typed}` names no resource of this stack", hint=hint)

    # --- looking --------------------------------------------------------------------------------------

    def in_view(self, entry: ResourceState) -> bool:
        """Whether a recorded entry is looked at."""
        return self._view is None or entry.urn in self._view

    @cached_property
    def _view(self) -> frozenset[Urn] | None:
        """What a look is about: as a refresh of Pulumi, dependents by all but their provider."""
        if not self.selection.is_partial:
            return None
        marked: set[Urn] = set()
        for entry in self._recorded:
            below = {*needs(entry), entry.parent} - {entry.provider_urn}
            if entry.urn in self._named or (self._with_dependents and not marked.isdisjoint(below)):
                marked.add(entry.urn)
        every = {entry.urn for entry in self._recorded}
        return frozenset(every - marked if self._excluding else marked)

    # --- deleting -------------------------------------------------------------------------------------

    def may_go(
        self, condemned: Sequence[ResourceState], renamed: Iterable[tuple[Urn, Urn]] = ()
    ) -> tuple[list[ResourceState], TomoError | None]:
        """Those of the condemned that are to go, and the refusal where one of them would have to be named.

        `renamed` are earlier and present URNs of what this run has renamed.
        """
        if not self.selection.is_partial:
            return list(condemned), None
        closure = set(self._kept() if self._excluding else self._doomed())
        closure.update(now for before, now in renamed if before in closure)
        going = [entry for entry in condemned if (entry.urn in closure) is not self._excluding]
        chosen = {id(entry) for entry in going}
        self.left_out += [each.urn for each in condemned if id(each) not in chosen and not each.delete]
        if self._excluding or self.selection.target_dependents:
            return going, None
        unnamed = [entry.urn for entry in going if entry.urn not in self._named]
        return going, _unnamed(unnamed) if unnamed else None

    def _doomed(self) -> set[Urn]:
        """The named, and whatever needs them or lives below them: a state's order has that afterwards."""
        doomed: set[Urn] = set()
        for entry in self._recorded:
            if entry.urn in self._named or entry.parent in doomed or any(u in doomed for u in needs(entry)):
                doomed.add(entry.urn)
        return doomed

    def _kept(self) -> set[Urn]:
        """The excluded and whatever they need."""
        if self.selection.exclude_dependents:
            return self._connected()
        kept: set[Urn] = set()
        components = _Components(self._recorded)
        for index in reversed(range(len(self._recorded))):
            entry = self._recorded[index]
            if entry.urn in kept or entry.urn in self._named:
                kept.add(entry.urn)
                for urn in set(needs(entry)):
                    kept.add(urn)
                    kept.update(components.opened(urn, before=index))
                if entry.parent:
                    kept.add(entry.parent)
        return kept

    def _connected(self) -> set[Urn]:
        """The excluded, what they need, what needs any of that, and so on; a parent counts as needed.

        As in Pulumi. All below one stack hangs together, so where one of its entries is excluded with its
        dependents, nothing is deleted.
        """
        beside: dict[Urn, set[Urn]] = {}
        for entry in self._recorded:
            for urn in {*needs(entry), *((entry.parent,) if entry.parent else ())}:
                beside.setdefault(entry.urn, set()).add(urn)
                beside.setdefault(urn, set()).add(entry.urn)
        kept: set[Urn] = set()
        waiting = [entry.urn for entry in self._recorded if entry.urn in self._named]
        while waiting:
            urn = waiting.pop()
            if urn not in kept:
                kept.add(urn)
                waiting += beside.get(urn, ())
        return kept & {entry.urn for entry in self._recorded if not entry.delete}


class _Components:
    """What stands below components: a dependency on one means one on the children that stand before."""

    def __init__(self, recorded: Sequence[ResourceState]) -> None:
        self._recorded = recorded
        self._children: dict[Urn, list[int]] = {}
        self._closed = {entry.urn for entry in recorded if not entry.custom}
        for index, entry in enumerate(recorded):
            if entry.parent:
                self._children.setdefault(entry.parent, []).append(index)

    def opened(self, urn: Urn, before: int) -> Iterator[Urn]:
        """What stands below a component and before a place; told once, so ask for the last place first."""
        if urn not in self._closed:
            return
        self._closed.discard(urn)
        waiting = [urn]
        while waiting:
            for index in self._children.get(waiting.pop(), ()):
                waiting.append(self._recorded[index].urn)
                if index < before:
                    yield self._recorded[index].urn


def _is_implicit(urn: Urn) -> bool:
    """Whether a resource takes part in every run: the stack and providers, nothing by themselves."""
    return urn.type == STACK_TYPE or urn.type.startswith(PROVIDER_TYPE_PREFIX)


# --- refusals -------------------------------------------------------------------------------------------


def _needs_unmade(urn: Urn, missing: Sequence[Urn], *, excluded: bool) -> TomoError:
    names = list(dict.fromkeys(each.name for each in missing))
    some = ", ".join(f"`{name}`" for name in _few(names))
    state = "does not exist yet and is" if len(names) == 1 else "do not exist yet and are"
    named = " ".join(f"--target '{name}'" for name in names[:_MOST_NAMES])
    hint = f"exclude `{urn.name}` as well" if excluded else f"name what it needs as well: {named}"
    return TargetsRefused(f"`{urn.name}` needs {some}, which {state} left out", hint=hint)


def provider_moved(urn: Urn, provider: Urn) -> TomoError:
    """The refusal of one that stays as it is while the program no longer has its provider."""
    return TargetsRefused(
        f"`{urn.name}` is left out, but its provider `{provider.name}` ({provider.type}) is no longer what "
        "the program declares",
        hint="apply once without `--target` or `--exclude`, or go back to the former provider",
    )


def still_needed(urn: Urn, by: Urn) -> TomoError:
    """The refusal of one that is to change while another, left out, needs it as it was recorded before."""
    return TargetsRefused(
        f"`{by.name}` is left out and, as recorded, needs `{urn.name}`, which the program declares after it",
        hint=f"name it as well: --target '{by}'",
    )


def _unnamed(urns: Sequence[Urn]) -> TomoError:
    names = ", ".join(f"`{name}`" for name in _few([urn.name for urn in dict.fromkeys(urns)]))
    return TargetsRefused(
        f"what is named can't be deleted without {names}, which depends on it",
        hint=f"add `--target-dependents`, or name each as well: --target '{urns[0]}'",
    )


_MOST_NAMES = 5


def _few(names: Sequence[str]) -> Iterator[str]:
    yield from names[:_MOST_NAMES]
    if len(names) > _MOST_NAMES:
        yield f"and {len(names) - _MOST_NAMES} more"
