"""After a crash: what a run left is folded in, asked of the hosts, and told."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

from tomo.engine.recovery import Fate, Recovery, Resolved, Terms, recover
from tomo.engine.run import World
from tomo.errors import Interrupted
from tomo.frozen import frozen
from tomo.model.events import Diagnostic, Severity, Sink
from tomo.model.snapshot import OperationType
from tomo.model.urn import Urn
from tomo.service.workspace import Workspace
from tomo.state.backend import StoredStack
from tomo.state.clock import age, parse_rfc3339
from tomo.state.journal import Journal


@frozen
class Recovered:
    """The state to go on with, and what there is to tell."""

    stored: StoredStack | None
    notes: tuple[Diagnostic, ...] = ()
    unsettled: tuple[Resolved, ...] = ()


def needs_recovery(stored: StoredStack) -> bool:
    """Whether a run left something open."""
    return bool(stored.journal or stored.snapshot.pending_operations)


def recovered(
    workspace: Workspace, stored: StoredStack | None, world: World | None, terms: Terms, salt: str
) -> Recovered:
    """What an interrupted run left, settled as far as hosts can tell; written down where `terms` act.

    `salt` is what to seal with where the state has none; without a `world` there is nothing to recover.
    """
    if stored is None or world is None:
        return Recovered(stored)
    living = _living(workspace)
    if living and not terms.act:
        return Recovered(
            stored, (_note(f"a run is under way, and what it has done counts here: {living[0]}"),)
        )
    found = recover(
        stored.snapshot, world.providers, world.now, replace(terms, drift=world.drift), world.redact
    )
    lines = tuple(_lines(stored.journal, found, act=terms.act))
    if terms.act and (stored.journal or len(found.unsettled) < len(found.resolved)):
        names = workspace.project, workspace.stack
        seals = workspace.seals(stored.salt or salt, stored)
        workspace.backend.writer(*names, seals).save(found.snapshot)
        stored = workspace.stored()
    else:
        stored = replace(stored, snapshot=found.snapshot)
    return Recovered(stored, tuple(map(_note, lines)), found.unsettled)


def refuse_unsettled(found: Recovered, sink: Sink) -> None:
    """Raises Interrupted where only a person can tell what became of a creation, and tells what was found.

    Going on, it might be made twice. Where a run goes on, its plan tells.
    """
    unknown = [each for each in found.unsettled if each.fate is Fate.UNKNOWN]
    if not unknown:
        return
    for note in found.notes:
        sink(note)
    first = unknown[0]
    again, there = ways_out(first.urn)
    also = f", and {len(unknown) - 1} more" if len(unknown) > 1 else ""
    raise Interrupted(
        f"an interrupted run was making `{first.urn.name}`{also}: {first.told}",
        hint=f"to have it made again: `{again}`; if it is there: `{there}`",
        detail="\n".join(f"{each.urn}: {each.told}" for each in unknown),
    )


def ways_out(urn: Urn) -> tuple[str, str]:
    """What to type to have a creation made again, and to take it as made: by its id, but of a command."""
    id_ = "=ID" if needs_id(urn) else ""
    return f"tomo state repair --forget '{urn}'", f"tomo state repair --keep '{urn}{id_}'"


def needs_id(urn: Urn) -> bool:
    """Whether what was made has an id that only a person can tell; a command is its own."""
    return not urn.type.startswith("command:")


def refuse_unrepaired(stored: StoredStack | None) -> None:
    """Raises Interrupted where a run left something open: a plan in a file rests on a state as it stands."""
    if stored is not None and needs_recovery(stored):
        raise Interrupted(
            f"an interrupted run of `{stored.name.stack}` is not settled, so no saved plan can rest on it",
            hint="run `tomo state repair` first",
        )


def _living(workspace: Workspace) -> list[str]:
    held = workspace.backend.locks(workspace.project, workspace.stack)
    moment = time.time()
    return [lock.describe(moment) for lock in held if not lock.is_dead(moment)]


def _note(line: str) -> Diagnostic:
    return Diagnostic(Severity.WARNING, line)


def _lines(journal: Journal | None, found: Recovery, *, act: bool) -> Iterator[str]:
    if journal is not None:
        begun = parse_rfc3339(journal.head.time)
        ago = f", begun {age(time.time() - begun)} ago," if begun is not None else ""
        owner = f" by `{journal.head.owner}`" if journal.head.owner else ""
        done = "its journal is folded into the state" if act else "what its journal holds counts in this plan"
        yield f"an interrupted run{owner}{ago} left {_count(len(journal.lines))}; {done}"
    for each in found.resolved:
        foreseen = "" if act or each.fate is not Fate.UNDONE else " (by the next apply)"
        yield f"`{each.urn.name}` was being {_DOING[each.operation.type]}: {each.told}{foreseen}"
    if any(each.fate is Fate.UNKNOWN for each in found.resolved):
        yield "`tomo state repair` asks what is to become of what nothing tells about"


_DOING = {
    OperationType.CREATING: "created",
    OperationType.UPDATING: "updated",
    OperationType.DELETING: "deleted",
    OperationType.READING: "read",
    OperationType.IMPORTING: "imported",
}


def _count(lines: int) -> str:
    return f"{lines} recorded change{'s' if lines != 1 else ''}"
