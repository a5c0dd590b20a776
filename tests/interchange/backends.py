"""State backends that only Pulumi's CLI serves, each on a port of loopback, ended with the test run."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 30.0


@contextmanager
def postgresql() -> Iterator[str]:
    """The address of a database in a cluster of its own, run by a user without privileges."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        pytest.skip("there is no PostgreSQL; scripts/debian-packages postgresql installs it")
    folder = Path(tempfile.mkdtemp(prefix="tomo-postgresql-"))
    user = "nobody" if os.geteuid() == 0 else None
    if user:
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    port = free_port()
    server = None
    try:
        subprocess.run(
            [programs[-1] / "initdb", "-D", folder / "data", "-U", "tomo", "-A", "trust", "--no-sync"],
            user=user,
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        options = ["-p", str(port), "-h", "127.0.0.1", "-k", "", "-c", "fsync=off"]
        server = subprocess.Popen(
            [programs[-1] / "postgres", "-D", folder / "data", *options],
            user=user,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for(port)
        yield f"postgres://tomo@127.0.0.1:{port}/postgres?sslmode=disable"
    finally:
        if server is not None:
            # An immediate end: nobody needs what is in it.
            server.send_signal(3)
            server.wait(PATIENCE)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def s3() -> Iterator[str]:
    """The address of a bucket on a small S3 server, which scripts/s3-server builds, given Go."""
    asked = subprocess.run(
        [ROOT / "scripts" / "s3-server", "--path"], capture_output=True, text=True, check=True
    )
    binary = Path(asked.stdout.strip())
    if not binary.exists():
        pytest.skip("there is no S3 server; scripts/s3-server builds it, given Go")
    port = free_port()
    server = subprocess.Popen(
        [binary, "-host", f"127.0.0.1:{port}", "-backend", "memory", "-initialbucket", "states", "-quiet"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(port)
        yield f"s3://states?region=us-east-1&endpoint=http://127.0.0.1:{port}&s3ForcePathStyle=true"
    finally:
        server.terminate()
        server.wait(PATIENCE)


def free_port() -> int:
    """A port that nobody listens on now."""
    with closing(socket.socket()) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def wait_for(port: int) -> None:
    """Waits until somebody listens on a port."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            with closing(socket.create_connection(("127.0.0.1", port), timeout=1)):
                return
        except OSError:
            assert time.monotonic() < end, f"nobody listens on {port}"
            time.sleep(0.05)
