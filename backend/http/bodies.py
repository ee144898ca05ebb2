"""Reads the body of a request: JSON of bounded size. Whatever is wrong with it is an error of the client."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from flask import Request, request
from flask.json.provider import DefaultJSONProvider
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType

from backend.errors import InvalidField

LARGEST_BODY = 16 * 1024
MOST_DISCARDED = 2 * 1024 * 1024


class StrictJSON(DefaultJSONProvider):
    """JSON as RFC 8259 has it: hostile nesting and NaN are malformed, and no errors of the service."""

    sort_keys = False
    ensure_ascii = False
    compact = True

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Parse a body. Raises ValueError for anything that is no JSON."""
        try:
            return json.loads(s, parse_constant=self._refuse_constant)
        except RecursionError:
            raise ValueError("nested too deeply") from None

    @staticmethod
    def _refuse_constant(name: str) -> NoReturn:
        raise ValueError(f"{name} is no JSON")


class JSONRequest(Request):
    """A request whose body, where a route takes one, must be a JSON object."""

    def get_json(self, *_args: Any, **_kwargs: Any) -> Any:
        """Give the body. Raises 415 when it is not declared as JSON, 400 when malformed, InvalidField for no object."""
        with _readable_body():
            if len(self.get_data()) > LARGEST_BODY:  # of a body sent in chunks no header tells the length
                refuse_body()
        body = super().get_json()
        if not isinstance(body, dict):
            raise InvalidField("body", "it must be a JSON object")
        return body

    def on_json_loading_failure(self, e: ValueError | None) -> Any:
        """Answer 400, or 415 when the content type is not JSON."""
        if e is None:
            raise UnsupportedMediaType("The body must be declared as application/json.")
        raise BadRequest("The body is not well-formed JSON.")


@contextmanager
def _readable_body() -> Iterator[None]:
    """Answer 400 where a body cannot be read: badly chunked, or its client has gone or is too slow."""
    try:
        yield
    except (ParseException, OSError):
        raise BadRequest("The body cannot be read.") from None


def refuse_body() -> NoReturn:
    """Answer 413."""
    # Read on for a while: a connection closed over unread bytes is reset, and the client never sees the answer.
    unread = MOST_DISCARDED if (request.content_length or 0) <= MOST_DISCARDED else 0
    with _readable_body():
        while unread > 0 and (piece := request.environ["wsgi.input"].read(min(unread, 65536))):
            unread -= len(piece)
    raise RequestEntityTooLarge(f"The body has more than {LARGEST_BODY} bytes.")
