"""A fleet as declarations: the same whether they go straight to the engine or through Pulumi's SDK."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from tomo.errors import AppNotFound, Problem, SpecError
from tomo.frozen import frozen
from tomo.model.declaration import Declaration, Declarations, Key, OutputRef
from tomo.model.drift import DriftPolicies, DriftPolicy
from tomo.model.image import ImageName
from tomo.model.urn import Urn
from tomo.model.values import Properties, Value
from tomo.resources import hosts, tokens
from tomo.resources.apps import AppOnServer, app_key
from tomo.resources.drift import drift_policies
from tomo.resources.ingress import proxy_definition, proxy_on, routes_by_server, shared_network
from tomo.resources.texts import FleetValues, Instance
from tomo.spec.addresses import PROXY
from tomo.spec.app import AppDefinition
from tomo.spec.fleet import Fleet
from tomo.spec.overlay import overlaid

if TYPE_CHECKING:
    from tomo.spec.registries import Registry

_SHOWN_FACTS = ("osName", "arch")


@frozen
class CompiledFleet:
    """A fleet's declarations, and the data that it says must go.

    `data_removals` are volumes that no declaration holds and that must be deleted although the state says
    that they are kept. `drift` is what the fleet lets be of what is changed on hosts.
    """

    declarations: Declarations
    data_removals: tuple[Urn, ...] = ()
    drift: DriftPolicies = field(default_factory=dict)


def compile_fleet(
    fleet: Fleet, definitions: Mapping[str, AppDefinition], values: FleetValues
) -> CompiledFleet:
    """Compiles a fleet that has been checked; `definitions` are its apps by their name in the fleet.

    Pure: nothing is read, and secrets stay closed.
    """
    apps = _apps_on_servers(fleet, definitions, values)
    apps = [*_proxies(fleet, apps, values), *apps]
    kept = [app for app in apps if not app.instance.app.remove_data]
    _refuse_shared_names(kept)
    used = {app.instance.server_name for app in apps}
    resources = (
        *_servers(fleet, used, _logins(fleet, kept, values), _images(kept)),
        *_shared_networks(kept),
        *(declaration for app in kept for declaration in app.declarations()),
    )
    removals = tuple(
        urn for app in apps if app.instance.app.remove_data for urn in _volume_urns(fleet.fleet, app)
    )
    drift = {urn: policy for app in kept for urn, policy in _drift(fleet.fleet, app)}
    return CompiledFleet(Declarations(resources, _outputs(fleet, kept)), removals, drift)


def definition_of(fleet: Fleet, definitions: Mapping[str, AppDefinition], name: str) -> AppDefinition:
    """The definition of a fleet's app; raises AppNotFound where there is none."""
    found = fleet.apps[name].definition or definitions.get(name)
    if found is None:
        raise AppNotFound(
            f"no catalog has the app `{fleet.apps[name].catalog_id}`",
            hint="`tomo catalog list` shows what there is",
        )
    return found


# --- servers -----------------------------------------------------------------------------------------


def _servers(
    fleet: Fleet,
    used: set[str],
    logins: Mapping[str, Sequence[Properties]],
    images: Mapping[str, Sequence[str]],
) -> Iterator[Declaration]:
    for name, spec in fleet.servers.items():
        options = spec.docker_options
        prunes = options is not None and options.prune is not None
        yield hosts.server(name, spec, images.get(name, ()) if prunes else ())
        if options is not None:
            yield hosts.engine(name, spec, options)
        if prunes:
            yield hosts.pruning(name, spec)
        if options is not None or name in used:
            yield hosts.docker_provider(
                name, spec, installed_by_tomo=options is not None, logins=logins.get(name, ())
            )


