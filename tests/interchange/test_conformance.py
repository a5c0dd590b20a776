"""Random programs and operations of fixed seeds, and those that once told a difference, on both engines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path

import pytest

from conformance.company import Company, Result
from conformance.generate import scenario_of
from conformance.report import lines_of
from conformance.scenario import Scenario, read_scenario

pytestmark = [pytest.mark.pulumi_cli, pytest.mark.timeout(240)]

SEEDS = [f"1/{number}" for number in range(40)]
CASES = sorted((Path(__file__).parent / "cases").glob("*.json"))


def _scenarios() -> dict[str, Scenario]:
    return {
        **{case.stem: read_scenario(case) for case in CASES},
        **{seed: scenario_of(seed) for seed in SEEDS},
    }


@pytest.fixture(scope="module")
def playing(cli_binary: Path) -> Iterator[Mapping[str, Future[Result]]]:
    """All of them, begun at once in processes of their own."""
    with Company(2) as company:
        yield {name: company.play(scenario) for name, scenario in _scenarios().items()}


@pytest.mark.parametrize("name", [*(case.stem for case in CASES), *SEEDS])
def test_both_engines_do_the_same(playing: Mapping[str, Future[Result]], name: str) -> None:
    result = playing[name].result()

    assert result.agrees, "\n".join([*lines_of(result), result.said])
