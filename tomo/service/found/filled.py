"""A catalog app set to what runs: its inputs filled, and what is otherwise written beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from tomo.model.declaration import Concat
from tomo.model.values import Secret, Value, reveal
from tomo.providers.docker.container_fields import BY_NAME
from tomo.providers.docker.container_seen import compared
from tomo.providers.docker.inspected import config, listed, part, whole
from tomo.providers.docker.schema import same_meaning
from tomo.providers.docker.units import same_image
from tomo.resources.containers import KEPT, Surroundings, container_inputs
from tomo.resources.texts import FleetValues, Instance
from tomo.service.found.look import Found, Running
from tomo.service.found.written import (
    Entry,
    Written,
    aliases_of,
    compact,
    hides,
    literal,
    name_from,
    reach,
    resources_of,
    unused,
)
from tomo.spec import template
from tomo.spec.app import AppDefinition, Mount, Port, Resources, Service
from tomo.spec.base import InputRef
from tomo.spec.fleet import EVERYWHERE, App, Server, generated_secret
from tomo.spec.inputs import complaint
from tomo.spec.overlay import overlaid


def filled(
    name: str, definition: AppDefinition, pairs: Mapping[str, Running], found: Found, server: Server
) -> Written:
    """The app's entry in the fleet file for these containers, by service."""
    return _Filler(name, definition, pairs, found, server).fill()


