"""What paramiko and pydantic ask of installed packages is answered without `importlib.metadata`, and truly."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

LOADED = "import sys; print('email' in sys.modules, 'importlib.metadata' in sys.modules)"
PLUGIN = """
class Plugin:
    def new_schema_validator(self, schema, schema_type, *_):
        print("asked about", schema_type.__name__)
        return None, None, None
plugin = Plugin()
"""


def said_by(code: str, *places: Path) -> list[str]:
    """What a process says that finds packages in these places too."""
    code = f"import sys; sys.path[:0] = {[str(place) for place in places]!r}; {code}"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return ran.stdout.split("\n")[:-1]


def packed(place: Path, kind: str, entry_points: str) -> Path:
    """A place with a package that is called `theirs` and says so in that kind of folder."""
    folder = place / f"theirs-1.5{kind}"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.5\n")
    (folder / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.5\n")
    (folder / "entry_points.txt").write_text(entry_points)
    (place / "theirs.py").write_text(PLUGIN)
    return place


@pytest.mark.parametrize("module", ["tomo.ssh.dial", "tomo.spec.fleet"])
def test_neither_has_it_loaded(module: str) -> None:
    assert said_by(f"import {module}; {LOADED}") == ["False True"]


def test_paramiko_knows_its_version() -> None:
    assert said_by("import tomo.ssh, paramiko; print(paramiko.__version__)") == [version("paramiko")]


@pytest.mark.parametrize("kind", [".dist-info", ".egg-info"])
def test_a_plugin_of_pydantic_is_used(tmp_path: Path, kind: str) -> None:
    place = packed(tmp_path / "place", kind, "[pydantic]\ntheirs = theirs:plugin\n")

    assert "asked about Server" in said_by("import tomo.spec.fleet", place)


def test_one_without_such_a_plugin_is_not_looked_at(tmp_path: Path) -> None:
    place = packed(tmp_path / "place", ".dist-info", "[console_scripts]\ntheirs = theirs:plugin\n")

    assert said_by(f"import tomo.spec.fleet; {LOADED}", place) == ["False True"]


def test_in_an_archive_python_itself_looks(tmp_path: Path) -> None:
    archive = tmp_path / "packed.zip"
    archive.write_bytes(b"PK\x05\x06" + bytes(18))

    assert said_by(f"import tomo.spec.fleet; {LOADED}", archive) == ["True True"]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("print(metadata.version('theirs'))", "1.5"),
        ("print(metadata.metadata('theirs')['Name'])", "theirs"),
        ("print(metadata.entry_points(group='theirs.kind').names)", "{'one'}"),
        ("print(metadata.entry_points(group='theirs.kind', name='one')['one'].value)", "theirs:plugin"),
    ],
)
def test_whoever_else_asks_is_answered_as_ever(tmp_path: Path, code: str, said: str) -> None:
    place = packed(tmp_path / "place", ".dist-info", "[theirs.kind]\none = theirs:plugin\n")

    assert said_by(f"import tomo.ssh; from importlib import metadata; {code}", place) == [said]
    dotted = code.replace("metadata", "importlib.metadata", 1)
    assert said_by(f"import tomo.ssh; import importlib.metadata; {dotted}", place) == [said]


def test_what_is_not_there_is_an_error_of_its_own() -> None:
    code = (
        "import tomo.ssh\nfrom importlib import metadata\n"
        "try: metadata.version('nobody-has-this')\n"
        "except metadata.PackageNotFoundError as error: print(error.name)"
    )

    assert said_by(f"\n{code}") == ["nobody-has-this"]


def test_of_two_folders_the_first_counts(tmp_path: Path) -> None:
    first = packed(tmp_path / "first", ".dist-info", "")
    (first / "theirs-1.5.dist-info").rename(first / "theirs-2.0.dist-info")
    (first / "theirs-2.0.dist-info" / "METADATA").write_text("Name: theirs\nVersion: 2.0\n")
    second = packed(tmp_path / "second", ".dist-info", "")
    code = "import tomo.ssh; from importlib import metadata; print(metadata.version('theirs'))"

    assert said_by(code, first, second) == ["2.0"]
