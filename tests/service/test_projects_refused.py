"""What a Pulumi project may ask for that Tomo does not do is refused or told, never passed over."""

from pathlib import Path

import pytest

from tomo.errors import NotSupported
from tomo.service.deployments import Deployments
from tomo.service.runs import PlanRequest
from tomo.service.wiring import Doors
from tomo.service.workspace import Place
from tomo.settings import Settings


def project(folder: Path, runtime: str) -> Place:
    (folder / "Pulumi.yaml").write_text(f"name: demo\nruntime: {runtime}\n")
    (folder / "__main__.py").write_text("")
    return Place(folder, stack="dev")


def plan(place: Place, folder: Path):
    settings = Settings.from_environment({"TOMO_PASSPHRASE": "x", "HOME": str(folder)})
    return Deployments(Doors(settings)).plan(PlanRequest(place))


def test_a_project_of_another_language_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(NotSupported, match="runtime: nodejs"):
        plan(project(tmp_path, "nodejs"), tmp_path)


def test_an_option_of_the_runtime_that_is_not_used_is_told(tmp_path: Path) -> None:
    place = project(tmp_path, "{name: python, options: {virtualenv: venv}}")

    result = plan(place, tmp_path)

    assert "`runtime.options.virtualenv` is not used" in result.plan.diagnostics[0].message
