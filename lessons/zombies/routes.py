"""The routes of all services of this lesson: they differ in the pool that lends them a connection."""

import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from flask import Flask
from flask.typing import ResponseReturnValue

Borrow = Callable[[], AbstractContextManager[Any]]
TURNS = 100  # of a round, of which the cost is the mean


def make_app(borrow: Borrow, borrow_to_write: Borrow) -> Flask:
    """An app whose routes borrow their connections so."""
    app = Flask(__name__)

    @app.get("/book")
    def read_book() -> ResponseReturnValue:
        with borrow() as connection:
            ask(connection, "SELECT SLEEP(0.1)")  # so that requests at the same time need a connection each
        return {}

    @app.get("/leave")
    def leave_a_variable() -> ResponseReturnValue:
        with borrow_to_write() as connection:
            ask(connection, "SET @left = 1")
        found = []
        for _ in range(int(os.environ["DB_POOL_SIZE"])):  # each connection once, where they are lent in turn
            with borrow() as connection:
                found += ask(connection, "SELECT @left")
        return {"left": any(value for (value,) in found)}

    @app.get("/cost")
    def measure_cost() -> ResponseReturnValue:
        begin = time.perf_counter()
        for _ in range(TURNS):
            with borrow_to_write() as connection:
                ask(connection, "SELECT 1")
        return {"us": (time.perf_counter() - begin) / TURNS * 1e6}

    @app.errorhandler(Exception)
    def say_error(error: Exception) -> ResponseReturnValue:
        return {"error": f"{type(error).__name__}: {error}"}, 500

    return app


def ask(connection: Any, statement: str) -> list[Any]:
    """The rows of a statement, as tuples."""
    cursor = connection.cursor()
    cursor.execute(statement)
    return list(cursor.fetchall()) if cursor.description else []
