"""`--exclude` and `--exclude-dependents`."""

from __future__ import annotations

from tests.engine.lifecycle.test_targets import apart, chain, urn
from tomo.errors import TargetsRefused
from tomo.model.events import Result
from tomo.model.selection import Selection
from tomo.model.step import Op
from tomo.testing.lifecycle import Lifecycle, Program


def but(*names: str, dependents: bool = False) -> Selection:
    return Selection(excludes=tuple(f"**::{name}" for name in names), exclude_dependents=dependents)


def test_an_excluded_resource_stays_and_all_others_change(lifecycle: Lifecycle) -> None:
    lifecycle.up(apart(a={"v": 1}, b={"v": 1}))

    lifecycle.up(apart(a={"v": 2}, b={"v": 2}), selection=but("b"))

    assert (lifecycle.ops("a"), lifecycle.ops("b")) == ([Op.UPDATE], [Op.SAME])
    assert lifecycle.entry("b").inputs["v"] == 1


def test_what_depends_on_an_excluded_resource_stays_too_where_that_is_asked_for(lifecycle: Lifecycle) -> None:
    lifecycle.up(chain(1, "a", "b", "c"))

    lifecycle.up(chain(2, "a", "b", "c"), selection=but("a", dependents=True))

    assert [lifecycle.ops(name) for name in "abc"] == [[Op.SAME], [Op.SAME], [Op.SAME]]


def test_a_resource_that_needs_an_excluded_new_one_is_refused_by_name(lifecycle: Lifecycle) -> None:
    """Pulumi makes it, and writes a state that it can't read again."""
    outcome = lifecycle.up(chain(1, "new", "a"), selection=but("new"))

    assert outcome.result is Result.FAILED
    assert [failure.urn for failure in outcome.failures] == [urn("a")]
    assert lifecycle.world.things == {}


def test_an_excluded_resource_that_is_no_longer_declared_keeps_what_it_needs(lifecycle: Lifecycle) -> None:
    lifecycle.up(chain(1, "a", "b", "c"))

    lifecycle.up(lambda p: p.export(), selection=but("b"))

    assert lifecycle.names() == ["a", "b"]


def test_nothing_is_deleted_where_the_dependents_of_the_excluded_stay_too(lifecycle: Lifecycle) -> None:
    """As in Pulumi: what the excluded needs stays, with all that needs this, up to the stack itself."""
    lifecycle.up(apart(a={"v": 1}, b={"v": 1}, c={"v": 1}))

    outcome = lifecycle.up(apart(a={"v": 2}), selection=but("b", dependents=True))

    assert outcome.result is Result.SUCCEEDED
    assert [lifecycle.ops(name) for name in "abc"] == [[Op.UPDATE], [Op.SAME], [Op.SAME]]
    assert lifecycle.names() == ["a", "b", "c"]


def test_destroy_spares_what_is_excluded_with_its_parent_and_provider(lifecycle: Lifecycle) -> None:
    def program(p: Program) -> None:
        cloud = p.provider("cloud", {"region": "one"})
        p.res("kept", {"v": 1}, under=p.component("group"), provider=cloud)
        p.res("other", {"v": 1}, provider=cloud)

    lifecycle.up(program)

    outcome = lifecycle.destroy(selection=but("kept"))

    assert outcome.result is Result.SUCCEEDED
    left = [entry.urn.name for entry in lifecycle.snapshot.resources]
    assert left == ["proj-dev", "cloud", "group", "kept"]


def test_an_exclude_that_names_nothing_is_refused_before_anything_is_lost(lifecycle: Lifecycle) -> None:
    """Pulumi goes on without it, and destroys what a slip of the pen was to spare."""
    lifecycle.up(chain(1, "a"))

    outcome = lifecycle.destroy(selection=but("typo"))

    assert isinstance(outcome.program_error, TargetsRefused)
    assert lifecycle.names() == ["a"]


def test_a_refresh_spares_what_is_excluded(lifecycle: Lifecycle) -> None:
    lifecycle.up(chain(1, "a", "b"))
    lifecycle.world.things.clear()

    lifecycle.refresh(selection=but("a", dependents=True))
    both = lifecycle.names()
    lifecycle.refresh(selection=but("a"))

    assert both == ["a", "b"]
    assert lifecycle.names() == ["a"]


def test_what_a_destroy_with_its_program_keeps_is_told_of_once(lifecycle: Lifecycle) -> None:
    def program(p: Program) -> None:
        p.res("a", {"v": 1})
        p.res("b", {"v": 1})

    lifecycle.up(program)

    lifecycle.destroy(program, selection=Selection(excludes=("**::b",)))

    assert lifecycle.ops("a") == [Op.SAME, Op.DELETE]
    assert lifecycle.ops("b") == [Op.SAME]
