"""Edits of a fleet file: what is asked for changes, every other byte stays."""

from __future__ import annotations

import difflib
import stat
from pathlib import Path

import pytest

from tomo.errors import SpecError, TomoError, UsageError
from tomo.spec.edit import (
    add_app,
    add_server,
    edit_fleet,
    mark_app_absent,
    new_fleet,
    remove_app,
    remove_server,
    remove_value,
    set_value,
    write_new,
)
from tomo.spec.load import fleet_from_text
from tomo.spec.yaml import parse

LIVED_IN = """\
# our house
fleet: home    # never change it

servers:
    nas:            # in the cellar
        host:   192.168.1.10
        labels: {rack: a,  floor: "0"}   # flow

    # the old one
    pi: {host: 192.168.1.11}
apps:

  # music for everybody
  music:
    app:   "navidrome"   # quoted
    server: nas
    env:
    - not read by this test

  # files
  files: &files {app: syncthing, server: nas}
  more:
    <<: *files
    version: '2'   # text
# the end
"""


def changed_lines(before: str, after: str) -> list[str]:
    """The lines that differ, with their sign."""
    lines = difflib.ndiff(before.splitlines(keepends=True), after.splitlines(keepends=True))
    return [line.rstrip("\n") for line in lines if line[0] in "+-"]


@pytest.mark.parametrize(
    ("path", "value", "lines"),
    [
        (
            ("apps", "music", "app"),
            "gonic",
            ['-     app:   "navidrome"   # quoted', "+     app:   gonic   # quoted"],
        ),
        (("apps", "music", "exposure"), "lan", ["+     exposure: lan"]),
        (("apps", "music", "ports", "web"), 80, ["+     ports:", "+       web: 80"]),
        (("servers", "nas", "port"), 22, ["+         port: 22"]),
        (("apps", "more", "version"), "3", ["-     version: '2'   # text", '+     version: "3"   # text']),
        (("defaults", "user"), "root", ["+ defaults:", "+   user: root"]),
    ],
)
def test_setting_a_value_changes_its_line_only(
    path: tuple[str, ...], value: object, lines: list[str]
) -> None:
    after = set_value(LIVED_IN, path, value)

    assert changed_lines(LIVED_IN, after) == lines


def test_flow_mappings_are_edited_where_they_stand() -> None:
    after = set_value(LIVED_IN, ("servers", "pi", "user"), "bob")
    after = set_value(after, ("servers", "nas", "labels", "floor"), "1")

    assert "pi: {host: 192.168.1.11, user: bob}" in after
    assert 'labels: {rack: a,  floor: "1"}   # flow' in after


def test_a_new_server_stands_after_the_last_one() -> None:
    after = add_server(LIVED_IN, "new", {"host": "192.168.1.12", "host_key": ["a b", "c d"]})

    assert changed_lines(LIVED_IN, after) == [
        "+     new:", "+       host: 192.168.1.12", "+       host_key:", "+         - a b", "+         - c d",
    ]  # fmt: skip


def test_removing_takes_the_entrys_own_lines_and_leaves_comments() -> None:
    after = remove_server(LIVED_IN, "nas")

    assert changed_lines(LIVED_IN, after) == [
        "-     nas:            # in the cellar",
        "-         host:   192.168.1.10",
        '-         labels: {rack: a,  floor: "0"}   # flow',
    ]


def test_what_is_added_and_removed_again_leaves_the_file_as_it_was() -> None:
    text = add_server(new_fleet("home"), "nas", {"host": "192.168.1.10"})
    text = add_app(text, "music", {"app": "navidrome", "server": "nas", "inputs": {"A": "yes", "B": "1e3"}})
    text = add_app(text, "files", {"app": "syncthing", "server": "nas"})

    text = remove_server(remove_app(remove_app(text, "files"), "music"), "nas")

    assert text == new_fleet("home")


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("lines", [0, 1])
def test_line_ends_stay_as_they_are(newline: str, lines: int) -> None:
    text = (
        newline.join(["fleet: home", "servers:", "  nas: {host: a}", "apps:", "  x:", "    app: y"])
        + newline * lines
    )

    after = set_value(text, ("apps", "x", "server"), "nas")

    assert after.count("\r\n") == (7 if newline == "\r\n" else 0)
    assert after.startswith(text)
    assert parse(after, "f").value["apps"]["x"]["server"] == "nas"


