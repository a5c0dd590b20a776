"""What the demo reads from a page."""

from demo.pages import Page


def test_a_pages_title_is_shown_without_its_markup() -> None:
    page = Page(200, "", "<html><head><title>WordPress &amp; you</title></head></html>")

    assert page.title == "WordPress & you"


def test_a_page_without_a_title_is_shown_by_its_first_line() -> None:
    assert Page(200, "", "\n one\ntwo\n").title == "one"
