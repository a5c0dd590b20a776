"""Policy findings as SARIF 2.1.0, as code scanning takes them (docs.oasis-open.org/sarif/sarif/v2.1.0)."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote

from tomo import __version__
from tomo.errors import TomoError
from tomo.frozen import frozen
from tomo.model.finding import Finding, Level
from tomo.model.step import Step
from tomo.model.urn import Urn
from tomo.policy.policies import Policies, Setting
from tomo.resources.tokens import APP, DOCKER_PROVIDER, SERVER
from tomo.service.runs import PlanResult
from tomo.service.workspace import Workspace
from tomo.spec.load import LoadedFleet

Json = object

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS: Final = {
    Level.DENY: "error",
    Level.REQUIRE_APPROVAL: "warning",
    Level.WARN: "note",
    Level.OFF: "none",
}
_FOLLOWS: Final = {
    Level.DENY: "No plan that it finds something in is applied.",
    Level.REQUIRE_APPROVAL: "A plan that it finds something in waits for people to agree.",
    Level.WARN: "It is shown in plans and stops nobody.",
    Level.OFF: "It is off.",
}
MOST_RESULTS: Final = 25_000
"""What GitHub takes of one run; the strictest findings come first."""
_REPOSITORY: Final = ".git"
_SECTIONS: Final = ("apps", "servers")
FINGERPRINT: Final = "tomoFinding/v1"
_GITHUBS_FINGERPRINT: Final = "primaryLocationLineHash"


@frozen
class Source:
    """The file that a plan comes from. Paths in reports start at `root`; `fleet` is None for a program."""

    file: Path
    root: Path
    fleet: LoadedFleet | None = None

    @classmethod
    def of(cls, workspace: Workspace) -> Source:
        """The fleet file, or `Pulumi.yaml` of a program; paths start at the repository that holds it."""
        program = workspace.program
        file = workspace.fleet.file if workspace.fleet is not None else program.path if program else None
        found = (file or workspace.directory).absolute()
        root = next((up for up in found.parents if (up / _REPOSITORY).exists()), found.parent)
        return cls(found, root, workspace.fleet)

    @property
    def uri(self) -> str:
        """The file's path below the root, as a URI."""
        return quote(self.file.relative_to(self.root).as_posix())

    def lines(self) -> Callable[[tuple[str, str] | None], int]:
        """Gives the line of an app or server of the file; 1 where the file doesn't tell."""
        if self.fleet is None:
            return lambda _place: 1
        document = self.fleet.document
        # Each section is gone through once: a plan may have a finding for each of ten thousand apps.
        entries = {section: document.lines(section) for section in _SECTIONS}
        tops = {section: document.line((section,)) for section in _SECTIONS}

        def line(place: tuple[str, str] | None) -> int:
            return entries[place[0]].get(place[1], tops[place[0]]) if place is not None else 1

        return line


