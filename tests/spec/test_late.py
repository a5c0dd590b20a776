"""Blocks that few fleet files have cost a start nothing, and are otherwise like any other."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
from pydantic import ValidationError

from tomo.errors import SpecError
from tomo.spec.fleet import Fleet
from tomo.spec.load import LoadedFleet
from tomo.spec.schema import fleet_schema

PLAIN = {"fleet": "home", "servers": {"box": {"host": "192.0.2.1", "docker": False}}}
BLOCKS = {
    "proxy": {"servers": {"box": {"host": "192.0.2.1", "proxy": {"tls": "internal"}}}},
    "docker": {"servers": {"box": {"host": "192.0.2.1", "docker": {"version": "27.3.*"}}}},
    "backup": {"backup": {"to": "copies", "restic": {"password": {"secret": "KEY"}}}},
    "registries": {"registries": {"r.lan:5000": {"insecure": True}}},
    "repositories": {"repositories": {"mine": {"url": "apps", "digest": "sha256:" + "0" * 64}}},
}
WRONG = {
    "proxy": ({"servers": {"box": {"host": "h", "proxy": {"tsl": "off"}}}}, ("servers", "box", "proxy", "tsl")),
    "docker": (
        {"servers": {"box": {"host": "h", "docker": {"channel": "x"}}}},
        ("servers", "box", "docker", "~options", "channel"),
    ),
    "backup": ({"backup": {"to": "copies", "keep": {"last": "all"}}}, ("backup", "keep", "last")),
    "registries": (
        {"registries": {"r.lan:5000": {"insecure": "no"}}}, ("registries", "r.lan:5000", "insecure"),
    ),
    "repositories": ({"repositories": {"mine": {"url": "apps"}}}, ("repositories", "mine", "digest")),
}  # fmt: skip


def loaded_by(content: object) -> set[str]:
    """Which of the blocks' modules a process has loaded once it has read such a fleet."""
    program = (
        "import sys; from tomo.spec.fleet import Fleet; "
        f"Fleet.model_validate({content!r}); print(*sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return {name for name in BLOCKS if f"tomo.spec.{name}" in ran.stdout.split()}


def test_a_fleet_without_such_blocks_loads_none_of_their_types() -> None:
    assert loaded_by(PLAIN) == set()


@pytest.mark.parametrize("block", BLOCKS)
def test_a_fleet_with_one_of_them_loads_that_one(block: str) -> None:
    assert block in loaded_by({**PLAIN, **BLOCKS[block]})


@pytest.mark.parametrize("block", WRONG)
def test_a_mistake_in_a_block_stands_at_its_place(block: str) -> None:
    content, place = WRONG[block]

    with pytest.raises(ValidationError) as caught:
        Fleet.model_validate({**PLAIN, **content})

    assert place in [error["loc"] for error in caught.value.errors()]


def test_editors_know_them_as_they_know_the_others() -> None:
    known = fleet_schema()["$defs"]

    assert {"Proxy", "DockerOptions", "BackupSettings", "AppBackup", "CatalogRepository", "Registry"} <= set(
        known
    )
    assert known["Server"]["properties"]["proxy"]["anyOf"][0] == {"$ref": "#/$defs/Proxy"}


def test_a_misspelt_key_of_a_block_has_the_right_one_beside_it(load: Callable[[str], LoadedFleet]) -> None:
    text = "fleet: home\nservers:\n  box:\n    host: 192.0.2.1\n    proxy:\n      emial: a@example.org\n"

    with pytest.raises(SpecError) as caught:
        load(text)

    [problem] = caught.value.problems
    assert (problem.line, "email" in problem.hint) == (6, True)