class _Filler:
    """One app. Inputs come first, as they decide which services and mounts there are."""

    def __init__(
        self, name: str, definition: AppDefinition, pairs: Mapping[str, Running], found: Found, server: Server
    ) -> None:
        self._name, self._definition, self._pairs = name, definition, pairs
        self._found, self._server = found, server
        self._made = Written()
        self._values: dict[str, str] = {}
        self._volumes: dict[str, str] = {}
        self._networks: dict[str, str] = {}
        self._shared: dict[str, str] = {}
        self._aliases: dict[str, list[str]] = {}

    def fill(self) -> Written:
        for service, each in self._pairs.items():
            self._observe(self._definition.services[service], each)
        inputs = dict(self._inputs())
        laid = overlaid(self._name, self._definition, self._app(inputs))
        instance = self._instance(inputs, laid)
        ports = dict(self._ports(laid))
        services = {
            key: settings
            for key, each in self._pairs.items()
            if key in laid.services and (settings := self._settings(key, laid.services[key], each, instance))
        }
        self._join(laid)
        self._made.entry = compact(
            {
                "app": self._definition.id,
                "server": self._found.server,
                "ports": ports,
                "inputs": inputs,
                "networks": list(self._shared.values()),
                "services": services,
                "names": self._names(laid),
            }
        )
        return self._made

    def _problem(self, each: Running, what: str) -> None:
        self._made.problems.append(f"`{each.name}`: {what}")

    def _app(self, inputs: Mapping[str, object]) -> App:
        return App.model_validate({"app": self._definition.id, "server": "s", "inputs": inputs})

    def _instance(self, inputs: Mapping[str, object], laid: AppDefinition) -> Instance:
        secrets = {name: Secret(value) for name, value in self._made.secrets.items()}
        missing = {
            generated_secret(self._name, entry.name): Secret("")
            for entry in self._definition.inputs
            if entry.generate is not None
        }
        values = FleetValues({**missing, **secrets})
        return Instance("", self._name, self._app(inputs), laid, self._found.server, self._server, values)

    # --- inputs -----------------------------------------------------------------------------------

    def _observe(self, service: Service, each: Running) -> None:
        """Reads what inputs must have been for the container to be as it is."""
        variables = _variables(listed(config(each.raw), "Env"))
        for key, value in service.env.items():
            if key in variables:
                self._note(each, value, variables[key])
        sources = {
            str(item.get("containerPath")): str(item.get("hostPath") or "") for item in each.blocks("volumes")
        }
        sources |= {str(item.get("target")): str(item.get("source") or "") for item in each.blocks("mounts")}
        for mount in service.mounts:
            if mount.host is not None and sources.get(mount.path, "").startswith("/"):
                self._note(each, mount.host, sources[mount.path])

    def _note(self, each: Running, wanted: object, seen: str) -> None:
        name, value = _input_in(wanted, seen)
        if not name:
            return
        if self._values.setdefault(name, value) != value:
            self._problem(each, f"the input `{name}` has another value than in the app's other containers")

    def _inputs(self) -> Iterator[tuple[str, object]]:
        for entry in self._definition.inputs:
            value = self._values.get(entry.name)
            if not value or value == entry.default:
                continue
            if entry.secret:
                secret = generated_secret(self._name, entry.name)
                self._made.secrets[secret] = value
                if entry.generate is None:
                    yield entry.name, {"secret": secret}
            elif wrong := complaint(entry, value):
                self._made.problems.append(f"the input `{entry.name}` {wrong}, and `{value}` runs")
            else:
                yield entry.name, value

    # --- one service ------------------------------------------------------------------------------

    def _settings(self, key: str, wanted: Service, each: Running, instance: Instance) -> Entry:
        if not each.runs:
            self._problem(each, "it does not run, and an app's containers do")
        if not each.image:
            self._problem(each, "its image has no name any more; give it one with `docker tag`")
        labels = {str(item["label"]): str(item["value"]) for item in each.blocks("labels")}
        declared = {name: _plain(instance.text(text)) for name, text in wanted.labels.items()}
        made = compact(
            {
                "image": each.image if same_image(each.image) != same_image(wanted.image) else None,
                "env": dict(self._env(key, wanted, each, instance)),
                "mounts": list(self._mounts(wanted, each, instance)),
                "labels": {name: text for name, text in labels.items() if declared.get(name) != text},
                "without_env": [
                    name for name in wanted.env if name not in _variables(listed(config(each.raw), "Env"))
                ],
                "keep": list(_kept(key, each, instance)),
            }
        )
        resources = resources_of(each)
        if Resources.model_validate(resources) != (wanted.resources or Resources()):
            made["resources"] = resources
        return made

    def _env(
        self, service: str, wanted: Service, each: Running, instance: Instance
    ) -> Iterator[tuple[str, object]]:
        expected = {key: _plain(instance.text(value)) for key, value in wanted.env.items()}
        for variable, value in _variables(listed(each.inputs, "envs")).items():
            if expected.get(variable) == value:
                continue
            if hides(variable, value):
                name = f"app-{self._name}.{service}.{variable}"
                self._made.secrets[name] = value
                yield variable, {"secret": name}
            else:
                yield variable, literal(value)

    # --- storage ----------------------------------------------------------------------------------

    def _mounts(self, wanted: Service, each: Running, instance: Instance) -> Iterator[Entry]:
        there = {path: (source, read_only) for path, source, read_only in _sources(each)}
        for mount in wanted.mounts:
            source, read_only = there.pop(mount.path, ("", False))
            if mount.volume and source and not source.startswith("/"):
                self._volume(each, mount.volume, source)
                if read_only != mount.read_only:
                    yield {"volume": mount.volume, "path": mount.path, "read_only": read_only}
            elif source.startswith("/") and not _is_bound(mount, source, instance, read_only=read_only):
                yield self._bind(mount.path, source, read_only=read_only)
        for path, (source, read_only) in there.items():
            if source.startswith("/"):
                yield self._bind(path, source, read_only=read_only)
            else:
                what = f"its volume `{source}`" if source else "a volume without a name"
                self._problem(each, f"`{self._definition.id}` has no place for {what} at `{path}`")

    def _bind(self, path: str, source: str, *, read_only: bool) -> Entry:
        kind = {"kind": "file"} if source in self._found.files else {}
        return {**kind, "host": literal(source), "path": path, **({"read_only": True} if read_only else {})}

    def _volume(self, each: Running, key: str, name: str) -> None:
        volume = self._found.volumes.get(name, {})
        if volume.get("Driver") != "local" or volume.get("Options"):
            self._problem(each, f"its volume `{name}` has a driver or options of its own")
        if self._volumes.setdefault(key, name) != name:
            self._problem(
                each, f"the app's volume `{key}` is `{name}` here and `{self._volumes[key]}` elsewhere"
            )

    # --- ports ------------------------------------------------------------------------------------

    def _ports(self, laid: AppDefinition) -> Iterator[tuple[str, object]]:
        for service, port in laid.ports():
            each = self._pairs.get(service)
            if each is not None and (setting := self._port(port, each)):
                yield port.name, setting

    def _port(self, port: Port, each: Running) -> Entry:
        """Where a port is reached, as far as that is not the app's own default."""
        host, inside = port.pairs()[0]
        bound = [
            item
            for item in each.blocks("ports")
            if whole(item["internal"]) == inside and item["protocol"] == port.protocol
        ]
        if not bound:
            return {} if port.expose == "none" else {"expose": "none"}
        expose = reach(str(bound[0].get("ip") or EVERYWHERE), self._server)
        if not expose:
            self._problem(each, f"port {inside}/{port.protocol} is bound to `{bound[0].get('ip')}` alone")
        outside = whole(bound[0].get("external"))
        count = len(port.pairs())
        span = outside if count == 1 else f"{outside}-{outside + count - 1}"
        return compact(
            {"host": span if outside != host else None, "expose": expose if expose != port.expose else None}
        )

    # --- networks and names -----------------------------------------------------------------------

    def _join(self, laid: AppDefinition) -> None:
        """Finds the Docker network behind each of the app's own; all others are shared ones."""
        keys = list(dict.fromkeys(key for service in laid.services.values() for key in service.networks))
        if len(laid.services) == 1:
            keys = [key for key in keys if key != "default"]
        for key in keys:
            users = [(name, self._pairs[name]) for name in self._pairs if key in laid.services[name].networks]
            common = [
                network
                for network in (users[0][1].endpoints if users else ())
                if network not in self._networks.values()
                and all(
                    name in aliases_of(each, network) for name, each in users if network in each.endpoints
                )
                and all(network in each.endpoints for _, each in users)
            ]
            if common:
                self._networks[key] = common[0]
        for name, each in self._pairs.items():
            others = [
                net
                for net in each.endpoints
                if net not in {*self._networks.values(), "bridge", "host", "none"}
            ]
            for network in others:
                self._shared.setdefault(network, unused(name_from(network), set(self._shared.values())))
            if others:
                self._aliases[name] = sorted(aliases_of(each, others[0]))

    def _names(self, laid: AppDefinition) -> Entry:
        single = len(laid.services) == 1
        containers = {
            key: each.name
            for key, each in self._pairs.items()
            if each.name != (self._name if single else f"{self._name}-{key}")
        }
        networks = {key: name for name, key in self._shared.items()}
        return compact(
            {
                "containers": containers,
                "volumes": {
                    key: name
                    for key, name in self._volumes.items()
                    if name != f"{self._name}-{key}" or part(self._found.volumes.get(name, {}), "Labels")
                },
                "networks": {**self._networks, **networks},
                "aliases": {key: names for key, names in self._aliases.items() if names},
            }
        )


