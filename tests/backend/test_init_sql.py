"""init.sql on a MariaDB of its own: schema, first data, loading again, and an index for every access path."""
# ruff: noqa: S608  (every statement is made of constants of this file)

import getpass
import os
import shutil
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mysql.connector
import pytest
from mysql.connector.errors import IntegrityError

from backend.catalogue.queries import FILTERS, PAGE_OF_KEYS
from backend.stores.unused_names import END, PART, UNUSED, USED_IN

INIT_SQL = Path(__file__).parents[2] / "init.sql"
DUNE, PATRIA, MADE_UP = "9780441172719", "9788490663196", "9789999900010"

PADDED = "INSERT INTO genres (name, name_key) VALUES ('Fiction ', 'fiction ')"

PAGE = " ORDER BY b.title_key, b.isbn LIMIT 21"
KEYSET = "FROM books b WHERE b.title_key >= 'm' AND (b.title_key > 'm' OR b.isbn > '978')" + PAGE
BY_NAME = {"author": "jane austen", "genre": "fantasy", "format": "ebook"}
ACCESS_PATHS = {
    "a book by isbn": f"SELECT * FROM books WHERE isbn = '{DUNE}'",
    "the authors of a book": "SELECT a.name FROM book_authors ba JOIN authors a ON a.id = ba.author_id"
    f" WHERE ba.isbn = '{DUNE}' ORDER BY ba.position",
    "a page of the list": "SELECT * " + KEYSET,
    # As the services ask, for the keys alone: for whole books MariaDB 11 would rather read all of them.
    **{
        f"books by {field}": f"{PAGE_OF_KEYS} WHERE {FILTERS[field]}{PAGE}" % {field: f"'{name}'"}
        for field, name in BY_NAME.items()
    },
    "a user by username": "SELECT * FROM users WHERE username = 'U7'",
    "a user by email": "SELECT * FROM users WHERE email_key = 'u7'",
    **{
        f"{kind} without a book": UNUSED.format(kind=kind, table=column.partition(".")[0], column=column) % (3, PART)
        for kind, column in USED_IN.items()
    },
    **{f"the end of a part of the {kind}": END.format(kind=kind) % (3, PART) for kind in USED_IN},
    "a name by itself": "SELECT id FROM authors WHERE name IN ('Toni Morrison', 'Ana')",
    "an answer by idempotency key": "SELECT * FROM idempotency_keys WHERE user_id = 7 AND idempotency_key = 'k7'",
    "old idempotency keys": "SELECT 1 FROM idempotency_keys WHERE created_at < '2020-01-01'",
    "a deleted book": "SELECT version FROM deleted_books WHERE isbn = '9790000000007'",
    "the next changes": "SELECT * FROM outbox WHERE id > 400 ORDER BY id LIMIT 100",
}

FILLING = [
    "INSERT INTO users (username, email, email_key, password_hash)"
    " SELECT CONCAT('u', seq), CONCAT('u', seq), CONCAT('u', seq), REPEAT('x', 60) FROM seq_1_to_500",
    "INSERT INTO idempotency_keys (user_id, idempotency_key, request_digest)"
    " SELECT seq, CONCAT('k', seq), REPEAT('x', 32) FROM seq_1_to_500",
    "INSERT INTO deleted_books (isbn, version) SELECT 9790000000000 + seq, seq FROM seq_1_to_500",
    "INSERT INTO outbox (isbn, version) SELECT isbn, 1 FROM books LIMIT 500",
]


