"""One connection to MariaDB: how it is made, how long it waits, how its session begins, and its cursor."""

from collections.abc import Sequence
from typing import Any

from _mysql_connector import MySQLInterfaceError
from mysql.connector import errors as driver_errors
from mysql.connector._scripting import MySQLScriptSplitter
from mysql.connector.connection_cext import CMySQLConnection
from mysql.connector.constants import ClientFlag
from mysql.connector.cursor_cext import CMySQLCursorBufferedDict

from backend.config import settings
from backend.deadline import check_deadline, is_too_late

TIMEOUT_S = 1  # connect, read and write: the driver takes whole seconds
STATEMENT_S = 0.8  # MariaDB gives up on a statement, its wait for a row lock included, before the driver does

# What every session begins with. READ COMMITTED, so that looking for a row that is not there locks no gap; the words of
# the standard, because MariaDB 10.11 and 11.8 share no name of a variable for it that the later one does not deprecate.
SESSION = (
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;"
    " SET NAMES utf8mb4 COLLATE utf8mb4_bin,"
    " SESSION time_zone = '+00:00',"  # with summer time an hour of the year comes twice, and TIMESTAMPs with it
    " SESSION group_concat_max_len = 1048576,"  # MariaDB's default; a smaller one cuts authors, without a word
    f" SESSION max_statement_time = {STATEMENT_S}, SESSION autocommit = "
)
READS, WRITES = SESSION + "1", SESSION + "0"  # without autocommit the first statement begins a transaction
STATEMENTS = SESSION.count(";") + 1  # each has a result

# What the driver raises for the store; COMMIT, ROLLBACK and the reset raise what its C extension does.
STORE_ERRORS = (driver_errors.Error, MySQLInterfaceError)

# The driver looks for DELIMITER, a command of the mysql client, also within the values of a statement, and takes what
# follows for another sign than the semicolon: a book of that title would not be kept as it was sent.
MySQLScriptSplitter.has_delimiter = staticmethod(lambda _code: False)  # type: ignore[assignment,method-assign]

Statement = tuple[str, Sequence[Any]]  # SQL, and the values bound to its %s in order


class Connection(CMySQLConnection):
    """A connection of the C extension that answers for its session, in as few round trips as can be."""

    session_changed = False  # since it was last set up
    set_up = ""  # SQL to go before the first statement of the session, in the same trip

    def __init__(self, *, must_encrypt: bool = False, **arguments: Any) -> None:
        """Connect with the driver's arguments. Raises a driver error, also where MariaDB offers no TLS and it must be.

        The driver takes TLS where it is offered, and goes on without it elsewhere.
        """
        super().__init__(**arguments)
        if must_encrypt and not self.is_encrypted:
            self.close()
            raise driver_errors.OperationalError("MariaDB offers no TLS, which DB_TLS asks for")

    @property
    def is_encrypted(self) -> bool:
        """Say whether TLS is spoken on it."""
        return self._cmysql is not None and bool(self._cmysql.get_ssl_cipher())

    def _post_connection(self) -> None:
        super()._post_connection()
        self.cmd_query(READS)
        for _ in range(1, STATEMENTS):
            self.next_result()

    def begin_session(self, *, writes: bool, reset: bool) -> bool:
        """Begin a new session if the server answers; with `writes`, in a transaction to commit. False when it does not.

        One round trip asks for an answer, and with `reset` makes the server forget a session that has written.
        """
        try:
            if self.session_changed and reset and self._cmysql is not None:
                alive = self._cmysql.reset_connection()  # False when the connection is dead
            else:
                alive = self.is_connected()
        except STORE_ERRORS:
            alive = False
        if alive:
            self.let_write(writes)
        return bool(alive)

    def let_write(self, writes: bool) -> None:
        """Say whether the session that begins writes."""
        if writes:
            self.set_up = WRITES
        elif self.session_changed:
            self.set_up = READS
        self.session_changed = writes


class Cursor(CMySQLCursorBufferedDict):
    """A cursor that begins no statement which might end after the deadline of its request."""

    _connection: Connection

    def execute(self, operation: Any, params: Any = (), map_results: bool = False) -> None:
        """Run one statement, the session's first with what sets it up. Raises Unavailable, a driver error."""
        check_deadline()
        set_up, self._connection.set_up = self._connection.set_up, ""
        if not set_up:
            super().execute(operation, params, map_results)
            return
        super().execute(f"{set_up}; {operation}", params, map_results)
        for _ in range(STATEMENTS):
            self.nextset()

    def execute_all(self, *statements: Statement) -> list[list[dict[str, Any]]]:
        """Run statements in one round trip and give the rows of each; none is run after one that fails.

        Raises Unavailable past the deadline, a driver error.
        """
        self.execute("; ".join(sql for sql, _ in statements), [value for _, values in statements for value in values])
        rows = [self.fetchall()]
        while self.nextset():
            rows.append(self.fetchall())
        return rows

    def nextset(self) -> bool | None:
        """Go on to the result of the next statement. Raises a driver error, past the deadline too: what is yet to come
        must not stay on the connection.
        """
        if is_too_late():
            raise driver_errors.OperationalError("the request took too long")
        try:
            return super().nextset()
        except MySQLInterfaceError as error:
            raise driver_errors.get_mysql_exception(error.errno, error.msg, error.sqlstate) from error


def connection_arguments() -> dict[str, Any]:
    """Give what a connection to MariaDB is made with."""
    chosen = settings()
    return {
        "host": chosen.db_host,
        "port": chosen.db_port,
        "user": chosen.db_user,
        "password": chosen.db_password.get_secret_value(),
        "database": chosen.db_name,
        "charset": "utf8mb4",
        "collation": "utf8mb4_bin",
        "autocommit": True,
        "connection_timeout": TIMEOUT_S,
        "read_timeout": TIMEOUT_S,
        "write_timeout": TIMEOUT_S,
        "client_flags": [ClientFlag.FOUND_ROWS],  # an UPDATE that changes nothing still finds its row
        **_encryption_arguments(chosen.db_tls),
    }


def _encryption_arguments(tls: str) -> dict[str, Any]:
    if tls == "off":
        return {"ssl_disabled": True}
    if tls == "on":
        return {"must_encrypt": True}
    return {"must_encrypt": True, "ssl_ca": tls, "ssl_verify_cert": True, "ssl_verify_identity": True}
