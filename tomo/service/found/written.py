"""Containers as an app defined in the fleet file; what can't be written is told by name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from tomo.model.values import Value
from tomo.providers.docker.inspected import config, host_config, listed, part, text_of, whole
from tomo.service.found.look import Found, Running
from tomo.spec.app import SCHEMA, AppDefinition
from tomo.spec.base import SECRET_NAME
from tomo.spec.check import looks_secret
from tomo.spec.fleet import EVERYWHERE, Server
from tomo.spec.risk import grants_of, risk_of

Entry: TypeAlias = dict[str, object]

_COMPOSE: Final = "com.docker.compose."
_NOT_A_NAME: Final = re.compile(r"[^a-z0-9]+")
_MIN_ID: Final = 12
# Docker's settings of a container for which an app has no word, and the values that say nothing.
_NO_WORD: Final[Mapping[str, str]] = {
    "Links": "links",
    "PidsLimit": "a limit of processes",
    "OomScoreAdj": "an OOM score",
    "OomKillDisable": "no OOM killer",
    "UTSMode": "a UTS namespace",
    "BlkioWeight": "a block I/O weight",
    "CpusetMems": "memory nodes",
    "VolumeDriver": "a volume driver",
}
_SAYS_NOTHING: Final[Sequence[object]] = (None, "", 0, -1, False, [], {})


@dataclass(slots=True)
class Written:
    """An app's entry in the fleet file, the values of its secrets, and what could not be written."""

    entry: Entry = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def name_from(text: str) -> str:
    """A text as the name of an app, service, volume or network."""
    return _NOT_A_NAME.sub("-", text.lower()).strip("-")[:40].strip("-") or "app"


def literal(text: str) -> str:
    """A text as a template that says just that."""
    return text.replace("${", "$${")


def written(app: str, group: Sequence[Running], found: Found, server: Server) -> Written:
    """The app that declares these containers just as they run."""
    return _Writer(app, group, found, server).write()


