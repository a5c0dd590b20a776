"""The differences from Pulumi that are on purpose, each with its reason; nothing else may differ."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from conformance.about import (
    both_failed,
    concerns,
    declared,
    goes_on,
    is_stack,
    name_of,
    names_of,
    original_only,
    with_dependents,
)
from conformance.compare import Difference, Scene, Where
from conformance.normal import hidden_otherwise, partly_secret
from conformance.scenario import Kind, Operation, Verb
from tomo.engine.registry import is_default
from tomo.model.urn import Urn


@dataclass(frozen=True)
class Allowed:
    """A difference on purpose; `follows` is the difference that is listed as on purpose, and leads to it."""

    name: str
    reason: str
    follows: str
    explains: Callable[[Difference, Scene], bool]


def explanation(difference: Difference, scene: Scene) -> Allowed | None:
    """The entry that allows a difference; None where none does."""
    return next((each for each in ALLOWED if each.explains(difference, scene)), None)


# --- the entries -------------------------------------------------------------------------------------


def _leftover_waits(difference: Difference, scene: Scene) -> bool:
    if both_failed(scene) and scene.operation.verb is Verb.DESTROY and scene.operation.program.nodes:
        return not any(step["op"].startswith(("delete", "discard")) for step in scene.mine.told)
    if not both_failed(scene) or scene.operation.verb not in {Verb.UP, Verb.PREVIEW} or not goes_on(scene):
        return False
    if difference.where is Where.ORDER or difference.where is Where.CALL_ORDER:
        return False
    condemned = {line["urn"] for line in scene.theirs.told if line["op"].startswith(("delete", "discard"))}
    condemned |= set(_left_over(scene))
    kept = condemned - {line["urn"] for line in scene.mine.told if line["op"] == "delete"}
    if difference.urn and is_default(f"{difference.urn}::id"):
        return bool(difference.theirs == "nothing")
    gone_with = {e["urn"] for e in scene.before.values() if e.get("deletedWith") in kept}
    return difference.urn in kept | gone_with


def _left_over(scene: Scene) -> Iterator[str]:
    """What Pulumi tells of and the program doesn't declare, at least not in the place that it had."""
    mine = {step["urn"] for step in scene.mine.told}
    elsewhere = {Urn(urn).name for urn in mine}
    for urn in {step["urn"] for step in scene.theirs.told} - mine:
        if Urn(urn).name not in declared(scene) - elsewhere:
            yield urn


def _after_refusal(scene: Scene) -> set[str]:
    """Names of what a program declares from the first resource on that Pulumi stopped at."""
    refused = names_of(_stopped_at(scene))
    names = [node.name for node in scene.operation.program.nodes]
    first = next((at for at, name in enumerate(names) if name in refused), len(names))
    return set(names[first:])


def _stopped_at(scene: Scene) -> frozenset[str]:
    """What Pulumi stopped the whole run for: what it refused, or a component that a hook refused."""
    ran = scene.theirs.ran
    return ran.refused | (ran.failed if "whose registration isn't pending" in ran.said else frozenset())


def _refusal_stops_dependents_only(difference: Difference, scene: Scene) -> bool:
    if not both_failed(scene) or not _stopped_at(scene):
        return False
    after = _after_refusal(scene)
    if difference.where is Where.FAILED:
        return name_of(difference) in after
    return name_of(difference) in after or is_stack(difference) or name_of(difference) not in declared(scene)


def _renamed_original(difference: Difference, scene: Scene) -> bool:
    if difference.where is Where.STATE and both_failed(scene) and _mentions_old_name(difference, scene):
        return True
    kept = (difference.where, difference.path) == (Where.STATE, "entry") and both_failed(scene)
    if difference.where not in {Where.STEPS, Where.CALLS, Where.WHY} and not kept:
        return False
    nodes = [node for node in scene.operation.program.nodes if node.options.get("aliases")]
    earlier = {alias["name"] for node in nodes for alias in node.options["aliases"] if "name" in alias}
    aliased = {*earlier, *(node.name for node in nodes)}
    if name_of(difference) in aliased:
        return kept or original_only(difference)
    return not kept and _replaced_with_one(difference, scene, earlier) and original_only(difference)


