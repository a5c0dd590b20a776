"""The differences from Pulumi that are on purpose, each with its reason; nothing else may differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from conformance import reasons
from conformance.compare import Difference, Scene


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


HANGS = "the CLI waits for ever"
BROKEN = "the CLI leaves a state that it can't read"

ALLOWED: tuple[Allowed, ...] = (
    Allowed(
        "leftovers wait",
        "What the program no longer declares is deleted only in a run without failure.",
        "deletes wait for a run without failure",
        reasons.leftover_waits,
    ),
    Allowed(
        "a renamed original goes under its new name",
        "A name that an alias gave holds at once, for the provider too, and if the resource then fails. "
        "Pulumi deletes a replaced original under the name it had, forgets why where that went along "
        "with another, and deletes nothing ahead that is to be replaced with it by that name.",
        "a defect of the CLI (engine-spec 10.25)",
        reasons.renamed_original,
    ),
    Allowed(
        "a refusal stops its dependents only",
        "A failing resource stops its dependents only. Pulumi's --continue-on-error does so for failed "
        "steps, but where a provider refuses inputs or can't compare, or a hook refuses a component that "
        "registers outputs, it stops the whole run.",
        "a failing resource stops its dependents only",
        reasons.refusal_stops_dependents_only,
    ),
    Allowed(
        "nothing is made from a failed read",
        "A failing resource stops its dependents, and a read by an id that nothing gave fails. Pulumi "
        "goes on with both, without the values they are to have.",
        "a failing resource stops its dependents only",
        reasons.failed_read,
    ),
    Allowed(
        "what is skipped isn't asked about",
        "A failing resource stops its dependents. Pulumi has the provider check their inputs before, and may "
        "tell of those that are left out as unchanged.",
        "a failing resource stops its dependents only",
        reasons.check_of_skipped,
    ),
    Allowed(
        HANGS,
        "Where a deletion ahead of a replacement fails or has no provider yet, the new one isn't well, or "
        "what is to be imported isn't there, --continue-on-error of the CLI may never end. Tomo keeps what "
        "is there and goes on; there is nothing to compare with.",
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
        reasons.names_nothing,
    ),
    Allowed(
        "what lives in something is deleted with it, not before",
        "`deleted_with` leaves out the deletion only where the owner really goes. The CLI forgets it "
        "where the owner is retained, protected or could not be deleted.",
        "a defect of the CLI (engine-spec 10.11)",
        reasons.owner_stays,
    ),
    Allowed(
        "what is read instead is forgotten when it's deleted",
        "What the stack made and the program now reads by another id is deleted at the end. Where that "
        "fails or a target leaves it out, Tomo knows it still and tries again; Pulumi forgets it with the"
        " read.",
        "decision 28",
        reasons.read_instead,
    ),
    Allowed(
        "what went with its provider is made again",
        "Where something could not be made again after it was deleted ahead of its provider's "
        "replacement, the next run makes it. Pulumi wants to delete it once more, by a provider that is "
        "gone, and fails.",
        "dependents that went along are not deleted twice",
        reasons.made_again,
    ),
    Allowed(
        "condemned dependents are not deleted twice",
        "What a delete-before-replace took along is made again by the next run. Pulumi has the provider "
        "delete it once more before.",
        "dependents that went along are not deleted twice",
        reasons.deleted_once,
    ),
    Allowed(
        "what goes along beside the targets is made as declared",
        "What a delete-before-replace takes along beside the targets is made as the program says. Pulumi "
        "makes it with its inputs of before, which may name what is gone.",
        "decision 28",
        reasons.goes_along,
    ),
    Allowed(
        "secrecy alone is no change",
        "An input that is secret now and was not, or the other way round, is recorded so. Pulumi 3.250 "
        "calls it a change of a component, and of a resource whose provider leaves the comparison to it.",
        "a defect of the CLI (engine-spec 10.18)",
        reasons.only_more_secret,
    ),
    Allowed(
        "what can't be imported is refused in the plan too",
        "A resource that is to be imported and would have to be replaced fails, in a plan as in a run. "
        "Pulumi's preview warns and shows the replacement.",
        "a defect of the CLI (engine-spec 10.27)",
        reasons.import_refused_early,
    ),
    Allowed(
        "what is protected isn't replaced by an import",
        "What is protected and would be replaced by what is imported fails. Pulumi reads that, takes it in "
        "and deletes what was protected.",
        "decision 28",
        reasons.import_over_protected,
    ),
    Allowed(
        "what was made is not made again",
        "What was created and isn't well is not created again where an error hook asks for it, and none is "
        "asked: there would be two. Pulumi does, and keeps the last.",
        "what was created and isn't well is not created again",
        reasons.made_once,
    ),
    Allowed(
        "what is imported is as secret as it's declared",
        "An imported input that the program declares as secret is sealed. Pulumi keeps it as plain text "
        "where nothing else changes.",
        "a defect of the CLI (engine-spec 10.18)",
        reasons.import_stays_secret,
    ),
    Allowed(
        "a hook gets secrets as secrets",
        "What `additional_secret_outputs` names is secret for the hooks after the step too. Pulumi gives "
        "them the output as it came from the provider.",
        "a defect of the CLI (engine-spec 10.18)",
        reasons.secret_for_hooks,
    ),
    Allowed(
        "what is left out isn't made",
        "What a target or an exclude leaves out stays as it is. Pulumi makes it all the same where it was"
        " only read before, and imports it where the program says so.",
        "decision 28",
        reasons.left_out_read,
    ),
    Allowed(
        "what can't stay without what is deleted goes ahead of it",
        "A deletion ahead of a replacement takes along what is deleted with it, and what is to be replaced "
        "without what goes along. Pulumi 3.250 leaves the one as it is, as if it were still there, and asks "
        "about the other when what it needs is gone already.",
        "decision 28",
        reasons.goes_with_the_deleted,
    ),
    Allowed(
        "what is deleted ahead has its provider",
        "Any provider of the record can delete ahead. Pulumi begins a default provider with the first "
        "declaration that needs it, and fails where something of it is deleted ahead of that.",
        "decision 28",
        reasons.provider_not_there_yet,
    ),
    Allowed(
        "what needs something new that is left out is refused",
        "What is chosen and needs something new that is left out fails; it goes as it is in a destroy, "
        "which makes nothing, and stays where dependents are left out, too. Pulumi goes on without the "
        "value.",
        "decision 28",
        reasons.needs_what_is_left_out,
    ),
    Allowed(
        "what is left out keeps what it needs",
        "What is left out keeps what it needs by its record, declared or not. Pulumi brings that in with its "
        "default provider, and fails where the program's own resources need that provider, too.",
        "decision 28",
        reasons.provider_twice,
    ),
    Allowed(
        "a look doesn't make well",
        "A plan looks at the hosts: what was not finished is tried again although a look finds it there.",
        "a plan looks at the hosts",
        reasons.still_unwell,
    ),
)
