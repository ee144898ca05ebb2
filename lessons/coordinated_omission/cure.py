"""An open load: people come at random times, whatever the service does, and each waits from the moment of coming.

The times are those of a Poisson process: the gaps between two arrivals are random, their mean is 1 / RATE.
"""

import random
import time

import gevent
from gevent.pool import Group
from locust import FastHttpUser, constant, task

RATE = 100  # arrivals a second


class Door(FastHttpUser):
    """Lets people in; there is one door."""

    wait_time = constant(0)
    concurrency = 1000  # connections: as many as may wait at once

    def on_start(self) -> None:
        self.due = time.time()
        self.people = Group()

    @task
    def let_the_next_in(self) -> None:
        self.due += random.expovariate(RATE)
        gevent.sleep(max(0, self.due - time.time()))
        self.people.spawn(self.read_a_book, self.due)

    def read_a_book(self, due: float) -> None:
        """Read a book, and count the time since `due` (seconds since the epoch), not since the request was sent."""
        with self.client.get(f"/books/{random.randint(1, 1000)}", name="read a book", catch_response=True) as answer:
            answer.request_meta["response_time"] = (time.time() - due) * 1000

    def on_stop(self) -> None:
        self.people.join()  # who still waits at the end of the load would else not be counted
