"""Which process of which machine: enough to know later that it is gone, also after a restart."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Final

from tomo.frozen import frozen

_PROC: Final = Path("/proc")
_START_FIELD: Final = 19
"""Of what stands behind the command's name in `/proc/PID/stat`: field 22 of all."""


@frozen
class Process:
    """A process: the machine's boot, its namespace of process ids, its id and when it started.

    Everything but `pid` is `""` where the system does not tell it, as outside Linux.
    """

    pid: int
    boot: str = ""
    namespace: str = ""
    started: str = ""

    @classmethod
    def of(cls, pid: int) -> Process:
        """A process of this machine that runs now."""
        return cls(pid, _boot(), _namespace(), _started(pid))

    def is_gone(self) -> bool:
        """Whether it is certain that the process runs no more; False where nobody can tell from here."""
        if not (self.boot and self.namespace and self.started):
            return False
        if self.boot != _boot() or self.namespace != _namespace():
            return False
        return _started(self.pid) != self.started


def _boot() -> str:
    with suppress(OSError):
        return (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    return ""


def _namespace() -> str:
    with suppress(OSError):
        return str((_PROC / "self/ns/pid").readlink())
    return ""


def _started(pid: int) -> str:
    """Ticks from the machine's start to the process's; `""` where there is none, or only a zombie."""
    with suppress(OSError):
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        return "" if fields[0] in "ZX" else fields[_START_FIELD]
    return ""
