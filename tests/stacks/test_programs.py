"""The stacks that ship, run as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tomo.model.step import Op
from tomo.program.runner import SdkSource
from tomo.testing.shell import Outcome

STACKS = Path(__file__).parents[2] / "stacks"
FLEET = """
fleet: home
servers:
  nas:
    host: 192.168.1.2
    user: root
apps:
  notes:
    app: memos
    server: nas
  blog:
    app: ghost
    server: nas
"""


@pytest.fixture
def example(stack: Any) -> Any:
    def source(name: str, **config: str) -> SdkSource:
        stack.project = name
        stack.config = {f"{name}:{key}": value for key, value in config.items()}
        return SdkSource(Path("__main__.py"), STACKS / "examples" / name)

    return source


def test_the_fleet_stack_asks_for_what_the_fleet_file_asks_for(stack: Any, tmp_path: Path) -> None:
    file = tmp_path / "fleet.yaml"
    file.write_text(FLEET)
    stack.config = {
        "tomo:file": str(file),
        **{f"tomo:blog.{name}": f"blog.{name}-secret" for name in ("DB_PASSWORD", "DB_ROOT_PASSWORD")},
    }
    stack.secret_config_keys = frozenset(stack.config) - {"tomo:file"}
    direct = stack.compiled({"notes": {"app": "memos"}, "blog": {"app": "ghost"}})
    program = SdkSource(Path("__main__.py"), STACKS / "fleet")

    stack.up(direct)

    assert stack.plan(program) == []
    assert [goal.name for goal in stack.goals_of(program)] != []
    assert stack.goals_of(program) == stack.goals_of(direct)


def test_one_container_is_made_and_stays(stack: Any, example: Any) -> None:
    stack.host.install_docker()
    program = example("one-container", host="192.168.1.2")

    stack.up(program)

    assert stack.host.docker.container_names == ["web"]
    assert stack.plan(program) == []


def test_commands_files_and_a_dynamic_provider_work_together(stack: Any, example: Any) -> None:
    stack.host.commands["uname"] = lambda arguments, _stdin: Outcome(0, "6.1.0\n")
    stack.host.commands["mkdir"] = stack.host.commands["rmdir"] = lambda _arguments, _stdin: Outcome(0, "")
    program = example("commands", host="192.168.1.2")

    stack.up(program)

    folder = stack.outputs("folder")["name"]
    assert stack.host.read_file(f"/srv/{folder}/motd").startswith(b"This server is kept")
    assert stack.outputs("kernel")["stdout"] == "6.1.0"
    assert stack.plan(program) == []


def test_an_app_comes_up_through_tomos_resources(stack: Any, example: Any) -> None:
    program = example("app-on-server", host="192.168.1.2")

    planned = stack.plan(program)
    stack.up(program)

    assert (Op.CREATE, "server-docker") in planned
    assert stack.host.docker.container_names == ["whoami"]
    assert stack.host.docker.settings == {"log-driver": "local"}
    assert stack.plan(program) == []


@pytest.mark.parametrize("project", sorted(STACKS.glob("**/Pulumi.yaml")))
def test_every_stack_is_a_whole_project(project: Path) -> None:
    assert (project.parent / "__main__.py").is_file()
    assert "runtime: python" in project.read_text()


def test_stacks_travel_in_the_wheel() -> None:
    text = (STACKS.parent / "pyproject.toml").read_text()

    assert '"stacks" = "tomo/_data/stacks"' in text
