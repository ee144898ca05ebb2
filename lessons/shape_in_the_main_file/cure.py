"""The main locustfile without a shape: a run of it has the users and the seconds that it asks for.

The stages test has a file of its own, which takes Reader from here and adds the shape. Only its runs have the curve.
"""

from locust import FastHttpUser, constant, task


class Reader(FastHttpUser):
    """A user who reads a book twice a second."""

    wait_time = constant(0.5)

    @task
    def read_a_book(self) -> None:
        """Read a book."""
        self.client.get("/book", name="read a book")
