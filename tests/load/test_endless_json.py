"""JSON without end, or with a number without end, is refused by what prepares a load and what ends it."""

import math
from collections.abc import Callable

import pytest

from load.client.accounts import Account
from load.client.catalogue import read_catalogue, read_fingerprint
from load.client.http_client import check_service, open_http
from load.client.refusal import Refused
from load.client.sign_in import log_in
from load.run.book_sources import BooksService, ask_for_books
from load.run.read_back import await_read_model
from load.run.service_facts import read_service
from tests.support.faulty_server import forge, run_faulty_server


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"total": Infinity, "expires_in": 1%s}' % (b"0" * 400)])
def test_json_without_end_is_refused_by_all_that_prepares_and_ends_a_load(body: bytes) -> None:
    with run_faulty_server("http://127.0.0.1:1") as server:
        server.forge = lambda method, path: forge("200 OK", body)
        http, url = open_http(), server.url
        ask: list[Callable[[], object]] = [
            lambda: check_service(url, "books"),
            lambda: list(read_catalogue(url, lambda: "token")),
            lambda: read_fingerprint(url, "token"),
            lambda: read_service("books", url, "token"),
        ]
        for each in ask:
            with pytest.raises(Refused):
                each()
        with pytest.raises(ValueError, match=r"^200 OK$"):
            log_in(http, url, Account("reader_1", "reader_1@example.com", "long-enough"))
        service = BooksService(url, "token")
        shown = ask_for_books(service, ["9790000000001"], math.inf)
        assert shown == {} or not body.startswith(b"[")
        await_read_model(service)
