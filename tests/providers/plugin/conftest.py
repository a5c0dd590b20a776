"""A provider of a plugin that is served in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.providers.plugin.notes import Manners, Notes, served
from tomo.model.events import Severity
from tomo.model.provider import Provider
from tomo.providers.plugin import PluginHost
from tomo.settings import Settings

PROVIDER = "urn:pulumi:dev::proj::pulumi:providers:notes::default"


@dataclass
class Desk:
    """A provider, the plugin behind it, and what was heard."""

    provider: Provider
    notes: Notes
    heard: list[tuple[Severity, str, str]]

    def last(self, verb: str) -> dict[str, object]:
        """The last request of a kind."""
        return next(body for each, body in reversed(self.notes.calls) if each == verb)


OpenDesk = Callable[..., Desk]


@pytest.fixture
def open_desk(tmp_path: Path) -> Iterator[OpenDesk]:
    """Opens desks with plugins of given manners; configured, unless told otherwise."""
    with ExitStack() as stack:

        def open_(manners: Manners | None = None, *, configured: bool = True) -> Desk:
            notes = Notes(tmp_path, manners or Manners())
            port = stack.enter_context(served(notes))
            settings = Settings.from_environment(
                {"PULUMI_DEBUG_PROVIDERS": f"other:1,notes:{port}", "HOME": str(tmp_path)}
            )
            host = stack.enter_context(PluginHost(settings))
            heard: list[tuple[Severity, str, str]] = []
            host.listen(lambda *line: heard.append(line))
            provider = host.provider("notes", "1.2.3", project="proj", directory=tmp_path)
            provider.urn = PROVIDER
            if configured:
                provider.configure({"version": "1.2.3"})
            return Desk(provider, notes, heard)

        yield open_


@pytest.fixture
def desk(open_desk: OpenDesk) -> Desk:
    return open_desk()
