"""Plain reads on one kept-alive connection, as a client sends them, and the same with a header that the fast path does
not take, so that a thread and its route answer.
"""

import random
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote, quote_plus, urlsplit

import requests

from tests.support.stacks import Stack

LEFT_TO_ROUTES = "Accept: text/html\r\naccept: */*\r\n"  # a header that comes twice
CHANGES = re.compile(rb"(X-Request-ID|Date): [^\r]*")  # from answer to answer
TAKEN = re.compile(r"^http_requests_on_fast_path_total (\S+)", re.MULTILINE)


class Reader:
    """One connection, and the token that goes with each request."""

    def __init__(self, connection: socket.socket, token: str) -> None:
        """Take a connection that is open."""
        self.connection, self._token = connection, token
        self._rest = b""

    def write(self, target: str, headers: str = "") -> bytes:
        """Give the bytes of a read; `headers` are lines."""
        lines = f"Host: localhost\r\nAuthorization: Bearer {self._token}\r\n{headers}"
        return f"GET {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1")

    def ask(self, target: str, headers: str = "") -> bytes:
        """Send a read and give its answer, without what changes from one answer to the next."""
        self.connection.sendall(self.write(target, headers))
        return self.receive()

    def receive(self) -> bytes:
        """Give the next answer, as ask() does."""
        received = self._rest
        while b"\r\n\r\n" not in received:
            received += self._receive_some()
        head, _, body = received.partition(b"\r\n\r\n")
        length = re.search(rb"\r\nContent-Length: ([0-9]+)", head)
        size = int(length[1]) if length else 0
        while len(body) < size:
            body += self._receive_some()
        self._rest = body[size:]
        return CHANGES.sub(rb"\1", head) + b"\r\n\r\n" + body[:size]

    def _receive_some(self) -> bytes:
        some = self.connection.recv(65536)
        assert some, "the connection was closed"
        return some


@contextmanager
def open_reader(url: str, token: str) -> Iterator[Reader]:
    """Open a connection that a thread has served once, as the fast path asks of each."""
    with socket.create_connection((urlsplit(url).hostname, urlsplit(url).port), timeout=10) as connection:
        reader = Reader(connection, token)
        reader.ask("/health")
        yield reader


def count_fast(url: str, stack: Stack) -> int:
    """Give how many reads a service has answered on its fast path."""
    headers = {"Authorization": f"Bearer {stack['METRICS_TOKEN']}"}
    found = TAKEN.search(requests.get(f"{url}/metrics", headers=headers, timeout=10).text)
    return int(float(found[1])) if found else 0


def draw_read(chance: random.Random, books: list[dict[str, str]], cursors: list[str]) -> tuple[str, str]:
    """Draw target and headers of a read of the books service: most are plain and name what there is, some are odd."""
    book = chance.choice(books)
    target = f"/api/books/{_draw_isbn(chance, book)}" if chance.random() < 0.4 else _draw_list(chance, book, cursors)
    return target, chance.choice(HEADERS) if chance.random() < 0.5 else ""


PLAIN = (
    "Accept: */*\r\nAccept-Encoding: gzip, deflate\r\nUser-Agent: a/1.0 (b; c)\r\n",
    "connection: Keep-Alive\r\nCOOKIE: a=b; c=d\r\n",
    "X-Request-ID: my-id.1\r\n",
    "X-Request-ID: evil id\r\n",
    'If-None-Match: "1"\r\n',
    'If-None-Match: W/"1", "2"\r\n',
    "If-None-Match: *\r\n",
    "If-None-Match: 1\r\n",
    "If-None-Match:\r\n",
    "Referer:http://localhost/\r\nX-Forwarded-For: 1.2.3.4\r\n",
)
NOT_PLAIN = (
    "Cache-Control: no-cache\r\n",
    "Cache-Control: max-age=0\r\n",
    "Range: bytes=0-3\r\n",
    "X-Other: a\r\n",
    "Content-Length: 0\r\n",
    'If-None-Match: "1"\r\nif-none-match: "2"\r\n',
    "Accept: \xe9\r\n",
)
HEADERS = (*PLAIN, *PLAIN, *NOT_PLAIN)


def _draw_isbn(chance: random.Random, book: dict[str, str]) -> str:
    isbn = book["isbn"]
    hyphens = f"{isbn[:3]}-{isbn[3:4]}-{isbn[4:9]}-{isbn[9:12]}-{isbn[12:]}"
    odd = ("9780306406157", "0306406152", "978030640615", "123", "", "x" * 30, f"{isbn}%20", f"{isbn}/", f"{isbn}?x=1")
    return chance.choice((isbn, isbn, isbn, isbn, hyphens, *odd))


def _draw_list(chance: random.Random, book: dict[str, str], cursors: list[str]) -> str:
    fields = {
        "limit": ("1", "2", "20", "100", "0", "101", "x", "", " 5", "+5", "5.0", "\u0665"),
        "after": (*cursors, "x", "", f"{cursors[0]}=", f"{cursors[0]}%00"),
        "author": (book["author"], book["author"].upper(), "Nobody", "", " ", "a" * 256, "\x00", "\ud800"),
        "genre": (book["genre"], book["genre"].lower(), "No genre", f"{book['genre']} "),
        "format": (book["format"], book["format"].swapcase(), "~*"),
        "other": ("1", "a&b", "#"),
    }
    chosen = chance.sample(list(fields), chance.choice((0, 1, 1, 1, 2, 2, 3)))
    encode = chance.choice((quote, quote_plus))
    pairs = [f"{name}={encode(chance.choice(fields[name]), errors='surrogatepass')}" for name in chosen]
    odd = ("&", "&limit=3", "&limit=3&limit=4", "&genre=%FF", "&genre=%", "&a;b", "&limit", "#x")
    query = "&".join(pairs) + (chance.choice(odd) if chance.random() < 0.4 else "")
    return f"/api/books?{query}" if query else "/api/books"