def _replaced_with_one(difference: Difference, scene: Scene, earlier: set[str]) -> bool:
    """Whether the record has it replaced together with something by a name that this no longer has."""
    of_it = [entry for entry in scene.before.values() if Urn(entry["urn"]).name == name_of(difference)]
    return any(Urn(urn).name in earlier for entry in of_it for urn in entry.get("replaceWith", ()))


def _mentions_old_name(difference: Difference, scene: Scene) -> bool:
    """Whether the sides differ only in the names under which they mention what is renamed."""
    theirs = json.dumps(difference.theirs)
    for node in scene.operation.program.nodes:
        for alias in node.options.get("aliases", ()):
            if "name" in alias:
                theirs = theirs.replace(f"::{alias['name']}", f"::{node.name}")
    return theirs == json.dumps(difference.mine)


def _failed_read(difference: Difference, scene: Scene) -> bool:
    if not both_failed(scene) or not goes_on(scene):
        return False
    reads = {node.name for node in scene.operation.program.nodes if node.kind is Kind.READ}
    failed = reads & names_of(scene.mine.ran.failed)
    return concerns(difference, scene, failed)


def _check_of_skipped(difference: Difference, scene: Scene) -> bool:
    skipped = with_dependents(scene.operation.program, names_of(scene.mine.ran.failed))
    if difference.where is Where.STEPS and (difference.mine, difference.theirs) == ([], ["same"]):
        return name_of(difference) in skipped and not _chosen(scene.operation, name_of(difference))
    return (
        (difference.where, difference.path) in {(Where.CALLS, "check"), (Where.CALLS, "diff")}
        and all(asked in difference.theirs for asked in difference.mine)
        and name_of(difference) in skipped
    )


def _left_behind(scene: Scene) -> set[str]:
    """What is to go with an owner that is retained, or that could not go."""
    ids = {entry["urn"]: entry.get("id") for entry in scene.theirs.state.values()}
    stays = {
        entry["urn"]
        for entry in scene.before.values()
        if entry.get("retainOnDelete")
        or entry.get("protect")
        or entry["urn"] in scene.theirs.ran.failed
        # Also one that was never tried, as something that needs it could not be deleted.
        or (entry.get("id") and ids.get(entry["urn"]) == entry["id"] and both_failed(scene))
    }
    return {entry["urn"] for entry in scene.before.values() if entry.get("deletedWith") in stays}


def _owner_stays(difference: Difference, scene: Scene) -> bool:
    left = _left_behind(scene)
    # Where the deletion that Pulumi leaves out fails, the run is another from there on.
    return difference.urn in left or bool(left.intersection(scene.mine.ran.failed))


def _read_instead(difference: Difference, scene: Scene) -> bool:
    """Whether Tomo still knows an original that Pulumi has forgotten with the read that replaced it."""
    reads = {node.name for node in scene.operation.program.nodes if node.kind is Kind.READ}
    if (difference.where, difference.path) != (Where.STATE, "entry") or difference.theirs != "nothing":
        return False
    return name_of(difference) in reads and bool(difference.mine.get("delete"))


def _made_again(_difference: Difference, scene: Scene) -> bool:
    """Whether something waits to be made again whose provider was replaced already."""
    there = {f"{entry['urn']}::{entry['id']}" for entry in scene.before.values() if entry.get("id")}
    waiting = (entry for entry in scene.before.values() if entry.get("pendingReplacement"))
    return any(entry.get("provider") and entry["provider"] not in there for entry in waiting)


def _deleted_once(difference: Difference, scene: Scene) -> bool:
    """Whether it is about what a cascade of an earlier run deleted already."""
    waiting = {entry["urn"] for entry in scene.before.values() if entry.get("pendingReplacement")}
    if (difference.where, difference.path) == (Where.CALLS, "diff"):
        # Pulumi asks anew which dependents go along with what is replaced again.
        more = [asked for asked in difference.theirs if asked not in difference.mine]
        return bool(waiting) and all("an unknown" in asked["news"].values() for asked in more)
    again = {step["urn"] for step in scene.theirs.told if step["op"] == "delete-replaced"}
    once = {step["urn"] for step in scene.mine.told if step["op"] == "delete-replaced"}
    return difference.urn in waiting & (again - once)


def _goes_along(difference: Difference, scene: Scene) -> bool:
    """Whether it is about what is deleted and made again beside the targets."""
    asked = scene.operation
    remade = {step["urn"] for step in scene.mine.told if step["op"] == "create-replacement"}
    names = {name for name in names_of(frozenset(remade)) if not _chosen(asked, name)}
    return concerns(difference, scene, names)


