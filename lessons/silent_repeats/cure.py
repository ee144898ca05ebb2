"""The same load test, whose client sends each request once: a lost answer is a failure, and is counted."""

import itertools

from geventhttpclient import client
from locust import FastHttpUser, constant, task

BOOKS = itertools.count(1)


def never_again(method: str) -> bool:
    """Tell geventhttpclient that a request of this method must not be sent again."""
    return False


client._may_retry_after_send_error = never_again  # Locust's own max_retries has no part in it


class Librarian(FastHttpUser):
    """Reads a book that is on the shelf, then takes it away."""

    wait_time = constant(0.05)

    @task
    def read_and_remove_a_book(self) -> None:
        book = next(BOOKS)
        self.client.get(f"/books/{book}", name="read a book")
        self.client.delete(f"/books/{book}", name="remove a book")
