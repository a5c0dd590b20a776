"""Policy findings as SARIF 2.1.0, as code scanning takes them (docs.oasis-open.org/sarif/sarif/v2.1.0)."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote

from tomo import __version__
from tomo.errors import TomoError
from tomo.frozen import frozen
from tomo.model.finding import Finding, Level
from tomo.model.plan import Plan
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
_REPOSITORY: Final = ".git"
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

    def line(self, urn: Urn, steps: Mapping[Urn, Step]) -> int:
        """The line of the app or server that a resource belongs to; 1 where the file doesn't tell."""
        if self.fleet is None:
            return 1
        return self.fleet.line(_path(urn, steps))


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
    made: dict[str, Json] = {"executionSuccessful": not errors}
    if errors:
        made["toolExecutionNotifications"] = [
            {
                "level": "error",
                "descriptor": {"id": error.code},
                "message": {"text": str(error) if not urn else f"{error} ({Urn(urn).name})"},
            }
            for error, urn in errors
        ]
    return made


# --- findings ----------------------------------------------------------------------------------------


def _results(shown: PlanResult, places: Mapping[str, int], source: Source) -> Iterator[dict[str, Json]]:
    steps = _steps(shown.plan)
    seen: Counter[str] = Counter()
    for finding in shown.judgement.findings:
        mark = fingerprint(finding)
        seen[mark] += 1
        yield _result(finding, places[finding.rule], f"{mark}:{seen[mark]}", source, steps)


def _result(
    finding: Finding, place: int, mark: str, source: Source, steps: Mapping[Urn, Step]
) -> dict[str, Json]:
    made: dict[str, Json] = {
        "ruleId": finding.rule,
        "ruleIndex": place,
        "level": _LEVELS[finding.level],
        "message": {"text": _words(finding)},
        "locations": [_location(finding, source, steps)],
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


def _location(finding: Finding, source: Source, steps: Mapping[Urn, Step]) -> dict[str, Json]:
    urn = finding.resource
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": source.uri},
            "region": {"startLine": source.line(urn, steps)},
        },
        "logicalLocations": [{"name": urn.name, "fullyQualifiedName": str(urn), "kind": "resource"}],
    }


def fingerprint(finding: Finding) -> str:
    """What names a finding from plan to plan: its rule, resource and field, whatever the words and line."""
    text = "\0".join((finding.rule, str(finding.resource), finding.field))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


# --- where a resource stands in a fleet file ---------------------------------------------------------


def _steps(plan: Plan) -> Mapping[Urn, Step]:
    return {step.urn: step for step in plan.steps}


def _path(urn: Urn, steps: Mapping[Urn, Step]) -> Sequence[str | int]:
    """The path in the fleet file of the app or server that a resource is, or lies in."""
    seen: set[Urn] = set()
    at: Urn | None = urn
    while at is not None and at not in seen:
        seen.add(at)
        if at.type == APP:
            return ("apps", at.name.rpartition("@")[0] or at.name)
        if at.type in {SERVER, DOCKER_PROVIDER}:
            return ("servers", at.name)
        step = steps.get(at)
        at = step.entry.parent if step is not None else None
    step = steps.get(urn)
    server = next((need.name for need in step.entry.dependencies if need.type == SERVER), "") if step else ""
    return ("servers", server) if server else ()
