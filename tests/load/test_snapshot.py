"""What a load knows of the catalogue: each way in which a page or a book can be wrong is found, and nothing else is."""

import copy
import csv
import json
import random
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import filterfalse
from pathlib import Path
from typing import Any

import pytest

from load.client.catalogue import ALL, Filter, SortKey, is_own, read_catalogue, sort_key_of
from load.client.refusal import Refused
from load.client.snapshot import Snapshot
from tests.support.clients import Json
from tests.support.projector_runs import run_projector
from tests.support.read_models import LONG, connect_to_redis, find_generation
from tests.support.records_of_load import add_accounts, remove_books, start_load, wait_for_lines
from tests.support.scripts import prepare_accounts, run_locust
from tests.support.stacks import Stack

Items = list[Json]
NUMBERS = range(60)
NOVELS = ("genre", "novel")


def make(number: int, **fields: Any) -> Json:
    """Return a book of the catalogue; by their numbers they stand in order."""
    book: Json = {
        "isbn": f"978{number:010}", "title": f"title {number:02}", "authors": [f"Author {number % 4}", "ÉMILE"],
        "genre": ("Novel", "Essay", "NOVEL")[number % 3], "format": "Paper", "year": 1, "price": "12.50", "stock": 1,
        "version": 1,
    }  # fmt: skip
    return {**book, **fields}


def make_own(number: int, place: float, **fields: Any) -> Json:
    """Return a book of a load that stands behind the book of the catalogue with that number."""
    return make(number, isbn=f"979{number:010}", title=f"title {place:02} and on", **fields)


BOOKS = [make(number) for number in NUMBERS]
EARLIER = [make_own(1, 5, genre="Novel"), make_own(2, 30, genre="Essay")]
SNAPSHOT = Snapshot([*BOOKS, *EARLIER])


def show(first: int, last: int, key: Filter = ALL, without: Callable[[Json], bool] = lambda _: False) -> Items:
    """Return the books of a page as they come out of an answer, with nothing shared with what is known."""
    fits: dict[Filter, Callable[[Json], bool]] = {ALL: lambda _: True, NOVELS: lambda book: book["genre"] != "Essay"}
    return copy.deepcopy([book for book in BOOKS[first:last] if fits[key](book) and not without(book)])


def place(number: int) -> SortKey:
    """Return the place of a book of the catalogue."""
    return sort_key_of(BOOKS[number])


# pages that are right


@pytest.mark.parametrize(
    ("items", "key", "after", "is_last"),
    [
        pytest.param(show(0, 20), ALL, None, False, id="the first page"),
        pytest.param(show(20, 40), ALL, place(19), False, id="a later page"),
        pytest.param(show(40, 60), ALL, place(39), True, id="the last page"),
        pytest.param(show(59, 60), ALL, place(58), True, id="a last page of one book"),
        pytest.param([*show(0, 6), make_own(1, 5), *show(6, 9)], ALL, None, False, id="a book of an earlier load"),
        pytest.param([*show(0, 6), make_own(7, 5), *show(6, 9)], ALL, None, False, id="a book of this load"),
        pytest.param([*show(0, 2), make_own(7, 1), make_own(8, 1)], ALL, None, False, id="own books at the end"),
        pytest.param([make_own(7, 1), make_own(8, 1)], ALL, place(1), False, id="own books alone"),
        pytest.param(show(2, 5), ALL, sort_key_of(make_own(7, 1)), False, id="after a book since deleted"),
        pytest.param([], ALL, place(59), True, id="nothing is left, for the own books that followed are deleted"),
        pytest.param(show(0, 30, NOVELS), NOVELS, None, False, id="a filter, in either case"),
        pytest.param(show(0, 60, NOVELS), NOVELS, None, True, id="all of a filter"),
        pytest.param([*show(0, 6, NOVELS), make_own(9, 5)], NOVELS, None, False, id="an own book that fits"),
        pytest.param(show(0, 60), ("author", "émile"), None, True, id="an author with accents"),
        pytest.param([], ("genre", "none"), place(3), True, id="the rest of a list that no known book stands in"),
    ],
)
def test_a_page_as_it_must_be_has_no_fault(items: Items, key: Filter, after: SortKey | None, is_last: bool) -> None:
    assert SNAPSHOT.find_fault_in_page(items, key, after, is_last=is_last) == ""


