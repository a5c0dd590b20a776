"""What apps need, held against what servers have."""

from __future__ import annotations

from typing import Any

from tomo.model.values import UNKNOWN
from tomo.resources.requirements import Shortfall, check_requirements
from tomo.spec.app import AppDefinition
from tomo.spec.fleet import Fleet

PLENTY = {"arch": "amd64", "memory": 8 << 30, "cpus": 4, "diskFree": 100 << 30}


def check(facts: dict[str, Any], *needs: dict[str, Any], installed: Any = ()) -> list[Shortfall]:
    names = [f"app{number}" for number in range(len(needs))]
    fleet = Fleet.model_validate(
        {
            "fleet": "f",
            "servers": {"nas": {"host": "h"}},
            "apps": {name: {"app": name, "server": "nas"} for name in names},
        }
    )
    definitions = {
        name: AppDefinition.model_validate(
            {"id": name, "title": name, "version": "1", "services": {"web": {"image": "i:1"}}, **need}
        )
        for name, need in zip(names, needs, strict=True)
    }
    return check_requirements(fleet, definitions, {"nas": facts}, installed)


def test_a_server_that_has_everything_lacks_nothing() -> None:
    need = {"architectures": ["amd64"], "requirements": {"memory": "1G", "disk": "10G", "cpu": 2}}

    assert check(PLENTY, need, need) == []


def test_the_wrong_architecture_blocks() -> None:
    [found] = check({**PLENTY, "arch": "arm/v7"}, {"architectures": ["amd64", "arm64"]})

    assert found.blocks
    assert found.message == "`app0` runs on amd64, arm64, and `nas` is arm/v7"


def test_too_little_memory_for_one_blocks_and_for_all_warns() -> None:
    alone = check({**PLENTY, "memory": 1 << 30}, {"requirements": {"memory": "2G"}})
    together = check({**PLENTY, "memory": 1 << 30}, *[{"requirements": {"memory": "768M"}}] * 2)

    assert [(each.blocks, each.message) for each in alone] == [
        (True, "`app0` needs 2.0 GiB of memory, and `nas` has 1.0 GiB")
    ]
    assert [(each.blocks, each.app) for each in together] == [(False, "")]


def test_disk_counts_for_what_is_not_there_yet() -> None:
    need, facts = {"requirements": {"disk": "10G"}}, {**PLENTY, "diskFree": 512 << 20}

    assert [each.blocks for each in check(facts, need)] == [True]
    assert check(facts, need, installed={("app0", "nas")}) == []


def test_few_cpus_only_warn() -> None:
    assert [each.blocks for each in check({**PLENTY, "cpus": 1}, {"requirements": {"cpu": 2}})] == [False]


def test_facts_that_are_not_known_are_not_held_against_anybody() -> None:
    need = {"architectures": ["arm64"], "requirements": {"memory": "1G", "disk": "10G", "cpu": 2}}

    assert check(dict.fromkeys(PLENTY, UNKNOWN), need) == []
