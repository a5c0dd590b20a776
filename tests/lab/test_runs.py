"""A run's servers are removed with the process that answers for it, and not before."""

import os
import subprocess
import sys

from lab.runs import Run, run_of_this_process


def test_a_run_lasts_as_long_as_its_process() -> None:
    assert not run_of_this_process("here").ended()


def test_a_run_whose_process_is_gone_has_ended() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()

    assert Run("gone", str(gone.pid)).ended()


def test_a_kept_run_never_ends_by_itself() -> None:
    assert not run_of_this_process("demo", keep=True).ended()


def test_everything_a_run_starts_carries_its_name_and_its_owner() -> None:
    labels = run_of_this_process("here").labels()

    assert labels == ["--label", "tomo.lab=here", "--label", f"tomo.lab.owner={os.getpid()}"]