class _Writer:
    """One app. What belongs to it alone becomes its own; networks that others use too are shared."""

    def __init__(self, app: str, group: Sequence[Running], found: Found, server: Server) -> None:
        self._app, self._found, self._server = app, found, server
        self._group = dict(_services(group))
        self._made = Written()
        self._volumes: dict[str, str] = {}
        self._networks: dict[str, str] = {}
        self._shared: dict[str, str] = {}
        self._aliases: dict[str, list[str]] = {}

    def write(self) -> Written:
        services = {name: self._service(name, each) for name, each in self._group.items()}
        main = next(iter(self._group.values()))
        definition: Entry = {
            "schema": SCHEMA,
            "id": name_from(self._app),
            "title": self._app,
            "version": _version(main.image),
            "services": services,
            "volumes": {key: {} for key in self._volumes.values()},
            "networks": {
                key: {"internal": True} if self._found.networks[name].get("Internal") else {}
                for name, key in self._networks.items()
                if key != "default"
            },
        }
        self._made.entry = compact(
            {
                "server": self._found.server,
                "definition": _with_grants(compact(definition)),
                "networks": list(self._shared.values()),
                "names": self._names(),
            }
        )
        return self._made

    def _names(self) -> Entry:
        single = len(self._group) == 1
        containers = {
            service: each.name
            for service, each in self._group.items()
            if each.name != (self._app if single else f"{self._app}-{service}")
        }
        volumes = {
            key: name
            for name, key in self._volumes.items()
            if name != f"{self._app}-{key}" or self._found.volumes[name].get("Labels")
        }
        own = {key: name for name, key in self._networks.items()}
        shared = {key: name for name, key in self._shared.items() if key != name or self._labelled(name)}
        return compact(
            {
                "containers": containers,
                "volumes": volumes,
                "networks": {**own, **shared},
                "aliases": {service: names for service, names in self._aliases.items() if names},
            }
        )

    def _labelled(self, network: str) -> bool:
        return bool(self._found.networks[network].get("Labels"))

    def _problem(self, each: Running, what: str) -> None:
        self._made.problems.append(f"`{each.name}`: {what}")

    # --- one service ------------------------------------------------------------------------------

    def _service(self, name: str, each: Running) -> Entry:
        if not each.runs:
            self._problem(each, "it does not run, and an app's containers do")
        if not each.image:
            self._problem(each, "its image has no name any more; give it one with `docker tag`")
        for key, words in _NO_WORD.items():
            if each.given(key) not in _SAYS_NOTHING:
                self._problem(each, f"it has {words} (Docker's `{key}`)")
        made: Entry = {
            "image": each.image,
            **_process(each),
            "env": self._env(name, each),
            "ports": list(self._ports(each)),
            "mounts": list(self._mounts(each)),
            **self._networking(name, each),
            "depends_on": dict(_depends_on(each, self._group)),
            "healthcheck": _healthcheck(each),
            "stop": _stop(each),
            "resources": resources_of(each),
            "security": _security(each),
            "devices": [_device(item) for item in each.blocks("devices")],
            "labels": {str(item["label"]): literal(str(item["value"])) for item in each.blocks("labels")},
            "logging": _logging(each),
        }
        return compact(made, keep=("networks",))

    def _env(self, service: str, each: Running) -> Entry:
        made: Entry = {}
        for text in listed(each.inputs, "envs"):
            variable, _, value = str(text).partition("=")
            made[variable] = (
                self._secret(service, variable, value) if hides(variable, value) else literal(value)
            )
        return made

    def _secret(self, service: str, variable: str, value: str) -> Entry:
        name = re.sub(r"[^A-Za-z0-9_.-]", "_", f"{self._app}.{variable}")
        if self._made.secrets.get(name, value) != value or not re.fullmatch(SECRET_NAME, name):
            name = re.sub(r"[^A-Za-z0-9_.-]", "_", f"app-{self._app}.{service}.{variable}")
        self._made.secrets[name] = value
        return {"secret": name}

    def _ports(self, each: Running) -> Iterator[Entry]:
        if each.given("PublishAllPorts"):
            self._problem(each, "it publishes all ports at random ones")
        seen: set[str] = set()
        for port in each.blocks("ports"):
            inside, outside, protocol = whole(port["internal"]), port.get("external"), str(port["protocol"])
            expose = reach(str(port.get("ip") or EVERYWHERE), self._server)
            if outside is None:
                self._problem(each, f"port {inside}/{protocol} is published at a random one")
            elif not expose:
                self._problem(each, f"port {inside}/{protocol} is bound to `{port.get('ip')}` alone")
            else:
                name = unused(f"p{inside}" + ("" if protocol == "tcp" else f"-{protocol}"), seen)
                name = (
                    name if len(self._group) == 1 else f"{name_from(each.service or each.name)[:28]}-{name}"
                )
                host = {} if outside == inside else {"host": whole(outside)}
                kind = {} if protocol == "tcp" else {"protocol": protocol}
                yield {"name": name, "container": inside, **host, **kind, "expose": expose}

    # --- storage ----------------------------------------------------------------------------------

    def _mounts(self, each: Running) -> Iterator[Entry]:
        for item in each.blocks("volumes"):
            read_only = {"read_only": True} if item.get("readOnly") else {}
            path = str(item.get("containerPath") or "")
            if item.get("volumeName"):
                yield {"volume": self._volume(each, str(item["volumeName"])), "path": path, **read_only}
            elif item.get("hostPath"):
                yield self._bind(str(item["hostPath"]), path, read_only)
            elif item.get("fromContainer"):
                self._problem(each, f"it takes its volumes from `{item['fromContainer']}`")
            else:
                self._problem(each, f"its volume at `{path}` has no name")
        for item in each.blocks("mounts"):
            yield from self._mount(each, item)

    def _mount(self, each: Running, item: Mapping[str, Value]) -> Iterator[Entry]:
        kind, path, source = str(item.get("type")), str(item.get("target")), str(item.get("source") or "")
        read_only = {"read_only": True} if item.get("readOnly") else {}
        if kind == "volume" and source:
            yield {"volume": self._volume(each, source), "path": path, **read_only}
        elif kind == "bind":
            yield self._bind(source, path, read_only)
        elif kind == "tmpfs":
            options = part(item, "tmpfsOptions")
            size, mode = whole(options.get("sizeBytes")), whole(options.get("mode"))
            limit = {"size": str(size)} if size else {}
            yield {"kind": "tmpfs", "path": path, **limit, **({"mode": f"{mode:o}"} if mode else {})}
        else:
            self._problem(each, f"its {kind} mount at `{path}` has no name")

    def _bind(self, source: str, path: str, read_only: Mapping[str, object]) -> Entry:
        kind = {"kind": "file"} if source in self._found.files else {}
        return {**kind, "host": literal(source), "path": path, **read_only}

    def _volume(self, each: Running, name: str) -> str:
        volume = self._found.volumes.get(name, {})
        if text_of(volume, "Driver") != "local" or volume.get("Options"):
            self._problem(each, f"its volume `{name}` has a driver or options of its own")
        if name not in self._volumes:
            key = text_of(part(volume, "Labels"), f"{_COMPOSE}volume") or name.removeprefix(f"{self._app}-")
            self._volumes[name] = unused(name_from(key), set(self._volumes.values()))
        return self._volumes[name]

    # --- networks ---------------------------------------------------------------------------------

    def _networking(self, service: str, each: Running) -> Entry:
        hosts = {str(item["host"]): str(item["ip"]) for item in each.blocks("hosts")}
        known: Entry = {"extra_hosts": hosts, "dns": listed(each.inputs, "dns")}
        mode = str(each.given("NetworkMode") or "")
        if mode in {"host", "none"}:
            return {**known, "network_mode": mode}
        if mode.startswith("container:"):
            self._problem(each, "it uses the network of another container")
        joined = [name for name in each.endpoints if name not in {"bridge", "host", "none"}]
        if joined and "bridge" in each.endpoints:
            self._problem(each, f"it is on Docker's own network `bridge` and on `{joined[0]}`")
        own = [name for name in joined if self._is_own(service, each, name)]
        for name in joined:
            self._check_network(each, name, own=name in own)
        keys = [self._network(name) for name in own]
        self._share(service, each, [name for name in joined if name not in own])
        extra = self._further(service, each, own)
        return {**known, "aliases": extra, **({"networks": keys} if keys or len(self._group) > 1 else {})}

    def _is_own(self, service: str, each: Running, network: str) -> bool:
        """Whether only this app uses a network, and its containers answer to their service's name on it."""
        users = [other for other in self._found.containers if network in other.endpoints]
        ours = {mine.id for mine in self._group.values()}
        return service in aliases_of(each, network) and all(user.id in ours for user in users)

    def _network(self, name: str) -> str:
        if name not in self._networks:
            key = text_of(part(self._found.networks[name], "Labels"), f"{_COMPOSE}network") or name
            # The network `default` of an app with one container is none.
            key = name if key == "default" and len(self._group) == 1 else key
            self._networks[name] = unused(name_from(key), set(self._networks.values()))
        return self._networks[name]

    def _share(self, service: str, each: Running, networks: Sequence[str]) -> None:
        names = [sorted(aliases_of(each, network)) for network in networks]
        if any(other != names[0] for other in names):
            self._problem(each, "it has other names on one of its networks than on another")
        if networks:
            self._aliases[service] = names[0]
        for name in networks:
            self._shared.setdefault(name, unused(name_from(name), set(self._shared.values())))
        for name in self._shared:
            if name not in each.endpoints:
                self._problem(each, f"others of the app are on the network `{name}`, and it is not")

    def _further(self, service: str, each: Running, networks: Sequence[str]) -> list[str]:
        """Names beside the service's own, on all the app's networks."""
        names = [aliases_of(each, network) - {service} for network in networks]
        every = set.union(*names) if names else set()
        odd = [name for name in every if name_from(name) != name or any(name not in on for on in names)]
        if odd:
            self._problem(each, f"its further name `{odd[0]}` can't be written")
        return sorted(every - set(odd))

    def _check_network(self, each: Running, name: str, *, own: bool) -> None:
        network = self._found.networks.get(name, {})
        odd = [key for key in ("EnableIPv6", "Attachable", "Ingress") if network.get(key)]
        odd += ["Options"] if network.get("Options") else []
        odd += ["Driver"] if text_of(network, "Driver") != "bridge" else []
        odd += ["Internal"] if network.get("Internal") and not own else []
        ranges = [item for item in listed(part(network, "IPAM"), "Config") if isinstance(item, Mapping)]
        odd += (
            ["IPAM"] if any(item.get("IPRange") or item.get("AuxiliaryAddresses") for item in ranges) else []
        )
        if odd:
            self._problem(each, f"its network `{name}` is no plain bridge (Docker's `{odd[0]}`)")


