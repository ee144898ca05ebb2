"""The load: people who read books that are all there."""

import os
import random

from locust import FastHttpUser, constant, task

BOOKS = int(os.environ["BOOKS"])


class Reader(FastHttpUser):
    """Reads one book after the other."""

    wait_time = constant(0.05)

    @task
    def read_a_book(self) -> None:
        self.client.get(f"/books/{random.randint(1, BOOKS)}", name="read a book")
