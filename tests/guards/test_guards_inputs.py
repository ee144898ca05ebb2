"""The tests of hostile input fail where the services take it as it comes."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.backend import test_auth_register as registering
from tests.backend import test_http_errors as errors
from tests.backend import test_http_headers as headers
from tests.backend import test_http_hostile_input as hostile
from tests.support.clients import Client, Json, register, sign_in
from tests.support.hostile_values import RAW_VALUES
from tests.support.shelf import make_book
from tests.support.stacks import Stack
from tests.support.weak_builds import Change, Services, run_build

BY_EMAIL = """WHERE email_key IN (%s, %s)"
                " ORDER BY email_key = %s DESC LIMIT 1",
                (key, older_key, older_key),"""
TAKEN_AS_IT_COMES: tuple[Change, ...] = (
    ("except RecursionError:", "except ZeroDivisionError:"),
    ("if len(self.get_data()) > LARGEST_BODY:", "if False:"),
    ('environ.get("CONTENT_LENGTH") or 0)', "0)"),
    ("MAX_CONTENT_LENGTH=LARGEST_BODY + 1, ", ""),
    ("given if REQUEST_ID.fullmatch(given) else", "given or"),
    (r'min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$"', "min_length=1"),
    ('raise ValueError("it must be the `next`', 'raise LookupError("it must be the `next`'),
    ("[FILTERS[field] for", '[FILTERS[field].replace(f"%({field})s", f"\'{filters[field]}\'") for'),
    (BY_EMAIL, """WHERE email_key = '" + key + "'","""),
    ("(username, email, email_key(email), password_hash)", "_as_new(username, email, password_hash)"),
    (
        "def register_user(",
        """def _as_new(username, email, password_hash):
    import secrets

    mark = secrets.token_hex(4)
    return username[:40] + mark, mark + email, mark + email.casefold(), password_hash


def register_user(""",
    ),
)


def is_read(raw: str) -> bool:
    """Say whether this Python reads that JSON, however deep: 3.13 reads more of it than 3.11."""
    try:
        json.loads(raw)
    except RecursionError:
        return False
    except ValueError:  # it is no JSON, and was read to where that shows
        pass
    return True


DEEP = ["lists nested deep", "objects nested deep", "lists never closed"]
TOO_DEEP = [name for name in DEEP if not is_read(RAW_VALUES[name])]


@pytest.fixture(scope="module")
def weak(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Both services without what makes input harmless, reading MariaDB."""
    folder = tmp_path_factory.mktemp("weak") / "build"
    with run_build(stack, folder, *TAKEN_AS_IT_COMES, READ_MODEL="sql") as services:
        yield services


@pytest.fixture(scope="module")
def weak_auth(weak: Services) -> Iterator[Client]:
    """A client of the weak auth service."""
    with Client(weak.auth) as auth:
        yield auth


@pytest.fixture(scope="module")
def weak_books(stack: Stack, weak: Services) -> Iterator[Client]:
    """A client of the weak books service, signed in."""
    token = sign_in(stack["AUTH_URL"], register(stack["AUTH_URL"]))["access_token"]
    with Client(weak.books, token) as books:
        yield books


@pytest.mark.parametrize("name", TOO_DEEP)
def test_the_tests_of_deep_json_fail_where_recursion_is_not_expected(
    weak_auth: Client, weak_books: Client, stack: Stack, name: str
) -> None:
    raw = RAW_VALUES[name]
    with pytest.raises(AssertionError, match="500"):
        hostile.test_a_hostile_value_never_breaks_register_and_login(
            weak_auth, register(stack["AUTH_URL"]), "password", raw
        )
    with pytest.raises(AssertionError, match="500"):
        hostile.test_a_hostile_value_under_an_unknown_name_never_breaks_the_service(weak_auth, weak_books, raw)


@pytest.mark.parametrize("odd", ["%FF", "[]", "%", "x" * 3000])
def test_the_test_of_queries_fails_where_a_cursor_is_believed(weak_books: Client, odd: str) -> None:
    with pytest.raises(AssertionError, match="500"):
        hostile.test_a_hostile_query_never_breaks_the_service(weak_books, "after", odd)


@pytest.mark.parametrize("name", ["author", "genre", "format"])
@pytest.mark.parametrize("odd", ["%27", "%27%20OR%201%3D1"])
def test_the_test_of_queries_fails_where_sql_is_put_together(weak_books: Client, name: str, odd: str) -> None:
    with pytest.raises(AssertionError, match="500"):
        hostile.test_a_hostile_query_never_breaks_the_service(weak_books, name, odd)


def test_the_test_of_log_ins_fails_where_sql_is_put_together(weak_auth: Client, stack: Stack) -> None:
    account, raw = register(stack["AUTH_URL"]), RAW_VALUES["a quote"]
    with pytest.raises(AssertionError, match="500"):
        hostile.test_a_hostile_value_never_breaks_register_and_login(weak_auth, account, "email", raw)


def test_the_test_of_headers_fails_where_a_key_is_stored_as_it_comes(weak_books: Client) -> None:
    def add_book(**fields: Any) -> Json:
        book = make_book(**fields)
        assert weak_books.post("/api/books", json=book).status_code == 201
        return book

    with pytest.raises(AssertionError):
        hostile.test_a_hostile_header_never_breaks_the_service(weak_books, add_book, "Idempotency-Key", b"x" * 4000)


@pytest.mark.parametrize("sent", [each for each in headers.HOSTILE if each and each.isascii()])
def test_the_test_of_request_ids_fails_where_each_is_echoed(weak: Services, sent: bytes) -> None:
    with pytest.raises(AssertionError):
        headers.test_a_hostile_request_id_is_replaced({"AUTH_URL": weak.auth}, "AUTH_URL", sent)


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(("service", "path"), [("auth", "/register"), ("books", "/api/books")])
def test_the_test_of_large_bodies_fails_where_there_is_no_limit(
    weak_auth: Client, weak_books: Client, service: str, path: str, chunked: bool
) -> None:
    clients = {"auth": weak_auth, "books": weak_books}
    with pytest.raises(AssertionError, match=r"isbn|username"):
        errors.test_a_body_over_16_kib_is_413(clients, service, path, 1024 * 1024, chunked)


def test_the_tests_of_registrations_at_once_fail_where_nothing_is_unique(weak_auth: Client) -> None:
    for test in (
        registering.test_fifty_registrations_of_one_name_at_once_make_one_account,
        registering.test_fifty_registrations_of_one_email_at_once_make_one_account,
    ):
        with pytest.raises(AssertionError, match="accounts were made"):
            test(weak_auth)
