"""Tomo's own types, as Pulumi's CLI calls them after it has taken a stack over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tomo.errors import HostUnreachable, ProviderFailed
from tomo.providers.dynamic.file import FileProvider
from tomo.providers.dynamic.plugin import plugin_connections
from tomo.providers.dynamic.server import ServerProvider


@pytest.fixture
def local(tmp_path: Path) -> dict[str, Any]:
    return {
        "host": "local",
        "path": str(tmp_path / "conf"),
        "content": "a",
        "mode": "0600",
        "__provider": "x",
    }


def test_a_file_lives_its_life_through_pulumis_interface(local: dict[str, Any]) -> None:
    provider = FileProvider()
    provider.configure(None)

    checked = provider.check({}, local)
    made = provider.create(checked.inputs)
    same = provider.diff(made.id, made.outs, local)
    changed = provider.diff(made.id, made.outs, {**local, "content": "b"})
    updated = provider.update(made.id, made.outs, {**local, "content": "b"})
    content = Path(local["path"]).read_text()
    found = provider.read(made.id, updated.outs)
    provider.delete(made.id, updated.outs)
    gone = provider.read(made.id, updated.outs)

    assert checked.failures == []
    assert (same.changes, changed.changes) == (False, True)
    assert content == "b"
    assert (found.id, gone.id) == (made.id, "")
    assert not Path(local["path"]).exists()


def test_refused_inputs_are_pulumis_failures() -> None:
    assert [each.property for each in FileProvider().check({}, {}).failures] == ["host", "path", "content"]


def test_a_server_is_looked_at_through_the_users_own_connections() -> None:
    made = ServerProvider().create({"host": "local", "docker": False})

    assert made.outs["cpus"] > 0
    assert plugin_connections() is plugin_connections()


def test_a_host_that_does_not_answer_is_an_error_there(make_hosts: Any) -> None:
    class Unreached(ServerProvider):
        def make(self, _connections: Any) -> Any:
            return super().make(make_hosts(failures=[HostUnreachable("no answer", host="h", hint="check")]))

    with pytest.raises(ProviderFailed, match="no answer"):
        Unreached().read("x", {"host": "h"})
