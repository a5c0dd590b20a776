"""Requests to Docker are found in what is sent, however it is cut, and nowhere in a body."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tomo.logs.requests import Requests
from tomo.providers.docker.http import Request

CALLS = [
    Request("GET", "/v1.41/containers/json", {"all": "1"}),
    Request("POST", "/v1.41/containers/create", {"name": "web"}, b"GET /secret HTTP/1.1\r\n\r\n"),
    Request("HEAD", "/_ping"),
    Request("DELETE", "/v1.41/containers/abc"),
]
WANTED = [(call.method, call.path) for call in CALLS]
SENT = b"".join(call.encode() for call in CALLS)


def test_requests_sent_ahead_are_all_found_and_bodies_passed_over() -> None:
    assert list(Requests().sent(SENT)) == WANTED


@given(st.lists(st.integers(1, 40), min_size=1, max_size=60))
def test_how_the_bytes_are_cut_makes_no_difference(sizes: list[int]) -> None:
    requests, found, at = Requests(), [], 0
    for size in sizes:
        found += requests.sent(SENT[at : at + size])
        at += size
    found += requests.sent(SENT[at:])

    assert found == WANTED


def test_after_a_body_of_unknown_length_nothing_is_guessed() -> None:
    head = b"POST /build HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"

    requests = Requests()

    assert list(requests.sent(head)) == [("POST", "/build")]
    assert list(requests.sent(b"5\r\nhello\r\nGET /x HTTP/1.1\r\n\r\n")) == []


def test_what_is_no_http_is_left_alone() -> None:
    requests = Requests()

    assert list(requests.sent(b"\x16\x03\x01 hello\r\n\r\nGET /x HTTP/1.1\r\n\r\n")) == []
    assert list(requests.sent(b"GET /x HTTP/1.1\r\n\r\n")) == []
