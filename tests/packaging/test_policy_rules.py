"""The rule that docs/policies.md shows, built, installed beside Tomo, and in force."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.pages import blocks

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [
    pytest.mark.slow,  # builds a distribution and an environment
    pytest.mark.timeout(300),
]
NAMED = (
    "schema: tomo.policy/v1\nextends: none\nown_rules:\n  acme-owner: {level: deny, options: {label: team}}\n"
)
FLEET = """fleet: home
servers:
  nas: {host: local, docker: false}
apps:
  page: {server: nas, app: nginx}
"""


@dataclass(frozen=True)
class Environment:
    """An environment of its own, with Tomo from its sources."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def install(self, project: Path) -> None:
        """Really builds and installs a distribution."""
        pip = [sys.executable, "-m", "pip", "--python", str(self.python), "install", "--quiet", "--no-deps"]
        subprocess.run([*pip, str(project)], check=True)

    def tomo(self, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        start = "import sys; from tomo_cli.main import main; sys.argv[0] = 'tomo'; main()"
        variables = {"PATH": os.environ["PATH"], "HOME": str(cwd), "TOMO_PASSPHRASE": "a test's own"}
        argv = [str(self.python), "-c", start, *arguments]
        return subprocess.run(argv, cwd=cwd, env=variables, capture_output=True, text=True, check=False)


def _page_files(folder: Path) -> Path:
    """Writes the files that the page shows below `acme-rules`."""
    for block in blocks((ROOT / "docs" / "policies.md").read_text("utf-8")):
        if block.name.startswith("acme-rules/"):
            path = folder / block.name
            path.parent.mkdir(exist_ok=True)
            path.write_text("\n".join(block.lines) + "\n")
    return folder / "acme-rules"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    [packages] = folder.glob("lib/python*/site-packages")
    (packages / "tomo.pth").write_text(f"{sysconfig.get_path('purelib')}\n{ROOT}\n{ROOT / 'cli'}\n")
    return Environment(folder)


@pytest.fixture(scope="module")
def acme(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The same with the page's distribution in it, and with one whose rules are broken."""
    folder = tmp_path_factory.mktemp("rules")
    environment.install(_page_files(folder))
    broken = folder / "broken"
    broken.mkdir()
    pyproject = (folder / "acme-rules" / "pyproject.toml").read_text()
    pyproject = pyproject.replace("acme-rules", "broken-rules").replace("acme_rules.py", "broken_rules.py")
    points = 'fails = "broken_rules:Fails"\nmissing = "broken_rules:Missing"\n'
    (broken / "pyproject.toml").write_text(pyproject.replace('acme-owner = "acme_rules:Owner"\n', points))
    (broken / "broken_rules.py").write_text(
        "class Fails:\n"
        "    summary = 'a rule that fails'\n"
        "    def check(self, case, options):\n"
        "        raise ValueError('hunter2')\n"
    )
    environment.install(broken)
    return environment


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    (tmp_path / "fleet.yaml").write_text(FLEET)
    return tmp_path


def test_an_installed_rule_is_idle_until_a_file_names_it(acme: Environment, fleet: Path) -> None:
    listed = acme.tomo("policy", "list", "--json", cwd=fleet)
    planned = acme.tomo("plan", "--no-refresh", cwd=fleet)

    names = [rule["rule"] for rule in json.loads(listed.stdout)["notNamed"]]
    assert names == ["acme-owner", "fails", "missing"], listed.stderr
    assert planned.returncode == 0, planned.stderr
    assert "acme" not in planned.stdout


def test_a_named_rule_finds_what_it_says_and_stops_an_apply(acme: Environment, fleet: Path) -> None:
    (fleet / "tomo-policy.yaml").write_text(NAMED)

    listed = acme.tomo("policy", "list", cwd=fleet)
    planned = acme.tomo("plan", "--no-refresh", "--json", cwd=fleet)
    applied = acme.tomo("apply", "--no-refresh", "--yes", cwd=fleet)

    [finding] = json.loads(planned.stdout)["policy"]["findings"]
    assert "acme-rules 1.0" in listed.stdout
    assert (finding["rule"], finding["level"], finding["field"]) == ("acme-owner", "deny", "labels")
    assert "has no label `team`" in finding["message"]
    assert (planned.returncode, applied.returncode) == (4, 4)
    assert "hint: add the label `team`" in applied.stdout


def test_a_rule_that_fails_is_a_finding_without_a_traceback(acme: Environment, fleet: Path) -> None:
    (fleet / "tomo-policy.yaml").write_text(
        "schema: tomo.policy/v1\nextends: none\nown_rules: {fails: deny}\n"
    )

    planned = acme.tomo("plan", "--no-refresh", cwd=fleet)

    assert planned.returncode == 4
    assert "the rule `fails` of `broken-rules 1.0` failed: ValueError at" in planned.stdout
    assert "Traceback" not in planned.stderr
    assert "hunter2" not in planned.stdout + planned.stderr


def test_a_rule_that_can_not_be_loaded_stops_every_plan_by_name(acme: Environment, fleet: Path) -> None:
    (fleet / "tomo-policy.yaml").write_text("schema: tomo.policy/v1\nown_rules: {missing: warn}\n")

    planned = acme.tomo("plan", "--no-refresh", cwd=fleet)

    assert planned.returncode == 4
    assert "the policy rule `missing` of `broken-rules 1.0` can't be used" in planned.stderr
    assert "Traceback" not in planned.stderr


def test_a_rule_that_no_package_has_is_a_mistake_with_the_nearest_name(
    acme: Environment, fleet: Path
) -> None:
    (fleet / "tomo-policy.yaml").write_text("schema: tomo.policy/v1\nown_rules: {acme-ownr: warn}\n")

    planned = acme.tomo("plan", "--no-refresh", cwd=fleet)

    assert planned.returncode == 1
    assert "tomo-policy.yaml:2: own_rules.acme-ownr: no installed package has the rule" in planned.stderr
    assert "did you mean `acme-owner`?" in planned.stderr
