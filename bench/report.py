"""What was measured, as a table and as JSON."""

import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from lab.shell import attempt


@dataclass(frozen=True)
class Samples:
    """Repeated measurements of one thing."""

    name: str
    values: Sequence[float]

    @property
    def median(self) -> float:
        """The middle one."""
        return median(self.values)

    def shown(self, unit: str) -> str:
        """The median with the range."""
        if len(self.values) == 1:
            return f"{_number(self.median)} {unit}"
        return f"{_number(self.median)} {unit} ({_number(min(self.values))} to {_number(max(self.values))})"


@dataclass(frozen=True)
class Row:
    """One comparison; `limit` bounds the ratio to `base`, or, without a base, the median itself."""

    what: str
    ours: Samples
    base: Samples | None = None
    limit: float | None = None
    unit: str = "s"
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """The median of what was measured side by side; ratios of medians where the counts differ."""
        if self.base is None:
            return None
        if len(self.base.values) == len(self.ours.values):
            return median(ours / base for ours, base in zip(self.ours.values, self.base.values, strict=True))
        return self.ours.median / self.base.median

    @property
    def held(self) -> bool | None:
        """Whether the limit is kept; None where there is none."""
        if self.limit is None:
            return None
        return (self.ours.median if self.ratio is None else self.ratio) <= self.limit

    def document(self) -> dict[str, Any]:
        """The row as JSON."""
        base = {"name": self.base.name, "values": list(self.base.values)} if self.base else None
        return {
            "what": self.what,
            "unit": self.unit,
            "ours": {"name": self.ours.name, "values": list(self.ours.values)},
            "base": base,
            "ratio": self.ratio,
            "limit": self.limit,
            "held": self.held,
            "note": self.note,
        }


@dataclass
class Report:
    """The rows of one run."""

    rows: list[Row] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    """What could not be measured here, and why."""

    @property
    def missed(self) -> list[Row]:
        """The rows whose limit isn't kept."""
        return [row for row in self.rows if row.held is False]

    def document(self) -> dict[str, Any]:
        """The report as JSON."""
        return {
            "machine": machine(),
            "rows": [row.document() for row in self.rows],
            "left_out": self.left_out,
        }

    def lines(self) -> Iterator[str]:
        """The report as a Markdown table, which can be read as it is."""
        yield "| what | Tomo | against | ratio | limit | |"
        yield "|---|---|---|---|---|---|"
        for row in self.rows:
            against = f"{row.base.name}: {row.base.shown(row.unit)}" if row.base else ""
            verdict = {True: "kept", False: "MISSED", None: ""}[row.held]
            cells = [
                row.what,
                row.ours.shown(row.unit),
                against,
                f"{row.ratio:.2f}" if row.ratio is not None else "",
                f"{row.limit:g}{' ' + row.unit if row.ratio is None else ''}" if row.limit else "",
                verdict,
            ]
            yield f"| {' | '.join(cells)} |"
        notes = dict.fromkeys([*(f"{row.what}: {row.note}" for row in self.rows if row.note), *self.left_out])
        yield from ("", *notes) if notes else ()


def machine() -> dict[str, Any]:
    """Where it was measured; `load` is what else went on: the average number of busy processes."""
    return {
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "ssh": attempt(["ssh", "-V"]).err.strip(),
        "load": round(os.getloadavg()[0], 1),
    }


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.2f}"  # noqa: PLR2004
