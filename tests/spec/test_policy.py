"""Policy files: every mistake at once with its line, nothing unknown let through."""

from __future__ import annotations

from pathlib import Path

import pytest

from tomo.errors import SpecError
from tomo.policy.harmless import CLASSES
from tomo.policy.policies import BUILT_IN, SETS
from tomo.spec.load import load_fleet
from tomo.spec.policy import LEVELS, LoadedPolicies, PolicyFile, load_policies, rule_settings

WHOLE = """\
schema: tomo.policy/v1
extends: strict
look_at: everything
rules:
  privileged: deny
  docker-socket: {level: require_approval, approvals: {count: 2, role: admin, distinct_person: true}}
  bind-mount:
    level: deny
    allow: [/srv, /mnt/media]
    except: [portainer]
  public-port: {allow: [80, 443]}
  image-source: {level: deny, allow: [docker.io/library/*, "ghcr.io/me/**"]}
  capabilities: {allow: [NET_ADMIN]}
auto_approve: [image-update]
tests:
  - name: a privileged container is denied
    resources:
      - {type: container, name: web, inputs: {privileged: true}}
    expect: {privileged: deny}
"""


def loaded(folder: Path, text: str) -> LoadedPolicies:
    file = folder / "tomo-policy.yaml"
    file.write_text(text)
    return load_policies(file)


def mistakes(folder: Path, text: str) -> list[tuple[int, str, str]]:
    with pytest.raises(SpecError) as caught:
        loaded(folder, text)
    return [(each.line, each.message, each.hint) for each in caught.value.problems]


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    policies = loaded(tmp_path, WHOLE).policies

    assert policies.extends == "strict"
    assert policies.rules.privileged.level == "deny"
    assert policies.rules.bind_mount.allow == ("/srv", "/mnt/media")
    assert policies.rules.bind_mount.except_ == ("portainer",)
    assert policies.rules.public_port.level is None
    assert policies.tests[0].resources[0].inputs == {"privileged": True}


def test_the_file_knows_every_rule_level_set_and_class() -> None:
    fields = PolicyFile.model_fields

    assert list(rule_settings(PolicyFile(schema="tomo.policy/v1").rules)) == list(BUILT_IN)
    assert set(LEVELS) == {"off", "warn", "require_approval", "deny"}
    assert set(fields["extends"].annotation.__args__) == set(SETS)  # type: ignore[union-attr]
    assert all(f"`{name}`" in str(fields["auto_approve"].description) for name in CLASSES)


def test_every_mistake_is_told_at_once_with_its_line_and_what_to_write(tmp_path: Path) -> None:
    found = mistakes(
        tmp_path,
        "schema: tomo.policy/v1\n"
        "extnds: strict\n"
        "rules:\n"
        "  docker-sockt: deny\n"
        "  privileged: denied\n"
        "  bind-mount: {allow: [srv]}\n"
        "  image-source: {allow: [nginx]}\n"
        "  public-port: {allow: [80000]}\n"
        "  host-network: {level: warn, approvals: {count: 2}}\n"
        "auto_approve: [image-updates]\n",
    )

    assert [line for line, _, _ in found] == [2, 4, 5, 6, 7, 8, 9, 10]
    hints = {line: hint for line, _, hint in found}
    assert hints[2] == "did you mean `extends`?"
    assert hints[4] == "did you mean `docker-socket`?"
    assert hints[5] == "did you mean `deny`?"
    assert "docker.io/library/nginx" in hints[7]
    assert hints[10] == "did you mean `image-update`?"


@pytest.mark.parametrize(
    "pattern", ["*/nginx", "**", "nginx", "library/nginx", "ghcr.io/me/app:1", "ghcr.io/"]
)
def test_a_pattern_that_does_not_name_its_registry_is_refused(pattern: str, tmp_path: Path) -> None:
    text = f"schema: tomo.policy/v1\nrules:\n  image-source: {{allow: ['{pattern}']}}\n"

    [(line, _, _)] = mistakes(tmp_path, text)

    assert line == 3


def test_the_format_must_be_named(tmp_path: Path) -> None:
    [(_, message, _)] = mistakes(tmp_path, "rules: {privileged: deny}\n")

    assert message == "`schema` is missing"


def test_an_approval_needs_at_least_one_person(tmp_path: Path) -> None:
    text = "schema: tomo.policy/v1\nrules:\n  privileged: {level: require_approval, approvals: {count: 0}}\n"

    assert len(mistakes(tmp_path, text)) == 1


def test_a_file_that_is_not_there_says_what_names_it(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        load_policies(tmp_path / "nowhere.yaml")

    assert "`--policy FILE`" in caught.value.problems[0].hint


@pytest.mark.parametrize("key", ["policies", "policy", "rules", "approvers", "auto_approve"])
def test_a_fleet_file_says_nothing_of_policies_or_approvers(key: str, tmp_path: Path) -> None:
    file = tmp_path / "fleet.yaml"
    file.write_text(f"fleet: home\nservers: {{}}\napps: {{}}\n{key}: {{}}\n")

    with pytest.raises(SpecError) as caught:
        load_fleet(file)

    assert [each.message for each in caught.value.problems] == [f"unknown key `{key}`"]
