"""Rules that an app of the catalog keeps beyond its form; each breach is a mistake with a line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from tomo.errors import Problem, SpecError
from tomo.spec.app import CATEGORIES, AppDefinition, Mount, Service, in_language
from tomo.spec.base import SecretRef
from tomo.spec.check import looks_secret
from tomo.spec.consistency import inconsistencies, referred_inputs, unsupported, used_values
from tomo.spec.files import read_bytes
from tomo.spec.problems import Finding, build, in_order, located
from tomo.spec.risk import grants_of, risk_of
from tomo.spec.yaml import Document, parse

_DATABASES: Final = {
    "postgres": "/var/lib/postgresql",
    "mysql": "/var/lib/mysql",
    "mariadb": "/var/lib/mysql",
    "redis": "/data",
    "valkey": "/data",
    "mongo": "/data/db",
    "influxdb": "/var/lib/influxdb2",
}
_FULL_VERSION: Final = re.compile(r"\d+\.\d+|\d{4}-\d{2}-\d{2}|\d{6,}")
_MOVING: Final = frozenset(
    {"latest", "stable", "main", "master", "edge", "nightly", "develop", "beta", "dev"}
)


def lint_file(path: Path) -> list[Problem]:
    """Every breach in one app file; an empty list where there is none."""
    try:
        return lint(parse(read_bytes(path), str(path)), path.stem)
    except SpecError as error:
        return list(error.problems)


def lint(document: Document, stem: str) -> list[Problem]:
    """The same for a document; `stem` is its file's name without the ending."""
    app = build(AppDefinition, document)
    findings = [*inconsistencies(app), *unsupported(app)]
    if app.id != stem:
        findings.append(
            (("id",), f"the id `{app.id}` is not the file's name", f"call the file `{app.id}.yaml`")
        )
    if not findings:
        findings = [finding for rule in _RULES for finding in rule(app)]
        findings += _unchecked(app, document)
    return in_order(located(document, findings))


# --- what people read --------------------------------------------------------------------------------


def _described(app: AppDefinition) -> Iterator[Finding]:
    if not app.categories or app.categories[0] not in CATEGORIES:
        yield (
            ("categories",),
            "the first category is none of Tomo's",
            f"start with one of {', '.join(CATEGORIES)}",
        )
    for field in ("tagline", "description"):
        if not in_language(getattr(app, field)):
            yield (field,), f"`{field}` is missing", f"add `{field}: …`"
    if not (app.links.website or app.links.source):
        yield ("links",), "nothing says where the app comes from", "add `links: {website: …}`"
    if app.requirements.memory is None:
        yield ("requirements",), "the memory it needs is missing", "add `requirements: {memory: 256M}`"
    if not app.architectures:
        yield (
            ("architectures",),
            "the architectures of its images are missing",
            "add `architectures: [amd64]`",
        )
    if not in_language(app.notes.after_install):
        hint = "add `notes: {after_install: …}`"
        yield ("notes",), "nothing says what to do once the app runs", hint
    for index, entry in enumerate(app.inputs):
        if not entry.hidden and not (entry.label and entry.description):
            yield ("inputs", index), f"input `{entry.name}` has no label or description", "add both"


# --- images ------------------------------------------------------------------------------------------


def tag_of(image: str) -> str:
    """The tag of an image's name, `""` where it has none; a digest is no tag."""
    name = image.split("@", 1)[0]
    return name.rsplit(":", 1)[1] if ":" in name.rsplit("/", 1)[-1] else ""


def repository_of(image: str) -> str:
    """The last part of an image's repository: `postgres` of `docker.io/library/postgres:17.2`."""
    return image.split("@", 1)[0].rsplit("/", 1)[-1].split(":", 1)[0]


def _pinned(app: AppDefinition) -> Iterator[Finding]:
    for key, service in app.services.items():
        tag, path = tag_of(service.image), ("services", key, "image")
        if not tag or tag.split("-")[0] in _MOVING:
            yield path, f"`{service.image}` names no version", "write a full version, such as `nginx:1.30.4`"
        elif not _FULL_VERSION.search(tag):
            yield path, f"the tag `{tag}` moves with every release", "write a full version, such as `1.30.4`"
    if not any(app.version in tag_of(service.image) for service in app.services.values()):
        message = f"version {app.version} is the one of none of the images"
        yield ("version",), message, "write the version that the app's image has"


# --- data and health ---------------------------------------------------------------------------------


def _health(app: AppDefinition) -> Iterator[Finding]:
    for key in sorted(_watched(app)):
        service = app.services[key]
        if service.healthcheck is None and not service.oneshot:
            yield ("services", key), f"`{key}` has no health check", "add `healthcheck: {test: [CMD, …]}`"
        elif service.healthcheck and service.healthcheck.test[:1] == ("NONE",):
            yield (
                ("services", key, "healthcheck"),
                f"the health check of `{key}` is switched off",
                "write a test",
            )


def _watched(app: AppDefinition) -> set[str]:
    """Services that an app is nothing without: their health is what an apply waits for."""
    bases = {key for key, each in app.services.items() if repository_of(each.image) in _DATABASES}
    return bases | {app.main_service}


