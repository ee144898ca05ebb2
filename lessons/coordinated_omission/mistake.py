"""A closed load: ten users, each of whom asks again as soon as the answer is there, and waits as long as it takes.

While the service stands still, nobody asks. So a stop of seconds counts as ten slow answers among thousands.
"""

import random

from locust import FastHttpUser, constant, task


class Reader(FastHttpUser):
    """Reads one book after the other without a pause."""

    wait_time = constant(0)

    @task
    def read_a_book(self) -> None:
        self.client.get(f"/books/{random.randint(1, 1000)}", name="read a book")
