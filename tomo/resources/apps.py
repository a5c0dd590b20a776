"""An app on a server: a component with its images, networks, volumes, files and containers."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from functools import cached_property
from graphlib import TopologicalSorter

from tomo.frozen import frozen
from tomo.model.declaration import Declaration, Key
from tomo.model.values import Value
from tomo.resources import tokens
from tomo.resources.containers import KEPT, Surroundings, container_inputs
from tomo.resources.hosts import provider_key, road, server_key
from tomo.resources.texts import Instance, is_secret
from tomo.spec.addresses import PROXY
from tomo.spec.app import File, Service, Web
from tomo.spec.fleet import Names

_NUMERIC_USER = re.compile(r"\d+(?::\d+)?")
DEFAULT_NETWORK = "default"

# Whoever made a volume or network under a name of its own has put labels on it that an app doesn't know.
_LABELS = ("labels",)
# Docker fixes these when it makes a container, and Pulumi's own provider only records a change of them.
_FIXED_WHEN_MADE = ("healthcheck", "init", "tmpfs")


@frozen(slots=False)
class AppOnServer:
    """Declares one instance. Resource names end in `@SERVER`, as an app may run on several."""

    instance: Instance
    needs: tuple[Key, ...] = ()
    shared_networks: Mapping[str, Key] = field(default_factory=dict)

    @property
    def proxied_web(self) -> Web | None:
        """The page that the server's proxy serves under the app's names; None where it serves none."""
        app, definition = self.instance.app, self.instance.definition
        behind = app.present and app.hostnames and self.instance.server.proxy is not None
        web = definition.web if behind else None
        return web if web is not None and web.service in definition.services else None

    @cached_property
    def key(self) -> Key:
        """Names the component."""
        return app_key(self.instance.name, self.instance.server_name)

    def declarations(self) -> Iterator[Declaration]:
        """The component and everything below it; of an absent app only its data."""
        yield self._component()
        yield from self.volumes()
        if self.instance.app.present:
            yield from self._images()
            yield from self._networks()
            for name in self._service_order():
                yield from self._files(name)
                yield self._container(name)

    def volumes(self) -> Iterator[Declaration]:
        """The app's data, which outlives it."""
        for name in self.instance.definition.volumes:
            docker_name = self.volume_name(name)
            yield self._docker(
                f"volume/{docker_name}",
                tokens.VOLUME,
                docker_name,
                {"name": docker_name},
                retain_on_delete=True,
                ignore_changes=_LABELS if name in self._names.volumes else (),
            )

    def docker_name(self, service: str) -> str:
        """What the container of a service is called on the server."""
        single = len(self.instance.definition.services) == 1
        usual = self.instance.name if single else f"{self.instance.name}-{service}"
        return self._names.containers.get(service, usual)

    def network_name(self, network: str) -> str:
        """What a network of the app is called on the server."""
        usual = self.instance.name if network == DEFAULT_NETWORK else f"{self.instance.name}-{network}"
        return self._names.networks.get(network, usual)

    def volume_name(self, volume: str) -> str:
        """What a volume of the app is called on the server."""
        return self._names.volumes.get(volume, f"{self.instance.name}-{volume}")

    def file_names(self, service: str) -> Iterator[str]:
        """The resource names of the files that Tomo brings for a service."""
        for path, _, _ in self._file_contents(service):
            yield self._file_name(service, path)

    @property
    def _names(self) -> Names:
        return self.instance.app.names

    @cached_property
    def network_names(self) -> tuple[str, ...]:
        """The app's networks in use, by the app's names; a single container needs no `default`."""
        services = self.instance.definition.services
        used = {name for each in services.values() if not each.network_mode for name in each.networks}
        if len(services) == 1:
            used.discard(DEFAULT_NETWORK)
        return tuple(name for name in (DEFAULT_NETWORK, *self.instance.definition.networks) if name in used)

    # --- parts --------------------------------------------------------------------------------

    def _component(self) -> Declaration:
        instance = self.instance
        outputs: dict[str, Value] = {"version": instance.definition.version}
        if instance.app.present and instance.url:
            outputs["url"] = instance.url
        return Declaration(
            key=self.key,
            type=tokens.APP,
            name=f"{instance.name}@{instance.server_name}",
            custom=False,
            outputs=outputs,
            outputs_when_well=True,
        )

    def _images(self) -> Iterator[Declaration]:
        for (image, platform), service in self._image_owners.items():
            inputs: dict[str, Value] = {"name": image, "keepLocally": True}
            if platform:
                inputs["platform"] = platform
            yield self._docker(f"image/{service}", tokens.REMOTE_IMAGE, self.docker_name(service), inputs)

    def _networks(self) -> Iterator[Declaration]:
        for network in self.network_names:
            declared = self.instance.definition.networks.get(network)
            internal = {"internal": True} if declared is not None and declared.internal else {}
            name = self.network_name(network)
            yield self._docker(
                f"network/{network}",
                tokens.NETWORK,
                name,
                {"name": name, **internal},
                delete_before_replace=True,
                ignore_changes=_LABELS if network in self._names.networks else (),
            )

    def _files(self, service_name: str) -> Iterator[Declaration]:
        for path, content, mode in self._file_contents(service_name):
            owner = self._owner(service_name)
            yield Declaration(
                key=self._file_key(service_name, path),
                type=tokens.FILE,
                name=self._file_name(service_name, path),
                parent=self.key,
                depends_on=(server_key(self.instance.server_name),),
                inputs={
                    **road(self.instance.server),
                    "path": self._host_path(service_name, path),
                    "content": content,
                    "mode": f"{int(mode, 8):04o}",
                    **({"owner": owner} if owner else {}),
                    tokens.PROVIDER_KEY: tokens.FILE_PROVIDER,
                },
                additional_secret_outputs=("sha256",) if is_secret(content) else (),
            )

    def _container(self, service_name: str) -> Declaration:
        service = self.instance.definition.services[service_name]
        docker_name, web = self.docker_name(service_name), self.proxied_web
        around = Surroundings(
            image=self._key(f"image/{self._image_owners[_image_of(service)]}"),
            volumes=self._volume_keys,
            networks=self._network_keys,
            shared_networks=() if service.network_mode else tuple(self._joined(service_name)),
            files={
                path: self._file_key(service_name, path) for path, _, _ in self._file_contents(service_name)
            },
            proxy=PROXY if web is not None and web.service == service_name else "",
        )
        return self._docker(
            f"container/{service_name}",
            tokens.CONTAINER,
            docker_name,
            container_inputs(self.instance, service_name, docker_name, around),
            depends_on=(*(self._key(f"container/{other}") for other in service.depends_on), *self.needs),
            ignore_changes=self._kept(service_name),
            replace_on_changes=_FIXED_WHEN_MADE,
        )

    def _joined(self, service_name: str) -> Iterator[Key]:
        """The networks shared with other apps; the proxy's is for the service with the page alone."""
        web = self.proxied_web
        for network, key in self.shared_networks.items():
            if network != PROXY or web is None or web.service == service_name:
                yield key

    def _kept(self, service_name: str) -> tuple[str, ...]:
        settings = self.instance.app.services.get(service_name)
        return tuple(name for word in settings.keep for name in KEPT[word]) if settings else ()

    # --- names and order ------------------------------------------------------------------------

    def _docker(
        self,
        key: str,
        type_: str,
        docker_name: str,
        inputs: Mapping[str, Value],
        *,
        depends_on: tuple[Key, ...] = (),
        retain_on_delete: bool | None = None,
        delete_before_replace: bool | None = None,
        replace_on_changes: tuple[str, ...] = (),
        ignore_changes: tuple[str, ...] = (),
    ) -> Declaration:
        return Declaration(
            key=self._key(key),
            type=type_,
            name=f"{docker_name}@{self.instance.server_name}",
            inputs=inputs,
            parent=self.key,
            provider=provider_key(self.instance.server_name),
            version=tokens.DOCKER_VERSION,
            depends_on=depends_on,
            retain_on_delete=retain_on_delete,
            delete_before_replace=delete_before_replace,
            replace_on_changes=replace_on_changes,
            ignore_changes=ignore_changes,
        )

    @cached_property
    def _volume_keys(self) -> Mapping[str, Key]:
        names = self.instance.definition.volumes
        return {name: self._key(f"volume/{self.volume_name(name)}") for name in names}

    @cached_property
    def _network_keys(self) -> Mapping[str, Key]:
        return {name: self._key(f"network/{name}") for name in self.network_names}

    def _key(self, rest: str) -> Key:
        return f"{self.key}/{rest}"

    def _file_key(self, service_name: str, path: str) -> Key:
        return self._key(f"file/{service_name}{path}")

    def _file_name(self, service_name: str, path: str) -> str:
        return f"{self.docker_name(service_name)}:{path}@{self.instance.server_name}"

    def _host_path(self, service_name: str, path: str) -> str:
        folder = posixpath.join(tokens.HOST_FOLDER, self.instance.fleet, self.instance.name, service_name)
        return posixpath.join(folder, path.lstrip("/"))

    def _file_contents(self, service_name: str) -> Iterator[tuple[str, Value, str]]:
        """Path in the container, content and mode of each file that Tomo brings."""
        for file in self._files_of.get(service_name, ()):
            yield file.path, self.instance.text(file.content), file.mode
        for secret in self.instance.definition.services[service_name].secrets:
            yield secret.path, self.instance.secret_file(secret), secret.mode

    @cached_property
    def _files_of(self) -> Mapping[str, list[File]]:
        files: dict[str, list[File]] = {}
        for file in self.instance.definition.files:
            files.setdefault(file.service, []).append(file)
        return files

    def _owner(self, service_name: str) -> str:
        """A user by number can be given the file; what a name means only the image knows."""
        user = self.instance.definition.services[service_name].user or ""
        return user if _NUMERIC_USER.fullmatch(user) else ""

    @cached_property
    def _image_owners(self) -> Mapping[tuple[str, str], str]:
        """Each distinct image with the first service that uses it."""
        owners: dict[tuple[str, str], str] = {}
        for name, service in self.instance.definition.services.items():
            owners.setdefault(_image_of(service), name)
        return owners

    def _service_order(self) -> tuple[str, ...]:
        services = self.instance.definition.services
        graph = {name: tuple(service.depends_on) for name, service in services.items()}
        return tuple(TopologicalSorter(graph).static_order())


def app_key(name: str, server_name: str) -> Key:
    """Names the component of an app on a server."""
    return f"app/{name}@{server_name}"


def _image_of(service: Service) -> tuple[str, str]:
    return service.image, service.platform or ""
