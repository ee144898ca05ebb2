"""A service with the pool that mysql-connector-python brings."""

import os
from functools import cache

from flask import Flask
from flask.typing import ResponseReturnValue
from mysql.connector.pooling import MySQLConnectionPool

BOOK = "SELECT SLEEP(0.03) AS waited"  # stands for a query that takes MariaDB 30 ms
FIRST = "SELECT title FROM books ORDER BY isbn"

app = Flask(__name__)


@cache
def pool() -> MySQLConnectionPool:
    """The pool of this process. The time-outs are a kindness: it has none of its own, and would wait for ever."""
    return MySQLConnectionPool(
        pool_size=int(os.environ["DB_POOL_SIZE"]), pool_reset_session=True, use_pure=False, ssl_disabled=True,
        host=os.environ["DB_HOST"], port=int(os.environ["DB_PORT"]), user=os.environ["DB_USER"],
        password=os.environ["DB_PASSWORD"], database=os.environ["DB_NAME"], charset="utf8mb4",
        collation="utf8mb4_bin", connection_timeout=1, read_timeout=1, write_timeout=1,
    )  # fmt: skip


@app.get("/book")
def read_book() -> ResponseReturnValue:
    """Answer with a book, read whole."""
    connection = pool().get_connection()
    try:
        cursor = connection.cursor()
        cursor.execute(BOOK)
        return {"rows": len(cursor.fetchall())}
    finally:
        connection.close()


@app.get("/first")
def read_first() -> ResponseReturnValue:
    """Answer with the first book: the other rows of the result stay unread on the connection."""
    connection = pool().get_connection()
    try:
        cursor = connection.cursor()
        cursor.execute(FIRST)
        return {"title": cursor.fetchone()}
    finally:
        connection.close()


@app.errorhandler(Exception)
def say_error(error: Exception) -> ResponseReturnValue:
    """Answer 500 with the words of the error."""
    return {"error": f"{type(error).__name__}: {error}"}, 500
