"""A hostile catalog does no harm: nothing outside is read or written, nothing huge is taken in, nothing is run."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from tests.catalog.importers.copies import app_in, copy_of, only, outcomes, reason
from tomo.catalog.importers.formats import format_of, read_copy
from tomo.catalog.importers.reading import MAX_FILE, Folder
from tomo.errors import SpecError, TomoError
from tomo.spec.base import NAME

HOSTILE_NAMES = [
    "../../etc/passwd", "/etc/passwd", "..", ".", "", "-rf", "--privileged", "a b; reboot", "$(reboot)", "`reboot`",
    "\x1b[2Jclear", "a\nb", "a\r\nb", "\u202egpj.exe", "x" * 500, "NUL\x00", "😀",
]  # fmt: skip
COMPOSE = "services:\n  web:\n    image: a:1.0\n"


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_hostile_id_becomes_a_name_or_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "config.json").write_text(
        json.dumps({"id": name, "name": name, "version": name, "author": name})
    )
    (tmp_path / "docker-compose.json").write_text('{"services": [{"name": "web", "image": "a:1.0"}]}')

    (outcome,) = read_copy(tmp_path, "runtipi")

    if outcome.file is None:
        assert "NUL" in reason(outcome)
        return
    assert re.fullmatch(NAME, outcome.id)
    assert outcome.id.startswith("runtipi-")
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202e]", outcome.file.text)


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_hostile_names_of_services_volumes_and_variables_stay_names(tmp_path: Path, name: str) -> None:
    text = {
        "services": {
            name: {
                "image": "a:1.0",
                "volumes": [{"type": "volume", "source": name, "target": "/data"}],
                "environment": {name: name},
                "container_name": name,
                "networks": [name],
                "labels": {name: name},
            }
        },
        "volumes": {name: {}},
        "networks": {name: {}},
    }
    (tmp_path / "compose.yaml").write_text(json.dumps(text))

    outcome = only(tmp_path)

    if outcome.file is None:
        assert reason(outcome)
        return
    app = app_in(outcome)
    names = [*app.services, *app.volumes, *app.networks]
    assert all(re.fullmatch(NAME, each) for each in names)
    assert all(not re.search(r"[\x00-\x1f\x7f]", key) for key in app.services[names[0]].env)


@pytest.mark.parametrize(
    "target", ["../x", "/a/../../etc", "relative", "/", "/a:b", "/\x1b[2J", "//", "/a\nb"]
)
def test_a_mount_is_a_plain_path_of_the_container(tmp_path: Path, target: str) -> None:
    volumes = [{"type": "volume", "source": "data", "target": target}]
    (tmp_path / "compose.yaml").write_text(
        json.dumps({"services": {"web": {"image": "a:1.0", "volumes": volumes}}})
    )

    assert re.search(r"mounted at|no path|NUL|control character", reason(only(tmp_path)))


def test_nothing_outside_of_the_copy_is_read(tmp_path: Path) -> None:
    (tmp_path / "secret.conf").write_text("hunter2")
    copy = copy_of(
        tmp_path / "copy",
        {
            "compose.yaml": """
            services:
              web:
                image: a:1.0
                env_file: [../secret.conf, /etc/hostname]
                configs: [main]
                volumes: ["../secret.conf:/etc/a.conf:ro", "./../secret.conf:/etc/b.conf:ro", "./link.conf:/etc/c.conf:ro",
                          "./folder/secret.conf:/etc/d.conf:ro"]
            configs: {main: {file: ../secret.conf}}
            """
        },
    )
    (copy / "link.conf").symlink_to(tmp_path / "secret.conf")
    (copy / "folder").symlink_to(tmp_path)

    outcome = only(copy)

    assert outcome.file is not None
    assert "hunter2" not in outcome.file.text
    assert outcome.file.app.files == ()


def test_links_in_a_copy_are_not_followed(tmp_path: Path) -> None:
    outside = copy_of(tmp_path / "outside", {"compose.yaml": COMPOSE})
    copy = copy_of(tmp_path / "copy", {"mine/compose.yaml": COMPOSE})
    (copy / "theirs").symlink_to(outside)
    (copy / "mine" / "compose.yml").symlink_to(outside / "compose.yaml")

    assert [outcome.name for outcome in outcomes(copy)] == ["mine"]
    with pytest.raises(SpecError, match=r"1 mistake in .*compose.yml"):
        Folder(copy / "mine").read("compose.yml")


def test_a_pipe_in_a_copy_does_not_hang_the_import(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "compose.yaml")
    copy_of(tmp_path, {"other.yaml": COMPOSE})

    assert [outcome.id for outcome in outcomes(tmp_path, "compose")] == ["other"]


def test_aliases_that_grow_without_end_are_refused(tmp_path: Path) -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join(f'*a{n - 1}' for _ in range(9))}]" for n in range(1, 10)]
    (tmp_path / "compose.yaml").write_text("\n".join([*rows, COMPOSE]))

    assert "aliases expand" in reason(only(tmp_path))


@pytest.mark.parametrize(
    ("format_", "files"),
    [
        ("portainer", {"templates.json": "[" * 100_000}),
        ("portainer", {"templates.json": '[{"a":' * 70 + "1" + "}]" * 70}),
        ("portainer", {"templates.json": "[" + "9" * 10_000 + "]"}),
        ("portainer", {"templates.json": "[NaN]"}),
        ("runtipi", {"config.json": "{}", "docker-compose.json": '{"a":' * 5_000}),
        ("dokploy", {"template.toml": "a = " + "[" * 5_000, "docker-compose.yml": COMPOSE}),
        ("dokploy", {"template.toml": "a." * 5_000 + "b = 1", "docker-compose.yml": COMPOSE}),
        ("compose", {"compose.yaml": "[" * 5_000}),
        ("compose", {"compose.yaml": COMPOSE + "    environment: {X: '" + "${A:-" * 5_000 + "'}\n"}),
        ("umbrel", {"umbrel-app.yml": "a: " + "{b: " * 500, "docker-compose.yml": COMPOSE}),
    ],
)
def test_deep_nesting_ends_in_an_error_or_in_plain_text(
    tmp_path: Path, format_: str, files: dict[str, str]
) -> None:
    copy_of(tmp_path, files)

    try:
        found = list(read_copy(tmp_path, format_))
    except TomoError:
        return  # the copy as a whole is refused
    assert all(outcome.file is not None or reason(outcome) for outcome in found)


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "compose.yaml").open("wb") as file:
        file.truncate(MAX_FILE + 1)

    assert "larger than" in reason(only(tmp_path, "compose"))


def test_a_folder_of_very_many_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tomo.catalog.importers.reading.MAX_ENTRIES", 3)
    copy_of(tmp_path, {f"{number}.yaml": COMPOSE for number in range(5)})

    with pytest.raises(SpecError, match="1 mistake"):
        list(read_copy(tmp_path, "compose"))


def test_texts_cannot_drive_a_terminal(tmp_path: Path) -> None:
    texts = {
        "title": "\x1b]0;owned\x07A",
        "description": "<script>x()</script><b>bold</b>\x1b[2J",
        "note": "a\u202eb",
    }
    entry = {"type": 1, "image": "a:1.0", "categories": ["\x1b[31mred"], "logo": "javascript:x()", **texts}
    (tmp_path / "templates.json").write_text(json.dumps([entry]))

    outcome = only(tmp_path)

    app = app_in(outcome)
    assert outcome.file is not None
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202e]|<script|javascript", outcome.file.text)
    assert (app.title, app.description, app.icon) == ("]0;ownedA", "bold[2J", None)


def test_error_texts_cannot_drive_a_terminal_either(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(
        json.dumps({"services": {"web": {"image": "a:1.0", "ports": ["\x1b[2J"]}}})
    )

    assert "\x1b" not in reason(only(tmp_path))


def test_what_looks_like_tomos_own_references_is_text(tmp_path: Path) -> None:
    (tmp_path / "nginx.conf").write_text("${input.DB_PASSWORD} ${host.address} $${x}")
    text = (
        COMPOSE
        + "    volumes: ['./nginx.conf:/etc/nginx.conf:ro']\n    environment: {X: '$${input.PASSWORD}'}\n"
    )
    (tmp_path / "compose.yaml").write_text(text)

    app = app_in(only(tmp_path))

    assert app.files[0].content == "$${input.DB_PASSWORD} $${host.address} $$${x}"
    assert app.services["web"].env["X"] == "$${input.PASSWORD}"
    assert app.inputs == ()


def test_scripts_are_named_and_not_run(tmp_path: Path) -> None:
    copy = copy_of(
        tmp_path,
        {
            "umbrel-app.yml": "manifestVersion: 1\nid: app\nname: App\nversion: '1'\nport: 80\n",
            "docker-compose.yml": COMPOSE + "    environment: {A: $APP_WORD, B: $APP_RUN}\n",
            "exports.sh": f'export APP_WORD="plain"\nexport APP_RUN="$(touch {tmp_path}/ran)"\ntouch {tmp_path}/ran\n',
            "hooks/pre-start": f"#!/bin/sh\ntouch {tmp_path}/ran\n",
        },
    )

    outcome = only(copy)

    app = app_in(outcome)
    assert not (tmp_path / "ran").exists()
    assert [(entry.name, entry.default, entry.required) for entry in app.inputs] == [
        ("APP_WORD", "plain", False),
        ("APP_RUN", None, True),
    ]
    assert any("exports.sh" in each for each in outcome.ledger.needs_person)
    assert any("pre-start" in each for each in outcome.ledger.needs_person)


def test_a_folder_without_a_catalog_is_refused_with_the_formats(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")

    with pytest.raises(SpecError) as caught:
        format_of(tmp_path)

    assert "--format" in caught.value.problems[0].hint


@pytest.mark.parametrize(
    "text", ["$" * 10_000, "${" * 10_000, "${A:-" * 10_000 + "}" * 10_000, "<" * 20_000, "a" * 200_000]
)
def test_long_texts_are_read_in_time(tmp_path: Path, text: str) -> None:
    service = {"image": "a:1.0", "environment": {"X": text}, "command": ["x", text], "labels": {"l": text}}
    (tmp_path / "compose.yaml").write_text(json.dumps({"services": {"web": service}, "name": text[:100]}))

    assert len(outcomes(tmp_path)) == 1


def test_one_unreadable_app_does_not_hide_what_the_others_are(tmp_path: Path) -> None:
    copy_of(tmp_path, {"Apps/B/docker-compose.yml": COMPOSE + "x-casaos: {main: web}\n"})
    (tmp_path / "Apps" / "A").mkdir()
    with (tmp_path / "Apps" / "A" / "docker-compose.yml").open("wb") as file:
        file.truncate(MAX_FILE + 1)

    first, second = outcomes(tmp_path)

    assert "larger than" in reason(first)
    assert second.id == "casaos-b"


def test_names_that_are_no_utf8_and_half_characters_are_told(tmp_path: Path) -> None:
    folder = tmp_path / "copy" / os.fsdecode(b"b\xffd")
    folder.mkdir(parents=True)
    (folder / "compose.yaml").write_text(COMPOSE)
    (tmp_path / "templates.json").write_text('[{"type": 1, "title": "\\ud800", "image": "a:1"}]')

    (outcome,) = outcomes(tmp_path / "copy")

    assert outcome.file is not None
    outcome.file.text.encode()
    outcome.name.encode()
    with pytest.raises(SpecError, match="1 mistake"):
        list(read_copy(tmp_path / "templates.json", "portainer"))


@pytest.mark.parametrize(
    ("services", "words"),
    [
        ({f"s{number}": {"image": "a:1.0"} for number in range(300)}, "services"),
        ({"web": {"image": "a:1.0", "ports": [f"{number}:80" for number in range(1, 600)]}}, "ports"),
        ({"web": {"image": "a:1.0", "environment": {f"A{n}": f"${{B{n}}}" for n in range(1200)}}}, "inputs"),
        (
            {"web": {"image": "a:1.0", "environment": {f"A{n}_PASSWORD": f"p{n}" for n in range(200)}}},
            "secrets",
        ),
    ],
)
def test_an_app_of_very_many_parts_is_refused(
    tmp_path: Path, services: dict[str, object], words: str
) -> None:
    (tmp_path / "compose.yaml").write_text(json.dumps({"services": services}))

    outcome = only(tmp_path)

    assert words in reason(outcome)
    assert outcome.reasons[0].file.endswith("compose.yaml")
