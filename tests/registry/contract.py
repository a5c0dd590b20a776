"""What holds of every registry that the client asks."""

from __future__ import annotations

import pytest

from tomo.errors import NotInRegistry
from tomo.registry.client import RegistryClient
from tomo.registry.name import DIGEST, askable


class RegistryContract:
    """A registry at `address` has `tomo-test/web` with the tags 1 and 2, which are different images."""

    @pytest.fixture
    def address(self) -> str:
        raise NotImplementedError

    def test_a_tag_stands_for_a_digest_which_stands_for_itself(self, address: str) -> None:
        client = RegistryClient()

        digest = client.digest(askable(f"{address}/tomo-test/web:1"))

        assert DIGEST.fullmatch(digest)
        assert client.digest(askable(f"{address}/tomo-test/web@{digest}")) == digest

    def test_two_images_have_two_digests(self, address: str) -> None:
        client = RegistryClient()

        first, second = (client.digest(askable(f"{address}/tomo-test/web:{tag}")) for tag in "12")

        assert first != second

    def test_the_tags_of_a_repository_are_listed(self, address: str) -> None:
        tags = RegistryClient().tags(askable(f"{address}/tomo-test/web"))

        assert sorted(tags) == ["1", "2"]

    @pytest.mark.parametrize(
        "name", ["tomo-test/web:3", "tomo-test/none:1", f"tomo-test/web@sha256:{'0' * 64}"]
    )
    def test_what_is_not_there_is_said_to_be_missing(self, address: str, name: str) -> None:
        with pytest.raises(NotInRegistry, match="has no image"):
            RegistryClient().digest(askable(f"{address}/{name}"))

    def test_tags_of_no_repository_are_missing(self, address: str) -> None:
        with pytest.raises(NotInRegistry):
            RegistryClient().tags(askable(f"{address}/tomo-test/none"))