def _chosen(operation: Operation, name: str) -> bool:
    if operation.targets:
        return f"**::{name}" in operation.targets
    return f"**::{name}" not in operation.excludes


def _only_more_secret(difference: Difference, scene: Scene) -> bool:
    """Whether it is about inputs that are secret now and were not, or were and are not."""
    names = set(_secrecy_moved(scene))
    if not names:
        return False
    if difference.where is Where.EXIT:
        return any(f"update {name}" in scene.operation.faults for name in names)
    return concerns(difference, scene, names)


def _secrecy_moved(scene: Scene) -> Iterator[str]:
    now = {Urn(step["urn"]).name: step["inputs"] for step in scene.mine.told if step["inputs"]}
    for node in scene.operation.program.nodes:
        earlier = {node.name, *(alias.get("name") for alias in node.options.get("aliases", ()))}
        for entry in scene.before.values():
            if Urn(entry["urn"]).name in earlier and node.name in now:
                before, after = entry.get("inputs", {}), now[node.name]
                shared = before.keys() & after.keys()
                hidden = any(hidden_otherwise(before[key], after[key]) for key in shared)
                # What Tomo wrote has such a list otherwise than the program's next run on Pulumi.
                if hidden or any(map(partly_secret, after.values())):
                    yield node.name


def _left_out_read(difference: Difference, scene: Scene) -> bool:
    """Whether it is about what was read, is to be the stack's own, and is left out."""
    asked = scene.operation
    partial = bool(asked.targets or asked.excludes)
    foreign = {entry["urn"] for entry in scene.before.values() if entry.get("external")}
    made = {step["urn"] for step in scene.theirs.told if step["op"] == "create-replacement"}
    taken_in = {step["urn"] for step in scene.theirs.told if step["op"].startswith("import")}
    names = {name for name in names_of(frozenset((foreign & made) | taken_in)) if not _chosen(asked, name)}
    failed = names_of(scene.theirs.ran.failed | scene.theirs.ran.refused)
    # Where that fails, or what is made from it, the whole run is another one.
    if partial and failed and failed <= with_dependents(scene.operation.program, names):
        return True
    return partial and concerns(difference, scene, names)


def _goes_with_the_deleted(difference: Difference, scene: Scene) -> bool:
    """Whether it is about what Tomo takes along with what is deleted ahead, and Pulumi does not ask about."""
    ahead = {step["urn"] for step in scene.mine.told if step["op"] == "delete-replaced"}
    with_it = {
        entry["urn"] for entry in scene.before.values() if ahead.intersection(entry.get("replaceWith", ()))
    }
    names = set[str]()
    for entry in scene.before.values():
        needed = {urn for urns in entry.get("propertyDependencies", {}).values() for urn in urns}
        if entry.get("deletedWith") in ahead or needed & with_it:
            names.add(Urn(entry["urn"]).name)
    return concerns(difference, scene, names)


def _needs_what_is_left_out(_difference: Difference, scene: Scene) -> bool:
    return "does not exist yet and is left out" in scene.mine.ran.said


def _provider_twice(_difference: Difference, scene: Scene) -> bool:
    ran, partial = scene.theirs.ran, bool(scene.operation.targets or scene.operation.excludes)
    providers = [urn for urn in ran.failed | ran.refused if is_default(f"{urn}::id")]
    return partial and any(f"Duplicate resource URN '{urn}'" in ran.said for urn in providers)


def _still_unwell(difference: Difference, scene: Scene) -> bool:
    return scene.operation.verb is Verb.REFRESH and difference.path == "initErrors"


def _importing(scene: Scene) -> set[str]:
    return {node.name for node in scene.operation.program.nodes if node.options.get("import_")}


def _import_refused_early(difference: Difference, scene: Scene) -> bool:
    if scene.operation.verb is not Verb.PREVIEW:
        return False
    refused = _importing(scene) & names_of(scene.mine.ran.failed)
    if difference.where is Where.EXIT or (refused and difference.urn in set(_left_over(scene))):
        return bool(refused)
    return concerns(difference, scene, refused)


