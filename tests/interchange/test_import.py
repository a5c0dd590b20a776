"""The `import` option on Tomo and on the real CLI: steps, calls and checkpoints are the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from conformance.vocabulary import Res
from tests.interchange.conftest import Both

pytestmark = pytest.mark.pulumi_cli


def there(both: Both, *ids: str, **values: object) -> None:
    """Something that somebody else made, for both engines."""
    for store in both.stores:
        for id_ in ids:
            store.world.things[id_] = {"v": 1, "auto": f"{id_.rpartition('-')[0]}-0123456", **values}


def importing(id_: str, inputs: dict[str, Any], **options: Any) -> Callable[[], None]:
    return lambda: Res("a", inputs, import_=id_, **options) and None


def ops(ran: Any) -> list[str]:
    found: list[str] = ran.ops.get("urn:pulumi:dev::proj::fake:index:Res::a", [])
    return found


def test_what_is_as_declared_is_imported_and_stays_so(both: Both) -> None:
    there(both, "a-7")
    same = importing("a-7", {"v": 1})

    planned = both.plan(same)
    done = both.up(same)

    assert ops(planned) == ops(done) == ["import"]
    assert ops(both.up(same)) == ["same"]
    assert ops(both.up(lambda: Res("a", {"v": 1}) and None)) == ["same"]


def test_what_differs_is_imported_and_updated(both: Both) -> None:
    there(both, "a-7")

    done = both.up(importing("a-7", {"v": 2}))

    assert ops(done) == ["import", "update"]
    assert ops(both.up(importing("a-7", {"v": 2}))) == ["same"]
    assert ops(both.up(importing("a-7", {"v": 3}))) == ["update"]


def test_ignored_inputs_stay_as_they_were_found(both: Both) -> None:
    there(both, "a-7", r=1)

    assert ops(both.up(importing("a-7", {"v": 5, "r": 2}, ignore_changes=["v", "r"]))) == ["import"]


def test_another_id_takes_the_place_of_the_first(both: Both) -> None:
    there(both, "a-7", "a-8")
    both.up(importing("a-7", {"v": 1}))

    done = both.up(importing("a-8", {"v": 2}))

    assert ops(done) == ["import-replacement", "replace", "update", "delete-replaced"]


def test_what_would_have_to_be_replaced_is_refused(both: Both) -> None:
    there(both, "a-7", r=1)

    # Tomo tells of the step that it refuses.
    done = both.up(importing("a-7", {"v": 1, "r": 2}), steps=False)

    assert not done.ok


def test_what_does_not_exist_is_an_error(both: Both) -> None:
    done = both.up(importing("a-7", {"v": 1}))

    assert not done.ok
    assert ops(done) == ["import"]
