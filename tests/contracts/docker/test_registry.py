"""Pulls, pushes and builds against a real registry on loopback and a real daemon."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bcrypt
import pytest

from tomo.errors import DockerError, ImageNotFound, RegistryLoginFailed, TomoError
from tomo.model.connection import Connection
from tomo.model.provider import CheckRequest
from tomo.ssh.local import LocalConnection

pytestmark = [
    pytest.mark.docker,
    pytest.mark.skipif(shutil.which("docker-registry") is None, reason="needs Debian's docker-registry"),
]
USER, PASSWORD = "puller", "s3cret-of-registry"


@pytest.fixture
def docker_connection() -> Connection:
    return LocalConnection()


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """A registry with a login."""
    (tmp_path / "users").write_text(
        f"{USER}:{bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(5)).decode()}\n"
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = tmp_path / "config.yml"
    config.write_text(
        f"version: 0.1\nlog: {{level: error}}\n"
        f"storage: {{filesystem: {{rootdirectory: {tmp_path}/data}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}', secret: x}}\n"
        f"auth: {{htpasswd: {{realm: test, path: {tmp_path}/users}}}}\n"
    )
    process = subprocess.Popen(
        ["docker-registry", "serve", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _await(f"http://127.0.0.1:{port}/v2/")
    yield f"127.0.0.1:{port}"
    process.terminate()
    process.wait()


def _await(url: str) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            urllib.request.urlopen(url).close()
        except urllib.error.HTTPError as answer:
            answer.close()
            return
        except OSError:
            assert time.monotonic() < deadline


def logged_in(bench: Any, registry: str) -> None:
    bench.provider.close()
    entry = f'[{{"address":"{registry}","username":"{USER}","password":"{PASSWORD}"}}]'
    bench.provider = bench.new_provider({"registryAuth": entry})


def pushed(bench: Any, registry: str) -> str:
    logged_in(bench, registry)
    name = f"{registry}/{bench.prefix}/app:1"
    bench.create("Tag", {"sourceImage": bench.image, "targetImage": name})
    bench.create("RegistryImage", {"name": name, "keepRemotely": True})
    bench.by_hand("DELETE", f"/images/{name}")
    return name


def test_what_is_pushed_can_be_pulled_with_the_login(bench: Any, registry: str) -> None:
    name = pushed(bench, registry)

    inputs, made = bench.create("RemoteImage", {"name": name})

    assert made.outputs["repoDigest"].startswith(f"{registry}/{bench.prefix}/app@sha256:")
    assert f"pulling {name}" in bench.said
    assert bench.read("RemoteImage", made.id, inputs, made.outputs).outputs == made.outputs
    found = bench.provider.invoke(
        "docker:index/getRegistryImage:getRegistryImage", {"name": name}, preview=False
    )
    assert made.outputs["repoDigest"].endswith(found.outputs["sha256Digest"])


def test_without_the_login_the_registry_refuses_and_the_hint_says_so(bench: Any, registry: str) -> None:
    name = pushed(bench, registry)
    bench.provider.close()
    bench.provider = bench.new_provider({})

    with pytest.raises(RegistryLoginFailed, match="wants a login") as raised:
        bench.create("RemoteImage", {"name": name})

    assert "registryAuth" in raised.value.hint


def test_a_wrong_password_is_told_with_registry_and_user_and_never_shown(bench: Any, registry: str) -> None:
    name, wrong = pushed(bench, registry), "not-the-password"
    bench.provider.close()
    entry = f'[{{"address":"{registry}","username":"{USER}","password":"{wrong}"}}]'
    bench.provider = bench.new_provider({"registryAuth": entry})

    with pytest.raises(RegistryLoginFailed, match=f"`{registry}` refuses the login of `{USER}`") as raised:
        bench.create("RemoteImage", {"name": name})

    told = str(raised.value) + raised.value.detail + raised.value.hint + "".join(bench.said)
    assert wrong not in told
    assert "tomo secret set" in raised.value.hint


def test_an_unknown_tag_is_not_found(bench: Any, registry: str) -> None:
    logged_in(bench, registry)

    with pytest.raises(ImageNotFound, match="nothing:9"):
        bench.create("RemoteImage", {"name": f"{registry}/{bench.prefix}/nothing:9"})


def test_a_registry_that_does_not_answer_is_told_as_such(bench: Any) -> None:
    with pytest.raises(DockerError, match="can't reach the registry"):
        bench.create("RemoteImage", {"name": f"127.0.0.1:1/{bench.prefix}/app:1"})


def test_no_error_shows_the_login(bench: Any, registry: str) -> None:
    logged_in(bench, registry)

    with pytest.raises(TomoError) as raised:
        bench.create("RemoteImage", {"name": f"{registry}/{bench.prefix}/{PASSWORD}:9"})

    assert PASSWORD not in str(raised.value) + raised.value.detail + raised.value.hint


def context(bench: Any, folder: Path, *, noise: str = "1") -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    (folder / "Dockerfile").write_text(f"FROM {bench.image}\nARG WORD\nCOPY . /src\nENV SAID=$WORD\n")
    (folder / ".dockerignore").write_text("*.log\n")
    (folder / "noise.log").write_text(noise)
    (folder / "page").write_text("hello")
    return {"context": str(folder), "args": {"WORD": "hi"}}


def test_an_image_is_built_from_a_context_and_pushed(bench: Any, registry: str, tmp_path: Path) -> None:
    logged_in(bench, registry)
    name = f"{registry}/{bench.prefix}/built:1"

    inputs, made = bench.create("Image", {"imageName": name, "build": context(bench, tmp_path / "c")})

    digest = made.outputs["repoDigest"]
    assert digest.startswith(f"{registry}/{bench.prefix}/built@sha256:")
    assert made.outputs["__inputs"] == inputs
    _, user = bench.container("c", image=name, command=["/bin/cat", "/src/page"], attach=True, logs=True)
    assert user.outputs["containerLogs"] == "hello"
    assert any("Step" in said for said in bench.said)


def test_only_what_the_build_sees_makes_a_difference(bench: Any, tmp_path: Path) -> None:
    wanted = {"imageName": f"{bench.prefix}/built:1", "skipPush": True}
    first = bench.checked("Image", {**wanted, "build": context(bench, tmp_path / "c")})

    ignored = bench.checked("Image", {**wanted, "build": context(bench, tmp_path / "c", noise="2")})
    (tmp_path / "c" / "page").write_text("changed")
    changed = bench.checked(
        "Image", {**wanted, "build": {"context": str(tmp_path / "c"), "args": {"WORD": "hi"}}}
    )

    assert not bench.diff("Image", first, ignored).changed
    diff = bench.diff("Image", first, changed)
    assert (diff.changed, diff.replaces) == (True, False)


def test_a_build_that_fails_tells_what_the_builder_said(bench: Any, tmp_path: Path) -> None:
    build = context(bench, tmp_path / "c")
    (tmp_path / "c" / "Dockerfile").write_text(f'FROM {bench.image}\nRUN ["/bin/false"]\n')

    with pytest.raises(DockerError, match="non-zero code"):
        bench.create("Image", {"imageName": f"{bench.prefix}/built:1", "skipPush": True, "build": build})


def test_buildkit_is_refused_by_name(bench: Any, tmp_path: Path) -> None:
    build = {**context(bench, tmp_path / "c"), "builderVersion": "BuilderBuildKit"}
    request = CheckRequest(bench.urn("Image"), {}, {"imageName": "x", "build": build})

    failures = bench.provider.check(request).failures

    assert "BuilderBuildKit" in failures[0].reason
