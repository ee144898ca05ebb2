"""The main locustfile as it was: users for every test, and the shape of the stages test beside them."""

import os

from locust import FastHttpUser, LoadTestShape, constant, task

STAGE_S = float(os.environ["STAGE_S"])


class Reader(FastHttpUser):
    """A user who reads a book twice a second."""

    wait_time = constant(0.5)

    @task
    def read_a_book(self) -> None:
        """Read a book."""
        self.client.get("/book", name="read a book")


class Stages(LoadTestShape):
    """The curve of the stages test: 20 users, then 50, then 20.

    Locust takes a shape that it finds in its file for every run of that file. --users, --spawn-rate and --run-time are
    then ignored, whatever the run was to be.
    """

    levels = (20, 50, 20)

    def tick(self) -> tuple[int, float] | None:
        """Give the users of this moment and how many may be added a second; None ends the load."""
        stage = int(self.get_run_time() / STAGE_S)  # type: ignore[no-untyped-call]
        return (self.levels[stage], 50) if stage < len(self.levels) else None