# pages that are wrong

ANOTHER = "200 with another {} than MariaDB has"
NO_BOOK = "not the fields of a book"
MISSING = "200 with books missing from the page"
DISORDER = "200 with books out of order"
MISPLACED = "200 with a book that the filter should have left out"
FIELDS = [
    ("title", "title 05b", ANOTHER.format("title")),
    ("authors", ["ÉMILE", "Author 1"], ANOTHER.format("authors")),
    ("authors", ["Author 1", "Émile"], ANOTHER.format("authors")),
    ("authors", [], "a book without version or authors"),
    ("genre", "ESSAY", ANOTHER.format("genre")),
    ("format", "paper", ANOTHER.format("format")),
    ("year", 2, ANOTHER.format("year")),
    ("year", 1.0, NO_BOOK),
    ("year", True, NO_BOOK),
    ("price", "12.51", ANOTHER.format("price")),
    ("price", "12.5", "the price has not two decimals"),
    ("price", 12.5, NO_BOOK),
    ("stock", 0, ANOTHER.format("stock")),
    ("stock", True, NO_BOOK),
    ("stock", None, NO_BOOK),
    ("version", 2, ANOTHER.format("version")),
    ("version", 1.0, NO_BOOK),
    ("version", True, NO_BOOK),
    ("isbn", "9780000099999", "200 with a book that MariaDB has not"),
]


@pytest.mark.parametrize(("field", "value", "words"), FIELDS)
@pytest.mark.parametrize("number", [0, 5, 19])
def test_every_field_of_a_known_book_is_compared_alone_and_on_a_page(
    field: str, value: Any, words: str, number: int
) -> None:
    items = show(0, 20)
    items[number][field] = value
    assert SNAPSHOT.find_fault(items[number]) == words
    assert SNAPSHOT.find_fault_in_page(items, ALL, None, is_last=False) == words
    assert SNAPSHOT.find_fault(make(number)) == ""


@pytest.mark.parametrize("change", [lambda book: book.pop("stock"), lambda book: book.update(more=1)])
def test_a_known_book_with_a_field_less_or_more_is_none(change: Callable[[Json], Any]) -> None:
    items = show(0, 20)
    change(items[3])
    assert SNAPSHOT.find_fault(items[3]) == NO_BOOK
    assert SNAPSHOT.find_fault_in_page(items, ALL, None, is_last=False) == NO_BOOK


def swap(items: Items, one: int, other: int) -> Items:
    """Return the books with two of them exchanged."""
    items[one], items[other] = items[other], items[one]
    return items


@pytest.mark.parametrize(
    ("items", "key", "after", "is_last", "words"),
    [
        pytest.param(show(1, 20), ALL, None, False, MISSING, id="missing at the beginning"),
        pytest.param(show(21, 40), ALL, place(19), False, MISSING, id="missing at the beginning of a later page"),
        pytest.param([*show(0, 5), *show(6, 20)], ALL, None, False, MISSING, id="missing in the middle"),
        pytest.param([*show(0, 5), make_own(7, 6)], ALL, None, False, MISSING, id="missing before an own book"),
        pytest.param([make_own(7, 5)], ALL, place(3), False, MISSING, id="missing, own books alone"),
        pytest.param(show(40, 59), ALL, place(39), True, MISSING, id="missing at the end"),
        pytest.param(show(0, 40), ALL, None, True, MISSING, id="an end that is none"),
        pytest.param(show(0, 30, NOVELS, lambda book: book["genre"] == "NOVEL"), NOVELS, None, False, MISSING,
                     id="missing from a filter in one case"),
        pytest.param([], ALL, place(58), True, "200 with an empty page", id="an empty page with books to come"),
        pytest.param([], ALL, None, True, "200 with an empty page", id="an empty first page"),
        pytest.param([], NOVELS, None, True, "200 with an empty page", id="an empty filter"),
        pytest.param([*show(0, 5), *show(4, 19)], ALL, None, False, "200 with a book twice on the page", id="doubled"),
        pytest.param([*show(0, 1), *show(0, 1), make_own(7, 0)], ALL, None, False, DISORDER, id="doubled, own books"),
        pytest.param([make_own(7, 5)] * 2, ALL, place(5), False, DISORDER, id="an own book doubled"),
        pytest.param(swap(show(0, 20), 3, 4), ALL, None, False, DISORDER, id="two exchanged"),
        pytest.param(swap(show(0, 20), 18, 19), ALL, None, False, DISORDER, id="the last two exchanged"),
        pytest.param(show(0, 20)[::-1], ALL, None, False, DISORDER, id="backwards"),
        pytest.param([make_own(7, 5), *show(0, 9)], ALL, None, False, DISORDER, id="an own book too early"),
        pytest.param([*show(0, 9), make_own(7, 5)], ALL, None, False, DISORDER, id="an own book too late"),
        pytest.param([*show(20, 30), make_own(7, 29)], ALL, place(25), False, DISORDER, id="own books, before after"),
        pytest.param(show(20, 40), ALL, place(25), False, "200 with books of another page", id="before after"),
        pytest.param(show(0, 20), NOVELS, None, False, MISPLACED, id="not filtered"),
        pytest.param([make_own(7, 0, genre="Essay")], NOVELS, None, False, MISPLACED, id="an own book not filtered"),
        pytest.param([*show(0, 5), make(99, title="title 04b")], ALL, None, False,
                     "200 with a book that MariaDB has not", id="a book that nobody has"),
        pytest.param([*show(0, 5), {**make_own(7, 5), "price": 1}], ALL, None, False, NO_BOOK, id="an own book's form"),
        pytest.param([{"isbn": "9790000000001"}], ALL, None, True, NO_BOOK, id="an own book without its fields"),
    ],
)  # fmt: skip
def test_each_way_a_page_can_be_wrong_has_its_words(
    items: Items, key: Filter, after: SortKey | None, is_last: bool, words: str
) -> None:
    assert SNAPSHOT.find_fault_in_page(items, key, after, is_last=is_last) == words


