from __future__ import annotations

import stat
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tomo.errors import ConfigMissing, NotSupported, PassphraseWrong, SpecError, UsageError
from tomo.secrets.passphrase import PassphraseManagers
from tomo.state.config import read_stack_config, with_defaults
from tomo.state.config_editor import StackConfigEditor
from tomo.state.project import find_project, read_project

SALT = "v1:iidoP0YpTW0=:v1:7zmqQ12ZXdpD57Fj:7yaDL0yFvR+kFYuxhGX4LweehHt7VA=="


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "Pulumi.dev.yaml"


def project_of(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "Pulumi.yaml"
    path.write_text(text)
    return path


# --- Pulumi.yaml ---


def test_a_project_file_is_read(tmp_path: Path) -> None:
    path = project_of(
        tmp_path,
        """
name: shop
runtime:
  name: python
  options: {virtualenv: venv}
main: src/
description: A shop
backend: {url: "file://./state"}
config:
  short: 5
  flag: yes
  truth: true
  typed: {type: string, default: "1.10"}
  docker:host: {value: "unix:///x"}
  nested: {value: {b: [1, true], a: null}}
  list: [1, 2]
  needed: {type: string, description: set me}
""",
    )

    project = read_project(path)

    assert (project.name, project.runtime, project.main) == ("shop", "python", "src/")
    assert project.backend_url == "file://./state"
    assert project.runtime_options == {"virtualenv": "venv"}
    assert project.defaults == {
        "shop:short": "5",
        "shop:flag": "yes",
        "shop:truth": "true",
        "shop:typed": "1.10",
        "docker:host": "unix:///x",
        "shop:nested": '{"a":null,"b":[1,true]}',
        "shop:list": "[1,2]",
    }
    assert project.required == ("shop:needed",)
    assert project.stack_file("dev") == tmp_path / "Pulumi.dev.yaml"


def test_every_mistake_is_listed_with_its_line(tmp_path: Path) -> None:
    path = project_of(tmp_path, "runtime: python\nbackend: here\nplugins: {}\nconfig:\n  a: {typ: string}\n")

    with pytest.raises(SpecError) as caught:
        read_project(path)

    found = {(problem.line, problem.message) for problem in caught.value.problems}
    assert (2, "`backend` has no `url`") in found
    assert (3, "unknown key `plugins`") in found
    assert (5, "unknown key `config.a.typ`") in found
    assert any("`name` is missing" in message for _line, message in found)


@pytest.mark.parametrize("text", ["", "- a\n", "just text", "name: [", "name: a\nname: b\n", "name: \x07\n"])
def test_a_file_that_is_no_project_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SpecError) as caught:
        read_project(project_of(tmp_path, text))

    assert caught.value.problems[0].file.endswith("Pulumi.yaml")


def test_a_runtime_without_a_name_and_a_malformed_key_are_mistakes(tmp_path: Path) -> None:
    path = project_of(tmp_path, "name: [a]\nruntime: {options: {}}\nconfig:\n  a:b:c: 1\nmain:\n  - x\n")

    with pytest.raises(SpecError) as caught:
        read_project(path)

    assert [problem.line for problem in caught.value.problems] == [1, 2, 4, 5]


def test_the_nearest_project_file_above_is_found(tmp_path: Path) -> None:
    path = project_of(tmp_path, "name: a\nruntime: python\n")
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)

    assert find_project(below) == path


# --- Pulumi.<stack>.yaml ---


def test_a_missing_file_is_an_empty_config(file: Path, managers: PassphraseManagers) -> None:
    config = read_stack_config(file, "shop", managers)

    assert (config.salt, config.values) == ("", {})


def test_values_are_the_texts_that_pulumi_hands_to_programs(file: Path, managers: PassphraseManagers) -> None:
    file.write_text(
        "config:\n  shop:a: text\n  b: 1.10\n  shop:c: true\n  docker:d: {y: 1, x: [a]}\n"
        "  shop:config:e: 2026-01-02\n  f: 12:30\n  g:\n  h: 1.0\n  i: '007'\n"
    )

    config = read_stack_config(file, "shop", managers)

    assert config.values == {
        "shop:a": "text",
        "shop:b": "1.1",
        "shop:c": "true",
        "docker:d": '{"x":["a"],"y":1}',
        "shop:e": "2026-01-02",
        "shop:f": "12:30",
        "shop:g": "",
        "shop:h": "1",
        "shop:i": "007",
    }


