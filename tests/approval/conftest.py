"""What the tests of approvals share."""

import pytest

from tests.approval.people import PLAN, person
from tomo.approval.agreement import Agreement
from tomo.settings import Settings

__all__ = ["person"]


@pytest.fixture
def agreement() -> Agreement:
    """An agreement to one plan."""
    return Agreement("a-stack", PLAN, "0f" * 16, "2030-01-01T12:00:00Z")


@pytest.fixture
def settings() -> Settings:
    """The environment of the tests."""
    return Settings.from_environment()
