"""Clients that sign in again when Redis has lost their session with all others."""

import pytest
import requests

from tests.support.clients import Account, Client, Json, sign_in
from tests.support.stacks import Stack


class Visitor:
    """A client that signs in again when its session was lost with all others."""

    def __init__(self, stack: Stack, account: Account) -> None:
        self.stack, self.account = stack, account
        self.client = Client(stack["BOOKS_URL"])
        self.sign_in()

    def sign_in(self) -> None:
        """Open a session."""
        token = sign_in(self.stack["AUTH_URL"], self.account)["access_token"]
        self.client.headers["Authorization"] = f"Bearer {token}"

    def ask(self, method: str, path: str, body: Json | None = None) -> requests.Response:
        """Send a request, and again in a new session if the old one was lost."""
        for _ in range(5):
            answer = self.client.request(method, path, json=body)
            if answer.status_code != 401:
                return answer
            self.sign_in()
        pytest.fail("every new session was lost at once")
