"""The machine's dockerd: the one that answers, or one of the lab's own."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

from lab.docker import answers
from lab.shell import LabError, attempt
from lab.waiting import until

LAST_LOG_CHARACTERS = 2000
PID_FILES = {
    Path("/run/docker.pid"): "dockerd",
    Path("/run/docker/containerd/containerd.pid"): "containerd",
}


class Daemon:
    """Starts a dockerd where none answers, and remembers it so that only that one is ever stopped."""

    def __init__(self, cache: Path) -> None:
        self._data = cache / "docker"
        self._pid = cache / "dockerd.pid"
        self._log = cache / "dockerd.log"

    def ensure(self) -> bool:
        """Returns with a dockerd that answers; true when it was started here."""
        if answers():
            return False
        self._refuse_early()
        _forget_dead()
        self._data.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            child = subprocess.Popen(
                ["dockerd", "--data-root", str(self._data)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self._pid.write_text(str(child.pid))
        try:
            until(lambda: child.poll() is not None or answers(), "dockerd's start", within=90)
        finally:
            # The daemon outlives this program: nobody here waits for it.
            child.returncode = child.returncode or 0
        if not answers():
            raise LabError(f"dockerd did not start:\n{self._log.read_text()[-LAST_LOG_CHARACTERS:]}")
        return True

    def stop(self) -> bool:
        """Stops the dockerd that `ensure` started; false when there is none."""
        pid = self._own_pid()
        self._pid.unlink(missing_ok=True)
        if pid is None:
            return False
        os.kill(pid, signal.SIGTERM)
        until(lambda: not _runs(pid), "dockerd's end", within=60)
        # dockerd leaves its bridge behind; the next one makes it anew.
        attempt(["ip", "link", "delete", "docker0"])
        return True

    def _refuse_early(self) -> None:
        if os.geteuid() != 0:
            raise LabError("no dockerd answers, and starting one needs root")
        if shutil.which("dockerd") is None:
            raise LabError("no dockerd answers, and `dockerd` is not installed (Debian package docker.io)")

    def _own_pid(self) -> int | None:
        if not self._pid.exists():
            return None
        pid = int(self._pid.read_text())
        return pid if str(self._data) in _command_line(pid) else None


def _forget_dead() -> None:
    """Removes what a killed dockerd left: a new one would take whoever has that process id now for it."""
    for path, program in PID_FILES.items():
        if path.exists() and program not in _command_line(int(path.read_text() or 0)):
            path.unlink()


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"
