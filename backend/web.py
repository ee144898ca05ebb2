"""Builds a service's Flask app: problem+json errors, token check, request id, health, metrics and documents."""

import json
import logging
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from flask import Request, Response, current_app, g, request
from flask.json.provider import DefaultJSONProvider
from flask_openapi3 import APIBlueprint, Info, OpenAPI
from gunicorn.http.errors import ParseException
from pydantic import ValidationError
from werkzeug.exceptions import BadRequest, HTTPException, RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.http import HTTP_STATUS_CODES

from backend import __version__, metrics
from backend.access_log import log_request
from backend.deadline import start_deadline
from backend.errors import InvalidField, NotAuthenticated, ServiceError, Unavailable
from backend.schemas import Problem
from backend.service_pages import add_service_pages
from backend.sessions import Caller, identify
from backend.usage import start_measuring_worker

log = logging.getLogger(__name__)

LARGEST_BODY = 16 * 1024
MOST_DISCARDED = 2 * 1024 * 1024
REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
PROBLEM_JSON = "application/problem+json"
SECURITY: list[dict[str, list[Any]]] = [{"bearer": []}]
LONGEST_WAIT_S = 1.0  # for a thread: there is more to do than this worker can, and late answers help nobody
NEVER_SHED = ("/health", "/ready", "/metrics")
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")


class StrictJSON(DefaultJSONProvider):
    """JSON as RFC 8259 has it: hostile nesting and NaN are malformed, not errors of ours."""

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
        with readable_body():
            if len(self.get_data()) > LARGEST_BODY:  # of a body sent in chunks no header tells the length
                _refuse_body()
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
def readable_body() -> Iterator[None]:
    """Answer 400 where a body cannot be read: badly chunked, or its client has gone or is too slow."""
    try:
        yield
    except (ParseException, OSError):
        raise BadRequest("The body cannot be read.") from None


class App(OpenAPI):
    """A Flask app that validates and documents itself."""

    request_class = JSONRequest
    json_provider_class = StrictJSON

    def ensure_sync(self, func: Any) -> Any:
        """Give the function itself: no view is asynchronous, and asking each on every request costs time."""
        return func

    def register_api(self, api: APIBlueprint, **options: Any) -> None:
        """Register a blueprint, and document its operations beside those that others have on the same path."""
        before = dict(self.paths)
        super().register_api(api, **options)
        for rule, item in before.items():
            added = self.paths[rule]
            self.paths[rule] = item.model_copy(update={verb: getattr(added, verb) for verb in added.model_fields_set})


