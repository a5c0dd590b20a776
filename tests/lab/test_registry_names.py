"""Names under which a mirror is asked for public images."""

import pytest

from lab.registry import repository


@pytest.mark.parametrize(
    ("public", "asked"),
    [
        ("nginx:1.27", "library/nginx:1.27"),
        ("docker.io/nginx:1.27", "library/nginx:1.27"),
        ("prom/prometheus:v3", "prom/prometheus:v3"),
    ],
)
def test_a_mirror_is_asked_for_the_full_name_of_a_public_image(public: str, asked: str) -> None:
    assert repository(public) == asked
