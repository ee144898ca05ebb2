"""The session of a pooled connection is as new for each who borrows it, whatever was done with it before."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from mysql.connector.errors import OperationalError, ProgrammingError

from backend.deadline import REQUEST_S, STEP_S, start_deadline
from backend.stores.mariadb import Cursor
from tests.faults.stores import administer, find_mariadb
from tests.support.pools import open_pool
from tests.support.stacks import Stack

SESSION = """
  SELECT @@autocommit AS own_commit, @@max_statement_time AS longest, @left AS kept,
    (SELECT variable_value FROM information_schema.session_variables
       WHERE variable_name IN ('transaction_isolation', 'tx_isolation') LIMIT 1) AS isolation
"""  # the variable's name is another one since MariaDB 11.1
AS_NEW = {"isolation": "READ-COMMITTED", "longest": 0.8}


def look(connection: Any) -> dict[str, Any]:
    """Return what a statement finds that is the first or a later one of its session."""
    ((found,),) = Cursor(connection).execute_all((SESSION, ()))
    return found


@pytest.mark.parametrize("reset", [True, False])
@pytest.mark.parametrize("asked", [True, False])
def test_a_session_is_set_up_whether_or_not_the_one_before_was_put_to_use(
    stack: Stack, asked: bool, reset: bool
) -> None:
    pool = open_pool(stack, reset_session=reset)
    for writes in (True, False, False, True, True, False):
        with pool.borrow(writes=writes) as connection:
            if asked:
                assert look(connection) == {**AS_NEW, "own_commit": not writes, "kept": None}
                connection.commit()
    with pool.borrow(writes=False) as connection:
        assert look(connection) == look(connection) == {**AS_NEW, "own_commit": 1, "kept": None}


def test_lists_are_not_cut_where_mariadb_cuts_them_sooner_than_usual(stack: Stack) -> None:
    mariadb = find_mariadb(stack)
    administer(mariadb, "SET GLOBAL group_concat_max_len = 1024")
    try:
        with open_pool(stack).borrow(writes=False) as connection:
            ((found,),) = Cursor(connection).execute_all(("SELECT @@group_concat_max_len AS longest", ()))
    finally:
        administer(mariadb, "SET GLOBAL group_concat_max_len = DEFAULT")
    assert found == {"longest": 1048576}


@pytest.mark.parametrize("reset", [True, False])
def test_what_a_writer_left_in_its_session_is_forgotten_where_sessions_are_reset(stack: Stack, reset: bool) -> None:
    pool = open_pool(stack, reset_session=reset)
    with pool.borrow(writes=True) as connection, Cursor(connection) as cursor:
        cursor.execute("SET @left = 5")
        connection.commit()
    with pool.borrow(writes=False) as connection:
        assert look(connection)["kept"] == (None if reset else 5)


def test_statements_sent_together_give_their_rows_apart_and_end_at_the_first_that_fails(stack: Stack) -> None:
    pool = open_pool(stack)
    with pool.borrow(writes=True) as connection:
        rows = Cursor(connection).execute_all(
            ("SELECT %s AS a", (1,)), ("SET @seen = %s", (";",)), ("SELECT @seen AS b", ())
        )
    assert rows == [[{"a": 1}], [], [{"b": ";"}]]
    with pytest.raises(ProgrammingError), pool.borrow(writes=True) as connection:
        Cursor(connection).execute_all(("SET @a = 1", ()), ("SELECT * FROM no_such_table", ()), ("SET @a = 2", ()))
    with pool.borrow(writes=False) as connection:
        assert look(connection)["own_commit"] == 1


def test_statements_sent_together_are_given_up_past_the_deadline_of_their_request(stack: Stack) -> None:
    pool = open_pool(stack)

    def send_late() -> None:
        start_deadline(REQUEST_S - STEP_S - 0.3)
        with pool.borrow(writes=True) as connection:
            Cursor(connection).execute_all(("SELECT SLEEP(0.5)", ()), ("SELECT SLEEP(0.5)", ()))

    with ThreadPoolExecutor(1) as thread, pytest.raises(OperationalError, match="took too long"):
        thread.submit(send_late).result()
    with pool.borrow(writes=False) as connection:
        assert look(connection)["own_commit"] == 1
