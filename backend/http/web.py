"""Builds a service's Flask app: problem+json errors, token check, request id, health, metrics and documents."""

import json
import logging
import time
from typing import Any

from flask import Response, current_app, g, request
from flask_openapi3 import APIBlueprint, Info, OpenAPI, Server
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException
from werkzeug.http import HTTP_STATUS_CODES

from backend import __version__, metrics
from backend.answer import Answer
from backend.auth.sessions import identify
from backend.auth.tokens import read_bearer
from backend.caller import Caller
from backend.deadline import start_deadline
from backend.errors import ServiceError
from backend.http.bodies import LARGEST_BODY, JSONRequest, StrictJSON, refuse_body
from backend.http.examples import make_problem
from backend.http.fast_path import FastPath, is_unchanged
from backend.http.schemas import Problem
from backend.http.service_pages import add_service_pages
from backend.server.access_log import choose_request_id, note_wsgi_request
from backend.server.shedding import is_late, shed
from backend.server.usage import start_measuring_worker
from backend.stores.live_sessions import look_up

log = logging.getLogger(__name__)

PROBLEM_JSON = "application/problem+json"
Security = list[dict[str, list[Any]]]
ACCESS_TOKEN: Security = [{"access_token": []}]
REFRESH_TOKEN: Security = [{"refresh_token": []}]


class App(OpenAPI):
    """A Flask app that validates and documents itself; `fast_path` is for the worker that serves it."""

    fast_path: FastPath | None = None
    request_class = JSONRequest
    json_provider_class = StrictJSON

    def ensure_sync(self, func: Any) -> Any:
        """Give the function itself: no view is asynchronous, and asking each on every request costs time."""
        return func

    def wsgi_app(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Answer one request, or refuse it at once."""
        return shed(environ, start_response) if is_late(environ) else super().wsgi_app(environ, start_response)

    def register_api(self, api: APIBlueprint, **options: Any) -> None:
        """Register a blueprint, and document its operations beside those that others have on the same path."""
        before = dict(self.paths)
        super().register_api(api, **options)
        for rule, item in before.items():
            added = self.paths[rule]
            self.paths[rule] = item.model_copy(update={verb: getattr(added, verb) for verb in added.model_fields_set})


def build_app(service: str, title: str, *tokens: str) -> App:
    """Build the app of the service `auth` or `books`, with everything but its own routes, which ask for `tokens`."""
    app = App(
        service,
        info=Info(title=title, version=__version__),
        security_schemes={token: _describe_token(token) for token in tokens},
        servers=[Server(url="/", description="The host of this document")],
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


def _describe_token(name: str) -> dict[str, str]:
    given = f"The `{name}` that POST /login of the auth service gave."
    return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": given}


def problems(*statuses: int) -> dict[str | int, Any]:
    """Document error answers of a route, for its `responses`."""
    schema = {"$ref": "#/components/schemas/Problem"}
    documented: dict[str | int, Any] = {}
    for status in statuses:
        title = HTTP_STATUS_CODES[status]
        content = {PROBLEM_JSON: {"schema": schema, "example": make_problem(status, title)}}
        documented[status] = {"description": title, "content": content}
    return documented


def bearer_token() -> str:
    """Give the token of the Authorization header. Raises NotAuthenticated unless there is exactly one."""
    return read_bearer(request.headers.get("Authorization", ""))


def check_token() -> None:
    """Let a request pass only with an access token whose session lives; `g.caller` is who sent it."""
    check_signature()
    look_up(g.caller)


def check_signature() -> None:
    """Let a request pass with a well-signed access token. Its view asks a query, which sees the session of `g.caller`
    in its own trip and gives nothing without it; where the fields are not valid, _answer_invalid() looks it up.
    """
    g.caller = identify(bearer_token())


def json_answer(body: Any, status: int = 200, **headers: str) -> Response:
    """Answer with JSON; header names are given with underscores."""
    response = Response(current_app.json.dumps(body, separators=(",", ":")), status, mimetype="application/json")
    for name, value in headers.items():
        response.headers[name.replace("_", "-")] = value
    return response


def answer_query(answer: Answer) -> Response:
    """Answer a query, with 304 when If-None-Match names its entity tag."""
    unchanged = "If-None-Match" in request.headers and is_unchanged(request.if_none_match, answer)
    response = Response(status=304) if unchanged else Response(answer.json, content_type="application/json")
    response.headers.extend(answer.headers())
    return response


def token_answer(body: Any) -> Response:
    """Answer with something that no cache may keep."""
    return json_answer(body, Cache_Control="no-store")


def _begin() -> None:
    environ = request.environ
    waited_s = environ.get("libros.waited_s", 0.0)
    metrics.IN_FLIGHT.inc()
    start_deadline(waited_s)
    environ["libros.started"] = time.perf_counter() - waited_s
    environ["libros.request_id"] = choose_request_id(environ.get("HTTP_X_REQUEST_ID", ""))
    if int(environ.get("CONTENT_LENGTH") or 0) > LARGEST_BODY:
        refuse_body()  # also where no route reads the body


def _finish(response: Response) -> Response:
    asked = request._get_current_object()  # type: ignore[attr-defined]
    environ, rule = asked.environ, asked.url_rule
    response.headers.add("X-Request-ID", environ["libros.request_id"])
    response.headers.add("X-Content-Type-Options", "nosniff")
    metrics.IN_FLIGHT.dec()
    seconds = time.perf_counter() - environ["libros.started"]
    note_wsgi_request(environ, rule.rule if rule else "none", response.status_code, seconds)
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
    caller: Caller | None = g.get("caller")
    if caller and not caller.seen:
        look_up(caller)  # whose session has ended learns nothing, not even what is wrong
    for found in error.errors(include_url=False, include_input=False):
        if reason := found.get("ctx", {}).get("error"):
            # Else it would never be freed: a cycle over the frames of the request, which Python cannot see.
            reason.__traceback__ = reason.__context__ = None
    errors = [
        {
            "field": ".".join(str(part) for part in found["loc"]) or "body",
            "message": found["msg"].removeprefix("Value error, "),
        }
        for found in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    return answer_problem(422, "The request holds fields that are not valid.", errors=errors)
