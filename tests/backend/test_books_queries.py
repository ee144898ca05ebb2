"""GET /api/books: the order, the pages, the filters, what is refused, and what a cache may keep."""

import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.support.clients import Account, Client, Json, check_fields, check_problem, sign_in
from tests.support.read_models import NO_CACHE, read_both_ways, read_version
from tests.support.stacks import Stack, change_stock_in_mariadb

AddBook = Callable[..., Json]
FIELDS = {"isbn", "title", "authors", "genre", "format", "year", "price", "stock", "version"}


def read_all(books: Client, limit: int, **filters: str) -> list[Json]:
    """Return the books of all pages, and check what each page says of itself."""
    items: list[Json] = []
    query: dict[str, Any] = {"limit": limit, **filters}
    while True:
        page = books.get("/api/books", params=query).json()
        assert set(page) == {"items", "next", "total"}
        items += page["items"]
        if page["next"] is None:
            assert len(items) == page["total"]
            return items
        assert len(page["items"]) == limit
        query["after"] = page["next"]


def test_a_list_needs_a_token(books: Client) -> None:
    check_problem(books.get("/api/books", headers={"Authorization": ""}), 401)


def test_a_page_has_20_books_unless_asked_otherwise(books: Client) -> None:
    answer = books.get("/api/books")
    assert answer.status_code == 200
    page = answer.json()
    assert (len(page["items"]), page["total"] >= 5000) == (20, True)
    assert all(set(book) == FIELDS for book in page["items"])


@pytest.mark.parametrize("limit", [1, 2, 99, 100])
def test_a_page_has_as_many_books_as_asked_for(books: Client, limit: int) -> None:
    assert len(books.get(f"/api/books?limit={limit}").json()["items"]) == limit


def test_the_whole_catalogue_comes_once_and_in_order(books: Client, add_book: AddBook) -> None:
    for title in (
        "zebra of tests",
        "Zebra of Tests",
        "ZEBRA OF TESTS",
        "éclair of tests",
        "Éclair of tests",
        "ß of tests",
    ):
        add_book(title=title)
    items = read_all(books, 100)
    assert len({book["isbn"] for book in items}) == len(items)
    assert items == sorted(items, key=lambda book: (book["title"].casefold(), book["isbn"]))


def test_every_book_of_the_catalogue_has_the_form_that_was_promised(books: Client) -> None:
    for book in read_all(books, 100):
        assert set(book) == FIELDS
        assert len(book["isbn"]) == 13 and book["isbn"].isdigit()
        assert book["authors"] and all(isinstance(author, str) for author in book["authors"])
        assert isinstance(book["price"], str) and len(book["price"].partition(".")[2]) == 2
        assert (type(book["year"]), type(book["stock"]), type(book["version"])) == (int, int, int)


@pytest.mark.parametrize("limit", [1, 3, 7])
def test_books_of_one_title_are_paged_by_isbn(books: Client, add_book: AddBook, limit: int) -> None:
    genre = f"genre {secrets.token_hex(4)}"
    added = [
        add_book(title=title, genre=genre)["isbn"] for title in ("Same", "same", "SAME", "sAME", "Same", "saME", "Same")
    ]
    assert [book["isbn"] for book in read_all(books, limit, genre=genre)] == sorted(added)


@pytest.mark.parametrize("field", ["author", "genre", "format"])
@pytest.mark.parametrize("spelling", [str, str.upper, str.lower, str.swapcase])
def test_a_filter_is_exact_without_regard_to_case(
    books: Client, add_book: AddBook, field: str, spelling: Callable[[str], str]
) -> None:
    name = f"Ñandú Čapek {secrets.token_hex(4)}"
    mine = add_book(**{field: name} if field != "author" else {"authors": ["Someone Else", name]})
    add_book(**{field: f"{name}x"} if field != "author" else {"authors": [f"{name}x"]})
    found = read_all(books, 10, **{field: spelling(name)})
    assert [book["isbn"] for book in found] == [mine["isbn"]]


@pytest.mark.parametrize("field", ["author", "genre", "format"])
def test_accents_count_in_a_filter(books: Client, add_book: AddBook, field: str) -> None:
    mark = secrets.token_hex(4)
    for name in (f"Čapek {mark}", f"Capek {mark}"):
        add_book(**{field: name} if field != "author" else {"authors": [name]})
    for name in (f"Čapek {mark}", f"Capek {mark}"):
        (book,) = read_all(books, 10, **{field: name})
        assert name in (book["genre"], book["format"], *book["authors"])
    assert read_all(books, 10, **{field: f"Cápek {mark}"}) == []


@pytest.mark.parametrize("part", ["%", "_", "", "Fiction%", "Ana", "' OR 1=1 -- "])
def test_no_pattern_and_no_part_of_a_name_matches(books: Client, add_book: AddBook, part: str) -> None:
    add_book(authors=["Ana Prueba"])
    answer = books.get("/api/books", params={"author": part or "Ana Prueb"})
    assert answer.json() == {"items": [], "next": None, "total": 0}


