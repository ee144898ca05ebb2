"""Requests for the fuzz, and good ones of every kind to begin with."""

import json
from collections.abc import Sequence
from random import Random
from typing import Any, NamedTuple
from urllib.parse import quote

from tests.support.fuzz_damage import damage
from tests.support.hostile_values import HEADERS
from tests.support.shelf import compute_check_13

ACCESS, REFRESH, NAME, PASSWORD = b"{access}", b"{refresh}", b"{name}", b"{password}"  # filled in when it is sent
ISBNS = [f"97981234567{number:01d}" for number in range(10)]
BOOKS = [digits + compute_check_13(digits) for digits in ISBNS]  # few, so that requests meet on them
Header = tuple[str, bytes]
CHUNKED: Header = ("Transfer-Encoding", b"chunked")


class Request(NamedTuple):
    """One request; `seed` says how its bytes are to be damaged once names and tokens stand in them, if at all."""

    service: str
    method: str
    path: str
    headers: tuple[Header, ...]
    body: bytes | None
    seed: int | None = None

    def encode(self, values: dict[bytes, bytes]) -> bytes:
        """Return the bytes to send, with these values for the placeholders."""
        lines = [f"{self.method} {self.path} HTTP/1.1".encode(), b"Host: 127.0.0.1"]
        lines += [name.encode() + b": " + value for name, value in self.headers]
        body = fill(self.body or b"", values)
        if CHUNKED in self.headers:
            body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (body[:9], body[9:]) if piece)
            body += b"0\r\n\r\n"
        elif self.body is not None:
            lines.append(f"Content-Length: {len(body)}".encode())
        data = fill(b"\r\n".join(lines) + b"\r\n\r\n", values) + body
        return data if self.seed is None else damage(Random(self.seed), data)


def fill(data: bytes, values: dict[bytes, bytes]) -> bytes:
    """Put the values in the place of their placeholders."""
    for placeholder, value in values.items():
        data = data.replace(placeholder, value)
    return data


def make_good(random: Random) -> Request:
    """Return a request that is good but perhaps for its token."""
    token = random.choice([ACCESS] * 7 + [REFRESH, b"x", b""])
    headers: list[Header] = [("Authorization", b"Bearer " + token)] if token else []
    service, method, path, fields = random.choice([_make_auth, _make_query, _make_command])(random)
    if "logout" in path or "refresh" in path:
        headers = [("Authorization", b"Bearer " + REFRESH)]
    if random.random() < 0.2:
        headers.append(
            (random.choice(HEADERS), random.choice([b'"1"', b"*", b"no-cache", b"key-%d" % random.randrange(9)]))
        )
    body = None if fields is None else write_json([(name, json.dumps(value)) for name, value in fields.items()])
    if body is not None:
        headers.append(("Content-Type", b"application/json"))
    if body is not None and random.random() < 0.2:
        headers.append(CHUNKED)
    return Request(service, method, path, tuple(headers), body)


Parts = tuple[str, str, str, dict[str, Any] | None]


def _make_auth(random: Random) -> Parts:
    name = f"fuzz{random.randrange(10**9)}"
    calls: list[Parts] = [
        ("auth", "POST", "/register", {"username": name, "email": f"{name}@example.com", "password": "good enough"}),
        ("auth", "POST", "/login", {"username": NAME.decode(), "password": PASSWORD.decode()}),
        ("auth", "POST", "/login", {"email": f"{name}@example.com", "password": "wrong"}),
        ("auth", "POST", random.choice(["/refresh", "/logout"]), None),
        ("auth", "GET", random.choice(["/me", "/token/status"]), None),
        (random.choice(["auth", "books"]), "GET", random.choice(["/health", "/ready", "/metrics", "/docs", "/"]), None),
    ]
    return random.choice(calls)


def _make_query(random: Random) -> Parts:
    if random.random() < 0.4:
        return "books", "GET", f"/api/books/{random.choice(BOOKS)}", None
    names = random.sample(["limit", "after", "author", "genre", "format"], random.randrange(4))
    values = ["1", "100", "0", "Fiction", "Hardcover", "Ana Prueba", "OTc4MDMwNzQ3NDcyOGEgYm9vaw", "é"]
    query = "&".join(f"{name}={quote(random.choice(values))}" for name in names)
    return "books", "GET", "/api/books" + ("?" + query if query else ""), None


def _make_command(random: Random) -> Parts:
    book = {
        "isbn": random.choice(BOOKS), "title": f"Fuzz {random.randrange(100)}", "authors": ["Ana Prueba", "É"],
        "genre": "Fiction", "format": "Hardcover", "year": 1999, "price": "12.50", "stock": random.randrange(9),
    }  # fmt: skip
    path = f"/api/books/{random.choice(BOOKS)}"
    some = random.sample(sorted(set(book) - {"isbn"}), random.randrange(1, 4))
    return random.choice(
        [
            ("books", "POST", "/api/books", book),
            ("books", "PATCH", path, {name: book[name] for name in some}),
            ("books", "DELETE", path, None),
        ]
    )


def write_json(parts: Sequence[tuple[str, str]]) -> bytes:
    """Write an object from names and the JSON text of their values; a name may be there twice."""
    text = ", ".join(f"{json.dumps(name)}: {raw}" for name, raw in parts)
    return ("{" + text + "}").encode()
