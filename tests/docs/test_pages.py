"""The pages agree with the code, and with one another."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import pytest

from tests.docs.pages import ROOT, blocks
from tomo import errors
from tomo.catalog.lint import lint
from tomo.errors import ExitCode, TomoError
from tomo.model.step import Op
from tomo.spec.load import fleet_from_text
from tomo.spec.policy import PolicyFile
from tomo.spec.problems import build
from tomo.spec.yaml import parse

PAGES = [
    path
    for path in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "stacks").rglob("*.md")])
    if path.parent.name != "changes"
]
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def _prose(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def _anchors(path: Path) -> set[str]:
    """The anchors that the headings of a page get on the common forges."""
    titles = re.findall(r"^#+ (.*)$", _prose(path.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_pages_are_what_the_code_says(generator: ModuleType) -> None:
    stale = [_name(path) for path in generator.stale()]

    assert stale == [], "run `make docs`"


def test_the_reference_has_every_command_and_every_option(generator: ModuleType) -> None:
    page = _read("docs/cli.md")

    for name, command in generator.commands():
        section = page.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        assert section, name
        for parameter in command.params:
            for spelling in parameter.opts if parameter.param_type_name == "option" else ():
                assert f"`{spelling}`" in section, f"{name} {spelling}"


def test_the_reference_has_every_exit_code() -> None:
    table = _read("docs/cli.md").partition("## Exit codes")[2]

    assert [int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)] == [
        int(c) for c in ExitCode
    ]


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in _LINK.findall(_prose(page.read_text("utf-8"))):
        if link.startswith(("http://", "https://")):
            continue
        target, _, anchor = link.partition("#")
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), f"{_name(page)}: {link}"
        assert not anchor or anchor in _anchors(file), f"{_name(page)}: {link}"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_fleets_and_apps_shown_in_a_page_are_right(page: Path) -> None:
    for block in blocks(page.read_text("utf-8")):
        text = "\n".join(block.lines) + "\n"
        if block.language != "yaml":
            continue
        start = next((line for line in block.lines if line and not line.startswith("#")), "")
        if start.startswith("fleet:"):
            fleet_from_text(text, page)
        elif start.startswith("schema: tomo.policy/"):
            build(PolicyFile, parse(text, _name(page)))
        elif start.startswith("schema: tomo.app/"):
            app_id = re.search(r"^id: (.*)$", text, re.MULTILINE)
            assert app_id
            assert lint(parse(text.encode(), _name(page)), app_id[1]) == []


def test_nothing_promises_an_install_by_name() -> None:
    promising = [
        _name(page)
        for page in PAGES
        if re.search(r"(pip|pipx|uv)\S* (install|add|run) +tomo", page.read_text())
    ]

    assert promising == []


def test_pages_are_reached_from_the_readme() -> None:
    reached: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md" or not page.exists():
            continue
        reached.add(page)
        links = (link.partition("#")[0] for link in _LINK.findall(page.read_text("utf-8")))
        waiting += [(page.parent / link).resolve() for link in links if link and "://" not in link]

    assert {_name(page) for page in PAGES} - {_name(page) for page in reached} == set()


# --- errors ------------------------------------------------------------------------------------------


def _errors(top: type[TomoError] = TomoError) -> list[type[TomoError]]:
    own = [kind for kind in top.__subclasses__() if kind.__module__ == errors.__name__]
    return [top, *(each for kind in own for each in _errors(kind))]


def test_every_error_has_a_code_of_its_own() -> None:
    codes = [kind.code for kind in _errors()]

    assert sorted(codes) == sorted(set(codes))


def test_every_error_is_explained() -> None:
    page = _read("docs/troubleshooting.md")

    headings = re.findall(r"^### `([\w-]+)`", page, re.MULTILINE)

    assert sorted(headings) == sorted(kind.code for kind in _errors())


def test_each_error_names_the_exit_code_it_ends_with() -> None:
    page = _read("docs/troubleshooting.md")

    for kind in _errors():
        heading = re.search(rf"^### `{kind.code}`(.*)$", page, re.MULTILINE)
        assert heading
        if kind.exit_code is not ExitCode.FAILED:
            assert f"exit code {int(kind.exit_code)}" in heading[1], kind.code


# --- how the engine decides --------------------------------------------------------------------------


def test_the_table_of_steps_has_every_step_that_the_engine_takes() -> None:
    page = _read("docs/how-the-engine-decides.md")
    sources = "\n".join(path.read_text("utf-8") for path in (ROOT / "tomo" / "engine").glob("*.py"))

    shown = re.findall(r"^\| `([a-z-]+)` \| *(?:`(.+?)`)? *\|", page, re.MULTILINE)

    assert sorted(shown) == sorted(
        (op.pulumi_name, op.glyph.strip() if op.is_logical else "")
        for op in Op
        if re.search(rf"\bOp\.{op.name}\b", sources)
    )


# --- what the README says about hosts ----------------------------------------------------------------


def test_paths_that_tomo_writes_on_a_host_are_those_in_its_source() -> None:
    section = _read("README.md").partition("## What it does to a host")[2].partition("\n## ")[0]
    sources = "\n".join(
        path.read_text("utf-8") for path in (ROOT / "tomo").rglob("*") if path.suffix in {".py", ".sh"}
    )

    paths = re.findall(r"`(/(?:etc|var)/[^`*]*?)(?:/[A-Z…][^`]*)?`", section)

    assert paths
    assert [path for path in paths if path.rstrip("/") not in sources] == []


def test_schemas_are_published_as_json() -> None:
    for name in ("fleet", "app"):
        assert json.loads(_read(f"docs/schema/{name}.json"))["$schema"].startswith("https://json-schema.org/")


# --- decisions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", DECISIONS, ids=_name)
def test_a_decision_says_what_was_refused_and_when_it_would_be_wrong(page: Path) -> None:
    titles = re.findall(r"^## (.*)$", page.read_text("utf-8"), re.MULTILINE)

    assert titles == ["Context", "Choice", "Refused", "How we would notice it was wrong"]
    assert f"({page.name})" in _read("docs/decisions/README.md")
