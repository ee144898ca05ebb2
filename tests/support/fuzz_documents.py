"""Requests for the fuzz that schemathesis makes from the services' OpenAPI documents: valid ones and broken ones."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.core.result import Ok

from tests.support.fuzz_requests import ACCESS, REFRESH, Request

CHOICES = settings(
    database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck),
    verbosity=Verbosity.quiet,
)  # fmt: skip


def list_operations(service: str, url: str) -> list[tuple[str, Any]]:
    """Return (service, operation) for each operation in the OpenAPI document of the service at `url`."""
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    return [(service, each.ok()) for each in schema.get_all_operations() if isinstance(each, Ok)]


def make_from_document(service: str, operation: Any, number: int, count: int) -> Iterator[Request]:
    """Yield `count` requests of an operation for the seed `number`, half of them valid, each other one with a token."""
    made: list[Request | None] = []
    for mode in GenerationMode:

        @seed(number)
        @settings(CHOICES, max_examples=count // 2)
        @given(operation.as_strategy(generation_mode=mode))
        def keep(case: Any) -> None:
            made.append(convert(service, case.as_transport_kwargs(base_url="http://127.0.0.1")))

        keep()
    for place, request in enumerate(made):
        if request is not None:
            yield sign(request) if place % 2 else request


def convert(service: str, arguments: dict[str, Any]) -> Request | None:
    """Return a request as the client library would send it; None for what that library does not send."""
    try:
        prepared = requests.Request(**arguments).prepare()
    except (ValueError, UnicodeError, requests.RequestException):
        return None
    path = urlsplit(str(prepared.url))
    body = prepared.body.encode() if isinstance(prepared.body, str) else prepared.body
    headers = [(name, encode_header(value)) for name, value in prepared.headers.items() if name != "Content-Length"]
    return Request(
        service, str(prepared.method), path.path + ("?" + path.query if path.query else ""), tuple(headers), body
    )


def encode_header(value: str | bytes) -> bytes:
    """Return the bytes of a header."""
    return value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")


def sign(request: Request) -> Request:
    """Add a good token to a request; to one that ends its session that of another."""
    token = REFRESH if "logout" in request.path or "refresh" in request.path else ACCESS
    others = [header for header in request.headers if header[0] != "Authorization"]
    return request._replace(headers=(*others, ("Authorization", b"Bearer " + token)))