# --- parts of a service ------------------------------------------------------------------------------


def _services(group: Sequence[Running]) -> Iterator[tuple[str, Running]]:
    seen: set[str] = set()
    for each in group:
        wanted = each.service or (each.name.removeprefix(f"{each.project}_") if each.project else each.name)
        yield unused(name_from(wanted), seen), each


def _process(each: Running) -> Entry:
    inputs, own = each.inputs, config(each.raw)
    hostname = text_of(own, "Hostname")
    host_network = each.given("NetworkMode") == "host"
    runtime = str(each.given("Runtime") or "")
    restart = inputs.get("restart") or "no"
    return {
        "command": _literals(inputs.get("command")),
        "entrypoint": _literals(inputs.get("entrypoints")),
        "restart": restart if restart != "unless-stopped" else None,
        "user": inputs.get("user"),
        "group_add": listed(inputs, "groupAdds"),
        "working_dir": inputs.get("workingDir"),
        "hostname": hostname if not host_network and not each.id.startswith(hostname) else None,
        "tty": inputs.get("tty"),
        "stdin_open": inputs.get("stdinOpen"),
        "init": inputs.get("init"),
        "runtime": runtime if runtime not in {"", "runc", "io.containerd.runc.v2"} else None,
        "sysctls": dict(part(inputs, "sysctls")),
        "ulimits": {
            str(item["name"]): {"soft": whole(item["soft"]), "hard": whole(item["hard"])}
            for item in each.blocks("ulimits")
        },
    }


