"""A load test with Locust's fast client as it comes: it sends a request again by itself when no answer comes."""

import itertools

from locust import FastHttpUser, constant, task

BOOKS = itertools.count(1)


class Librarian(FastHttpUser):
    """Reads a book that is on the shelf, then takes it away."""

    wait_time = constant(0.05)

    @task
    def read_and_remove_a_book(self) -> None:
        book = next(BOOKS)
        self.client.get(f"/books/{book}", name="read a book")
        self.client.delete(f"/books/{book}", name="remove a book")