@pytest.mark.parametrize(
    "empty", ["apps: {}", "apps:", "apps:   # none yet", "apps: {}   # none yet", "apps: ~", ""]
)
def test_the_first_app_finds_its_place(empty: str) -> None:
    text = f"fleet: home\n{empty}\n# the end\n"

    after = add_app(text, "x", {"app": "y"})

    assert parse(after, "f").value["apps"] == {"x": {"app": "y"}}
    assert "# the end\n" in after
    assert ("# none yet" in after) == ("# none yet" in text)


def test_a_block_of_text_is_replaced_whole() -> None:
    text = "fleet: a\napps:\n  x:\n    env:\n      A: |\n        one\n        two\n      B: c # d\n"

    after = set_value(text, ("apps", "x", "env", "A"), "three\nfour\n")

    assert after == text.replace("one", "three").replace("two", "four")


@pytest.mark.parametrize(
    ("text", "path", "after"),
    [
        ("a: {b: 1, c: 2}\n", ("a", "b"), "a: {c: 2}\n"),
        ("a: {b: 1, c: 2}\n", ("a", "c"), "a: {b: 1}\n"),
        ("a: {b: 1} # x\n", ("a", "b"), "a: {} # x\n"),
        ("a: # x\n  b: 1\nc: 2\n", ("a", "b"), "a: {} # x\nc: 2\n"),
        ("a: 1\nb:\n  - c\n\n# d\ne: 2", ("b",), "a: 1\n\n# d\ne: 2"),
        ("a: 1\nb: 2", ("b",), "a: 1\n"),
    ],
)
def test_removing_leaves_what_is_around(text: str, path: tuple[str, ...], after: str) -> None:
    assert remove_value(text, path) == after


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("{fleet: a, apps: {}}\n", ("apps", "x"), {"app": "y"}),
        ("a: {b: {}}\n", ("a", "b", "c"), [1, 2]),
        ("a: {b: 1}\n", ("a", "b"), {"c": True}),
        ("a: 'x'\n", ("a",), {"c": None}),
        ("a:\n- 1\n", ("a",), 2),
        ("a: >\n  folded\n  text\nb: 1\n", ("a",), "x"),
        ("? a\n: 1\n", ("a",), 2),
        ("---\na: 1\n...\n", ("b",), 2),
        ('"a": 1\n', ("a",), "b: c"),
    ],
)
def test_unusual_layouts_are_edited_rightly_too(text: str, path: tuple[str, ...], value: object) -> None:
    before = parse(text, "f").value

    after = parse(set_value(text, path, value), "f").value

    for part in path:
        after = after[part]
    assert after == value
    assert set(parse(set_value(text, path, value), "f").value) == {*before, path[0]}


def test_an_alias_is_never_edited_through() -> None:
    after = set_value(LIVED_IN, ("apps", "more", "server"), "pi")

    value = parse(after, "f").value["apps"]
    assert (value["more"]["server"], value["files"]["server"]) == ("pi", "nas")


def test_a_tombstone_keeps_the_rest() -> None:
    after = mark_app_absent(LIVED_IN, "music", remove_data=True)
    back = mark_app_absent(after, "music", remove_data=False)

    assert changed_lines(LIVED_IN, after) == ["+     state: absent", "+     remove_data: true"]
    assert changed_lines(LIVED_IN, back) == ["+     state: absent"]


def test_an_app_put_back_replaces_its_tombstone() -> None:
    text = mark_app_absent(LIVED_IN, "music", remove_data=False)

    after = add_app(text, "music", {"app": "gonic", "server": "pi"})

    assert parse(after, "f").value["apps"]["music"] == {"app": "gonic", "server": "pi"}


