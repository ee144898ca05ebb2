"""Every address that the documented values and a `next` make is taken, by the services and through their front."""

import secrets
import sys
from collections.abc import Iterator
from itertools import product
from urllib.parse import quote

import pytest

from tests.support.clients import Client, Json
from tests.support.front import run_front
from tests.support.shelf import make_book
from tests.support.stacks import Stack

EMOJI = "\U0001f600"  # four bytes, twelve in an address
UNFOLDS = "\u1ff7"  # folds into three characters of two bytes: no character makes a longer key


@pytest.fixture(scope="module")
def doors(stack: Stack, books: Client) -> Iterator[list[Client]]:
    """Clients of a books service, directly and through the front."""
    ports = {name: int(url.rpartition(":")[2]) for name, url in (("auth", stack["AUTH_URL"]), ("books", books.url))}
    with run_front(ports) as own, Client(f"http://127.0.0.1:{own['books']}") as front:
        front.headers.update(books.headers)
        yield [books, front]


@pytest.fixture(scope="module")
def worst(books: Client) -> Iterator[list[Json]]:
    """Books with the longest titles and names, in the order of their titles; each title comes twice."""
    mark = secrets.token_hex(2)
    titles = [UNFOLDS * 251 + mark, UNFOLDS * 255, EMOJI * 251 + mark, EMOJI * 255]
    names = {"authors": [EMOJI * 251 + mark], "genre": EMOJI * 50, "format": EMOJI * 50}
    made = [make_book(title=title, **names) for title in titles for _ in range(2)]
    for book in made:
        assert books.post("/api/books", json=book).status_code == 201
    yield sorted(made, key=lambda book: (book["title"].casefold()[:760], book["isbn"]))
    for book in made:
        books.delete(f"/api/books/{book['isbn']}")


def test_no_character_makes_a_longer_key_than_the_one_of_these_tests() -> None:
    lengths = [len(chr(each).casefold().encode()) for each in range(sys.maxunicode + 1) if not 0xD800 <= each < 0xE000]
    assert max(lengths) == len(UNFOLDS.casefold().encode()) == 6


def test_the_worst_titles_page_through_with_every_filter(doors: list[Client], worst: list[Json]) -> None:
    author = worst[0]["authors"][0]
    names = {"author": author, "genre": EMOJI * 50, "format": EMOJI * 50}
    longest = 0
    for client, chosen in product(doors, [("author",), ("author", "genre"), ("author", "genre", "format")]):
        query = {"limit": "1", **{name: names[name] for name in chosen}}
        found: list[str] = []
        while query.get("after", "first") and len(found) < len(worst):
            answer = client.get("/api/books", params=query)
            assert answer.status_code == 200, answer.text
            longest = max(longest, len(str(answer.request.path_url)))
            page = answer.json()
            found += [book["isbn"] for book in page["items"]]
            query["after"] = page["next"]
        assert (found, query["after"]) == ([book["isbn"] for book in worst], None)
    assert longest > 6300


def test_an_address_without_end_is_still_refused(doors: list[Client]) -> None:
    for client in doors:
        assert client.get(f"/api/books?x={quote(EMOJI * 4000)}").status_code == 414
