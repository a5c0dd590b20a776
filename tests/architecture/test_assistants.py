"""The room of assistants imports what it may, and nothing else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MAY = ("tomo.mcp", "tomo.service.read", "tomo.service.propose", "tomo.model", "tomo.settings", "tomo.errors")
EASE = ("tomo.frozen",)


def _imported(path: Path) -> Iterator[str]:
    """Also inside of functions, and for types alone."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module


def _is_of(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == each or module.startswith(f"{each}.") for each in packages)


def test_the_room_of_assistants_imports_the_halves_that_read_and_propose_and_nouns() -> None:
    files = sorted((ROOT / "tomo" / "mcp").rglob("*.py"))

    foreign = {
        f"{path.relative_to(ROOT)}: {module}"
        for path in files
        for module in _imported(path)
        if module.split(".")[0] == "tomo" and not _is_of(module, (*MAY, *EASE))
    }

    assert len(files) > 30
    assert foreign == set()


def test_tools_know_nothing_of_the_library_that_serves_them() -> None:
    outside = {
        f"{path.relative_to(ROOT)}: {module}"
        for path in (ROOT / "tomo" / "mcp" / "tools").rglob("*.py")
        for module in _imported(path)
        if module.split(".")[0] in {"fastmcp", "fastmcp_tasks", "mcp", "mcp_types", "starlette"}
    }

    assert outside == set()
