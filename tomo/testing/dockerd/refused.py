"""Refusals in dockerd's own words (version 20.10)."""

from __future__ import annotations


class ApiError(Exception):
    """An answer with an error status and dockerd's message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def no_such_container(name: str) -> ApiError:
    """No container has that name or id."""
    return ApiError(404, f"No such container: {name}")


def no_such_image(name: str) -> ApiError:
    """The image is not on the host."""
    return ApiError(404, f"No such image: {name}")


def no_such_network(name: str) -> ApiError:
    """No network has that name or id."""
    return ApiError(404, f"network {name} not found")


def no_such_volume(name: str) -> ApiError:
    """No volume has that name."""
    return ApiError(404, f"get {name}: no such volume")


def name_in_use(name: str, container_id: str) -> ApiError:
    """Another container has the name."""
    return ApiError(
        409,
        f'Conflict. The container name "/{name}" is already in use by container "{container_id}". '
        "You have to remove (or rename) that container to be able to reuse that name.",
    )


def not_running(container_id: str) -> ApiError:
    """The call needs a running container."""
    return ApiError(409, f"Container {container_id} is not running")


def not_served(what: str) -> ApiError:
    """Docker has it and the double does not; said by name so that no test passes by accident."""
    return ApiError(501, f"FakeDocker does not serve {what}")