class Server:
    """A MariaDB that listens on one socket file only."""

    def __init__(self, socket: Path) -> None:
        self.socket = str(socket)

    def ask(self, statement: str, database: str | None = "Libros") -> list[dict[str, Any]]:
        """Run one statement and return its rows, if it has any."""
        options = {"unix_socket": self.socket, "user": "root", "database": database, "autocommit": True}
        with mysql.connector.connect(charset="utf8mb4", collation="utf8mb4_bin", **options) as connection:
            cursor = connection.cursor(dictionary=True)
            cursor.execute(statement)
            return [dict(row) for row in cursor.fetchall()] if cursor.description else []  # type: ignore[arg-type]

    def load(self, script: bytes) -> None:
        """Feed a script to the mariadb client, as `mysql -u USER -p < init.sql` does."""
        client = ["mariadb", "--no-defaults", "--user=root", f"--socket={self.socket}"]
        subprocess.run(client, input=script, check=True, timeout=60)

    def dump(self) -> dict[str, list[str]]:
        """Return every row of every table, times included, in an order that does not depend on the storage."""
        tables = [next(iter(row.values())) for row in self.ask("SHOW TABLES")]
        return {table: sorted(map(str, self.ask(f"SELECT * FROM {table}"))) for table in tables}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A new, empty MariaDB, ended by its own pid."""
    folder = tmp_path_factory.mktemp("mariadb")
    mariadbd = shutil.which("mariadbd", path=f"{os.environ['PATH']}:/usr/sbin")
    assert mariadbd, "mariadbd is missing: apt-get install --no-install-recommends mariadb-server-core"
    where = ["--no-defaults", f"--user={getpass.getuser()}", f"--datadir={folder}/data"]
    rootless = ["--auth-root-authentication-method=normal", "--skip-test-db"]
    subprocess.run(["mariadb-install-db", *where, *rootless], check=True, stdout=subprocess.DEVNULL, timeout=60)
    socket, log = folder / "s.sock", folder / "log"
    start = [mariadbd, *where, f"--socket={socket}", "--skip-networking", f"--log-error={log}"]
    with subprocess.Popen(start) as process:
        try:
            deadline = time.monotonic() + 30
            while not socket.exists():
                assert process.poll() is None and time.monotonic() < deadline, log.read_text()
                time.sleep(0.1)
            yield Server(socket)
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def loaded(server: Server) -> Server:
    """The server after one load; the tests that take it change nothing."""
    server.load(INIT_SQL.read_bytes())
    return server


@pytest.fixture
def emptied(server: Server) -> Iterator[Server]:
    """The server without the database; loaded again afterwards for the tests that only read."""
    server.ask("DROP DATABASE IF EXISTS Libros", database=None)
    yield server
    server.ask("DROP DATABASE IF EXISTS Libros", database=None)
    server.load(INIT_SQL.read_bytes())


@pytest.fixture(scope="module")
def grown(loaded: Server) -> Server:
    """The loaded server with 500 rows in the other tables too; for the last tests of the file."""
    for statement in FILLING:
        loaded.ask(statement)
    # Plans follow the statistics, which MariaDB renews only some seconds after a load.
    loaded.ask("ANALYZE TABLE books, book_authors, authors, genres, formats, users, idempotency_keys, outbox")
    return loaded


def test_there_are_exactly_5000_books_and_no_users(loaded: Server) -> None:
    assert loaded.ask("SELECT COUNT(*) AS n FROM books") == [{"n": 5000}]
    assert loaded.ask("SELECT COUNT(*) AS n FROM users") == [{"n": 0}]


def test_a_second_load_changes_nothing(loaded: Server) -> None:
    before = loaded.dump()
    loaded.load(INIT_SQL.read_bytes())
    assert loaded.dump() == before


def test_a_second_load_keeps_changed_books_and_brings_no_deleted_one_back(emptied: Server) -> None:
    emptied.load(INIT_SQL.read_bytes())
    emptied.ask(f"UPDATE books SET title = 'Duna', title_key = 'duna', price = 1, version = 7 WHERE isbn = '{DUNE}'")
    emptied.ask(f"UPDATE book_authors SET author_id = author_id + 1 WHERE isbn = '{DUNE}'")
    for isbn in (PATRIA, MADE_UP):
        emptied.ask(f"DELETE FROM books WHERE isbn = '{isbn}'")
        emptied.ask(f"INSERT INTO deleted_books (isbn, version) VALUES ('{isbn}', 3)")
    before = emptied.dump()
    emptied.load(INIT_SQL.read_bytes())
    assert emptied.dump() == before
    assert len(before["books"]) == 4998


def test_a_load_that_breaks_off_leaves_no_book_and_the_next_one_brings_all(emptied: Server) -> None:
    emptied.load(INIT_SQL.read_bytes().partition(b"\nCOMMIT;")[0])
    assert emptied.ask("SELECT isbn FROM books UNION SELECT name FROM authors") == []
    emptied.load(INIT_SQL.read_bytes())
    assert emptied.ask("SELECT COUNT(*) AS n FROM books") == [{"n": 5000}]


def test_every_isbn_has_a_right_check_digit(loaded: Server) -> None:
    isbns = [row["isbn"] for row in loaded.ask("SELECT isbn FROM books")]
    wrong = [isbn for isbn in isbns if sum(int(digit) * (1, 3)[at % 2] for at, digit in enumerate(isbn)) % 10]
    assert wrong == []
    assert all(isbn.startswith(("978", "979")) and len(isbn) == 13 for isbn in isbns)


def test_every_book_has_different_authors_at_positions_from_1_without_gaps(loaded: Server) -> None:
    authors = defaultdict(list)
    for row in loaded.ask("SELECT isbn, position, author_id FROM book_authors ORDER BY isbn, position"):
        authors[row["isbn"]].append((row["position"], row["author_id"]))
    assert authors.keys() == {row["isbn"] for row in loaded.ask("SELECT isbn FROM books")}
    for isbn, places in authors.items():
        assert [position for position, _ in places] == list(range(1, len(places) + 1)), isbn
        assert len({author for _, author in places}) == len(places), isbn


@pytest.mark.parametrize(
    ("isbn", "title", "authors"),
    [
        ("9780307474728", "Cien años de soledad", ["Gabriel García Márquez"]),
        ("9780552137034", "Good Omens", ["Terry Pratchett", "Neil Gaiman"]),
        ("9780131103627", "The C Programming Language", ["Brian W. Kernighan", "Dennis M. Ritchie"]),
        (
            "9780201633610",
            "Design Patterns: Elements of Reusable Object-Oriented Software",
            ["Erich Gamma", "Richard Helm", "Ralph Johnson", "John Vlissides"],
        ),
    ],
)
def test_a_real_book_keeps_its_accents_and_the_order_of_its_authors(
    loaded: Server, isbn: str, title: str, authors: list[str]
) -> None:
    rows = loaded.ask(
        "SELECT b.title, a.name FROM books b JOIN book_authors ba USING (isbn)"
        f" JOIN authors a ON a.id = ba.author_id WHERE isbn = '{isbn}' ORDER BY ba.position"
    )
    assert [(row["title"], row["name"]) for row in rows] == [(title, author) for author in authors]


def test_made_up_titles_begin_with_every_letter(loaded: Server) -> None:
    rows = loaded.ask("SELECT DISTINCT LEFT(title_key, 1) AS first FROM books WHERE isbn LIKE '97899999%'")
    assert {row["first"] for row in rows} >= set("abcdefghijklmnopqrstuvwxyz")


@pytest.mark.parametrize(
    ("table", "column"), [("books", "title"), ("authors", "name"), ("genres", "name"), ("formats", "name")]
)
def test_every_key_is_the_case_folded_name(loaded: Server, table: str, column: str) -> None:
    rows = loaded.ask(f"SELECT {column} AS name, {column}_key AS folded FROM {table}")
    assert rows
    assert [row for row in rows if row["name"].casefold() != row["folded"]] == []


def test_every_table_is_utf8mb4_with_the_collation_of_the_database(loaded: Server) -> None:
    rows = loaded.ask(
        "SELECT table_name AS name, table_collation AS collation"
        " FROM information_schema.tables WHERE table_schema = 'Libros'"
    )
    assert len(rows) == 10
    assert [row for row in rows if row["collation"] != "utf8mb4_nopad_bin"] == []


@pytest.mark.parametrize("statement", ACCESS_PATHS.values(), ids=ACCESS_PATHS)
def test_an_access_path_reads_by_an_index(grown: Server, statement: str) -> None:
    steps = [step for step in grown.ask("EXPLAIN " + statement) if not str(step["table"]).startswith("<")]
    assert steps
    assert [step for step in steps if step["key"] is None or step["type"] in ("ALL", "index")] == []


@pytest.mark.parametrize("page", ["FROM books b" + PAGE, KEYSET], ids=["first page", "page after a book"])
def test_a_page_of_the_list_is_read_in_the_order_of_its_index(grown: Server, page: str) -> None:
    (step,) = grown.ask("EXPLAIN SELECT * " + page)
    assert step["key"] == "books_title"
    assert "filesort" not in step["Extra"]


def check_collations(server: Server) -> None:
    """Assert that every table and column has the collation of init.sql, but for those whose text is ASCII or JSON."""
    rows = server.ask("SELECT table_collation AS c FROM information_schema.tables WHERE table_schema = 'Libros'")
    rows += server.ask(
        "SELECT collation_name AS c FROM information_schema.columns WHERE table_schema = 'Libros'"
        " AND data_type = 'varchar' AND character_set_name <> 'ascii'"
    )
    assert {row["c"] for row in rows} == {"utf8mb4_nopad_bin"} and len(rows) == 21


@pytest.mark.parametrize("collation", ["utf8mb4_bin", "utf8mb4_general_ci"])
def test_tables_of_an_older_database_take_the_collation_and_keep_every_value(emptied: Server, collation: str) -> None:
    emptied.load(INIT_SQL.read_bytes().replace(b"utf8mb4_nopad_bin", collation.encode()))
    emptied.ask("INSERT INTO genres (name, name_key) VALUES ('Čapek 😀', 'čapek 😀')")
    emptied.ask("INSERT INTO users (username, email, email_key, password_hash) VALUES ('Ea', 'É@a.b', 'é@a.b', 'x')")
    emptied.ask("INSERT INTO idempotency_keys (user_id, idempotency_key, request_digest) VALUES (1, 'Key', '')")
    with pytest.raises(IntegrityError):
        emptied.ask(PADDED)
    before = emptied.dump()
    emptied.load(INIT_SQL.read_bytes())
    after = emptied.dump()
    assert before.pop("catalogue") != after.pop("catalogue")  # the read model is built anew
    assert after == before
    check_collations(emptied)
    emptied.ask(PADDED)
    with pytest.raises(IntegrityError):
        emptied.ask("DELETE FROM authors WHERE name = 'Fernando Aramburu'")  # his book still keeps him
    again = emptied.dump()
    emptied.load(INIT_SQL.read_bytes())
    assert emptied.dump() == again


def test_what_an_administrator_has_put_beside_keeps_its_collation(emptied: Server) -> None:
    emptied.load(INIT_SQL.read_bytes())
    emptied.ask("CREATE TABLE notes (name VARCHAR(9)) COLLATE utf8mb4_bin")
    emptied.load(INIT_SQL.read_bytes())
    (row,) = emptied.ask("SELECT collation_name AS c FROM information_schema.columns WHERE table_name = 'notes'")
    assert row == {"c": "utf8mb4_bin"}