MANY, FEW = "200 with a total of more books than there can be", "200 with a total of fewer books than MariaDB has"


@pytest.mark.parametrize(
    ("key", "total", "set_aside", "words"),
    [
        (ALL, 60, 0, ""), (ALL, 62, 0, ""), (ALL, 68, 6, ""), (ALL, 59, 6, FEW), (ALL, 69, 6, MANY),
        (NOVELS, 40, 0, ""), (NOVELS, 41, 0, ""), (NOVELS, 42, 0, MANY), (NOVELS, 39, 0, FEW),
        (("author", "author 1"), 15, 0, ""), (("author", "author 1"), 14, 0, FEW), (("author", "nobody"), 1, 0, MANY),
        (ALL, 10**6, None, ""), (ALL, 59, None, FEW),
    ],
)  # fmt: skip
def test_a_total_lies_between_the_books_known_and_those_with_all_that_loads_may_have_added(
    key: Filter, total: int, set_aside: int | None, words: str
) -> None:
    assert SNAPSHOT.find_fault_in_total(total, key, set_aside) == words


def test_a_walk_over_all_pages_is_right_only_with_every_book() -> None:
    shown = sorted([*show(0, 60), *(make_own(number, number) for number in range(7, 60, 9))], key=sort_key_of)
    for left_out in (None, *range(len(shown))):
        rest = [book for number, book in enumerate(shown) if number != left_out]
        pages = [rest[start : start + 5] for start in range(0, len(rest), 5)]
        after, faults = None, set()
        for page in pages:
            faults.add(SNAPSHOT.find_fault_in_page(page, ALL, after, is_last=page is pages[-1]))
            after = sort_key_of(page[-1])
        is_right = left_out is None or shown[left_out]["isbn"].startswith("979")
        assert faults == ({""} if is_right else {"", MISSING}), left_out


def test_a_form_that_is_wrong_in_mariadb_too_is_still_wrong() -> None:
    books = [make(number, price=12.5 if number == 3 else "12.50") for number in NUMBERS]
    snapshot = Snapshot(books)
    assert snapshot.find_fault(copy.deepcopy(books[3])) == NO_BOOK
    assert snapshot.find_fault_in_page(copy.deepcopy(books[:20]), ALL, None, is_last=False) == NO_BOOK
    assert snapshot.find_fault_in_page(copy.deepcopy(books[20:40]), ALL, place(19), is_last=False) == ""