def _import_over_protected(difference: Difference, scene: Scene) -> bool:
    """Whether it is about what is protected and would be replaced by what is imported."""
    protected = {Urn(entry["urn"]).name for entry in scene.before.values() if entry.get("protect")}
    refused = protected & _importing(scene) & names_of(scene.mine.ran.failed)
    # Where Pulumi goes on, and deletes what is protected, the whole run is another one.
    return bool(refused) and (scene.theirs.ran.ok or concerns(difference, scene, refused))


def _made_once(difference: Difference, scene: Scene) -> bool:
    """Whether it is about what Pulumi made several times, for an error hook, and Tomo once."""
    sides = (scene.mine, scene.theirs)
    here, there = (Counter(call["urn"] for call in side.calls if call["verb"] == "create") for side in sides)
    return concerns(difference, scene, {Urn(urn).name for urn in there if there[urn] > here[urn] == 1})


def _import_stays_secret(difference: Difference, scene: Scene) -> bool:
    hidden = hidden_otherwise(difference.mine, difference.theirs)
    return hidden and difference.where is Where.STATE and name_of(difference) in _importing(scene)


def _secret_for_hooks(difference: Difference, _scene: Scene) -> bool:
    asked = difference.where is Where.CALLS and difference.path.startswith("hook ")
    return asked and _as_open(difference.mine, difference.theirs)


def _as_open(mine: Any, theirs: Any) -> bool:
    """Whether two values are the same but for what only Tomo gives as an output, which it does of secrets."""
    if isinstance(mine, Mapping) and isinstance(theirs, Mapping):
        return mine.keys() == theirs.keys() and all(_as_open(mine[key], theirs[key]) for key in mine)
    if isinstance(mine, list) and isinstance(theirs, list):
        return len(mine) == len(theirs) and all(map(_as_open, mine, theirs))
    return bool(mine in (theirs, "an output"))


def _names_nothing(_difference: Difference, scene: Scene) -> bool:
    return "names no resource of this stack" in scene.mine.ran.said


HANGS = "the CLI waits for ever"
BROKEN = "the CLI leaves a state that it can't read"