def _literals(values: Value) -> list[str] | None:
    return [literal(str(value)) for value in values] if isinstance(values, (list, tuple)) else None


def _depends_on(each: Running, group: Mapping[str, Running]) -> Iterator[tuple[str, str]]:
    """What compose noted: `db:service_healthy:false,cache:service_started:true`."""
    for text in each.labels.get(f"{_COMPOSE}depends_on", "").split(","):
        other, condition = (*text.split(":"), "", "")[:2]
        name = next((key for key, one in group.items() if other and one.service == other), "")
        if name and name_from(other) == name:
            healthy = condition == "service_healthy" and group[name].inputs.get("healthcheck")
            yield name, "healthy" if healthy else "started"


def _healthcheck(each: Running) -> Entry | None:
    check = each.inputs.get("healthcheck")
    if not isinstance(check, Mapping):
        return None
    tests = _literals(check.get("tests")) or []
    if tests[:1] == ["NONE"]:
        return {"test": ["NONE"]}
    return {
        "test": tests,
        "interval": check["interval"],
        "timeout": check["timeout"],
        "retries": whole(check["retries"]),
        "start": check["startPeriod"],
    }


def _stop(each: Running) -> Entry:
    grace = each.inputs.get("stopTimeout")
    return compact({"signal": each.inputs.get("stopSignal"), "grace": f"{whole(grace)}s" if grace else None})