def test_what_is_there_to_read_is_what_no_load_owns() -> None:
    assert (SNAPSHOT.isbns, SNAPSHOT.books) == ([book["isbn"] for book in BOOKS], BOOKS)
    assert SNAPSHOT.authors == ["Author 0", "Author 1", "Author 2", "Author 3", "ÉMILE"]
    assert (SNAPSHOT.genres, SNAPSHOT.formats) == (["Essay", "NOVEL", "Novel"], ["Paper"])
    assert SNAPSHOT.own_prefixes == {"97900000"}


# a catalogue of which only a sample is known


@pytest.fixture
def sampled() -> Snapshot:
    """Knows 15 books of the 60."""
    return Snapshot([*BOOKS, *EARLIER], most=20, sample=15)


def test_of_a_large_catalogue_a_sample_is_known_and_all_of_it_is_counted_and_read(sampled: Snapshot) -> None:
    assert len({book["isbn"] for book in sampled.books}) == len(sampled.books) == 15
    assert not sampled.is_whole and sampled.isbns == SNAPSHOT.isbns and sampled.authors == SNAPSHOT.authors
    assert [sampled.find_fault_in_total(total, ALL, 0) for total in (59, 60, 62, 63)] == [FEW, "", "", MANY]


def test_the_books_of_a_sample_are_found_missing_altered_and_misplaced(sampled: Snapshot) -> None:
    numbers = {int(book["isbn"][3:]) for book in sampled.books}
    for number in NUMBERS:
        without = show(0, 60)
        del without[number]
        assert sampled.find_fault_in_page(without, ALL, None, is_last=True) == (MISSING if number in numbers else "")
        altered = show(0, 60)
        altered[number]["stock"] = 2
        words = ANOTHER.format("stock") if number in numbers else ""
        assert sampled.find_fault_in_page(altered, ALL, None, is_last=True) == words
        assert sampled.find_fault(altered[number]) == words
        altered[number]["stock"] = "2"
        assert sampled.find_fault(altered[number]) == NO_BOOK
    assert sampled.find_fault_in_page(swap(show(0, 60), 7, 8), ALL, None, is_last=True) == DISORDER
    assert sampled.find_fault_in_page(show(20, 40), ALL, place(19), is_last=False) == ""
    last = sort_key_of(sampled.books[-1])
    assert sampled.find_fault_in_page([], ALL, last, is_last=True) == ""
    before = last[0], last[1][:-1]
    assert sampled.find_fault_in_page([], ALL, before, is_last=True) == "200 with an empty page"


def test_each_book_has_the_same_chance_to_be_in_the_sample() -> None:
    random.seed(4)
    drawn = [int(book["isbn"][3:]) for _ in range(800) for book in Snapshot(BOOKS, most=20, sample=15).books]
    counts = [drawn.count(number) for number in NUMBERS]
    # 800 draws with a chance of a quarter: 200, and 4.5 standard deviations are 55
    assert sum(counts) == 12_000 and all(145 < count < 255 for count in counts), counts


def test_books_that_come_one_by_one_are_not_all_kept() -> None:
    def come(count: int) -> Iterator[Json]:
        for number in range(count):
            yield make(number, title=f"title {number:06} " + "x" * 200)

    tracemalloc.start()
    snapshot = Snapshot(come(10_000), most=200, sample=100)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(snapshot.isbns) == 10_000 and len(snapshot.books) == 100
    assert most < 3_000_000  # bytes; the titles alone are as much, and the ISBNs a third of that


# real loads


