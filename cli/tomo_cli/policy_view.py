"""Shows what policies say: below a plan, and by themselves."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

from rich.console import Console
from rich.text import Text

from tomo.model.finding import Finding, Judgement, Level
from tomo.service.policies import CaseOutcome, InForce, PolicyListing
from tomo_cli.console import clean, out, say

_STYLES = {Level.DENY: "bold red", Level.REQUIRE_APPROVAL: "magenta", Level.WARN: "yellow", Level.OFF: "dim"}
_WORDS = {Level.DENY: "deny", Level.REQUIRE_APPROVAL: "approval", Level.WARN: "warn", Level.OFF: "off"}
_MOST = 30


def show_judgement(console: Console, judgement: Judgement) -> None:
    """The findings, the strictest first; where a file is in force it is named, also if it finds nothing."""
    if not judgement.findings and not judgement.source:
        return
    console.print()
    where = f" in {clean(judgement.source)}" if judgement.source else ""
    if not judgement.findings:
        console.print(Text.assemble((f"Policies{where}", "bold"), " find nothing."), soft_wrap=True)
        return
    console.print(Text(f"Policies{where}", style="bold"), soft_wrap=True)
    _show_findings(console, judgement.findings)


def _show_findings(console: Console, findings: Sequence[Finding]) -> None:
    shown = findings[:_MOST]
    words = ["approved" if each.auto_approved else _WORDS[each.level] for each in shown]
    indent = max(map(len, words)) + 3
    for word, finding in zip(words, shown, strict=True):
        lines = wrapped(_told(finding), console.width - indent)
        hint = wrapped(f"hint: {finding.hint}", console.width - indent) if finding.hint else []
        first = Text(f"  {word.ljust(indent - 2)}", style=_STYLES[finding.level])
        console.print(Text.assemble(first, (lines[0], "")), soft_wrap=True)
        for style, more in (("", lines[1:]), ("cyan", hint)):
            for line in more:
                console.print(Text(" " * indent + line, style=style), soft_wrap=True)
    if len(findings) > _MOST:
        more_of_them = f"  … and {len(findings) - _MOST} more: `tomo plan --json` has them all"
        console.print(Text(more_of_them, style="dim"), soft_wrap=True)


def wrapped(text: str, width: int) -> list[str]:
    """A text in lines of some width; a word that is longer stays whole."""
    return textwrap.wrap(clean(text), max(width, 20), break_long_words=False, break_on_hyphens=False) or [""]


def _told(finding: Finding) -> str:
    quorum = f", {finding.quorum}" if finding.quorum else ""
    approved = f", by itself: {finding.auto_approved}" if finding.auto_approved else ""
    host = f" on {finding.host}" if finding.host else ""
    return f"{finding.message} ({finding.rule}{host}{approved or quorum})"


def show_listing(listing: PolicyListing) -> None:
    """Every rule in force, and those that are installed and not named."""
    policies = listing.in_force.policies
    from rich.table import Table  # not for the lines under a plan

    grid = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for header in ("RULE", "LEVEL", "WHAT IT FINDS", "FROM"):
        grid.add_column(header, overflow="fold", no_wrap=header in {"RULE", "LEVEL"})
    for each in policies.settings:
        notes = [*_options(each.options), *([f"not for {', '.join(each.exempt)}"] if each.exempt else [])]
        if each.level is Level.REQUIRE_APPROVAL:
            notes.insert(0, str(each.quorum))
        what = "; ".join([each.rule.summary, *notes])
        level = Text(each.level.value, style=_STYLES[each.level])
        grid.add_row(Text(clean(each.rule.name)), level, Text(clean(what)), Text(clean(each.origin)))
    for rule in listing.idle:
        words = Text("an installed rule that no file names", style="dim")
        grid.add_row(Text(clean(rule.name)), Text("off", style="dim"), words, Text(f"{rule.distribution}"))
    out().print(grid)
    say(f"In force: {_source(listing.in_force)}.")
    if policies.auto_approve:
        say(f"Approved by itself: {', '.join(policies.auto_approve)}.")
    if policies.everything:
        say("Rules look at everything that there is after a plan.")


def _options(options: Mapping[str, object]) -> Iterable[str]:
    for name, value in options.items():
        told = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
        yield f"{name} {told or 'nothing'}"


def _source(found: InForce) -> str:
    return found.source or "the default set"


def listing_json(listing: PolicyListing) -> dict[str, object]:
    """The same as data."""
    policies = listing.in_force.policies
    return {
        "source": listing.in_force.source,
        "digest": policies.digest,
        "lookAt": "everything" if policies.everything else "changes",
        "autoApprove": list(policies.auto_approve),
        "rules": [
            {
                "rule": each.rule.name,
                "level": each.level.value,
                "summary": each.rule.summary,
                "options": dict(each.options),
                "approvals": asdict(each.quorum) if each.level is Level.REQUIRE_APPROVAL else None,
                "except": list(each.exempt),
                "from": each.origin,
            }
            for each in policies.settings
        ],
        "notNamed": [
            {"rule": rule.name, "distribution": rule.distribution, "version": rule.version}
            for rule in listing.idle
        ],
    }


def show_outcomes(found: InForce, outcomes: Sequence[CaseOutcome]) -> None:
    """Each case with what came of it, and the count."""
    for each in outcomes:
        word, style = ("pass", "green") if each.passed else ("FAIL", "bold red")
        out().print(Text.assemble((word, style), f"  {clean(each.name)}"), soft_wrap=True)
        if not each.passed:
            out().print(Text(f"      expected {_levels(each.expected)}"), soft_wrap=True)
            out().print(Text(f"      found    {_levels(each.found)}"), soft_wrap=True)
    failed = sum(not each.passed for each in outcomes)
    say(f"{len(outcomes) - failed} passed, {failed} failed, in {found.source}.")


def _levels(levels: Mapping[str, str]) -> str:
    return clean(", ".join(f"{rule}: {level}" for rule, level in levels.items())) or "nothing"


def outcomes_json(found: InForce, outcomes: Sequence[CaseOutcome]) -> dict[str, object]:
    """The same as data."""
    return {
        "source": found.source,
        "digest": found.policies.digest,
        "passed": all(each.passed for each in outcomes),
        "tests": [
            {
                "name": each.name,
                "passed": each.passed,
                "expected": dict(each.expected),
                "found": dict(each.found),
                "findings": [asdict(finding) for finding in each.findings],
            }
            for each in outcomes
        ],
    }