ALLOWED: tuple[Allowed, ...] = (
    Allowed(
        "leftovers wait",
        "What the program no longer declares is deleted only in a run without failure.",
        "deletes wait for a run without failure",
        _leftover_waits,
    ),
    Allowed(
        "a renamed original goes under its new name",
        "A name that an alias gave holds at once, for the provider too, and if the resource then fails. "
        "Pulumi deletes a replaced original under the name it had, forgets why where that went along "
        "with another, and deletes nothing ahead that is to be replaced with it by that name.",
        "a defect of the CLI (engine-spec 10.25)",
        _renamed_original,
    ),
    Allowed(
        "a refusal stops its dependents only",
        "A failing resource stops its dependents only. Pulumi's --continue-on-error does so for failed "
        "steps, but where a provider refuses inputs or can't compare, or a hook refuses a component that "
        "registers outputs, it stops the whole run.",
        "a failing resource stops its dependents only",
        _refusal_stops_dependents_only,
    ),
    Allowed(
        "nothing is made from a failed read",
        "A failing resource stops its dependents, and a read by an id that nothing gave fails. Pulumi "
        "goes on with both, without the values they are to have.",
        "a failing resource stops its dependents only",
        _failed_read,
    ),
    Allowed(
        "what is skipped isn't asked about",
        "A failing resource stops its dependents. Pulumi has the provider check their inputs before, and may "
        "tell of those that are left out as unchanged.",
        "a failing resource stops its dependents only",
        _check_of_skipped,
    ),
    Allowed(
        HANGS,
        "Where a deletion ahead of a replacement fails, the new one isn't well, or what is to be imported"
        " isn't there, --continue-on-error of the CLI may never end. Tomo keeps what is there and goes on;"
        " there is nothing to compare with.",
        "decision 28",
        lambda _difference, _scene: False,
    ),
    Allowed(
        BROKEN,
        "Pulumi 3.250 ends some runs that fail with a state that breaks its own rules. Tomo's holds; "
        "there is nothing to go on from.",
        "decision 28",
        lambda _difference, scene: "snapshot integrity failure" in scene.theirs.ran.said,
    ),
    Allowed(
        "what names nothing is refused",
        "A name or pattern that no resource has is refused. Pulumi lets patterns and excludes pass.",
        "decision 28",
        _names_nothing,
    ),
    Allowed(
        "what lives in something is deleted with it, not before",
        "`deleted_with` leaves out the deletion only where the owner really goes. The CLI forgets it "
        "where the owner is retained, protected or could not be deleted.",
        "a defect of the CLI (engine-spec 10.11)",
        _owner_stays,
    ),
    Allowed(
        "what is read instead is forgotten when it's deleted",
        "What the stack made and the program now reads by another id is deleted at the end. Where that "
        "fails or a target leaves it out, Tomo knows it still and tries again; Pulumi forgets it with the"
        " read.",
        "decision 28",
        _read_instead,
    ),
    Allowed(
        "what went with its provider is made again",
        "Where something could not be made again after it was deleted ahead of its provider's "
        "replacement, the next run makes it. Pulumi wants to delete it once more, by a provider that is "
        "gone, and fails.",
        "dependents that went along are not deleted twice",
        _made_again,
    ),
    Allowed(
        "condemned dependents are not deleted twice",
        "What a delete-before-replace took along is made again by the next run. Pulumi has the provider "
        "delete it once more before.",
        "dependents that went along are not deleted twice",
        _deleted_once,
    ),
    Allowed(
        "what goes along beside the targets is made as declared",
        "What a delete-before-replace takes along beside the targets is made as the program says. Pulumi "
        "makes it with its inputs of before, which may name what is gone.",
        "decision 28",
        _goes_along,
    ),
    Allowed(
        "secrecy alone is no change",
        "An input that is secret now and was not, or the other way round, is recorded so. Pulumi 3.250 "
        "calls it a change of a component, and of a resource whose provider leaves the comparison to it.",
        "a defect of the CLI (engine-spec 10.18)",
        _only_more_secret,
    ),
    Allowed(
        "what can't be imported is refused in the plan too",
        "A resource that is to be imported and would have to be replaced fails, in a plan as in a run. "
        "Pulumi's preview warns and shows the replacement.",
        "a defect of the CLI (engine-spec 10.27)",
        _import_refused_early,
    ),
    Allowed(
        "what is protected isn't replaced by an import",
        "What is protected and would be replaced by what is imported fails. Pulumi reads that, takes it in "
        "and deletes what was protected.",
        "decision 28",
        _import_over_protected,
    ),
    Allowed(
        "what was made is not made again",
        "What was created and isn't well is not created again where an error hook asks for it: there would "
        "be two. Pulumi does, and keeps the last.",
        "what was created and isn't well is not created again",
        _made_once,
    ),
    Allowed(
        "what is imported is as secret as it's declared",
        "An imported input that the program declares as secret is sealed. Pulumi keeps it as plain text "
        "where nothing else changes.",
        "a defect of the CLI (engine-spec 10.18)",
        _import_stays_secret,
    ),
    Allowed(
        "a hook gets secrets as secrets",
        "What `additional_secret_outputs` names is secret for the hooks after the step too. Pulumi gives "
        "them the output as it came from the provider.",
        "a defect of the CLI (engine-spec 10.18)",
        _secret_for_hooks,
    ),
    Allowed(
        "what is left out isn't made",
        "What a target or an exclude leaves out stays as it is. Pulumi makes it all the same where it was"
        " only read before, and imports it where the program says so.",
        "decision 28",
        _left_out_read,
    ),
    Allowed(
        "what can't stay without what is deleted goes ahead of it",
        "A deletion ahead of a replacement takes along what is deleted with it, and what is to be replaced "
        "without what goes along. Pulumi 3.250 leaves the one as it is, as if it were still there, and asks "
        "about the other when what it needs is gone already.",
        "decision 28",
        _goes_with_the_deleted,
    ),
    Allowed(
        "what needs something new that is left out is refused",
        "What is chosen and needs something new that is left out fails. Pulumi goes on without the value.",
        "decision 28",
        _needs_what_is_left_out,
    ),
    Allowed(
        "what is left out keeps what it needs",
        "What is left out keeps what it needs by its record, declared or not. Pulumi brings that in with its "
        "default provider, and fails where the program's own resources need that provider, too.",
        "decision 28",
        _provider_twice,
    ),
    Allowed(
        "a look doesn't make well",
        "A plan looks at the hosts: what was not finished is tried again although a look finds it there.",
        "a plan looks at the hosts",
        _still_unwell,
    ),
)
