"""Tomo's resources in hand-written programs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tomo.errors import TomoError
from tomo.model.values import Secret
from tomo.resources import tokens

DEFINITION = {
    "id": "shop", "title": "Shop", "version": "1",
    "inputs": [{"name": "TOKEN", "type": "secret", "required": True}],
    "services": {"web": {"image": "shop:1", "env": {"TOKEN": {"input": "TOKEN"}}}},
}  # fmt: skip


def test_a_program_declares_a_server_docker_an_app_and_a_file(run_program: Any) -> None:
    def main() -> None:
        import pulumi

        from tomo.resources import App, DockerEngine, File, Server

        server = Server(
            "nas",
            host="192.168.1.2",
            user="root",
            port=2222,
            host_key=None,
            become=True,
            docker={"daemon": {}},
        )
        login = {"address": "r.lan", "username": "deploy", "password": "pass-of-r"}
        engine = DockerEngine("nas", server=server, registry_auth=[login])
        settings = {"inputs": {"TOKEN": {"secret": "token"}}}
        App(
            "shop",
            definition=DEFINITION,
            server=server,
            engine=engine,
            settings=settings,
            secrets={"token": "hunter2"},
        )
        conf = File("conf", host="192.168.1.2", path="/etc/x", content=pulumi.Output.secret("y"), mode="0600")
        pulumi.export("digest", conf.sha256)
        pulumi.export("system", server.os_name)

    recorder = run_program(main)

    goals = {goal.name: goal for goal in recorder.goals}
    types = [goal.type for goal in recorder.goals if goal.type != "pulumi:pulumi:Stack"]
    assert types.count(tokens.CONTAINER) == 1
    assert goals["nas-docker"].inputs["environment"][tokens.DRIFT_VARIABLE] == ""
    [auth] = [goal.inputs["registryAuth"] for goal in recorder.goals if goal.type == tokens.DOCKER_PROVIDER]
    assert isinstance(auth, Secret)
    assert "pass-of-r" in str(auth.reveal())
    assert goals["nas-docker"].inputs["connection"] == Secret(
        {"host": "192.168.1.2", "port": 2222, "user": "root"}
    )
    assert goals["shop@server"].inputs["envs"] == [Secret("TOKEN=hunter2")] or goals["shop@server"].inputs[
        "envs"
    ] == Secret(["TOKEN=hunter2"])
    assert goals["conf"].inputs["__provider"] == tokens.FILE_PROVIDER
    assert {"host": "192.168.1.2", "user": "root", "become": True}.items() <= dict(
        next(g for g in recorder.goals if g.type == tokens.SERVER).inputs
    ).items()
    assert recorder.outputs[next(iter(recorder.outputs))] is not None


def test_a_wrong_option_is_named(run_program: Any) -> None:
    def main() -> None:
        from tomo.resources import Server

        Server("nas", host="root@192.168.1.2")

    with pytest.raises(TomoError, match="`host`"):
        run_program(main)


def test_a_name_for_an_app_of_a_program_is_refused(run_program: Any) -> None:
    definition = {"id": "x", "title": "X", "version": "1", "services": {"x": {"image": "x:1"}}}

    def main() -> None:
        from tomo.resources import App, DockerEngine, Server

        server = Server("nas", host="192.168.1.2")
        engine = DockerEngine("nas", server=server)
        App(
            "x",
            definition=definition,
            server=server,
            engine=engine,
            settings={"hostnames": ["x.example.org"]},
        )

    with pytest.raises(TomoError, match="`hostnames` need a server's `proxy`"):
        run_program(main)


def test_an_app_file_is_read_and_its_mistakes_are_told(run_program: Any, tmp_path: Path) -> None:
    (tmp_path / "app.yaml").write_text("id: x\ntitle: X\nversoin: 1\n")

    def main() -> None:
        from tomo.resources import App, DockerEngine, Server

        server = Server("nas", host="192.168.1.2")
        App("x", definition=tmp_path / "app.yaml", server=server, engine=DockerEngine("nas", server=server))

    with pytest.raises(TomoError, match=r"app\.yaml"):
        run_program(main)


def test_there_is_nothing_else_to_import() -> None:
    import tomo.resources

    with pytest.raises(AttributeError):
        tomo.resources.Nothing  # noqa: B018


def test_compiling_a_fleet_does_not_load_the_sdk() -> None:
    code = "import sys, tomo.resources.compile, tomo.resources.requirements; sys.exit('pulumi' in sys.modules or 'grpc' in sys.modules)"

    assert (
        subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode
        == 0
    )
