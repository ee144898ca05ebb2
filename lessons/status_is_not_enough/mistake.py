"""A load test by status: an answer of 200 is a success, whatever it says."""

import random

from locust import FastHttpUser, constant, task


class Reader(FastHttpUser):
    """Reads one book after the other."""

    wait_time = constant(0.02)

    @task
    def read_a_book(self) -> None:
        number = random.randint(1, 1000)
        self.client.get(f"/books/{number}", name="read a book")
