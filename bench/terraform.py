"""Terraform as a peer: the same containers and volumes as blocks of its built-in `terraform_data`."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.fleets import IMAGE
from bench.timing import Took, environment, timed


@dataclass(frozen=True)
class Terraform:
    """The installed command, and a folder for its projects.

    Its Docker provider can't be had on the build machines. `terraform_data` keeps what it is given and does
    nothing, so Terraform is measured without the cost of a provider's process.
    """

    binary: Path
    scratch: Path

    @classmethod
    def installed(cls, scratch: Path) -> "Terraform | None":
        """The peer where there is one; None elsewhere."""
        found = shutil.which("terraform")
        return cls(Path(found), scratch) if found else None

    def project(self, containers: int) -> Path:
        """A project of so many containers with a volume each, whose state says that all is as declared."""
        folder = self.scratch / str(containers)
        folder.mkdir(parents=True)
        (folder / "main.tf").write_text("\n".join(blocks(containers)))
        self._run(folder, "init")
        self._run(folder, "apply", "-auto-approve")
        return folder

    def plan(self, folder: Path, *options: str) -> Took:
        """A plan of unchanged resources."""
        # With this option a plan that changes something ends with 2, which is an error here.
        return self._run(folder, "plan", "-detailed-exitcode", *options)

    def _run(self, folder: Path, *arguments: str) -> Took:
        variables = {"TF_CLI_CONFIG_FILE": "/dev/null", "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
        argv = [str(self.binary), *arguments, "-input=false", "-no-color"]
        return timed(argv, cwd=folder, env=environment(**variables))


def blocks(containers: int) -> Iterator[str]:
    """So many pairs of a volume and the container that refers to it."""
    for number in range(containers):
        name = f"{number:05}"
        yield f"""resource "terraform_data" "volume_{name}" {{
  input = {{ name = "data-{name}", driver = "local" }}
}}

resource "terraform_data" "container_{name}" {{
  input = {{
    name    = "app-{name}"
    image   = "{IMAGE}"
    env     = ["ROUND=one"]
    volumes = [{{ volume_name = terraform_data.volume_{name}.output.name, container_path = "/data" }}]
    restart = "unless-stopped"
  }}
}}
"""
