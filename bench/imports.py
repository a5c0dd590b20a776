"""How much of a real catalog loads and plans: `python -m bench.imports FOLDER-OR-FILE…`.

The copies are a person's own and stay where they are. An app is planned when its fleet has no mistake and
compiles to what is to be, on a made-up server, with every required input filled. Links to stacks that lie
elsewhere hold no app and are not counted.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from tomo.catalog.importers.formats import Outcome, format_of, read_copy
from tomo.errors import TomoError
from tomo.model.values import Secret
from tomo.resources.compile import compile_fleet
from tomo.resources.texts import FleetValues
from tomo.spec.app import AppDefinition, Input
from tomo.spec.check import check_fleet
from tomo.spec.inputs import generated_inputs
from tomo.spec.load import fleet_from_text

ELSEWHERE = "lies elsewhere"
MADE_UP = {
    "integer": "1000", "number": "1", "boolean": "true", "email": "me@example.org", "url": "https://example.org",
    "ip": "192.0.2.1", "hostname": "app.example.org", "path": "/srv/data", "port": "8999",
    "timezone": "Etc/UTC",
}  # fmt: skip


def planned(app: AppDefinition, others: Mapping[str, AppDefinition]) -> str:
    """`""` where the app plans, together with the apps it needs; what is wrong otherwise."""
    apps = dict(needed(app, others))
    entries = {
        name: {
            "app": name,
            "server": "nas",
            "inputs": {entry.name: filled(name, entry) for entry in asked(each)},
        }
        for name, each in apps.items()
    }
    fleet = {"fleet": "home", "servers": {"nas": {"host": "192.168.1.10"}}, "apps": entries}
    try:
        loaded = fleet_from_text(yaml.safe_dump(fleet), Path("fleet.yaml"))
        if problems := check_fleet(loaded, apps.get, sorted(apps)):
            return problems[0].message
        compile_fleet(loaded.fleet, apps, FleetValues(secrets_of(apps, loaded.fleet.apps)))
    except TomoError as error:
        return str(error)
    return ""


def needed(app: AppDefinition, others: Mapping[str, AppDefinition]) -> Iterator[tuple[str, AppDefinition]]:
    waiting, seen = [app], {app.id}
    while waiting:
        each = waiting.pop()
        yield each.id, each
        for dependency in each.dependencies:
            if dependency.app in others and dependency.app not in seen:
                seen.add(dependency.app)
                waiting.append(others[dependency.app])


def asked(app: AppDefinition) -> list[Input]:
    return [
        entry for entry in app.inputs if entry.required and entry.generate is None and entry.default is None
    ]


def filled(app: str, entry: Input) -> object:
    if entry.secret:
        return {"secret": f"{app}.{entry.name}"}
    if entry.options:
        return entry.options[0].value
    least = int(entry.validate_.min or 0) if entry.validate_ else 0
    if entry.type in ("integer", "number", "port") and entry.validate_:
        return str(least or int(entry.validate_.max or 1))
    return MADE_UP.get(entry.type, "something").ljust(least, "x")


def secrets_of(apps: Mapping[str, AppDefinition], placed: Mapping[str, object]) -> dict[str, Secret]:
    names = {f"{name}.{entry.name}" for name, app in apps.items() for entry in asked(app)}
    for name, app in apps.items():
        names |= set(generated_inputs(name, app, placed[name]))  # type: ignore[arg-type]
    return {name: Secret("made-up-value-of-a-secret") for name in names}


def report(path: Path) -> None:
    """Prints one copy's rates and what stands in the way most often."""
    began = time.process_time()
    format_ = format_of(path)
    outcomes = [
        each for each in read_copy(path, format_) if not any(ELSEWHERE in p.message for p in each.reasons)
    ]
    apps = {each.id: each.file.app for each in outcomes if each.file}
    reading = time.process_time() - began
    failed = {name: problem for name, app in apps.items() if (problem := planned(app, apps))}
    total = len(outcomes)
    plans = len(apps) - len(failed)
    rates = f"{len(apps)} load ({len(apps) / total:.1%}), {plans} plan ({plans / total:.1%})"
    print(f"{path}  {format_}: {total} apps, {rates}, read in {reading:.1f} s of CPU")
    for reason, count in Counter([*map(why, outcomes), *failed.values()]).most_common(12):
        if reason:
            names = [name for name, problem in failed.items() if problem == reason]
            print(f"  {count:3}  {reason[:140]}  {' '.join(names[:3])}")


def why(outcome: Outcome) -> str:
    return str(outcome.reasons[0].message) if outcome.reasons else ""


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        report(Path(argument))
