"""Names of images, as registries are asked by them."""

import pytest

from tomo.errors import UsageError
from tomo.model.image import ImageName
from tomo.registry.name import askable

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("nginx", ImageName("docker.io", "library/nginx", "latest")),
        ("nginx:1.30.4", ImageName("docker.io", "library/nginx", "1.30.4")),
        ("me/app:2", ImageName("docker.io", "me/app", "2")),
        ("index.docker.io/me/app:2", ImageName("docker.io", "me/app", "2")),
        ("ghcr.io/me/app:2", ImageName("ghcr.io", "me/app", "2")),
        ("localhost/app", ImageName("localhost", "app", "latest")),
        ("localhost:5000/a/b/c:1", ImageName("localhost:5000", "a/b/c", "1")),
        ("[::1]:5000/app:1", ImageName("[::1]:5000", "app", "1")),
        (f"nginx@{DIGEST}", ImageName("docker.io", "library/nginx", "", DIGEST)),
        (f"nginx:1@{DIGEST}", ImageName("docker.io", "library/nginx", "1", DIGEST)),
    ],
)
def test_a_name_is_read_as_docker_reads_it(text: str, name: ImageName) -> None:
    assert askable(text) == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":1",
        "nginx:",
        "NGINX:1",
        "nginx:1@sha256:abc",
        "nginx@",
        "a//b:1",
        "../etc:1",
        "example.com/../x:1",
        "example.com:port/x:1",
        "user@example.com/x:1",
        "example.com/x:1?y=2",
        "example.com/x y:1",
        "example.com/x:1\r\nHost: other",
        "example.com/" + "a" * 256 + ":1",
    ],
)
def test_anything_else_is_no_name_and_goes_into_no_request(text: str) -> None:
    with pytest.raises(UsageError, match="is not an image's name"):
        askable(text)
