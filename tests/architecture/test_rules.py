"""Rules that hold for every line of the product, checked on its source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = sorted((ROOT / "tomo").rglob("*.py"))
SURFACE = sorted((ROOT / "cli").rglob("*.py"))
SOURCES = [*LIBRARY, *SURFACE]
EVERYTHING = sorted(
    path
    for folder in (
        "tomo",
        "cli",
        "catalog",
        "stacks",
        "docs",
        "tests",
        "demo",
        "lab",
        "scripts",
        "bench",
        "conformance",
    )
    for path in (ROOT / folder).rglob("*")
    if path.is_file()
    and path.suffix in {".py", ".sh", ".yaml", ".md", ".toml", ""}
    and "__pycache__" not in path.parts
)

LONGEST_FUNCTION = 60
LONGEST_FILE = 500

STARTS_PROCESSES = {
    "tomo/providers/command/local.py": "runs a person's own command on this machine",
    "tomo/ssh/local.py": "is the connection to this machine",
    "tomo/providers/plugin/process.py": "starts the provider plugins that a person installed",
    "tomo/catalog/repos/git.py": "fetches repositories of catalogs by a person's own git",
    "tomo/approval/keygen.py": "runs OpenSSH's own tool for signatures",
    "tomo/service/pulumi_engine/cli.py": "runs the Pulumi CLI that a person installed",
    "tomo/backup/restic.py": "runs the restic that a person installed",
}
READS_ENVIRONMENT = {"tomo/settings.py": "is where the environment is read"}
CARRIES_OUTPUT = {
    "tomo/program/printed.py": "passes on what a person's own program prints",
    "tomo/program/language.py": "is a process of its own that tells its port",
}
LONG_FUNCTIONS: dict[str, str] = {}
LONG_FILES = {
    "tomo/errors.py": (640, "one tree of errors, a few lines each"),
    "tomo/spec/app.py": (735, "the app format: a table of fields, read from top to bottom"),
    "tomo/testing/dockerd/containers.py": (650, "one daemon's containers, mirrored call by call"),
    "tomo/testing/fake_host.py": (610, "one host, with every fault it can have"),
    "tomo/providers/docker/container_seen.py": (560, "what inspect says, field by field"),
}
"""Files that may be longer, each with its limit and the reason. Limits only ever go down."""


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def _nodes(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(ast.parse(path.read_text("utf-8"))))


def _calls(path: Path) -> Iterator[str]:
    for node in _nodes(path):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id


def _attributes(path: Path) -> Iterator[str]:
    for node in _nodes(path):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"


def _imports(path: Path) -> Iterator[str]:
    for node in _nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_the_library_neither_prints_nor_prompts_nor_exits() -> None:
    talks = {"print", "input", "exit", "quit", "breakpoint", "sys.exit", "os._exit"}
    streams = {"sys.stdout", "sys.stderr", "sys.stdin"}

    talking = {_name(path) for path in LIBRARY if talks.intersection([*_calls(path), *_attributes(path)])}
    writing = {_name(path) for path in LIBRARY if streams.intersection(_attributes(path))}

    assert talking == set()
    assert writing == set(CARRIES_OUTPUT)


def test_only_the_settings_read_the_environment() -> None:
    breaches = {
        _name(path)
        for path in SOURCES
        for used in _attributes(path)
        if used in {"os.environ", "os.getenv", "os.environb", "os.putenv", "os.unsetenv"}
    }

    assert breaches == set(READS_ENVIRONMENT)


def test_only_the_doors_start_processes() -> None:
    breaches = {
        _name(path) for path in SOURCES for module in _imports(path) if module in {"subprocess", "pty"}
    }
    breaches |= {
        _name(path)
        for path in SOURCES
        for used in _attributes(path)
        if re.fullmatch(r"os\.(system|popen|exec\w+|spawn\w+|posix_spawn\w*|fork\w*)", used)
    }

    assert breaches == set(STARTS_PROCESSES)


def test_nothing_evaluates_text_as_code() -> None:
    breaches = {
        f"{_name(path)}: {call}" for path in SOURCES for call in _calls(path) if call in {"eval", "exec"}
    }

    # As the standard library's dataclasses do: the constructor of a class, from the names of its fields.
    assert breaches == {"tomo/frozen.py: exec"}


def test_nothing_is_left_for_later() -> None:
    marks = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")

    breaches = [
        f"{_name(path)}:{number}"
        for path in EVERYTHING
        if path != Path(__file__)
        for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1)
        if marks.search(line)
    ]

    assert breaches == []


def test_no_path_of_a_machine_stands_in_a_file() -> None:
    """Apart from app files, whose paths are those inside of their containers."""
    paths = re.compile(r"/(?:work|home/\w+|Users/\w+|root)/\w+")
    elsewhere = (ROOT / "tests", ROOT / "catalog" / "apps")

    breaches = [
        f"{_name(path)}:{number}: {found[0]}"
        for path in EVERYTHING
        if not any(map(path.is_relative_to, elsewhere))
        for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1)
        if (found := paths.search(line))
    ]

    assert breaches == []


def test_no_package_registry_is_named() -> None:
    """Which index or mirror is used is the machine's own affair; Docker's own repository has one place."""
    hosts = re.compile(r"pypi\.org|pythonhosted|proxy\.golang|deb\.debian|index-url|download\.docker")

    found = {
        _name(path)
        for path in EVERYTHING
        if path != Path(__file__) and hosts.search(path.read_text("utf-8", "replace"))
    }

    assert found <= {"tomo/resources/scripts/__init__.py"}


def test_no_module_keeps_state_that_changes() -> None:
    """A name in small letters on a module's top level, bound to a list, dict or set, is shared by every run."""
    made = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)

    breaches = [
        f"{_name(path)}:{node.lineno}: {target.id}"
        for path in SOURCES
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.Assign) and isinstance(node.value, made)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id != "__all__" and not target.id.isupper()
    ]

    assert breaches == []
    assert not [path for path in SOURCES for node in _nodes(path) if isinstance(node, ast.Global)]


# --- sizes: an exception has its reason in the table, and leaves it once it is short ------------------


def _long_functions() -> Iterator[tuple[str, int]]:
    for path in SOURCES:
        for node in _nodes(path):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or 0) - node.lineno + 1
                if length > LONGEST_FUNCTION:
                    yield f"{_name(path)}:{node.name}", length


def test_functions_are_short() -> None:
    assert {name for name, _ in _long_functions()} == set(LONG_FUNCTIONS)


def test_most_functions_are_very_short() -> None:
    lengths = sorted(
        (node.end_lineno or 0) - node.lineno + 1
        for path in SOURCES
        for node in _nodes(path)
        if isinstance(node, ast.FunctionDef)
    )

    assert lengths[len(lengths) // 2] <= 12
    assert lengths[len(lengths) * 95 // 100] <= 40


def test_files_are_of_a_size_that_is_read_in_one_go() -> None:
    lengths = {_name(path): len(path.read_text("utf-8").splitlines()) for path in SOURCES}

    too_long = {
        name: length
        for name, length in lengths.items()
        if length > LONG_FILES.get(name, (LONGEST_FILE, ""))[0]
    }
    no_exception_any_more = [name for name in LONG_FILES if lengths.get(name, 0) <= LONGEST_FILE]

    assert too_long == {}
    assert no_exception_any_more == []


def test_every_module_says_what_it_is_for() -> None:
    first_lines = {
        _name(path): (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").partition("\n")[0]
        for path in SOURCES
    }

    assert [name for name, line in first_lines.items() if not line.endswith(".")] == []
