"""Reads all books from MariaDB, from which a read model is built."""

import os
from collections.abc import Iterator
from typing import Any

import mysql.connector

BATCH = 20


def walk() -> Iterator[dict[Any, str]]:
    """Give all books, a batch at a time, as {number: title}."""
    with mysql.connector.connect(
        host=os.environ["DB_HOST"], port=int(os.environ["DB_PORT"]), user=os.environ["DB_USER"],
        password=os.environ["DB_PASSWORD"], database=os.environ["DB_NAME"],
        charset="utf8mb4", collation="utf8mb4_bin",
    ) as database:  # fmt: skip
        cursor = database.cursor()
        cursor.execute("SELECT number, title FROM shelf")
        while rows := cursor.fetchmany(BATCH):
            yield {number: str(title) for number, title in rows}