def test_filters_combine(books: Client, add_book: AddBook) -> None:
    mark = secrets.token_hex(4)
    names = [f"one {mark}", f"two {mark}"]
    added = [add_book(authors=[a], genre=g, format=f) for a in names for g in names for f in names]
    for book in added:
        query = {"author": book["authors"][0], "genre": book["genre"], "format": book["format"]}
        assert [each["isbn"] for each in read_all(books, 5, **query)] == [book["isbn"]]
    pair = read_all(books, 1, author=names[0].upper(), genre=names[1])
    assert len(pair) == 2
    assert len(read_all(books, 3, author=names[0])) == 4


def test_a_book_of_two_authors_is_counted_once(books: Client, add_book: AddBook) -> None:
    genre = f"genre {secrets.token_hex(4)}"
    add_book(genre=genre, authors=[f"first {genre}", f"second {genre}"])
    assert len(read_all(books, 5, genre=genre)) == 1


@pytest.mark.parametrize("limit", ["0", "-1", "101", "1000", "9" * 50, "x", "1.5", "", " ", "1e1", "0x10", "NaN", "\0"])
def test_a_bad_limit_is_refused(books: Client, limit: str) -> None:
    check_fields(books.get("/api/books", params={"limit": limit}), "limit")


@pytest.mark.parametrize(
    "after", ["x", "!", "AAAA", "%00", "\0", "é", "e30", "W10=", "bnVsbA==", "[]", "9" * 300, "' OR 1=1"]
)
def test_a_bad_after_is_refused(books: Client, after: str) -> None:
    check_fields(books.get("/api/books", params={"after": after}), "after")


@pytest.mark.parametrize("path", ["/api/books", "/api/books?limit=5", "/api/books?genre=Test+genre"])
def test_a_list_has_an_etag_and_is_not_sent_again(books: Client, path: str) -> None:
    first = books.get(path)
    tag = first.headers["ETag"]
    for value in (tag, f'"another", {tag}', "*"):
        again = books.get(path, headers={"If-None-Match": value})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
        assert again.headers["X-Content-Type-Options"] == "nosniff"
    assert books.get(path, headers={"If-None-Match": '"another"'}).json() == first.json()


def test_the_etag_of_a_list_changes_with_a_book_of_it(books: Client, add_book: AddBook) -> None:
    genre = f"genre {secrets.token_hex(4)}"
    book = add_book(genre=genre)
    query = {"genre": genre}
    tag = books.get("/api/books", params=query).headers["ETag"]
    assert books.patch(f"/api/books/{book['isbn']}", json={"stock": 8}).status_code == 200
    later = books.get("/api/books", params=query, headers={"If-None-Match": tag})
    assert (later.status_code, later.json()["items"][0]["stock"]) == (200, 8)


@pytest.mark.parametrize("query", [{}, {"limit": "1"}, {"author": "Ana Prueba"}, {"format": "Test format"}])
def test_no_cache_lists_from_mariadb(books: Client, add_book: AddBook, stack: Stack, query: dict[str, str]) -> None:
    genre = f"genre {secrets.token_hex(4)}"
    isbn = add_book(genre=genre)["isbn"]
    query = {**query, "genre": genre}
    tag = read_both_ways(books, f"/api/books?{urlencode(query)}").headers["ETag"]
    change_stock_in_mariadb(stack, isbn, 4321)
    plain = books.get("/api/books", params=query)
    (shown,) = plain.json()["items"]
    assert shown["stock"] == (4321 if read_version(plain) is None else 7)
    for value in ("no-cache", "No-Cache", "max-age=0, no-cache"):
        headers = {"Cache-Control": value, "If-None-Match": tag}
        fresh = books.get("/api/books", params=query, headers=headers)
        assert (fresh.status_code, fresh.json()["items"][0]["stock"], read_version(fresh)) == (200, 4321, None)
        headers["If-None-Match"] = fresh.headers["ETag"]
        assert books.get("/api/books", params=query, headers=headers).status_code == 304


def test_no_cache_goes_on_from_the_next_of_either_page(books: Client) -> None:
    for filters in ({}, {"genre": "Fiction"}):
        path = f"/api/books?{urlencode({'limit': 3, **filters})}"
        read_both_ways(books, f"{path}&after={read_both_ways(books, path).json()['next']}")


def test_no_cache_shows_to_nobody_without_a_session(books: Client, auth: Client, account: Account) -> None:
    token = sign_in(auth.url, account)["access_token"]
    with Client(books.url, token) as ended:
        assert ended.get("/api/books", headers=NO_CACHE).status_code == 200
        assert auth.post("/logout", headers={"Authorization": f"Bearer {token}"}).status_code == 204
        check_problem(ended.get("/api/books", headers=NO_CACHE), 401)


@pytest.mark.parametrize("path", ["/api/books?limit=0", "/api/books?after=x", "/api/books?genre=", "/api/books/123"])
def test_who_has_logged_out_is_not_even_told_what_is_wrong(
    books: Client, auth: Client, account: Account, path: str
) -> None:
    token = sign_in(auth.url, account)["access_token"]
    header = {"Authorization": f"Bearer {token}"}
    check_problem(books.get(path, headers=header), 422)
    auth.post("/logout", headers=header)
    check_problem(books.get(path, headers=header), 401)


def test_the_etags_of_two_pages_differ(books: Client) -> None:
    first = books.get("/api/books?limit=2")
    second = books.get("/api/books", params={"limit": 2, "after": first.json()["next"]})
    assert first.headers["ETag"] != second.headers["ETag"]
