"""Runs the real Pulumi CLI on a program, with this process as its language host.

`python -m bench.pulumi_process BINARY PROGRAM REPORT ARGUMENT…`: the CLI's arguments come last. Its own
Python host can't be had on the build machines; this one runs the SDK over gRPC as that does. REPORT gets
the peak memory of both processes in MB, as JSON.
"""

import json
import resource
import runpy
import subprocess
import sys
from pathlib import Path

from conformance.programs import program_served


def main(binary: str, program: str, report: str, *arguments: str) -> int:
    """The CLI's exit code."""
    # Python's cyclic collector is on, as Pulumi's own host leaves it.
    with program_served(lambda: runpy.run_path(program, run_name="__main__")) as served:
        code = subprocess.run(
            [binary, *arguments, f"--client=127.0.0.1:{served.port}"], check=False
        ).returncode
    peaks = [
        resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    Path(report).write_text(json.dumps(peaks))
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
