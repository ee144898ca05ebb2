"""The least that a user of Locust can do: the same routes as often, the status alone looked at.

BOOKS_URL is the service, BARE_TOKEN an access token, BARE_ISBNS the books.
"""

import os
import random
from typing import Any

from locust import FastHttpUser, constant

import benchmarks.generator_turn  # noqa: F401  measures this process

ISBNS = os.environ["BARE_ISBNS"].split(",")
HEADERS = {"Authorization": f"Bearer {os.environ['BARE_TOKEN']}"}


def list_books(user: FastHttpUser) -> None:
    """Get the first page."""
    user.client.get("/api/books", headers=HEADERS)


def one_book(user: FastHttpUser) -> None:
    """Get a book."""
    user.client.get(f"/api/books/{random.choice(ISBNS)}", name="/api/books/{isbn}", headers=HEADERS)  # noqa: S311


class BareReader(FastHttpUser):
    """Gets without a pause."""

    host = os.environ["BOOKS_URL"]
    wait_time = constant(0)
    tasks: Any = {list_books: 120, one_book: 335}  # noqa: RUF012  as Locust has it