@pytest.fixture(scope="module")
def accounts(model_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with accounts that are signed in on the stack whose read model is damaged."""
    folder = tmp_path_factory.mktemp("accounts")
    prepare_accounts(folder, model_stack)
    return folder


@pytest.fixture
def folder(accounts: Path, model_stack: Stack, tmp_path: Path) -> Iterator[Path]:
    """A new folder for results; whatever was done to the read model meanwhile is mended afterwards."""
    yield add_accounts(tmp_path, accounts)
    assert run_projector(model_stack, "rebuild")[0] == 0


def overwrite_values(stack: Stack) -> None:
    """Give every book of the read model that no load owns another year, price and stock than it has in MariaDB."""
    with connect_to_redis(stack) as store:
        key = f"{find_generation(store)}books"
        books: dict[str, str] = store.hgetall(key)
        for book in filterfalse(is_own, map(json.loads, books.values())):  # a load may have deleted its own meanwhile
            book |= {"year": book["year"] + 1, "price": "0.01", "stock": book["stock"] + 1}
            assert store.hset(key, book["isbn"], json.dumps(book, separators=(",", ":"), ensure_ascii=False)) == 0


def thin_out_indexes(stack: Stack) -> None:
    """Take every second book out of every index of the read model, beginning with the first, and out of the counts, by
    which the services would notice.
    """
    with connect_to_redis(stack) as store:
        prefix = find_generation(store)
        zsets = [key for key in store.scan_iter(f"{prefix}*", count=1000) if store.type(key) == "zset"]
        for key in zsets:
            if (name := key.removeprefix(prefix)) == "deleted":
                continue
            members: list[str] = store.zrange(key, 0, -1)
            with store.pipeline() as both:  # at once, as the services look all the time
                both.zrem(key, *members[::2]).hincrby(f"{prefix}counts", name, -len(members[::2]))
                assert both.execute()[0] == len(members[::2])


VALUES = {ANOTHER.format("year")}
INDEXES = {FEW, MISSING, "200 with an empty page"}
DAMAGES = [pytest.param(overwrite_values, VALUES, id="values"), pytest.param(thin_out_indexes, INDEXES, id="indexes")]
ONE, LISTS = "/api/books/{isbn}", {"/api/books", "/api/books?author", "/api/books?genre", "/api/books?format"}


def read_rows(folder: Path, kind: str) -> list[dict[str, str]]:
    """Return the lines of run_KIND.csv for reads of the catalogue."""
    with open(folder / f"run_{kind}.csv", newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row.get("Method", row.get("Type")) == "GET"]


def find_words(folder: Path) -> set[str]:
    """Return the words of all failures of reads."""
    return {row["Error"] for row in read_rows(folder, "failures")}


@pytest.mark.skipif(not LONG, reason="long form only; in the short one the damage is done in mid-load")
@pytest.mark.parametrize(("damage", "words"), DAMAGES)
def test_every_answer_from_a_read_model_damaged_before_the_load_is_wrong(
    model_stack: Stack, folder: Path, damage: Callable[[Stack], None], words: set[str]
) -> None:
    damage(model_stack)
    ran = run_locust("locustfile.py", "-u", "40", "-r", "40", "-t", "6s", folder=folder, stack=model_stack)
    assert ran.returncode == 1, ran.stderr
    asked = {row["Name"]: (int(row["Request Count"]), int(row["Failure Count"])) for row in read_rows(folder, "stats")}
    damaged = LISTS | {ONE} if words == VALUES else LISTS
    assert damaged <= asked.keys()
    assert {name for name in damaged if asked[name][0] != asked[name][1]} == set(), asked
    assert words == VALUES or asked[ONE][1] == 0
    assert find_words(folder) <= words


@pytest.mark.parametrize(("damage", "words"), DAMAGES)
def test_a_read_model_damaged_in_mid_load_is_found(
    model_stack: Stack, folder: Path, damage: Callable[[Stack], None], words: set[str]
) -> None:
    load = start_load(folder, model_stack, "locustfile.py", "-u", "40", "-r", "40", "-t", "9s")
    wait_for_lines(folder / "run_seconds.csv", 4)
    damage(model_stack)
    assert load.wait(60) == 1, (folder / "said").read_text()
    found = find_words(folder)
    counts = [sum(int(row[kind]) for row in read_rows(folder, "stats")) for kind in ("Request Count", "Failure Count")]
    assert found and found <= words | {"200 for a book that has not changed"}, found
    assert 0 < counts[1] < counts[0]
    remove_books(folder, model_stack)


def test_the_catalogue_is_read_from_mariadb_and_not_from_the_read_model(model_stack: Stack, folder: Path) -> None:
    session = next(iter(json.loads((folder / "sessions.json").read_text())[model_stack["AUTH_URL"]].values()))

    def read() -> list[Json]:
        return list(read_catalogue(model_stack["BOOKS_URL"], lambda: session["access_token"]))

    before = read()
    overwrite_values(model_stack)
    thin_out_indexes(model_stack)
    assert len(before) >= 5000
    assert read() == before


def test_a_catalogue_that_cannot_be_read_is_refused(model_stack: Stack) -> None:
    with pytest.raises(Refused, match="cannot be read"):
        list(read_catalogue(model_stack["BOOKS_URL"], lambda: "no token"))
