"""The real Pulumi CLI as a peer: the same programs on the same states, without a host."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.fleets import PROJECT, nothing_text
from bench.timing import PASSPHRASE, BenchError, Took, environment, timed

ROOT = Path(__file__).resolve().parents[1]
STACK = "bench"


@dataclass(frozen=True)
class PulumiCli:
    """The CLI that `scripts/pulumi-cli` builds, and the port of a provider that does nothing."""

    binary: Path
    port: int
    scratch: Path

    def preview(self, folder: Path) -> Took:
        """A preview of unchanged resources; its memory is that of CLI and language host together."""
        return self._run(folder, "preview", "--expect-no-changes")

    def up(self, folder: Path) -> Took:
        """An update without a preview before it."""
        return self._run(folder, "up", "--yes", "--skip-preview")

    def providers(self, *packages: str) -> dict[str, str]:
        """The variable that sends packages to the provider that does nothing."""
        return {"PULUMI_DEBUG_PROVIDERS": ",".join(f"{package}:{self.port}" for package in packages)}

    def begin(self, folder: Path, resources: int) -> None:
        """A project of so many resources whose creation does nothing, with an empty stack."""
        folder.mkdir(parents=True)
        (folder / ".pulumi").mkdir()
        (folder / "Pulumi.yaml").write_text(PROJECT)
        (folder / "__main__.py").write_text(nothing_text(resources))
        timed(
            [str(self.binary), "stack", "init", STACK, "--non-interactive"],
            cwd=folder,
            env=self._environment(folder, {}),
        )

    def _run(self, folder: Path, *arguments: str) -> Took:
        report = self.scratch / "peaks.json"
        program = [
            sys.executable,
            "-m",
            "bench.pulumi_process",
            str(self.binary),
            str(folder / "__main__.py"),
        ]
        options = ["--stack", STACK, "--non-interactive", "--color", "never", "--suppress-progress"]
        took = timed(
            [*program, str(report), *arguments, *options],
            cwd=folder,
            env=self._environment(folder, self.providers("docker", "nothing")),
        )
        return Took(took.seconds, took.cpu, sum(json.loads(report.read_text())))

    def _environment(self, folder: Path, more: Mapping[str, str]) -> dict[str, str]:
        return environment(
            PYTHONPATH=str(ROOT),
            PULUMI_HOME=str(self.scratch / "pulumi-home"),
            PULUMI_BACKEND_URL=f"file://{folder}",
            PULUMI_CONFIG_PASSPHRASE=PASSPHRASE,
            PULUMI_DEBUG_COMMANDS="true",
            PULUMI_SKIP_UPDATE_CHECK="true",
            PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION="true",
            **more,
        )


@contextmanager
def pulumi_cli(scratch: Path) -> Iterator[PulumiCli]:
    """Builds the CLI where it isn't there yet, and starts the provider that does nothing."""
    built = subprocess.run([ROOT / "scripts" / "pulumi-cli"], capture_output=True, text=True, check=False)
    if built.returncode:
        raise BenchError(f"the Pulumi CLI could not be built:\n{built.stderr[-2000:]}")
    with subprocess.Popen(
        [sys.executable, "-m", "bench.standin"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as standin:
        if standin.stdin is None or standin.stdout is None:
            raise BenchError("the provider has no pipes")
        try:
            yield PulumiCli(Path(built.stdout.strip()), int(standin.stdout.readline()), scratch)
        finally:
            standin.stdin.close()