def resources_of(each: Running) -> Entry:
    """The most a container may use, as the fleet file says it."""

    def mebibytes(name: str) -> str | None:
        return f"{whole(each.inputs[name])}M" if each.inputs.get(name) else None

    reserve = mebibytes("memoryReservation")
    shares = each.inputs.get("cpuShares")
    cpus = each.inputs.get("cpus")
    return compact(
        {
            "memory": mebibytes("memory"),
            "cpus": float(str(cpus)) if cpus else None,
            "cpu_shares": whole(shares) if shares else None,
            "shm": mebibytes("shmSize"),
            "reserve": {"memory": reserve} if reserve else None,
        }
    )


def _security(each: Running) -> Entry:
    capabilities = part(each.inputs, "capabilities")
    ipc = str(each.given("IpcMode") or "")
    return compact(
        {
            "privileged": each.inputs.get("privileged"),
            "cap_add": listed(capabilities, "adds"),
            "cap_drop": listed(capabilities, "drops"),
            "read_only": each.inputs.get("readOnly"),
            # A privileged container gets its own ones from Docker.
            "opts": [] if each.inputs.get("privileged") else listed(host_config(each.raw), "SecurityOpt"),
            "pid": each.inputs.get("pidMode"),
            "ipc": ipc if ipc in {"host", "shareable"} else None,
        }
    )


def _device(item: Mapping[str, Value]) -> Entry:
    made: Entry = {"path": item["hostPath"]}
    if item.get("containerPath") not in {None, "", item["hostPath"]}:
        made["container_path"] = item["containerPath"]
    if item.get("permissions") not in {None, "", "rwm"}:
        made["permissions"] = item["permissions"]
    return made


def _logging(each: Running) -> Entry | None:
    found = part(
        each.given("LogConfig") if isinstance(each.given("LogConfig"), Mapping) else {},
    )
    driver, options = text_of(found, "Type"), part(found, "Config")
    if driver in {"", "json-file"} and not options:
        return None
    return compact({"driver": driver, "options": {key: str(value) for key, value in options.items()}})


def aliases_of(each: Running, network: str) -> set[str]:
    """The names it was given on a network, without those that Docker gives to every container."""
    own = {each.id[:_MIN_ID], each.name, text_of(config(each.raw), "Hostname")}
    given = {str(name) for name in listed(each.endpoints[network], "Aliases")}
    return {name for name in given if name not in own or name == each.service}


def reach(address: str, server: Server) -> str:
    """How far a port bound to an address reaches; `""` where the file has no word for it."""
    known = {EVERYWHERE: "public", "127.0.0.1": "local", server.lan_address or "": "lan"}
    return known.get(address, "") if address else "public"


def hides(variable: str, value: str) -> bool:
    """Whether a variable's value belongs among the stack's secrets."""
    return bool(value) and looks_secret(variable)


def _version(image: str) -> str:
    name, _, digest = image.partition("@")
    tag = name.rsplit("/", maxsplit=1)[-1].partition(":")[2]
    return tag or digest[:19] or "latest"


def unused(name: str, seen: set[str]) -> str:
    """The name, with a number where it is taken."""
    found, count = name, 2
    while found in seen:
        found, count = f"{name[:36].rstrip('-')}-{count}", count + 1
    seen.add(found)
    return found


def _with_grants(definition: Entry) -> Entry:
    """The definition with what it asks a person to approve."""
    try:
        model = AppDefinition.model_validate(definition)
    except ValueError:
        # What is wrong with it is told when the whole file is checked.
        return definition
    grants = list(grants_of(model))
    return {**definition, "grants": grants, "risk": risk_of(model)} if grants else definition


def compact(values: Mapping[str, object], keep: Sequence[str] = ()) -> Entry:
    """The values that say something."""
    return {
        key: value for key, value in values.items() if key in keep or value not in (None, "", [], {}, False)
    }