def _logins(fleet: Fleet, apps: list[AppOnServer], values: FleetValues) -> Mapping[str, Sequence[Properties]]:
    """By server, the logins for those registries alone that its apps' images come from."""
    known = {address: each for address, each in fleet.registries.items() if each.username}
    if not known:
        return {}
    asked: dict[str, set[str]] = {}
    for app in apps:
        if app.instance.app.present:
            images = (service.image for service in app.instance.definition.services.values())
            found = {ImageName.parse(image).registry.lower() for image in images}
            asked.setdefault(app.instance.server_name, set()).update(found & known.keys())
    return {
        server: [_login(address, known[address], values) for address in sorted(addresses)]
        for server, addresses in asked.items()
        if addresses
    }


def _images(apps: list[AppOnServer]) -> Mapping[str, Sequence[str]]:
    """By server, the images that its apps have."""
    found: dict[str, set[str]] = {}
    for app in apps:
        if app.instance.app.present:
            names = (service.image for service in app.instance.definition.services.values())
            found.setdefault(app.instance.server_name, set()).update(names)
    return {server: sorted(names) for server, names in found.items()}


def _login(address: str, registry: Registry, values: FleetValues) -> Properties:
    password = values.secret(registry.password.secret) if registry.password else ""
    return {"address": address, "username": registry.username, "password": password}


def _shared_networks(apps: list[AppOnServer]) -> Iterator[Declaration]:
    seen: set[Key] = set()
    adopted = {
        app.shared_networks[name]
        for app in apps
        for name in app.instance.app.names.networks.keys() & app.shared_networks
    }
    for app in apps:
        for known_as, key in app.shared_networks.items():
            if key in seen:
                continue
            seen.add(key)
            network = app.instance.app.names.networks.get(known_as, known_as)
            server_name = app.instance.server_name
            yield Declaration(
                key=key,
                type=tokens.NETWORK,
                name=f"{network}@{server_name}",
                inputs={"name": network},
                provider=hosts.provider_key(server_name),
                version=tokens.DOCKER_VERSION,
                delete_before_replace=True,
                ignore_changes=("labels",) if key in adopted else (),
            )


# --- apps --------------------------------------------------------------------------------------------


def _apps_on_servers(
    fleet: Fleet, definitions: Mapping[str, AppDefinition], values: FleetValues
) -> list[AppOnServer]:
    found: list[AppOnServer] = []
    for name in _app_order(fleet, definitions):
        app = fleet.apps[name]
        # The same on every server, of which there may be hundreds.
        laid = _pulled(fleet, overlaid(name, definition_of(fleet, definitions, name), app))
        needed = {
            other: frozenset(fleet.servers_of(fleet.apps[other]))
            for other in _needed_apps(fleet, definitions, name)
        }
        for server_name in fleet.servers_of(app):
            instance = Instance(fleet.fleet, name, app, laid, server_name, fleet.servers[server_name], values)
            here = tuple(app_key(other, server_name) for other in needed if server_name in needed[other])
            found.append(_app_on_server(instance, here))
    return found


def _pulled(fleet: Fleet, definition: AppDefinition) -> AppDefinition:
    """The definition with its images under the names that they are pulled by."""
    if not any(each.through for each in fleet.registries.values()):
        return definition
    from tomo.spec.registries import pulled_as  # noqa: PLC0415  # made where a fleet has registries

    services = {
        key: service.model_copy(update={"image": pulled_as(service.image, fleet.registries)})
        for key, service in definition.services.items()
    }
    return definition.model_copy(update={"services": services})


def _proxies(fleet: Fleet, apps: Sequence[AppOnServer], values: FleetValues) -> Iterator[AppOnServer]:
    routes = routes_by_server(apps)
    for name, server in fleet.servers.items():
        if server.proxy is not None:
            definition = _pulled(fleet, proxy_definition(fleet.fleet, server.proxy))
            yield proxy_on(fleet, name, definition, values, routes.get(name, ()))


