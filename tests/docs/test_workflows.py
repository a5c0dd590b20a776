"""The workflow files of the docs do what their page says: a request is planned, and applied when it is merged."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docs.workflows import (
    WORKFLOWS,
    GitHub,
    GitLab,
    Repository,
    build_wheel,
    python_of_its_own,
)
from tests.worlds import PASSPHRASE, keys, salt

pytestmark = [
    pytest.mark.slow,  # builds and installs a wheel, and runs jobs
    pytest.mark.timeout(300),
]

EMPTY = "fleet: home\nservers: {}\napps: {}\n"
HERE = "fleet: home\nservers:\n  here: {host: local, docker: false}\napps: {}\n"
SECRETS = {
    "TOMO_PASSPHRASE": PASSPHRASE,
    "TOMO_SSH_KEY": "the login key of this test",
    "TOMO_KNOWN_HOSTS": "",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("built") / "wheel")


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `python` is; the first job installs Tomo beside it, the others find it there."""
    return python_of_its_own(tmp_path_factory.mktemp("programs") / "python")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A fleet without servers, with its key and a sealed secret, on the main branch."""
    made = Repository(tmp_path / "repository")
    sealed = keys().for_salt(salt()).encrypt("canary-of-a-workflow")
    config = f"encryptionsalt: {salt()}\nconfig:\n  tomo:extra:\n    secure: {sealed}\n"
    made.commit("main", {"fleet.yaml": EMPTY, "Pulumi.home.yaml": config})
    return made


@pytest.fixture(params=[GitHub, GitLab], ids=lambda kind: kind.name)
def platform(
    request: pytest.FixtureRequest, repository: Repository, wheel: Path, programs: Path, tmp_path: Path
) -> Iterator[GitHub | GitLab]:
    """A platform with the repository, and its variables set as the page says."""
    (tmp_path / "state").mkdir()
    variables = {"TOMO_PACKAGE": str(wheel), "TOMO_STATE_URL": f"file://{tmp_path}/state"}
    made = request.param(repository, tmp_path / "runner", programs, variables)
    yield made.start(SECRETS)
    if isinstance(made, GitLab):
        made.end()


def test_a_request_is_planned_and_exactly_that_is_applied_once_when_it_is_merged(
    platform: GitHub | GitLab, repository: Repository, tmp_path: Path
) -> None:
    repository.commit("request", {"fleet.yaml": HERE})

    planned = platform.request("request")
    commit = repository.squash("request")
    applied = platform.merged(commit, "request")

    assert planned.ok, planned.log
    (comment,) = platform.comments
    assert comment.startswith("### Plan for `tomo/home`: 1 to create")
    assert "not looked at: here" in comment
    assert applied.ok, applied.log
    assert "Done: 1 created" in applied.log
    assert (tmp_path / "state" / ".pulumi" / "stacks" / "tomo" / "home.json").exists()

    again = platform.merged(commit, "request")
    by_hand = platform.by_hand()

    assert not again.ok
    assert "was used before" in again.log
    assert by_hand.ok, by_hand.log
    assert "nothing to do" in by_hand.log
    require_no_secret(platform)


def require_no_secret(platform: GitHub | GitLab) -> None:
    """Nothing that left a job holds a secret."""
    left = [*platform.logs, *platform.comments]
    left += [file.read_text() for kept in platform.artifacts.values() for file in kept.iterdir()]
    secrets = [PASSPHRASE, "canary-of-a-workflow", SECRETS["TOMO_SSH_KEY"]]
    assert len(left) > 8
    assert not [secret for secret in secrets if any(secret in each for each in left)]


def test_what_is_merged_otherwise_than_it_was_planned_is_not_applied(
    platform: GitHub | GitLab, repository: Repository
) -> None:
    repository.commit("request", {"fleet.yaml": HERE})
    platform.request("request")
    repository.squash("request")

    changed = repository.commit("main", {"fleet.yaml": HERE + "# one more line\n"})
    refused = platform.merged(changed, "request")
    unplanned = platform.pushed(repository.commit("main", {"fleet.yaml": HERE}))

    assert not refused.ok
    assert "the file `fleet.yaml` was changed since the plan was made" in refused.log, refused.log
    assert not unplanned.ok
    assert "There is no plan of this commit" in unplanned.log


def test_a_mistake_is_told_where_the_request_is_read(
    platform: GitHub | GitLab, repository: Repository
) -> None:
    repository.commit("request", {"fleet.yaml": HERE.replace("docker", "dokcer")})

    planned = platform.request("request")

    assert not planned.ok, planned.log
    (comment,) = platform.comments
    assert "### Nothing was done" in comment
    assert "dokcer" in comment


# --- the files themselves ----------------------------------------------------------------------------


def github() -> dict[str, Any]:
    return yaml.safe_load((WORKFLOWS / "github.yml").read_text())  # type: ignore[no-any-return]


def test_actions_are_pinned_by_their_major_version() -> None:
    used = [step["uses"] for job in github()["jobs"].values() for step in job["steps"] if "uses" in step]

    assert used
    assert all(re.fullmatch(r"[\w./-]+@v\d+", each) for each in used)


def test_an_apply_is_never_broken_off_and_never_beside_another() -> None:
    gitlab = yaml.safe_load((WORKFLOWS / "gitlab.yml").read_text())

    assert github()["jobs"]["apply"]["concurrency"] == {"group": "tomo-apply", "cancel-in-progress": False}
    assert (gitlab["apply"]["resource_group"], gitlab["apply"]["interruptible"]) == ("tomo", False)


def test_a_job_may_no_more_than_it_needs() -> None:
    workflow = github()

    assert workflow["permissions"] == {"contents": "read"}
    granted = {
        name: {key for key, level in job["permissions"].items() if level == "write"}
        for name, job in workflow["jobs"].items()
    }
    assert granted == {"plan": {"pull-requests", "security-events"}, "apply": set()}


def test_no_script_holds_an_expression_that_somebody_else_writes() -> None:
    for job in github()["jobs"].values():
        assert not [step["run"] for step in job["steps"] if "${{" in step.get("run", "")]
