"""A load test by content: an answer is a success when it is the book that was asked for."""

import random

from locust import FastHttpUser, constant, task


class Reader(FastHttpUser):
    """Reads one book after the other, and looks at what came."""

    wait_time = constant(0.02)

    @task
    def read_a_book(self) -> None:
        number = random.randint(1, 1000)
        with self.client.get(f"/books/{number}", name="read a book", catch_response=True) as answer:
            if answer.status_code == 200 and answer.json() != {"number": number, "title": f"Book {number}"}:
                answer.failure("200 with another book")
