"""Names of Tomo's resources in programs and in the state: constants only, so that all may import them."""

from __future__ import annotations

import base64
from typing import Final

PROJECT: Final = "tomo"
DYNAMIC_PACKAGE: Final = "pulumi-python"
PROVIDER_KEY: Final = "__provider"

SERVER: Final = "pulumi-python:dynamic/tomo:Server"
FILE: Final = "pulumi-python:dynamic/tomo:File"
APP: Final = "tomo:index:App"
LOCAL_COMMAND: Final = "command:local:Command"
REMOTE_COMMAND: Final = "command:remote:Command"
DOCKER_PROVIDER: Final = "pulumi:providers:docker"
REMOTE_IMAGE: Final = "docker:index/remoteImage:RemoteImage"
NETWORK: Final = "docker:index/network:Network"
VOLUME: Final = "docker:index/volume:Volume"
CONTAINER: Final = "docker:index/container:Container"

DOCKER_VERSION: Final = "5.2.0"
COMMAND_VERSION: Final = "1.2.1"

HOST_FOLDER: Final = "/var/lib/tomo"
"""Where Tomo keeps its files on a host; everything below it is Tomo's own."""
LOCAL_SOCKET: Final = "unix:///var/run/docker.sock"
DRIFT_VARIABLE: Final = "TOMO_DOCKER_DRIFT"
VERSION_VARIABLE: Final = "TOMO_DOCKER_VERSION"
TARGET_VARIABLE: Final = "TOMO_DOCKER_TARGET"
PRUNE_VARIABLE: Final = "TOMO_PRUNE_IMAGES"
DAEMON_VARIABLE: Final = "TOMO_DOCKER_DAEMON"
FILES_LABEL: Final = "tomo.files"
PROXY_LABEL: Final = "tomo.proxy"
"""On a container: the proxy through which people reach it."""
UPDATE_LABEL: Final = "tomo.update"
"""On a container: `start-first` where a new one may run beside it."""
ROUTES_VARIABLE: Final = "TOMO_PROXY_ROUTES"
"""What a proxy serves, as JSON: names with app, container, address and reach."""


def reference_pickle(module: str, name: str) -> str:
    """What Pulumi stores for a dynamic provider: here a pickle that only names an installed class.

    Pulumi's CLI unpickles it to an instance; Tomo serves its own types without looking at it.
    """
    return base64.b64encode(f"\x80\x02c{module}\n{name}\n)\x81.".encode("latin-1")).decode()


SERVER_PROVIDER: Final = reference_pickle("tomo.providers.dynamic.server", "ServerProvider")
FILE_PROVIDER: Final = reference_pickle("tomo.providers.dynamic.file", "FileProvider")
