from tomo.engine.verdict import resolve
from tomo.model.diff import DiffKind, DiffResult, PropertyDiff


def test_replace_on_changes_goes_by_what_the_provider_tells() -> None:
    told = DiffResult(changed=True, properties=(PropertyDiff("v", DiffKind.UPDATE, 1, 2),))

    resolved = resolve(told, {"v": 1}, {"v": 2}, ("v",))

    assert resolved.replaces


def test_replace_on_changes_goes_by_the_inputs_where_the_provider_cannot_tell() -> None:
    resolved = resolve(DiffResult(changed=None), {"m": {"k": 1}}, {"m": {"k": 2}}, ("m.k",))

    assert (resolved.changed, resolved.replaces) == (True, True)


def test_replace_on_changes_is_without_effect_where_the_provider_only_says_that_something_changed() -> None:
    resolved = resolve(DiffResult(changed=True), {"v": 1}, {"v": 2}, ("v",))

    assert [diff.path for diff in resolved.properties] == ["v"]
    assert not resolved.replaces


def test_no_change_wins_over_keys_that_replace() -> None:
    resolved = resolve(DiffResult(changed=False, replace_keys=("v",)), {"v": 1}, {"v": 2}, ("*",))

    assert resolved == DiffResult(changed=False)
