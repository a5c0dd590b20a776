import pytest

from tomo.testing.lifecycle import Lifecycle


@pytest.fixture
def lifecycle() -> Lifecycle:
    return Lifecycle()
