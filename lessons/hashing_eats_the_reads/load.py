"""The load: people who read, and people who log in."""

import random

from locust import FastHttpUser, constant, task


class Reader(FastHttpUser):
    """Reads a book ten times a second."""

    wait_time = constant(0.1)

    @task
    def read_a_book(self) -> None:
        self.client.get(f"/books/{random.randint(1, 1000)}", name="read a book")


class Visitor(FastHttpUser):
    """Logs in again and again; a refusal with Retry-After is no failure, but is listed by itself."""

    wait_time = constant(0.5)

    @task
    def log_in(self) -> None:
        with self.client.post("/login", json={"password": "secret"}, name="log in", catch_response=True) as answer:
            if answer.status_code == 503 and "Retry-After" in answer.headers:
                answer.request_meta["name"] = "log-in refused"
                answer.success()
