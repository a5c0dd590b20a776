"""What a Compose service takes from elsewhere in its folder: variable files, secrets, configs, links."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tomo.catalog.importers.found import FoundApp
from tomo.catalog.importers.ledger import Ledger
from tomo.catalog.importers.reading import At
from tomo.catalog.importers.secrecy import from_outside, holds_secret
from tomo.catalog.importers.services import Services
from tomo.catalog.importers.variables import Asked, Scope, Texts, escaped, secret
from tomo.errors import SpecError
from tomo.spec.shown import shown

_LARGEST_FILE = 256 << 10


def variables_of(text: str) -> dict[str, str]:
    """The variables of an `.env` file; comments and quotes are left out, nothing is expanded."""
    found: dict[str, str] = {}
    for row in text.splitlines():
        name, separator, value = row.strip().removeprefix("export ").partition("=")
        name = name.strip()
        if not separator or not name or name.startswith("#"):
            continue
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        else:
            value = value.partition(" #")[0].rstrip()
        found[name] = value
    return found


@dataclass
class Carried:
    """Adds to mapped services what their files hold. `links` are further names by service."""

    found: FoundApp
    texts: Texts
    services: Services
    top: At
    links: dict[str, tuple[str, list[str]]] = field(default_factory=dict)

    def added(self, there: str, at: At, service: dict[str, Any]) -> dict[str, Any]:
        """A mapped service with its variable files, secrets, configs and links."""
        here = self.services.names[there]
        variables = self._env_files(at.get("env_file"))
        if variables:
            service["env"] = {**variables, **service.get("env", {})}
        secrets = list(self._secrets(at.get("secrets")))
        if secrets:
            service["secrets"] = secrets
        for entry in at.get("configs").items():
            self._config(here, entry)
        for entry in at.get("links").items():
            self._link(service, entry.text())
        return service

    def _env_files(self, at: At) -> dict[str, Any]:
        entries = [at] if isinstance(at.value, str) else list(at.items())
        found: dict[str, Any] = {}
        for entry in entries:
            name = entry.get("path").text() if isinstance(entry.value, dict) else entry.text()
            if name.removeprefix("./") == ".env" and self.found.variables:
                found |= {key: self.texts.value(f"${{{key}}}", key) for key in self.found.variables}
                continue
            text = self._read(self.texts.constant(name) or name)
            if text is None:
                self.found.ledger.person(f"the variables of `{shown(name)}` are not with the app")
                continue
            for key, value in variables_of(text).items():
                found[key] = self.texts.value(value.replace("$", "$$"), key)
        return found

    def _read(self, name: str) -> str | None:
        folder = self.found.folder
        name = name.removeprefix("./")
        if folder is None or not folder.has(name):
            return None
        try:
            content = folder.read(name, _LARGEST_FILE).decode("utf-8")
        except (SpecError, UnicodeDecodeError):
            return None
        return None if "\x00" in content else content

    def _secrets(self, at: At) -> Iterator[dict[str, Any]]:
        for entry in at.items():
            long = isinstance(entry.value, dict)
            name = entry.get("source").text() if long else entry.text()
            target = (entry.get("target").text() if long else "") or name
            wanted = self.texts.inputs.ask(secret(name))
            self.found.ledger.generating(f"secret `{wanted}`, as a file")
            yield {"input": wanted, "path": target if target.startswith("/") else f"/run/secrets/{target}"}

    def _config(self, here: str, entry: At) -> None:
        long = isinstance(entry.value, dict)
        name = entry.get("source").text() if long else entry.text()
        target = (entry.get("target").text() if long else "") or f"/{name}"
        source = self.top.get("configs").get(name)
        if source.get("content").value is not None:
            content = self.texts.template(source.get("content").text())
        else:
            text = self._read(source.get("file").text())
            if text is None:
                self.found.ledger.person(f"the config `{shown(name)}` is not with the app")
                return
            content = escaped(text)
        mounts = self.services.mounts
        if (here, target) not in mounts.placed:
            mounts.placed.add((here, target))
            mounts.files.append({"path": target, "content": content, "service": here})
            self.found.ledger.mapping(f"config `{shown(name)}` is a file of the app")

    def _link(self, service: dict[str, Any], text: str) -> None:
        there, _, alias = text.partition(":")
        here = self.services.names.get(there)
        if here is None:
            self.found.ledger.dropping(f"link to `{shown(there)}`, which is no service of the app")
            return
        service.setdefault("depends_on", {}).setdefault(here, "started")
        if alias and alias != here:
            self.services.aliases.setdefault(alias, here)
            self.links.setdefault(here, (there, []))[1].append(alias)


def environment_scope(variables: dict[str, str], ledger: Ledger) -> Scope:
    """What an `.env` file beside a Compose file says of its variables: defaults that a person may change.

    Its secrets are somebody's own, so they are not copied.
    """

    def scope(name: str) -> Asked | None:
        if holds_secret(name, variables.get(name)) and variables.get(name):
            ledger.person(
                f"the secret `{name}` of `.env` was not copied: set it if the app's data needs the same"
            )
            return Asked(name, "secret") if from_outside(name) else secret(name)
        return Asked(name, default=variables[name]) if name in variables else None

    return scope
