"""A program with something to say about it beforehand."""

from __future__ import annotations

from tomo.frozen import frozen
from tomo.model.events import Severity
from tomo.model.source import ProgramRun, Registrar, Source


@frozen
class Noted:
    """A source that first says what people should know of it."""

    source: Source
    notes: tuple[str, ...]

    def run(self, run: ProgramRun, registrar: Registrar) -> None:
        """Says it, then runs the source."""
        for note in self.notes:
            registrar.log(Severity.WARNING, note)
        self.source.run(run, registrar)


def unused_option(name: str) -> str:
    """What to say of an option in `Pulumi.yaml` that has no meaning here."""
    return f"`runtime.options.{name}` is not used: the program runs in the Python that Tomo is installed in"