def _unchecked(app: AppDefinition, document: Document) -> Iterator[Finding]:
    """Other services may go without a check where the file says why, in a comment above them."""
    lines = document.text.splitlines()
    for key, service in app.services.items():
        above = lines[document.line(("services", key)) - 2].strip()
        checked = service.healthcheck or service.oneshot or key in _watched(app)
        if not checked and not above.startswith("#"):
            hint = "add `healthcheck: …`, or a comment above it that says why it has none"
            yield ("services", key), f"`{key}` has no health check, and nothing says why", hint


def _data(app: AppDefinition) -> Iterator[Finding]:
    for key, service in app.services.items():
        where = _DATABASES.get(repository_of(service.image))
        if where and not any(_keeps(mount, where) for mount in service.mounts):
            message = f"the data of `{key}` in `{where}` is on no volume"
            yield ("services", key), message, f"add `{{volume: data, path: {where}}}` under `mounts`"
        elif where and _copied_while_it_runs(app, service):
            message = f"the data of `{key}` is backed up while it is written, and may not open again"
            yield ("services", key), message, "write `backup: {stop: true}`, or a dump under `pre`"
        if service.restart == "no" and not service.oneshot:
            yield ("services", key, "restart"), f"`{key}` stays down after a reboot", "write `unless-stopped`"
    used = {mount.volume for service in app.services.values() for mount in service.mounts}
    for name in app.volumes:
        if name not in used:
            yield ("volumes", name), f"no service mounts the volume `{name}`", "mount or remove it"


def _copied_while_it_runs(app: AppDefinition, service: Service) -> bool:
    kept = {name for name, volume in app.volumes.items() if volume.backup}
    around = app.backup is not None and (app.backup.stop or bool(app.backup.pre))
    return not around and any(mount.volume in kept for mount in service.mounts)


def _keeps(mount: Mount, path: str) -> bool:
    return bool(mount.volume) and (mount.path == path or mount.path.startswith(f"{path}/"))


# --- secrets and inputs ------------------------------------------------------------------------------


def _secrets(app: AppDefinition) -> Iterator[Finding]:
    for key, service in app.services.items():
        for name, value in service.env.items():
            if isinstance(value, str) and value and not referred_inputs(value) and looks_secret(name):
                hint = f"write `{name}: {{input: {name}}}` and an input of `type: secret`"
                yield ("services", key, "env", name), f"`{name}` has a secret that everybody knows", hint
    for path, used in used_values(app):
        if isinstance(used, SecretRef):
            yield path, "an app of the catalog knows no stack's secrets", "write `{input: NAME}`"
    for index, entry in enumerate(app.inputs):
        if entry.secret and entry.required and entry.generate is None and not entry.description:
            yield ("inputs", index), f"nothing says where `{entry.name}` comes from", "add a description"


def _inputs_used(app: AppDefinition) -> Iterator[Finding]:
    used = {name for _, value in used_values(app) for name in referred_inputs(value)}
    for service in app.services.values():
        used |= {file.input for file in service.secrets if file.input}
        used |= set(_conditions(service))
    for index, entry in enumerate(app.inputs):
        if entry.name not in used:
            yield ("inputs", index), f"input `{entry.name}` changes nothing", "use or remove it"


def _conditions(service: Service) -> Iterator[str]:
    for when in (
        service.when,
        *(mount.when for mount in service.mounts),
        *(each.when for each in service.devices),
    ):
        if when:
            yield when.input


# --- reach and rights --------------------------------------------------------------------------------


def _reach(app: AppDefinition) -> Iterator[Finding]:
    for key, service in app.services.items():
        for index, port in enumerate(service.ports):
            if port.expose == "public":
                path = ("services", key, "ports", index)
                yield (
                    path,
                    f"port `{port.name}` is public by default",
                    "write `local` or `lan`: a person decides more",
                )
    if app.exposure.required and not app.exposure.allowed:
        yield (
            ("exposure",),
            "the app must be and must not be reached",
            "correct one of `allowed` and `required`",
        )
    page = app.web_port()
    if page is not None and page.expose == "none":
        yield ("web",), "the page's port is not published", "write `expose: local`"
    if page is not None and page.name != "web":
        yield ("web",), f"the page's port is called `{page.name}`", "call it `web`"


def _rights(app: AppDefinition) -> Iterator[Finding]:
    asked, granted = set(grants_of(app)), set(app.grants)
    for grant in sorted(asked - granted):
        yield ("grants",), f"the grant `{grant}` is missing", f"add `{grant}` under `grants`"
    for grant in sorted(granted - asked):
        yield ("grants",), f"nothing needs the grant `{grant}`", "remove it"
    if app.risk != risk_of(app):
        yield ("risk",), f"the risk is {risk_of(app)}, not {app.risk}", f"write `risk: {risk_of(app)}`"


_RULES: Final[tuple[Callable[[AppDefinition], Iterable[Finding]], ...]] = (
    _described,
    _pinned,
    _health,
    _data,
    _secrets,
    _inputs_used,
    _reach,
    _rights,
)