def test_secrets_stay_sealed_until_they_are_opened(file: Path, managers: PassphraseManagers) -> None:
    sealed = managers.for_salt(SALT).encrypt("hush")
    file.write_text(
        f"encryptionsalt: {SALT}\nconfig:\n  key: {{secure: {sealed}}}\n"
        f"  tree:\n    plain: 1\n    list: [{{secure: {sealed}}}]\n"
    )

    config = read_stack_config(file, "shop", managers)

    assert config.secret_keys == {"shop:key", "shop:tree"}
    assert "hush" not in repr(config)
    assert config.opened() == {"shop:key": "hush", "shop:tree": '{"list":["hush"],"plain":1}'}


def test_the_real_cli_s_settings_file_is_read(managers: PassphraseManagers) -> None:
    golden = Path(__file__).parents[1] / "golden" / "Pulumi.golden.yaml"

    assert read_stack_config(golden, "golden", managers).salt == SALT


def test_a_wrong_passphrase_is_said_when_a_value_is_opened(file: Path, managers: PassphraseManagers) -> None:
    sealed = managers.for_salt(SALT).encrypt("hush")
    file.write_text(f"encryptionsalt: {SALT}\nconfig:\n  key: {{secure: {sealed}}}\n")

    config = read_stack_config(file, "shop", PassphraseManagers(lambda: "wrong"))

    with pytest.raises(PassphraseWrong):
        config.opened()


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("config:\n  a: {secure: v1:a:b}\n", 2, "no `encryptionsalt`"),
        ("config:\n  a: 1\nconfigg: {}\n", 3, "unknown key `configg`"),
        ("config: text\n", 1, "mapping"),
        ("config:\n  a: 1\n  a: 2\n", 3, "twice"),
        ("config:\n  a: 1\n  shop:a: 2\n", 3, "two spellings"),
        ("config:\n  a:b:c:d: 1\n", 2, "not a config key"),
        ("config:\n\tb: 1\n", 2, ""),
        ("encryptionsalt: [1]\n", 1, "must be a text"),
    ],
)
def test_mistakes_are_named_with_their_line(
    file: Path, managers: PassphraseManagers, text: str, line: int, message: str
) -> None:
    file.write_text(text)

    with pytest.raises(SpecError) as caught:
        read_stack_config(file, "shop", managers)

    assert caught.value.problems[0].line == line
    assert message in caught.value.problems[0].message


@pytest.mark.parametrize("text", ["secretsprovider: awskms://key\n", "environment: [a]\n"])
def test_what_pulumi_cloud_serves_is_refused_by_name(
    file: Path, managers: PassphraseManagers, text: str
) -> None:
    file.write_text(text)

    with pytest.raises(NotSupported) as caught:
        read_stack_config(file, "shop", managers)

    assert caught.value.where.endswith("Pulumi.dev.yaml:1")


def test_bytes_that_are_no_text_are_refused_with_their_line(file: Path, managers: PassphraseManagers) -> None:
    file.write_bytes(b"config:\n  a: \xff\n")

    with pytest.raises(SpecError) as caught:
        read_stack_config(file, "shop", managers)

    assert caught.value.problems[0].line == 2


def test_defaults_stand_below_and_missing_keys_are_named(
    tmp_path: Path, file: Path, managers: PassphraseManagers
) -> None:
    project = read_project(
        project_of(tmp_path, "name: shop\nruntime: python\nconfig:\n  a: 1\n  b: 2\n  c: {type: string}\n")
    )
    file.write_text("config:\n  b: 3\n")
    without = read_stack_config(file, "shop", managers)
    file.write_text("config:\n  b: 3\n  c: x\n")
    whole = read_stack_config(file, "shop", managers)

    assert with_defaults(project, whole).values == {"shop:a": "1", "shop:b": "3", "shop:c": "x"}
    with pytest.raises(ConfigMissing, match="`shop:c`"):
        with_defaults(project, without)