def build_app(service: str, title: str) -> App:
    """Build the app of the service `auth` or `books`, with everything but its own routes."""
    app = App(
        service,
        info=Info(title=title, version=__version__),
        security_schemes={"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        validation_error_model=Problem,
        validation_error_callback=_answer_invalid,
        doc_ui=False,
        static_folder=None,
    )
    app.config.update(MAX_CONTENT_LENGTH=LARGEST_BODY + 1, SERVICE=service, BACKGROUND=[start_measuring_worker])
    app.url_map.merge_slashes = False
    app.before_request(_begin)
    app.after_request(_finish)
    app.register_error_handler(HTTPException, _answer_http_error)
    app.register_error_handler(ServiceError, _answer_service_error)
    app.register_error_handler(Exception, _answer_unexpected)
    add_service_pages(app)
    return app


def problems(*statuses: int) -> dict[str | int, Any]:
    """Document error answers of a route, for its `responses`."""
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {
        status: {"description": HTTP_STATUS_CODES[status], "content": {PROBLEM_JSON: schema}} for status in statuses
    }


def bearer_token() -> str:
    """Give the token of the Authorization header. Raises NotAuthenticated unless there is exactly one."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token or "," in token:
        raise NotAuthenticated
    return token.strip()


def check_token() -> None:
    """Let a request pass only with an access token whose session lives; `g.caller` is who sent it."""
    check_signature()
    g.caller.look_up()


def check_signature() -> None:
    """Let a request pass with a well-signed access token whose session its view looks up, in a trip of its own."""
    g.caller = identify(bearer_token())


def refuse_unseen(response: Response) -> Response:
    """Hold back an answer for which no session was seen to live: after check_signature(), whatever the view did."""
    caller: Caller | None = g.get("caller")
    if caller is None or caller.seen or response.status_code in (401, 503):  # refused, or nobody could be asked
        return response
    try:
        caller.look_up()
    except ServiceError as error:
        return _answer_service_error(error)
    return response


def json_answer(body: Any, status: int = 200, **headers: str) -> Response:
    """Answer with JSON; header names are given with underscores."""
    response = Response(current_app.json.dumps(body, separators=(",", ":")), status, mimetype="application/json")
    for name, value in headers.items():
        response.headers[name.replace("_", "-")] = value
    return response


def token_answer(body: Any) -> Response:
    """Answer with something that no cache may keep."""
    return json_answer(body, Cache_Control="no-store")


def _begin() -> None:
    environ = request.environ
    given, waited_s = environ.get("HTTP_X_REQUEST_ID", ""), environ.get("libros.waited_s", 0.0)
    metrics.IN_FLIGHT.inc()
    start_deadline(waited_s)
    environ["libros.started"] = time.perf_counter() - waited_s
    environ["libros.request_id"] = given if REQUEST_ID.fullmatch(given) else os.urandom(16).hex()
    if waited_s > LONGEST_WAIT_S and environ["PATH_INFO"] not in NEVER_SHED:
        raise Unavailable("The service has more requests than it can answer in time.")
    if int(environ.get("CONTENT_LENGTH") or 0) > LARGEST_BODY:
        _refuse_body()  # also where no route reads the body


def _refuse_body() -> NoReturn:
    # Read on for a while: a connection closed over unread bytes is reset, and the client never sees the answer.
    unread = MOST_DISCARDED if (request.content_length or 0) <= MOST_DISCARDED else 0
    with readable_body():
        while unread > 0 and (piece := request.environ["wsgi.input"].read(min(unread, 65536))):
            unread -= len(piece)
    raise RequestEntityTooLarge(f"The body has more than {LARGEST_BODY} bytes.")


def _finish(response: Response) -> Response:
    asked, status = request._get_current_object(), response.status_code  # type: ignore[attr-defined]
    environ, rule = asked.environ, asked.url_rule
    request_id, seconds = environ["libros.request_id"], time.perf_counter() - environ["libros.started"]
    method = environ["REQUEST_METHOD"] if environ["REQUEST_METHOD"] in METHODS else "other"
    response.headers.add("X-Request-ID", request_id)
    response.headers.add("X-Content-Type-Options", "nosniff")
    metrics.IN_FLIGHT.dec()
    metrics.observe_request(method, rule.rule if rule else "none", status, seconds)
    log_request(request_id, method, environ.get("RAW_URI", "").partition("?")[0][:200], status, seconds)
    return response


def answer_problem(status: int, detail: str, headers: Any = None, **members: Any) -> Response:
    """Answer with an error as RFC 9457 has it; `members` are added to the document unless they are empty."""
    document = {"type": "about:blank", "title": HTTP_STATUS_CODES[status], "status": status, "detail": detail}
    document |= {name: value for name, value in members.items() if value}
    response = Response(json.dumps(document), status, headers, mimetype=PROBLEM_JSON)
    response.content_type = PROBLEM_JSON
    return response


def _answer_service_error(error: ServiceError) -> Response:
    return answer_problem(error.status, error.detail, error.headers, errors=error.errors, **error.members)


def _answer_http_error(error: HTTPException) -> Any:
    if error.response is not None:  # flask-openapi3 aborts with the answer of _answer_invalid
        return error.response
    headers = [(name, value) for name, value in error.get_headers() if name in ("Allow", "Retry-After")]
    return answer_problem(error.code or 500, error.description or "", headers)


def _answer_unexpected(error: Exception) -> Response:
    log.error("unexpected error", exc_info=error)
    return answer_problem(500, "The service made an error; it was logged under the request id.")


def _answer_invalid(error: ValidationError) -> Response:
    errors = [
        {
            "field": ".".join(str(part) for part in found["loc"]) or "body",
            "message": found["msg"].removeprefix("Value error, "),
        }
        for found in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    return answer_problem(422, "The request holds fields that are not valid.", errors=errors)
