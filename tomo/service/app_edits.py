"""What is set of an app, checked against its definition and turned into edits of the fleet file's text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field, replace

from tomo.catalog.index import Catalog
from tomo.catalog.repos.shelf import Pin
from tomo.errors import SpecError, UsageError
from tomo.frozen import frozen
from tomo.model.snapshot import Snapshot
from tomo.resources.tokens import APP
from tomo.spec import edit
from tomo.spec.app import AppDefinition, Expose, Input
from tomo.spec.check import check_fleet
from tomo.spec.fleet import App, generated_secret
from tomo.spec.inputs import complaint
from tomo.spec.load import LoadedFleet, fleet_from_text
from tomo.spec.near import did_you_mean
from tomo.spec.shown import shown

Edit = Callable[[str], str]
"""What makes another text of a fleet file's."""


@frozen
class AppSettings:
    """What a person sets of an app: inputs, inputs from secrets, ports by name, reach, variables, names.

    `secrets` and `env_secrets` are names of secrets, by input and by variable.
    """

    inputs: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, str] = field(default_factory=dict)
    exposure: Expose | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    env_secrets: Mapping[str, str] = field(default_factory=dict)
    hostnames: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        maps = (self.inputs, self.secrets, self.ports, self.env, self.env_secrets)
        return any(maps) or bool(self.exposure or self.hostnames)


def fleet_after(text: str, loaded: LoadedFleet, catalog: Catalog) -> LoadedFleet:
    """The fleet as a text would make it; raises SpecError where that would be a mistake."""
    after = fleet_from_text(text, loaded.file)
    if problems := check_fleet(after, catalog.find, catalog.ids()):
        # Their lines are those of a file that is not written.
        raise SpecError([replace(problem, line=0) for problem in problems])
    return after


def pinned_for(text: str, loaded: LoadedFleet, catalog: Catalog, ref: str) -> str:
    """A fleet file's text that pins the repository of an app, where it doesn't yet."""
    name, slash, _ = ref.rpartition("/")
    if not slash or name in loaded.fleet.repositories or name not in catalog.shelves:
        return text
    return with_pin(text, catalog.shelves[name].pin)


def with_pin(text: str, pin: Pin) -> str:
    """A fleet file's text with a pin in it."""
    value = {"url": pin.url, **({"commit": pin.commit} if pin.commit else {}), "digest": pin.digest}
    return edit.set_value(text, ("repositories", pin.name), value)


def app_of(loaded: LoadedFleet, name: str) -> App:
    """The app of a name; raises UsageError with the nearest one."""
    apps = loaded.fleet.apps
    if name not in apps:
        raise UsageError(
            f"the fleet has no app `{shown(name)}`",
            hint=did_you_mean(name, apps, "`tomo app list` shows all"),
        )
    return apps[name]


def require_servers(loaded: LoadedFleet, names: Sequence[str]) -> None:
    """Raises UsageError for a server that the fleet does not have."""
    for name in names:
        if name not in loaded.fleet.servers:
            hint = did_you_mean(
                name, loaded.fleet.servers, f"add it: `tomo server add {shown(name)} USER@HOST`"
            )
            raise UsageError(f"the fleet has no server `{shown(name)}`", hint=hint)


def check_settings(definition: AppDefinition, settings: AppSettings) -> None:
    """Raises UsageError for an input, port or value that the app does not take."""
    for name, value in settings.inputs.items():
        _check_value(definition, _input(definition, name), value)
    for name in settings.secrets:
        _input(definition, name)
    ports = [port.name for _, port in definition.ports()]
    for name in settings.ports:
        if name not in ports:
            hint = did_you_mean(name, ports, f"`{definition.id}` publishes no ports")
            raise UsageError(f"`{definition.id}` has no port `{shown(name)}`", hint=hint)


def _input(definition: AppDefinition, name: str) -> Input:
    entry = definition.input(name)
    if entry is None:
        known = [each.name for each in definition.inputs if not each.hidden]
        hint = did_you_mean(name, known, f"`{definition.id}` takes no inputs")
        raise UsageError(f"`{definition.id}` has no input `{shown(name)}`", hint=hint)
    return entry


def _check_value(definition: AppDefinition, entry: Input, value: str) -> None:
    if entry.secret:
        raise UsageError(
            f"`{entry.name}` is a secret, and its value is never given here",
            hint="a person sets it with `tomo secret set NAME`; then "
            f"`--secret {entry.name}=NAME`, or `secret_names` of a tool, says which it is",
        )
    if (value or entry.required) and (problem := complaint(entry, value)):
        hint = (
            f"such as `{entry.placeholder}`"
            if entry.placeholder
            else f"see `tomo catalog show {definition.id}`"
        )
        raise UsageError(f"`{entry.name}` {problem}, not `{shown(value)}`", hint=hint)


