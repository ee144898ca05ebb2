"""Requests that are refused, one for each reason, and what many of them leave behind in the services."""

from collections.abc import Callable
from functools import partial

import requests

from tests.support.clients import Client, Json, make_credentials, register, sign_in
from tests.support.shelf import make_book
from tests.support.stacks import Stack
from tests.support.vital_signs import Signs, read_settled, read_signs, warm_up
from tests.support.weak_builds import Services

Refusal = Callable[[], requests.Response]


def list_refusals(auth: Client, books: Client) -> list[Refusal]:
    """Return a call for each way in which a request can be refused, with an answer of 4xx."""
    long_password = {**make_credentials(), "password": "é" * 40}
    return [
        partial(auth.post, "/login", json={"username": "a", "email": "b", "password": "x"}),
        partial(auth.post, "/register", json=long_password),
        partial(auth.post, "/login", data="[" * 9000, headers={"Content-Type": "application/json"}),
        partial(auth.post, "/login", data="{}"),
        partial(auth.post, "/login", json={"username": "a", "password": "\ud800"}),
        partial(auth.post, "/login", data="x" * 20_000, headers={"Content-Type": "application/json"}),
        partial(auth.get, "/me", headers={"Authorization": "Bearer a.b.c"}),
        partial(auth.put, "/me"),
        partial(books.get, "/api/books/9780306406158"),
        partial(books.get, "/api/books?limit=0&after=x&author=%00"),
        partial(books.post, "/api/books", json=make_book(title=" ", price="1e9", isbn="x")),
        partial(books.get, "/nothing"),
    ]


def measure_refusals(stack: Stack, services: Services, times: int) -> tuple[Signs, Signs]:
    """Return the signs of the services before and after each refusal was made many times."""
    pair: Json = sign_in(services.auth, register(services.auth))
    warm_up(stack, services, pair)
    with Client(services.auth) as auth, Client(services.books, pair["access_token"]) as books:
        refusals = list_refusals(auth, books)
        for _ in range(20):
            assert {400, 401, 404, 405, 413, 415, 422} == {refuse().status_code for refuse in refusals}
        before = read_signs(stack, services)
        for _ in range(times):
            for refuse in refusals:
                refuse()
    return before, read_settled(stack, services, before, 0.05, seconds=2)