def sarif(shown: PlanResult, policies: Policies, source: Source) -> dict[str, Json]:
    """A SARIF log with one run: the rules in force, and a result for each finding of a plan."""
    settings = _settings(policies, shown.judgement.findings)
    places = {name: index for index, name in enumerate(settings)}
    run: dict[str, Json] = {
        "tool": {"driver": _driver(settings)},
        "automationDetails": {"id": f"tomo/{shown.plan.project}/{shown.plan.stack}/"},
        "columnKind": "unicodeCodePoints",
        "invocations": [_invocation(shown)],
        "results": list(_results(shown, places, source)),
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _settings(policies: Policies, findings: Sequence[Finding]) -> Mapping[str, Setting | None]:
    """Every rule that looks, by its name; None for one that only the plan knows."""
    known = {each.rule.name: each for each in policies.settings}
    looking = [name for name, each in known.items() if each.level is not Level.OFF]
    names = dict.fromkeys([*looking, *(finding.rule for finding in findings)])
    return {name: known.get(name) for name in names}


def _driver(settings: Mapping[str, Setting | None]) -> dict[str, Json]:
    rules = [_rule(name, setting) for name, setting in settings.items()]
    return {"name": "Tomo", "version": __version__, "semanticVersion": __version__, "rules": rules}


def _rule(name: str, setting: Setting | None) -> dict[str, Json]:
    level = setting.level if setting is not None else Level.WARN
    summary = setting.rule.summary if setting is not None else f"the rule {name}"
    words = f"{summary[:1].upper()}{summary[1:]}."
    advice = (
        f"Change what it names, or set `rules: {{{name}: LEVEL}}` in the policy file; "
        f"`except: [NAME]` leaves a resource out."
    )
    told = f"{words} {_FOLLOWS[level]} {advice}"
    return {
        "id": name,
        "name": "".join(part.capitalize() for part in name.replace(".", "-").split("-")),
        "shortDescription": {"text": words},
        "fullDescription": {"text": f"{words} {_FOLLOWS[level]}"},
        "help": {"text": told, "markdown": told},
        "defaultConfiguration": {"level": _LEVELS[level]},
        "properties": {"tags": ["policy"]},
    }


def _invocation(shown: PlanResult) -> dict[str, Json]:
    """Whether a whole plan could be made; what could not is told beside."""
    errors: list[tuple[TomoError, str]] = [(failure.error, failure.urn) for failure in shown.failures]
    errors += [(shown.program_error, "")] if shown.program_error is not None else []
    notes = [
        _note("error", error.code, str(error) if not urn else f"{error} ({Urn(urn).name})")
        for error, urn in errors
    ]
    more = len(shown.judgement.findings) - MOST_RESULTS
    if more > 0:
        notes.append(_note("warning", "cut", f"{more} more findings are not in this log"))
    made: dict[str, Json] = {"executionSuccessful": not errors}
    return {**made, "toolExecutionNotifications": notes} if notes else made


def _note(level: str, code: str, text: str) -> Json:
    return {"level": level, "descriptor": {"id": code}, "message": {"text": text}}


# --- findings ----------------------------------------------------------------------------------------


def _results(shown: PlanResult, places: Mapping[str, int], source: Source) -> Iterator[dict[str, Json]]:
    steps, line = {step.urn: step for step in shown.plan.steps}, source.lines()
    seen: Counter[str] = Counter()
    for finding in shown.judgement.findings[:MOST_RESULTS]:
        mark = fingerprint(finding)
        seen[mark] += 1
        at = line(_place(finding.resource, steps))
        location = _location(finding.resource, source.uri, at)
        yield _result(finding, places[finding.rule], f"{mark}:{seen[mark]}", location)


def _result(finding: Finding, place: int, mark: str, location: Json) -> dict[str, Json]:
    made: dict[str, Json] = {
        "ruleId": finding.rule,
        "ruleIndex": place,
        "level": _LEVELS[finding.level],
        "message": {"text": _words(finding)},
        "locations": [location],
        "partialFingerprints": {FINGERPRINT: mark, _GITHUBS_FINGERPRINT: mark},
        "properties": {"host": finding.host, "field": finding.field},
    }
    if finding.auto_approved:
        made["suppressions"] = [
            {"kind": "external", "justification": f"approved by itself: {finding.auto_approved}"}
        ]
    return made


def _words(finding: Finding) -> str:
    needs = f" It needs {finding.quorum}." if finding.awaits_approval and finding.quorum else ""
    hint = f" Hint: {finding.hint}." if finding.hint else ""
    return f"{finding.message}{f' ({finding.host})' if finding.host else ''}.{needs}{hint}"


def _location(urn: Urn, uri: str, line: int) -> dict[str, Json]:
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": uri},
            "region": {"startLine": line},
        },
        "logicalLocations": [{"name": urn.name, "fullyQualifiedName": str(urn), "kind": "resource"}],
    }


def fingerprint(finding: Finding) -> str:
    """What names a finding from plan to plan: its rule, resource and field, whatever the words and line."""
    text = "\0".join((finding.rule, str(finding.resource), finding.field))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


# --- where a resource stands in a fleet file ---------------------------------------------------------


def _place(urn: Urn, steps: Mapping[Urn, Step]) -> tuple[str, str] | None:
    """The app or server that a resource is, or lies in; None where it belongs to neither."""
    at: Urn | None = urn
    while at is not None:
        if at.type == APP:
            return "apps", at.name.rpartition("@")[0] or at.name
        if at.type in {SERVER, DOCKER_PROVIDER}:
            return "servers", at.name
        step = steps.get(at)
        at = step.entry.parent if step is not None else None
    step = steps.get(urn)
    server = next((need.name for need in step.entry.dependencies if need.type == SERVER), "") if step else ""
    return ("servers", server) if server else None