def _kept(service: str, each: Running, instance: Instance) -> Iterator[str]:
    """What is otherwise than the app says and may stay so."""
    nothing = Surroundings("", {}, {}, (), {})
    apart = replace(instance, definition=_apart(service, instance.definition))
    declared = container_inputs(apart, service, each.name, nothing)
    wanted = {name: _opened(declared[name]) for names in KEPT.values() for name in names if name in declared}
    seen = compared(wanted, each.raw, each.made_from)
    for word, names in KEPT.items():
        if not all(same_meaning(BY_NAME[name], seen.get(name), wanted.get(name)) for name in names):
            yield word


def _apart(service: str, definition: AppDefinition) -> AppDefinition:
    """The definition with a service that refers to nothing outside itself."""
    alone = definition.services[service].model_copy(update={"mounts": (), "env": {}, "networks": ()})
    return definition.model_copy(update={"services": {service: alone}, "files": ()})


def _opened(value: Value) -> Value:
    """A value with its texts joined and its secrets opened."""
    if isinstance(value, (Concat, Secret)):
        return _plain(value)
    if isinstance(value, Mapping):
        return {key: _opened(item) for key, item in value.items()}
    return [_opened(item) for item in value] if isinstance(value, (list, tuple)) else value


# --- parts -------------------------------------------------------------------------------------------


def _variables(texts: Sequence[Value]) -> dict[str, str]:
    pairs = (str(text).partition("=") for text in texts)
    return {name: value for name, _, value in pairs}


def _input_in(wanted: object, seen: str) -> tuple[str, str]:
    """The input that a value is made of, and its value; `("", "")` where it isn't made of just one."""
    if isinstance(wanted, InputRef):
        return wanted.input, seen
    if not isinstance(wanted, str):
        return "", ""
    parts = template.parse(wanted)
    refs = [part for part in parts if isinstance(part, template.Reference)]
    if len(refs) != 1 or not refs[0].input:
        return "", ""
    before = "".join(part for part in parts[: parts.index(refs[0])] if isinstance(part, str))
    after = "".join(part for part in parts[parts.index(refs[0]) + 1 :] if isinstance(part, str))
    if not (seen.startswith(before) and seen.endswith(after) and len(seen) >= len(before) + len(after)):
        return "", ""
    return refs[0].input, seen[len(before) : len(seen) - len(after)]


def _sources(each: Running) -> Iterator[tuple[str, str, bool]]:
    """Path, source and whether it may only be read, of every volume, folder and file."""
    for item in each.blocks("volumes"):
        source = item.get("hostPath") or item.get("volumeName") or ""
        yield str(item.get("containerPath")), str(source), bool(item.get("readOnly"))
    for item in each.blocks("mounts"):
        if item.get("type") != "tmpfs":
            yield str(item.get("target")), str(item.get("source") or ""), bool(item.get("readOnly"))


def _is_bound(mount: Mount, source: str, instance: Instance, *, read_only: bool) -> bool:
    host = _plain(instance.text(mount.host)) if mount.host is not None else ""
    return host == source and mount.read_only == read_only


def _plain(value: Value) -> str:
    """A text with its secrets opened, to compare it with what runs."""
    if isinstance(value, Concat):
        return "".join(str(reveal(part)) for part in value.parts if isinstance(part, (str, Secret)))
    return str(reveal(value))