def with_known_secrets(
    name: str, definition: AppDefinition, settings: AppSettings, known: Mapping[str, object]
) -> AppSettings:
    """Takes a secret that was set under the app's and the input's name, where nothing else is said."""
    found = {
        entry.name: generated_secret(name, entry.name)
        for entry in definition.inputs
        if entry.secret and entry.generate is None and generated_secret(name, entry.name) in known
    }
    return replace(settings, secrets={**found, **settings.secrets})


def require_secrets(name: str, settings: AppSettings, known: Mapping[str, object]) -> None:
    """Raises UsageError for a secret that is not set."""
    for entry, secret in (*settings.secrets.items(), *settings.env_secrets.items()):
        if secret not in known:
            hint = did_you_mean(secret, known) if known else ""
            wanted = (
                hint
                if hint.startswith("did you mean")
                else f"set it first: `tomo secret set {shown(secret)}`"
            )
            raise UsageError(
                f"`{entry}` of `{name}` needs the secret `{shown(secret)}`, which is not set", hint=wanted
            )


def require_set(app_name: str, app: App, unset: Sequence[str]) -> None:
    """Raises UsageError for what is to be unset and isn't set."""
    given = {*app.inputs, *app.ports}
    for name in unset:
        if name not in given:
            hint = did_you_mean(name, given, "nothing of it is set in the fleet file")
            raise UsageError(f"`{shown(name)}` of `{app_name}` is not set in the fleet file", hint=hint)


def entry_of(definition: AppDefinition, servers: Sequence[str], settings: AppSettings) -> dict[str, object]:
    """A new app as it stands in a fleet file."""
    inputs: dict[str, object] = {
        **settings.inputs,
        **{name: {"secret": secret} for name, secret in settings.secrets.items()},
    }
    given: dict[str, object] = {"app": definition.id}
    given.update({"server": servers[0]} if len(servers) == 1 else {"servers": list(servers)})
    if settings.exposure:
        given["exposure"] = settings.exposure
    if settings.hostnames:
        given["hostnames"] = list(settings.hostnames)
    if settings.ports:
        given["ports"] = {name: _port_value(port) for name, port in settings.ports.items()}
    if inputs:
        given["inputs"] = inputs
    if env := _env(settings):
        given["env"] = env
    return given


def _env(settings: AppSettings) -> dict[str, object]:
    return {**settings.env, **{name: {"secret": secret} for name, secret in settings.env_secrets.items()}}


def _port_value(text: str) -> object:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else text  # noqa: PLR2004


def settings_edits(app_name: str, app: App, settings: AppSettings) -> Iterator[Edit]:
    """The edits that write what is set."""
    at = ("apps", app_name)
    for name, value in settings.inputs.items():
        yield setting((*at, "inputs", name), value)
    for name, secret in settings.secrets.items():
        yield setting((*at, "inputs", name), {"secret": secret})
    for name, port in settings.ports.items():
        written = app.ports.get(name)
        # Only the number changes where a person wrote its reach too.
        where = (*at, "ports", name, *(("host",) if written is not None and written.expose else ()))
        yield setting(where, _port_value(port))
    if settings.exposure:
        yield setting((*at, "exposure"), settings.exposure)
    if settings.hostnames:
        yield setting((*at, "hostnames"), list(settings.hostnames))
    for name, variable in _env(settings).items():
        yield setting((*at, "env", name), variable)


def setting(path: tuple[str, ...], value: object) -> Edit:
    """The edit that writes a value."""
    return lambda text: edit.set_value(text, path, value)


def unset_edits(app_name: str, unset: Sequence[str]) -> Iterator[Edit]:
    """The edits that take inputs and ports back to what the app says."""
    for name in unset:
        for section in ("inputs", "ports"):
            yield unsetting(("apps", app_name, section, name))


def unsetting(path: tuple[str, ...]) -> Edit:
    """The edit that takes a value out."""
    return lambda text: edit.remove_value(text, path)


def is_applied(snapshot: Snapshot, name: str) -> bool:
    """Whether the state has something of an app."""
    return any(
        entry.type == APP and entry.urn.name.rpartition("@")[0] == name for entry in snapshot.resources
    )
