"""Terraform's side of the comparison: blocks that say what the measured fleet says."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bench.measures import Bench
from bench.report import Report
from bench.terraform import Terraform, blocks


def test_each_container_refers_to_its_volume() -> None:
    text = "".join(blocks(3))

    assert text.count('resource "terraform_data"') == 6
    assert text.count("terraform_data.volume_00002.output.name") == 1


def test_without_terraform_its_rows_are_left_out_and_that_is_said(tmp_path: Path) -> None:
    report = Report()
    bench = Bench(Path("tomo"), tmp_path, report, lambda _said: None, rounds=1, plans=1)

    plans = bench.terraform_plans(None)

    assert plans == {}
    assert report.left_out == ["Terraform is not installed: fleets are not compared with it."]


@pytest.mark.slow  # runs Terraform
@pytest.mark.skipif(shutil.which("terraform") is None, reason="Terraform is not installed")
def test_the_measured_project_is_as_declared(tmp_path: Path) -> None:
    terraform = Terraform.installed(tmp_path)
    assert terraform is not None

    took = terraform.plan(terraform.project(2))

    assert took.seconds > 0