def test_what_others_refer_to_is_left_to_the_person() -> None:
    with pytest.raises(UsageError, match="cannot edit safely"):
        mark_app_absent(LIVED_IN, "files", remove_data=False)


def test_names_that_are_taken_or_unknown_are_told() -> None:
    with pytest.raises(UsageError, match="has an app `music` already"):
        add_app(LIVED_IN, "music", {})
    with pytest.raises(UsageError, match="no server `nsa`") as caught:
        remove_server(LIVED_IN, "nsa")
    assert caught.value.hint == "did you mean `nas`?"


def test_removing_what_is_not_there_changes_nothing() -> None:
    assert remove_value(LIVED_IN, ("apps", "music", "version")) == LIVED_IN
    assert remove_value(LIVED_IN, ("apps", "none", "version")) == LIVED_IN


def test_the_new_file_is_a_fleet() -> None:
    assert fleet_from_text(new_fleet("home"), Path("fleet.yaml")).fleet.fleet == "home"


# --- files


@pytest.fixture
def fleet_file(tmp_path: Path) -> Path:
    file = tmp_path / "fleet.yaml"
    file.write_text("fleet: home\nservers:\n  nas: {host: 192.168.1.10} # mine\napps: {}\n")
    file.chmod(0o640)
    return file


def test_a_file_is_replaced_whole_and_keeps_its_mode(fleet_file: Path) -> None:
    loaded = edit_fleet(fleet_file, lambda text: add_app(text, "x", {"app": "nginx", "server": "nas"}))

    assert loaded.fleet.apps["x"].catalog_id == "nginx"
    assert "# mine" in fleet_file.read_text()
    assert stat.S_IMODE(fleet_file.stat().st_mode) == 0o640
    assert [path.name for path in fleet_file.parent.iterdir()] == ["fleet.yaml"]


def test_an_edit_that_would_be_a_mistake_is_not_written(fleet_file: Path) -> None:
    before = fleet_file.read_bytes()

    with pytest.raises(SpecError, match="1 mistake"):
        edit_fleet(fleet_file, lambda text: add_app(text, "x", {"app": "nginx", "server": "nsa"}))

    assert fleet_file.read_bytes() == before
    assert [path.name for path in fleet_file.parent.iterdir()] == ["fleet.yaml"]


def test_a_file_changed_meanwhile_is_left_alone(fleet_file: Path) -> None:
    def change(text: str) -> str:
        fleet_file.write_text("fleet: other\n")
        return text.replace("home", "house")

    with pytest.raises(UsageError, match="changed by someone else"):
        edit_fleet(fleet_file, change)

    assert fleet_file.read_text() == "fleet: other\n"
    assert [path.name for path in fleet_file.parent.iterdir()] == ["fleet.yaml"]


def test_a_link_stays_a_link(fleet_file: Path) -> None:
    link = fleet_file.parent / "link.yaml"
    link.symlink_to(fleet_file)

    edit_fleet(link, lambda text: text.replace("home", "house"))

    assert link.is_symlink()
    assert fleet_file.read_text().startswith("fleet: house")


def test_a_byte_order_mark_and_foreign_letters_stay(fleet_file: Path) -> None:
    fleet_file.write_bytes(
        "\ufeff# für alle: 🎵\nfleet: home\nservers: {nas: {host: a}} # ä\napps: {}\n".encode()
    )

    edit_fleet(fleet_file, lambda text: add_app(text, "x", {"app": "nginx", "server": "nas"}))

    text = fleet_file.read_text(encoding="utf-8")
    assert text.startswith("\ufeff# für alle: 🎵\nfleet: home\nservers: {nas: {host: a}} # ä\napps:\n  x:\n")


def test_a_new_file_never_overwrites(fleet_file: Path) -> None:
    with pytest.raises(UsageError, match="exists already"):
        write_new(fleet_file, new_fleet("x"))
    with pytest.raises(TomoError, match="cannot be written"):
        write_new(fleet_file.parent / "no" / "fleet.yaml", new_fleet("x"))
