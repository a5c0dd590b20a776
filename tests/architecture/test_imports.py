"""Who may import whom, and what a command must not load."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.docs.pages import World

ROOT = Path(__file__).resolve().parents[2]
FLEET_MODELS = ("tomo.spec.fleet", "tomo.spec.app", "tomo.catalog.index")
HEAVY = ("pulumi", "pulumi_docker", "pulumi_command", "grpc", "docker", "paramiko")
DATABASE = ("sqlalchemy", "alembic", "sqlite3", "psycopg", "jwt", "bcrypt")
"""What only commands that change something need."""
_LOADED = """
import sys
before = set(sys.modules)  # what measures coverage loads modules of its own
{work}
loaded = set(sys.modules) - before
print(*sorted(name for name in {unwanted!r} if name in loaded), sep=",", file=sys.stderr)
sys.exit({code})
"""


def _loaded(
    work: str, folder: Path, code: str = "0", *, unwanted: Sequence[str] = HEAVY
) -> tuple[int, str, Sequence[str]]:
    """What of the unwanted a fresh process has loaded, with its exit code and what it printed."""
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'cli'}",
        "TOMO_PASSPHRASE": "a test's own",
    }
    source = _LOADED.format(work=work, unwanted=tuple(unwanted), code=code)
    done = subprocess.run(
        [sys.executable, "-c", source],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    last = done.stderr.splitlines()[-1] if done.stderr.strip() else ""
    return done.returncode, done.stdout + done.stderr, last.split(",") if last else []


def test_rooms_import_in_one_direction() -> None:
    tool = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"

    code, shown, _ = _loaded(tool, ROOT)

    assert code == 0, shown
    assert "0 broken" in shown


@pytest.mark.parametrize("module", ["tomo_cli.main", "tomo.service.deployments", "tomo.spec.load"])
def test_a_module_that_every_command_needs_loads_nothing_heavy(module: str, tmp_path: Path) -> None:
    code, shown, loaded = _loaded(f"import {module}", tmp_path)

    assert (code, loaded) == (0, []), shown


def test_a_plan_of_a_fleet_without_a_look_loads_no_sdk_and_dials_nobody(world: World) -> None:
    world.apply()
    plan = "from tomo_cli.main import run; code = run(['plan', '--no-refresh'])"

    code, shown, loaded = _loaded(plan, world.folder, "code", unwanted=(*HEAVY, *DATABASE))

    assert code == 0, shown
    assert "No changes" in shown
    assert loaded == []


def test_a_plan_of_a_program_does_not_pay_for_the_models_of_fleets(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (tmp_path / "__main__.py").write_text("import pulumi\npulumi.export('a', 1)\n")
    plan = "from tomo_cli.main import run; code = run(['plan', '--stack', 'dev'])"

    code, shown, loaded = _loaded(plan, tmp_path, "code", unwanted=FLEET_MODELS)

    assert code == 0, shown
    assert loaded == []
