"""`python -m conformance`: random scenarios on Tomo and on the real Pulumi CLI, compared."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from conformance.company import Company, Result
from conformance.engines import ROOT
from conformance.generate import scenario_of
from conformance.report import Report, lines_of
from conformance.scenario import Scenario, read_scenario, written
from conformance.setting import built_cli

CASES = ROOT / "tests" / "interchange" / "cases"


def main() -> int:
    """Plays, prints what differs, and ends with 1 if anything does."""
    options = _options()
    if built_cli() is None:
        print(
            "there is no Pulumi CLI to compare with; scripts/pulumi-cli builds it, given Go", file=sys.stderr
        )
        return 1
    report, begun = Report(), time.monotonic()
    with Company(options.jobs) as company:
        for playing in [company.play(scenario) for scenario in _scenarios(options)]:
            result = playing.result()
            report.take(result)
            _tell(result)
            if not (result.agrees or options.no_shrink):
                _keep(company.shrink(result))
    print("\n".join(report.lines(time.monotonic() - begun)))
    return 1 if report.failed else 0


def _scenarios(options: argparse.Namespace) -> list[Scenario]:
    if options.files:
        return [read_scenario(file) for file in options.files]
    return [scenario_of(f"{options.seed}/{options.first + number}") for number in range(options.n)]


def _tell(result: Result) -> None:
    for line in lines_of(result):
        print(line, flush=True)


def _keep(scenario: Scenario) -> None:
    CASES.mkdir(parents=True, exist_ok=True)
    file = CASES / f"{scenario.title.replace('/', '-')}.json"
    file.write_text(written(scenario))
    print(f"    the smallest that differs: {file}", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m conformance", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="scenarios to play, in place of random ones")
    parser.add_argument("-n", type=int, default=40, help="how many random scenarios (default: 40)")
    parser.add_argument("--seed", default="1", help="what they come from (default: 1)")
    parser.add_argument("--first", type=int, default=0, help="number of the first (default: 0)")
    parser.add_argument("--jobs", type=int, default=1, help="how many at once (default: 1)")
    parser.add_argument("--no-shrink", action="store_true", help="only tell of differences, write no file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
