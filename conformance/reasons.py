"""Which differences from Pulumi each entry of `conformance.allowed` explains."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
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


def leftover_waits(difference: Difference, scene: Scene) -> bool:
    """Whether it is about what Tomo leaves for a run without failure."""
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


def refusal_stops_dependents_only(difference: Difference, scene: Scene) -> bool:
    """Whether it comes of Pulumi having stopped the whole run."""
    if not both_failed(scene) or not _stopped_at(scene):
        return False
    after = _after_refusal(scene)
    if difference.where is Where.FAILED:
        return name_of(difference) in after
    return name_of(difference) in after or is_stack(difference) or name_of(difference) not in declared(scene)


def renamed_original(difference: Difference, scene: Scene) -> bool:
    """Whether it is about an original that goes under another name."""
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


def failed_read(difference: Difference, scene: Scene) -> bool:
    """Whether it is about what is made from a read that failed."""
    if not both_failed(scene) or not goes_on(scene):
        return False
    reads = {node.name for node in scene.operation.program.nodes if node.kind is Kind.READ}
    failed = reads & names_of(scene.mine.ran.failed)
    return concerns(difference, scene, failed)


def check_of_skipped(difference: Difference, scene: Scene) -> bool:
    """Whether it is about what is skipped, and Pulumi asks about."""
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


def owner_stays(difference: Difference, scene: Scene) -> bool:
    """Whether it is about what is to go with an owner that stays."""
    left = _left_behind(scene)
    # Where the deletion that Pulumi leaves out fails, the run is another from there on.
    return difference.urn in left or bool(left.intersection(scene.mine.ran.failed))


def read_instead(difference: Difference, scene: Scene) -> bool:
    """Whether Tomo still knows an original that Pulumi has forgotten with the read that replaced it."""
    reads = {node.name for node in scene.operation.program.nodes if node.kind is Kind.READ}
    if (difference.where, difference.path) != (Where.STATE, "entry") or difference.theirs != "nothing":
        return False
    return name_of(difference) in reads and bool(difference.mine.get("delete"))


def made_again(_difference: Difference, scene: Scene) -> bool:
    """Whether something waits to be made again whose provider was replaced already."""
    there = {f"{entry['urn']}::{entry['id']}" for entry in scene.before.values() if entry.get("id")}
    waiting = (entry for entry in scene.before.values() if entry.get("pendingReplacement"))
    return any(entry.get("provider") and entry["provider"] not in there for entry in waiting)


def deleted_once(difference: Difference, scene: Scene) -> bool:
    """Whether it is about what a cascade of an earlier run deleted already."""
    waiting = {entry["urn"] for entry in scene.before.values() if entry.get("pendingReplacement")}
    if (difference.where, difference.path) == (Where.CALLS, "diff"):
        # Pulumi asks anew which dependents go along with what is replaced again.
        more = [asked for asked in difference.theirs if asked not in difference.mine]
        return bool(waiting) and all("an unknown" in asked["news"].values() for asked in more)
    again = {step["urn"] for step in scene.theirs.told if step["op"] == "delete-replaced"}
    once = {step["urn"] for step in scene.mine.told if step["op"] == "delete-replaced"}
    return difference.urn in waiting & (again - once)


def goes_along(difference: Difference, scene: Scene) -> bool:
    """Whether it is about what is deleted and made again beside the targets."""
    asked = scene.operation
    remade = {step["urn"] for step in scene.mine.told if step["op"] == "create-replacement"}
    names = {name for name in names_of(frozenset(remade)) if not _chosen(asked, name)}
    return concerns(difference, scene, names)


def _chosen(operation: Operation, name: str) -> bool:
    if operation.targets:
        return f"**::{name}" in operation.targets
    return f"**::{name}" not in operation.excludes


def only_more_secret(difference: Difference, scene: Scene) -> bool:
    """Whether it is about inputs that are secret now and were not, or were and are not."""
    if scene.operation.verb is Verb.REFRESH and difference.where is Where.STATE:
        # A look seals what such a run of Pulumi left open.
        return bool(difference.mine == {"a secret": difference.theirs})
    names = set(_secrecy_moved(scene))
    if not names:
        return False
    # Where the update that only Pulumi sees fails, the whole run is another one.
    if names & names_of(scene.theirs.ran.failed - scene.mine.ran.failed):
        return True
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


def left_out_read(difference: Difference, scene: Scene) -> bool:
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


def goes_with_the_deleted(difference: Difference, scene: Scene) -> bool:
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
    if difference.where in {Where.ORDER, Where.CALL_ORDER}:
        here, there = (
            [line for line in side if line.rpartition(" ")[2] not in names]
            for side in (difference.mine, difference.theirs)
        )
        return here == there
    return concerns(difference, scene, names)


def needs_what_is_left_out(difference: Difference, scene: Scene) -> bool:
    """Whether Tomo refused, or leaves as it is, what needs something new that is left out."""
    asked = scene.operation
    new = declared(scene) - {Urn(entry["urn"]).name for entry in scene.before.values()}
    if asked.verb is Verb.DESTROY:
        return difference.where is Where.STEPS and concerns(difference, scene, new)
    if asked.excludes and asked.dependents:
        return concerns(difference, scene, {name for name in new if not _chosen(asked, name)})
    return "does not exist yet and is left out" in scene.mine.ran.said


def provider_twice(_difference: Difference, scene: Scene) -> bool:
    """Whether Pulumi brought in a default provider twice."""
    ran, partial = scene.theirs.ran, bool(scene.operation.targets or scene.operation.excludes)
    providers = [urn for urn in ran.failed | ran.refused if is_default(f"{urn}::id")]
    return partial and any(f"Duplicate resource URN '{urn}'" in ran.said for urn in providers)


def still_unwell(difference: Difference, scene: Scene) -> bool:
    """Whether it is about what a look finds and does not count as well."""
    return scene.operation.verb is Verb.REFRESH and difference.path == "initErrors"


def _importing(scene: Scene) -> set[str]:
    return {node.name for node in scene.operation.program.nodes if node.options.get("import_")}


def import_refused_early(difference: Difference, scene: Scene) -> bool:
    """Whether it is about an import that a plan refuses."""
    if scene.operation.verb is not Verb.PREVIEW:
        return False
    refused = _importing(scene) & names_of(scene.mine.ran.failed)
    if difference.where is Where.EXIT or (refused and difference.urn in set(_left_over(scene))):
        return bool(refused)
    # A plan that fails keeps the originals of what it replaces, as a run would.
    originals = bool(refused) and difference.where is Where.STEPS and original_only(difference)
    return originals or concerns(difference, scene, refused)


def import_over_protected(difference: Difference, scene: Scene) -> bool:
    """Whether it is about what is protected and would be replaced by what is imported."""
    protected = {Urn(entry["urn"]).name for entry in scene.before.values() if entry.get("protect")}
    refused = protected & _importing(scene) & names_of(scene.mine.ran.failed)
    # Where Pulumi goes on, and deletes what is protected, the whole run is another one.
    return bool(refused) and (scene.theirs.ran.ok or concerns(difference, scene, refused))


def made_once(difference: Difference, scene: Scene) -> bool:
    """Whether it is about what Pulumi made several times, for an error hook, and Tomo once."""
    sides = (scene.mine, scene.theirs)
    here, there = (Counter(call["urn"] for call in side.calls if call["verb"] == "create") for side in sides)
    if difference.path.startswith("hook ") and not difference.mine:
        asked = all(call.get("failed") == "create" for call in difference.theirs)
        return asked and scene.operation.faults.get(f"create {name_of(difference)}") == "init"
    return concerns(difference, scene, {Urn(urn).name for urn in there if there[urn] > here[urn] == 1})


def import_stays_secret(difference: Difference, scene: Scene) -> bool:
    """Whether it is about an imported input that is secret."""
    hidden = hidden_otherwise(difference.mine, difference.theirs)
    return hidden and difference.where is Where.STATE and name_of(difference) in _importing(scene)


def secret_for_hooks(difference: Difference, _scene: Scene) -> bool:
    """Whether a hook was told of the same, as secret."""
    asked = difference.where is Where.CALLS and difference.path.startswith("hook ")
    return asked and _as_open(difference.mine, difference.theirs)


def _as_open(mine: Any, theirs: Any) -> bool:
    """Whether two values are the same but for what only Tomo gives as an output, which it does of secrets."""
    if isinstance(mine, Mapping) and isinstance(theirs, Mapping):
        return mine.keys() == theirs.keys() and all(_as_open(mine[key], theirs[key]) for key in mine)
    if isinstance(mine, list) and isinstance(theirs, list):
        return len(mine) == len(theirs) and all(map(_as_open, mine, theirs))
    return bool(mine in (theirs, "an output"))


def names_nothing(_difference: Difference, scene: Scene) -> bool:
    """Whether Tomo refused a name that no resource has."""
    return "names no resource of this stack" in scene.mine.ran.said


def provider_not_there_yet(_difference: Difference, scene: Scene) -> bool:
    """Whether Pulumi deleted something ahead by a default provider that it had not begun yet."""
    ran = scene.theirs.ran
    return bool(ran.failed) and "unknown provider 'urn:" in ran.said and "::default" in ran.said