def _app_on_server(instance: Instance, needed: tuple[Key, ...]) -> AppOnServer:
    app, server_name = instance.app, instance.server_name
    known_as = app.names.networks
    shared = {
        network: f"network/{known_as.get(network, network)}@{server_name}"
        for network in app.networks
        if app.present
    }
    made = AppOnServer(instance, needed, shared)
    if made.proxied_web is None:
        return made
    return AppOnServer(instance, needed, {**shared, PROXY: shared_network(server_name)})


def _needed_apps(fleet: Fleet, definitions: Mapping[str, AppDefinition], name: str) -> list[str]:
    wanted = {each.app for each in definition_of(fleet, definitions, name).dependencies}
    if not wanted:
        return []
    return [
        other
        for other, app in fleet.apps.items()
        if other != name and app.present and _ids(definition_of(fleet, definitions, other)) & wanted
    ]


def _ids(definition: AppDefinition) -> set[str]:
    """What an app is called where another one needs it: one of a repository also by its mere id."""
    return {definition.id, definition.short_id}


def _app_order(fleet: Fleet, definitions: Mapping[str, AppDefinition]) -> list[str]:
    graph = {name: _needed_apps(fleet, definitions, name) for name in fleet.apps}
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        circle = " → ".join(error.args[1])
        raise SpecError(
            [
                Problem(
                    f"fleet {fleet.fleet}", 0, f"apps need one another: {circle}", "remove one `dependencies`"
                )
            ]
        ) from None


def _refuse_shared_names(apps: list[AppOnServer]) -> None:
    """Two apps may come to one name: `a` with a service `b-c`, and `a-b` with a service `c`."""
    owners: dict[tuple[str, str, str], str] = {}
    problems: list[Problem] = []
    for app in apps:
        for kind, name in _docker_names(app):
            place = (app.instance.server_name, kind, name)
            owner = owners.setdefault(place, app.instance.name)
            if owner != app.instance.name:
                message = (
                    f"apps `{owner}` and `{app.instance.name}` both have a {kind} `{name}` on `{place[0]}`"
                )
                problems.append(
                    Problem(f"fleet {app.instance.fleet}", 0, message, "give one of them another name")
                )
    if problems:
        raise SpecError(problems)


def _docker_names(app: AppOnServer) -> Iterator[tuple[str, str]]:
    yield from (("volume", app.volume_name(name)) for name in app.instance.definition.volumes)
    if app.instance.app.present:
        yield from (("container", app.docker_name(name)) for name in app.instance.definition.services)
        yield from (("network", app.network_name(name)) for name in app.network_names)


def _volume_urns(stack: str, app: AppOnServer) -> Iterator[Urn]:
    component = _component_urn(stack, app)
    for volume in app.volumes():
        yield Urn.make(stack, tokens.PROJECT, component, volume.type, volume.name)


def _drift(stack: str, app: AppOnServer) -> Iterator[tuple[Urn, DriftPolicy]]:
    component = _component_urn(stack, app)
    for type_, name, policy in drift_policies(app):
        yield Urn.make(stack, tokens.PROJECT, component, type_, name), policy


def _component_urn(stack: str, app: AppOnServer) -> Urn:
    name = f"{app.instance.name}@{app.instance.server_name}"
    return Urn.make(stack, tokens.PROJECT, None, tokens.APP, name)


# --- outputs -----------------------------------------------------------------------------------------


def _outputs(fleet: Fleet, apps: list[AppOnServer]) -> Mapping[str, Value]:
    urls: dict[str, Value] = {}
    for app in apps:
        instance = app.instance
        if instance.app.present and instance.url:
            alone = len(fleet.servers_of(instance.app)) == 1
            urls[instance.name if alone else f"{instance.name}@{instance.server_name}"] = instance.url
    servers: dict[str, Value] = {
        name: {
            "address": spec.address,
            **{fact: OutputRef(hosts.server_key(name), fact) for fact in _SHOWN_FACTS},
        }
        for name, spec in fleet.servers.items()
    }
    return {"servers": servers, "urls": urls}
