"""Both read models give the same answers to the last byte, and the tests that name one of them talk to that one."""

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.support.clients import Client, Json, register, sign_in
from tests.support.read_models import read_version, wait_until_projected, wait_until_standing
from tests.support.shelf import make_book, make_isbn
from tests.support.stacks import Stack

AddBook = Callable[..., Json]
Shops = dict[str, Client]
ODD_TITLES = [
    "ß is two letters of tests",
    "SS is two letters of tests",
    "İstanbul, dotted, of tests",
    "Straße\tand \"quotes\" and \\ and \u2028 and \x01 and \x7f of tests",
    "👩‍👩‍👧‍👦 of tests",
    "~ of tests",
    "Delimiter Theory: A Programmer's Guide; of tests",
    "Delimiter it's of tests",
    "e\u0301clair of tests",
    "éclair of tests",
    "\U0010ffff of tests",
    "\uffff of tests",
]  # fmt: skip
LONG_TITLES = ["ΐ" * 254 + last for last in "ba"]  # each ΐ folds into three: the key is cut before the last letter


@pytest.fixture(scope="module")
def shops(stack: Stack, books_urls: dict[str, str]) -> Iterator[Shops]:
    """A client of each books service, in one session."""
    token = sign_in(stack["AUTH_URL"], register(stack["AUTH_URL"]))["access_token"]
    with Client(books_urls["redis"], token) as redis, Client(books_urls["sql"], token) as sql:
        wait_until_standing(redis)
        wait_until_projected(stack)
        yield {"redis": redis, "sql": sql}


@pytest.fixture(scope="module")
def odd_books(shops: Shops) -> Iterator[list[Json]]:
    """Books whose names are hard to order, to fold and to write as JSON."""
    mark = secrets.token_hex(4)
    titles = [*ODD_TITLES, *LONG_TITLES, "Twin of tests", "Twin of tests", "TWIN of tests"]
    added = [
        make_book(title=title, genre=f"Ñandú {mark}", format=f"Straße {mark}", authors=[f"É {mark}", "A", f"É {mark}"])
        for title in titles
    ]
    for book in added:  # by the service that keeps the read model up at once
        assert shops["redis"].post("/api/books", json=book).status_code == 201, book
    yield added
    for book in added:
        shops["redis"].delete(f"/api/books/{book['isbn']}")


@pytest.mark.parametrize("name", ["redis", "sql"])
def test_each_service_has_the_read_model_it_is_named_after(stack: Stack, shops: Shops, name: str) -> None:
    token = {"Authorization": f"Bearer {stack['METRICS_TOKEN']}"}
    families = text_string_to_metric_families(shops[name].get("/metrics", headers=token).text)
    (info,) = [each.labels for family in families for each in family.samples if each.name == "service_info"]
    assert info["read_model"] == name
    for path in ("/api/books", "/api/books/9780307474728"):
        for _ in range(10):
            assert (read_version(shops[name].get(path)) is None) is (name == "sql")


def test_the_tests_of_the_contract_run_on_the_read_model_they_name(
    books: Client, request: pytest.FixtureRequest
) -> None:
    name = request.node.callspec.params["books"]
    assert (read_version(books.get("/api/books")) is None) is (name == "sql")
    assert read_version(books.get("/api/books/9780307474728", headers={"Cache-Control": "no-cache"})) is None


def ask_both(shops: Shops, path: str, **query: Any) -> requests.Response:
    """Ask both services the same; assert that they answer the same, and return one answer."""
    one, other = [shop.get(path, params=query) for shop in (shops["redis"], shops["sql"])]
    assert one.status_code >= 400 or (read_version(one) is not None and read_version(other) is None)
    for name in ("ETag", "Content-Type", "Content-Length"):
        assert one.headers.get(name) == other.headers.get(name), (path, query, name)
    assert (one.status_code, one.content) == (other.status_code, other.content), (path, query)
    if one.status_code == 200:
        tag = {"If-None-Match": one.headers["ETag"]}
        assert [shop.get(path, params=query, headers=tag).status_code for shop in shops.values()] == [304, 304]
    return one


def read_catalogue(shops: Shops, limit: int, **filters: str) -> list[Json]:
    """Read all pages of a list from both services, going on from one's `next` at both, and return the books."""
    items: list[Json] = []
    query: dict[str, Any] = {"limit": limit, **filters}
    for _ in range(1000):
        page = ask_both(shops, "/api/books", **query).json()
        items += page["items"]
        if page["next"] is None:
            assert len(items) == page["total"]
            return items
        query["after"] = page["next"]
    pytest.fail("the list has no end")


def test_the_whole_catalogue_is_the_same(shops: Shops, odd_books: list[Json]) -> None:
    items = read_catalogue(shops, 100)
    assert {book["isbn"] for book in odd_books} <= {book["isbn"] for book in items}
    assert items == sorted(items, key=lambda book: (book["title"].casefold()[:760], book["isbn"]))


def test_each_book_is_the_same(shops: Shops, odd_books: list[Json]) -> None:
    known = [book["isbn"] for book in read_catalogue(shops, 100)[::100] + odd_books]
    for isbn in known:
        assert ask_both(shops, f"/api/books/{isbn}").json()["isbn"] == isbn
    assert ask_both(shops, f"/api/books/{make_isbn()}").status_code == 404


def list_name_filters(book: Json) -> Iterator[dict[str, str]]:
    """Yield filters that a book passes: alone and combined, as they are, in other cases, and without accents."""
    names = {"author": book["authors"][-1], "genre": book["genre"], "format": book["format"]}
    for chosen in (("author",), ("genre",), ("format",), ("author", "genre"), ("genre", "format"), tuple(names)):
        for spelling in (str, str.swapcase):
            yield {name: spelling(names[name]) for name in chosen}
    yield {"author": names["author"].translate(str.maketrans("áéíóúñÉÑ", "aeiounEN"))}
    yield {"author": names["author"], "genre": "No such genre"}


@pytest.mark.parametrize("place", [0, 4999])
def test_each_filter_gives_the_same(shops: Shops, place: int) -> None:
    book = read_catalogue(shops, 100)[place]
    for filters in list_name_filters(book):
        for limit in (3, 100):
            page = ask_both(shops, "/api/books", limit=limit, **filters).json()
            if page["next"] is not None:
                ask_both(shops, "/api/books", limit=limit, after=page["next"], **filters)


def test_odd_names_are_filtered_and_paged_the_same(shops: Shops, odd_books: list[Json]) -> None:
    wanted = {book["isbn"] for book in odd_books}
    for filters in list_name_filters(odd_books[0]):
        for limit in (2, 100):
            found = {book["isbn"] for book in read_catalogue(shops, limit, **filters)}
            assert found in (wanted, set()), filters


@pytest.mark.parametrize("after", ["x", "AAAA", "", "OTc4MDMwNjQwNjE1NwA", "OTk5OTk5OTk5OTk5OXp6eg"])
def test_a_strange_place_to_go_on_from_gives_the_same(shops: Shops, after: str) -> None:
    ask_both(shops, "/api/books", after=after)
    ask_both(shops, "/api/books", after=after, genre="Fiction", author="Gabriel García Márquez")
