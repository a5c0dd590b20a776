"""`python -m bench`: measures Tomo beside what the same work costs without it, and by its peers."""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from bench.cli import pulumi_cli
from bench.measures import Bench
from bench.pyinfra import Pyinfra
from bench.report import Report
from bench.terraform import Terraform
from bench.timing import BenchError
from bench.world import worlds
from lab.daemon import Daemon
from lab.lab import CACHE
from lab.shell import LabError

MEASURES = ("start", "search", "mcp", "wide", "fleets", "program", "cli", "servers", "tight")
LOCAL = {"start", "search", "mcp", "wide", "fleets", "program", "cli"}


def main() -> int:
    """Measures, and prints what was found."""
    options = _options()
    report, begun = Report(), time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - begun:5.0f} s  {text}", file=sys.stderr, flush=True)

    try:
        with tempfile.TemporaryDirectory(prefix="tomo-bench-") as scratch:
            rounds, plans = (1, 1) if options.quick else (options.rounds, options.plans)
            bench = Bench(options.tomo, Path(scratch), report, say, rounds, plans)
            _measure(bench, options.measures or MEASURES)
    except (BenchError, LabError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(report.document(), indent=2))
    else:
        print("\n".join(report.lines()))
    return 1 if options.strict and report.missed else 0


def _measure(bench: Bench, wanted: list[str] | tuple[str, ...]) -> None:
    for name, measure in (("start", bench.start), ("wide", bench.wide), ("search", bench.search)):
        if name in wanted:
            measure()
    if "fleets" in wanted:
        bench.fleets(Terraform.installed(bench.scratch / "terraform"))
    if "program" in wanted:
        bench.program()
    if "cli" in wanted:
        with pulumi_cli(bench.scratch) as peer:
            bench.cli(peer)
            bench.many_applies(peer)
    if "mcp" in wanted:
        # The last of these: a new process's peak counts what this one holds when it starts it.
        bench.assistants()
    if LOCAL.issuperset(wanted):
        return
    Daemon(CACHE).ensure()
    pyinfra = Pyinfra(CACHE.parent / "bench")
    bench.say("starting servers")
    with worlds(bench.tomo, tight="tight" in wanted) as (world, tight):
        if "servers" in wanted:
            pyinfra.install()
            bench.servers(world, pyinfra)
        if tight is not None:
            bench.tight(tight)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("measures", nargs="*", choices=(*MEASURES, []), help="what to measure (default: all)")
    parser.add_argument("--quick", action="store_true", help="measure everything once")
    parser.add_argument("--rounds", type=int, default=2, help="rounds of applies (default: 2)")
    parser.add_argument("--plans", type=int, default=5, help="plans in each round (default: 5)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--strict", action="store_true", help="exit with 1 where a limit is missed")
    beside = Path(sys.executable).with_name("tomo")
    parser.add_argument("--tomo", type=Path, default=beside, help=f"the command (default: {beside})")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