def test_a_value_is_got_by_short_and_full_key(file: Path, managers: PassphraseManagers) -> None:
    file.write_text("config:\n  shop:a: x\n")
    config = read_stack_config(file, "shop", managers)

    assert config.get("a", "shop") == config.get("shop:a", "shop") == "x"
    with pytest.raises(ConfigMissing) as caught:
        config.get("b", "shop")
    assert "tomo config set b" in caught.value.hint


# --- changes ---

COMMENTED = """\
# the shop's stack
encryptionsalt: {salt}  # keep

config:
  # what customers see
  shop:title: 'Shop'   # quoted
  title2: "T"
  list:
    - a
    - b
"""


def test_an_edit_keeps_comments_order_and_quotes(file: Path, managers: PassphraseManagers) -> None:
    before = COMMENTED.format(salt=SALT)
    file.write_text(before)
    editor = StackConfigEditor(file, "shop", managers)

    editor.set("added", "new")
    editor.set("shop:title2", "U")
    editor.save()

    assert file.read_text() == before.replace('title2: "T"', 'title2: "U"') + "  shop:added: new\n"


def test_an_edit_that_changes_nothing_changes_nothing(file: Path, managers: PassphraseManagers) -> None:
    before = COMMENTED.format(salt=SALT)
    file.write_text(before)

    StackConfigEditor(file, "shop", managers).save()

    assert file.read_text() == before


def test_the_first_secret_makes_the_salt(file: Path, managers: PassphraseManagers) -> None:
    editor = StackConfigEditor(file, "shop", managers)
    editor.set_secret("password", "hunter2")
    editor.save()

    config = read_stack_config(file, "shop", managers)
    assert "hunter2" not in file.read_text()
    assert file.read_text().startswith("encryptionsalt: v1:")
    assert config.opened() == {"shop:password": "hunter2"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o644


def test_a_secret_is_not_sealed_under_a_wrong_passphrase(file: Path) -> None:
    file.write_text(f"encryptionsalt: {SALT}\n")
    editor = StackConfigEditor(file, "shop", PassphraseManagers(lambda: "wrong"))

    with pytest.raises(PassphraseWrong):
        editor.set_secret("password", "x")

    assert file.read_text() == f"encryptionsalt: {SALT}\n"


def test_a_key_is_removed_in_whatever_spelling(file: Path, managers: PassphraseManagers) -> None:
    file.write_text("config:\n  a: 1\n  shop:config:b: 2\n  c: 3\n")
    editor = StackConfigEditor(file, "shop", managers)

    removed = [editor.remove("shop:a"), editor.remove("b"), editor.remove("nothing")]
    editor.save()

    assert removed == [True, True, False]
    assert read_stack_config(file, "shop", managers).values == {"shop:c": "3"}


def test_a_file_keeps_its_mode(file: Path, managers: PassphraseManagers) -> None:
    file.write_text("config: {}\n")
    file.chmod(0o600)
    editor = StackConfigEditor(file, "shop", managers)

    editor.set("a", "b")
    editor.save()

    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_salt_is_never_replaced(file: Path, managers: PassphraseManagers) -> None:
    editor = StackConfigEditor(file, "shop", managers)
    editor.adopt_salt(SALT)

    with pytest.raises(UsageError):
        editor.adopt_salt(SALT)
    assert editor.salt == SALT


@pytest.mark.parametrize("key", ["", "a:", ":a", "a:b:c"])
def test_a_malformed_key_is_refused(file: Path, managers: PassphraseManagers, key: str) -> None:
    with pytest.raises(UsageError):
        StackConfigEditor(file, "shop", managers).set(key, "x")


@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
    | st.sampled_from(
        ["yes", "no", "on", "1", "1.10", "0x1", "12:30", "null", "~", "", "- a", "a: b", "# c", "'", "<<"]
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
def test_any_text_comes_back_and_no_yaml_reader_takes_it_for_something_else(
    file: Path, managers: PassphraseManagers, value: str
) -> None:
    file.unlink(missing_ok=True)
    editor = StackConfigEditor(file, "shop", managers)
    editor.set("key", value)
    editor.save()

    assert read_stack_config(file, "shop", managers).values == {"shop:key": value}
    assert yaml.safe_load(file.read_text())["config"]["shop:key"] == value
