"""What a comparison found, for people."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from conformance.allowed import ALLOWED
from conformance.company import Result
from conformance.compare import Where

WIDTH = 100


@dataclass
class Report:
    """Counts results."""

    scenarios: int = 0
    operations: int = 0
    failed: int = 0
    allowed: Counter[str] = field(default_factory=Counter)

    def take(self, result: Result) -> None:
        """Counts one."""
        self.scenarios += 1
        self.operations += result.operations
        self.failed += not result.agrees
        self.allowed.update(result.allowed)

    def lines(self, seconds: float) -> Iterator[str]:
        """The end of a comparison: how many agreed, and which differences on purpose were met, how often."""
        yield (
            f"{self.scenarios - self.failed} of {self.scenarios} scenarios agree, "
            f"in {self.operations} operations on each engine, {seconds:.0f} s"
        )
        for entry in (each for each in ALLOWED if self.allowed[each.name]):
            yield f"{self.allowed[entry.name]:5}  {entry.name}"
            yield from textwrap.wrap(entry.reason, WIDTH, initial_indent=" " * 7, subsequent_indent=" " * 7)


def lines_of(result: Result) -> Iterator[str]:
    """What is said of one scenario: nothing where both agree, all it told where only one failed."""
    if result.agrees:
        return
    verb = result.scenario.operations[result.operations - 1].verb.value
    yield f"{result.scenario.title}: operation {result.operations} ({verb}) differs"
    for difference in result.differences:
        yield textwrap.indent(difference, "  ")
    if Where.EXIT in {where for where, _ in result.kinds}:
        yield textwrap.indent(result.said.strip(), "    | ")
