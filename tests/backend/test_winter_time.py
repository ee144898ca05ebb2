"""The hour that comes twice: ages are right where the server's own time zone has summer time, on the night it ends."""

import secrets
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from backend.read_model.outbox import BATCH, LEFT_AFTER_S, LEFTOVERS, MOST_MEASURED, OLDEST, RECORD
from backend.read_model.projector import OLD_KEYS
from backend.read_model.rebuild import LATELY_DELETED
from backend.stores.mariadb import Cursor
from tests.support.pools import open_pool
from tests.support.shelf import make_isbn
from tests.support.stacks import Stack, connect_to_mariadb

SUMMER, WINTER = datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)
LAST_SECOND = WINTER.timestamp() - 1  # 02:59:59 in Madrid, and a second later it is 02:00:00 there
HOUR_S = 3600
ZONE = f"""
DELETE FROM mysql.time_zone_name WHERE Name = 'Test/Madrid';
INSERT INTO mysql.time_zone (Use_leap_seconds) VALUES ('N');
SET @id = LAST_INSERT_ID();
INSERT INTO mysql.time_zone_name (Name, Time_zone_id) VALUES ('Test/Madrid', @id);
INSERT INTO mysql.time_zone_transition_type (Time_zone_id, Transition_type_id, `Offset`, Is_DST, Abbreviation)
  VALUES (@id, 0, 7200, 1, 'CEST'), (@id, 1, 3600, 0, 'CET');
INSERT INTO mysql.time_zone_transition (Time_zone_id, Transition_time, Transition_type_id)
  VALUES (@id, {SUMMER.timestamp():.0f}, 0), (@id, {WINTER.timestamp():.0f}, 1);
"""  # noqa: S608 - of numbers alone


def administer(settings: dict[str, str], statements: str) -> None:
    """Run statements as the administrator of the stack's MariaDB."""
    socket = Path(settings["STACK_DIR"]) / "data" / "mariadb.sock"
    command = ["mariadb", "--no-defaults", "--protocol=socket", f"--socket={socket}", "--user=root"]
    subprocess.run(command, input=statements, text=True, check=True, timeout=60)


@pytest.fixture
def in_madrid(model_settings: dict[str, str], model_stack: Stack) -> Iterator[Stack]:
    """The stack, whose MariaDB gives new sessions the time zone of Madrid; no session of the test's own is left."""
    administer(model_settings, ZONE)
    administer(model_settings, "SET GLOBAL time_zone = 'Test/Madrid'")
    try:
        yield model_stack
    finally:
        administer(model_settings, "SET GLOBAL time_zone = 'SYSTEM'")


@pytest.fixture
def cursor(in_madrid: Stack) -> Iterator[Cursor]:
    """A cursor in a transaction of a session as the services have it, which is rolled back."""
    with open_pool(in_madrid).borrow(writes=True) as connection:
        yield Cursor(connection)
        connection.rollback()


def ask(cursor: Cursor, at: float, statement: str, values: Any = ()) -> list[dict[str, Any]]:
    """Return the rows that a statement gives at that moment."""
    cursor.execute("SET timestamp = %s", (at,))
    cursor.execute(statement, values)
    return list(cursor.fetchall()) if cursor.with_rows else []


def test_an_event_of_the_last_second_of_summer_is_a_leftover_a_second_later(cursor: Cursor) -> None:
    isbn = make_isbn()
    ask(cursor, LAST_SECOND, RECORD, (isbn, 1, None))
    left = ask(cursor, LAST_SECOND + 1, LEFTOVERS, (LEFT_AFTER_S, BATCH))
    assert isbn in [row["isbn"] for row in left]
    ages = {row["isbn"]: row["age"] for row in ask(cursor, LAST_SECOND + 1, OLDEST, (MOST_MEASURED,))}
    assert ages[isbn] == 1


def test_a_deletion_of_the_last_second_of_summer_is_late_for_an_hour(cursor: Cursor) -> None:
    isbn = make_isbn()
    ask(cursor, LAST_SECOND, "INSERT INTO deleted_books (isbn, version) VALUES (%s, 1)", (isbn,))
    for later_s, late in ((HOUR_S - 60, True), (HOUR_S + 60, False)):
        rows = ask(cursor, LAST_SECOND + later_s, LATELY_DELETED, {"isbn": "", "batch": 1000})
        assert (isbn in [row["isbn"] for row in rows]) is late


def test_a_key_of_the_last_second_of_summer_is_kept_for_a_day(cursor: Cursor) -> None:
    key = secrets.token_hex(8)
    add = "INSERT INTO idempotency_keys (user_id, idempotency_key, request_digest) VALUES (1, %s, REPEAT('x', 32))"
    ask(cursor, LAST_SECOND, add, (key,))
    for later_s, kept in ((24 * HOUR_S - 60, True), (24 * HOUR_S + 60, False)):
        ask(cursor, LAST_SECOND + later_s, OLD_KEYS, (1000,))
        assert bool(ask(cursor, 0, "SELECT 1 FROM idempotency_keys WHERE idempotency_key = %s", (key,))) is kept


def test_in_a_session_of_the_servers_own_time_zone_it_would_be_none_for_an_hour(in_madrid: Stack) -> None:
    isbn = make_isbn()
    with connect_to_mariadb(in_madrid) as connection, connection.cursor() as cursor:
        cursor.execute("START TRANSACTION")
        cursor.execute("SET timestamp = %s", [LAST_SECOND])
        cursor.execute(RECORD.removesuffix(" RETURNING id"), [isbn, 1, None])
        for later_s, found in ((1, False), (HOUR_S + 1, True)):
            cursor.execute("SET timestamp = %s", [LAST_SECOND + later_s])
            cursor.execute(LEFTOVERS, [LEFT_AFTER_S, BATCH])
            assert (isbn in [row[1] for row in cursor.fetchall() if isinstance(row, tuple)]) is found
        connection.rollback()


@pytest.mark.parametrize("reset", [True, False])
def test_every_session_is_in_utc(in_madrid: Stack, reset: bool) -> None:
    pool = open_pool(in_madrid, reset_session=reset)
    for writes in (True, False, False, True, True, False):
        with pool.borrow(writes=writes) as connection:
            ((found,),) = Cursor(connection).execute_all(("SELECT @@session.time_zone AS zone", ()))
            assert found == {"zone": "+00:00"}
            connection.commit()
