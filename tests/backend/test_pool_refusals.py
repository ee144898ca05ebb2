"""MariaDB refuses a connection, for whatever reason: the store is down, not the program wrong, and nothing is lost."""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import mysql.connector
import pytest

from backend.errors import Unavailable
from backend.stores import pool
from backend.stores.breaker import MOST_FAILURES, PAUSE_S
from tests.faults.stores import administer, find_mariadb
from tests.support.pools import open_pool
from tests.support.stacks import Stack

PASSWORD = "as-it-was-made"


class Account:
    """An account of MariaDB that only one test uses, and the one connection of a pool that signs in with it."""

    def __init__(self, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
        """Make the account, with the rights of the services'."""
        self.stack, self.mariadb = stack, find_mariadb(stack)
        self.user = f"refused_{secrets.token_hex(4)}"
        self.name = f"'{self.user}'@'127.0.0.1'"
        self.grant = f"GRANT SELECT, INSERT, UPDATE, DELETE ON Libros.* TO {self.name}"
        self.change(f"CREATE USER {self.name} IDENTIFIED BY '{PASSWORD}'; {self.grant}")
        self.pool = open_pool(stack, user=self.user, password=PASSWORD)
        monkeypatch.setattr(pool, "pool", lambda: self.pool)

    def change(self, sql: str) -> None:
        """Run SQL as the administrator; {} is the account's name."""
        administer(self.mariadb, sql.format(self.name) + ";")

    def cut(self) -> None:
        """Kill the account's connections."""
        administer(self.mariadb, f"KILL USER '{self.user}';", forced=True)


@pytest.fixture
def account(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """An account whose connection has been used."""
    made = Account(stack, monkeypatch)
    assert count_books() > 0
    yield made
    made.change("DROP USER IF EXISTS {}")


def count_books() -> int:
    """Count the books as a query of the service does."""
    with pool.reading() as cursor:
        cursor.execute("SELECT COUNT(*) AS books FROM books")
        return int(cursor.fetchone()["books"])


def check_refused(account: Account, *numbers: int) -> None:
    """Assert that queries and commands are told that MariaDB cannot be reached, for this reason, and cheaply soon."""
    for door in (pool.reading, pool.writing, pool.reading, pool.writing, pool.reading):
        with pytest.raises(Unavailable) as refused, door():
            pytest.fail("a connection was lent")
        assert str(refused.value.__cause__).startswith(tuple(map(str, numbers)))
    account.pool.breaker.failed("the reason of the last")
    started = time.monotonic()
    with pytest.raises(Unavailable) as refused:
        count_books()
    assert time.monotonic() - started < 0.1 and str(refused.value.__cause__) == "the reason of the last"


def check_well(account: Account) -> None:
    """Assert that the pool of one connection has it again, after the pause of its breaker."""
    time.sleep(PAUSE_S + 0.1)
    assert [count_books() > 0 for _ in range(MOST_FAILURES)] == [True] * MOST_FAILURES


REFUSALS: dict[str, tuple[Any, ...]] = {
    "its password was changed": ("ALTER USER {} IDENTIFIED BY 'another'", 1045),
    "it is locked": ("ALTER USER {} ACCOUNT LOCK", 4151),
    "it is gone": ("DROP USER {}", 1045, 1698),  # MariaDB makes up how a name that it does not know would sign in
    # Not TLS alone: MariaDB 11 offers it unasked, and the driver takes it.
    "it must show a certificate": ("ALTER USER {} REQUIRE X509", 1045),
    "it has no right to the database": ("REVOKE ALL PRIVILEGES, GRANT OPTION FROM {}", 1044),
}


@pytest.mark.parametrize("reason", REFUSALS)
def test_an_account_that_is_refused_is_a_store_that_is_down_until_it_is_let_in(account: Account, reason: str) -> None:
    sql, *numbers = REFUSALS[reason]
    account.change(sql)
    account.cut()
    check_refused(account, *numbers)
    account.change("DROP USER IF EXISTS {}")
    account.change(f"CREATE USER {account.name} IDENTIFIED BY '{PASSWORD}'; {account.grant}")
    check_well(account)


def test_a_database_that_is_gone_is_a_store_that_is_down(account: Account) -> None:
    account.change("GRANT SELECT ON *.* TO {}")
    elsewhere = open_pool(account.stack, user=account.user, password=PASSWORD, database="Elsewhere")
    there, account.pool = account.pool, elsewhere
    check_refused(account, 1049)
    account.pool = there
    check_well(account)


def test_an_account_with_all_its_connections_in_use_is_a_store_that_is_down(account: Account) -> None:
    account.cut()
    account.change("ALTER USER {} WITH MAX_USER_CONNECTIONS 1")
    with ExitStack() as others:
        others.enter_context(connect(account))
        check_refused(account, 1226)
    check_well(account)


def test_an_account_that_has_sent_all_its_statements_is_a_store_that_is_down(account: Account) -> None:
    account.change("ALTER USER {} WITH MAX_QUERIES_PER_HOUR 20")
    account.cut()
    with pytest.raises(Unavailable) as refused:
        for _ in range(30):
            count_books()
    assert str(refused.value.__cause__).startswith("1226")


def test_an_error_of_a_statement_stays_what_it_is(account: Account) -> None:
    statements: dict[str, Callable[[], Any]] = {
        "SELECT * FROM no_such_table": pool.reading,
        "SELECT no_such_column FROM books": pool.reading,
        "SELEKT": pool.writing,
        "DROP TABLE books": pool.writing,
    }
    for sql, door in statements.items():
        with pytest.raises(mysql.connector.errors.ProgrammingError), door() as cursor:
            cursor.execute(sql)
        assert count_books() > 0


def connect(account: Account) -> Any:
    """Return a connection of the test's own with this account."""
    return mysql.connector.connect(
        host=account.stack["DB_HOST"], port=int(account.stack["DB_PORT"]), user=account.user, password=PASSWORD,
        database="Libros", use_pure=True, connection_timeout=5, charset="utf8mb4", collation="utf8mb4_bin",
    )  # fmt: skip
