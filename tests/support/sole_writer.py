"""The only client that writes to an ISBN, whose ledger therefore knows every state it may be in."""

import requests

from tests.support.clients import Client, Json
from tests.support.derived_books import derive_fields
from tests.support.ledger import Effect, Ledger, State, change, create, delete
from tests.support.shelf import make_isbn
from tests.support.stacks import Stack, connect_to_mariadb


class SoleWriter:
    """Writes to one ISBN, and books each answer, or that there was none."""

    def __init__(self, url: str, token: str, mark: str) -> None:
        """Take a fresh ISBN; `mark` goes into the names of the books."""
        self.client = Client(url, token)
        self.mark = mark
        self.isbn = make_isbn()
        self.path = f"/api/books/{self.isbn}"
        self.ledger = Ledger()

    def create(self, number: int, *, key: str, repeated: bool = False, **headers: str) -> requests.Response | None:
        """Send a POST of the book of that number; give the answer, None without one."""
        body = {"isbn": self.isbn, **derive_fields(number, self.mark)}
        headers = {"Idempotency-Key": key, **headers}
        return self._send("POST", "/api/books", body, create(number, repeated=repeated), headers)

    def change(self, number: int, **headers: str) -> requests.Response | None:
        """Send a PATCH of all fields to those of that number."""
        return self._send("PATCH", self.path, derive_fields(number, self.mark), change(number), headers)

    def delete(self, **headers: str) -> requests.Response | None:
        """Send a DELETE."""
        return self._send("DELETE", self.path, None, delete, headers)

    def read(self, **headers: str) -> requests.Response:
        """Read the book."""
        answer = self.client.get(self.path, headers=headers)
        assert answer.status_code in (200, 404), answer.text
        return answer

    def _send(
        self, method: str, path: str, body: Json | None, effect: Effect, headers: dict[str, str]
    ) -> requests.Response | None:
        try:
            answer = self.client.request(method, path, json=body, headers=headers)
        except requests.RequestException:
            self.ledger.doubt(effect)
            return None
        if answer.status_code == 503:
            self.ledger.doubt(effect)
        elif answer.status_code in (404, 409):
            self.ledger.refuse(effect)
        else:
            assert answer.ok, answer.text
            self.ledger.acknowledge(effect, answer.json()["version"] if answer.content else None)
        return answer


def read_state(stack: Stack, isbn: str) -> State:
    """Return the state of an ISBN in MariaDB."""
    with connect_to_mariadb(stack) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT version, stock FROM books WHERE isbn = %s UNION ALL"
            " SELECT version, NULL FROM deleted_books WHERE isbn = %s AND isbn NOT IN (SELECT isbn FROM books)",
            [isbn, isbn],
        )
        rows = [row for row in cursor.fetchall() if isinstance(row, tuple)]
    if not rows:
        return State(0, None)
    ((version, stock),) = rows
    return State(int(str(version)), None if stock is None else int(str(stock)))
