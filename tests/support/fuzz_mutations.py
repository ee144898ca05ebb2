"""Changes a few things of a good request for the fuzz: its JSON, path, headers or method."""

import json
from random import Random

from tests.support.fuzz_damage import damage
from tests.support.fuzz_requests import Header, Request, write_json
from tests.support.hostile_values import HEADERS, ODD, RAW_VALUES, VALUES

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "FOO"]
KINDS = ["application/json", "text/plain", "application/json; charset=utf-16", "", "multipart/form-data; boundary="]


def mutate(random: Random, request: Request) -> Request:
    """Change one to three things of a request."""
    for _ in range(random.randrange(1, 4)):
        if request.body is not None and random.random() < 0.6:
            request = request._replace(body=_mutate_body(random, request.body))
        else:
            request = random.choice([_mutate_path, _mutate_header, _mutate_method])(random, request)
    return request


def _mutate_body(random: Random, body: bytes) -> bytes:
    try:
        parts = [(str(name), json.dumps(value)) for name, value in json.loads(body).items()]
    except (ValueError, AttributeError, RecursionError):  # mutated before
        parts = []
    if not parts or random.random() < 0.1:
        return damage(random, body)
    place = random.randrange(len(parts))
    raw = random.choice(
        [*RAW_VALUES.values(), "null", "true", "[]", "{}", "-1", "1.5", '""', '"x"', json.dumps("é" * 300)]
    )
    parts[place] = (parts[place][0], raw)
    if random.random() < 0.3:
        parts.append(random.choice([parts[0], ("unknown", raw), ("", raw), ("x" * 5000, "1")]))
    if random.random() < 0.2:
        del parts[random.randrange(len(parts))]
    return write_json(parts)


def _mutate_path(random: Random, request: Request) -> Request:
    odd = random.choice([*ODD, "x", "é", "978-1-4028-9462-6", "//", "/../", "?", "?limit=9&limit=x", "%2F"])
    path = request.path
    place = random.randrange(len(path) + 1)
    changed = random.choice([path + odd, path[:place] + odd + path[place:], f"{path}?after={odd}", f"/api/books/{odd}"])
    return request._replace(path="".join(char for char in changed if char not in " \r\n"))


def _mutate_header(random: Random, request: Request) -> Request:
    name = random.choice(
        [*HEADERS, "X-Request-ID", "Authorization", "Host", "Cookie", "X-Forwarded-For", "Expect", "Range"]
    )
    added: Header = (name, random.choice(VALUES))
    if random.random() < 0.3:
        added = ("Content-Type", random.choice(KINDS).encode())
    return request._replace(headers=(*request.headers, added))


def _mutate_method(random: Random, request: Request) -> Request:
    return request._replace(method=random.choice(METHODS))
