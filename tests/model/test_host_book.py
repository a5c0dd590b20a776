"""A bare address finds what the fleet declares for it."""

from tomo.model.connection import HostBook, HostSpec

ROOT = HostSpec("192.0.2.1", "root", 22, identity="key", name="nas")
OPS = HostSpec("192.0.2.1", "ops", 22, identity="other", name="nas-ops")


def test_the_declared_login_of_an_address_is_found() -> None:
    book = HostBook([ROOT, OPS])

    assert book.complete(HostSpec("192.0.2.1", "ops")) is OPS


def test_what_was_made_through_an_earlier_login_is_reached_through_the_declared_one() -> None:
    book = HostBook([ROOT])

    assert book.complete(HostSpec("192.0.2.1", "ops", become=True)) is ROOT


def test_a_login_that_could_be_either_of_two_declared_ones_stays_as_it_is() -> None:
    book, bare = HostBook([ROOT, OPS]), HostSpec("192.0.2.1", "guest")

    assert book.complete(bare) is bare


def test_another_port_is_another_host() -> None:
    book, bare = HostBook([ROOT]), HostSpec("192.0.2.1", "root", 2222)

    assert book.complete(bare) is bare
