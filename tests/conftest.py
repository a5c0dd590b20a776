"""Real servers for the tests that ask for them, and no silent skip on CI."""

import os
from collections.abc import Generator, Iterator

import pytest

from lab.hosts import Host
from lab.images import broken_image, page_image, unhealthy_image
from lab.lab import Lab
from lab.registry import Registry
from tests import canaries as scanner
from tests.canaries import canaries, capsys  # noqa: F401  # fixtures for all

ON_CI = os.environ.get("CI") == "true"
SECONDS_ON_REAL_SERVERS = 600


def pytest_configure() -> None:
    """Has what processes tell searched for secrets."""
    scanner.watch_processes()


def pytest_itemcollected(item: pytest.Item) -> None:
    """Gives tests on real servers the time that servers need."""
    if item.get_closest_marker("hosts") and not item.get_closest_marker("timeout"):
        item.add_marker(pytest.mark.timeout(SECONDS_ON_REAL_SERVERS))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Begins to look for secrets of this test."""
    scanner.begin()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fails a test that told a secret, and on CI one that is skipped: everything that it may need is there."""
    report = yield
    scanner.scan(item, report)
    if ON_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome, report.longrepr = "failed", f"skipped, on CI: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Fails a test file that skips itself on CI."""
    report = yield
    if ON_CI and report.skipped:
        report.outcome, report.longrepr = "failed", f"skipped, on CI: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """Starts and removes servers; `lab.hosts("name")` gives a test servers of its own in two seconds."""
    with Lab(keep=os.environ.get("KEEP") == "1") as lab:
        yield lab


@pytest.fixture(scope="module")
def hosts(lab: Lab) -> Iterator[list[Host]]:
    """Two Debian servers without Docker, for this module alone."""
    hosts = lab.hosts("alpha", "beta")
    yield hosts
    lab.remove(*hosts)


@pytest.fixture(scope="session")
def registry(lab: Lab) -> Registry:
    """A registry with tomo-test/web:1 and :2 (a page on port 80), tomo-test/broken:1, tomo-test/unhealthy:1."""
    registry = lab.registry()
    registry.push(page_image(lab.images, "one"), "tomo-test/web:1")
    registry.push(page_image(lab.images, "two"), "tomo-test/web:2")
    registry.push(broken_image(lab.images), "tomo-test/broken:1")
    registry.push(unhealthy_image(lab.images), "tomo-test/unhealthy:1")
    return registry


@pytest.fixture(scope="module")
def docker_hosts(lab: Lab, registry: Registry) -> Iterator[list[Host]]:
    """Two Debian servers with Docker, which pull through the registry, for this module alone."""
    hosts = lab.hosts("gamma", "delta", docker_installed=True, mirrors=[registry.mirror])
    yield hosts
    lab.remove(*hosts)
