"""The pages every service has beside its own routes: health, readiness, metrics and its documents."""

import hmac
import ipaddress
from typing import Any

from flask import Response, current_app, jsonify, request
from flask_openapi3 import OpenAPI
from flask_openapi3_swagger.plugins import RegisterPlugin

from backend import __version__, metrics
from backend.config import settings
from backend.errors import NotAuthenticated, Unavailable
from backend.http.readiness import check_stores

# What proxies add to a request, by the beginning of the name.
PROXY_HEADERS = ("HTTP_FORWARDED", "HTTP_VIA", "HTTP_X_FORWARDED", "HTTP_X_REAL_IP", "HTTP_X_CLIENT_IP", "HTTP_CF_")


def add_service_pages(app: OpenAPI) -> None:
    """Add /health, /ready, /metrics, /openapi.json, /docs and what it needs, and / that leads there."""
    app.config["SWAGGER_CONFIG"] = {"validatorUrl": None}  # the badge would ask an outside host
    app.add_url_rule("/health", view_func=show_health)
    app.add_url_rule("/ready", view_func=show_readiness)
    app.add_url_rule("/metrics", view_func=show_metrics)
    app.add_url_rule("/openapi.json", view_func=show_openapi)
    app.register_blueprint(RegisterPlugin.register(doc_url="openapi.json"))
    app.add_url_rule("/docs", view_func=app.view_functions["swagger.swagger"])
    app.add_url_rule("/", view_func=lead_to_docs)


def show_health() -> Response:
    """Say that the process answers; asks nothing of the stores."""
    return jsonify(status="ok", service=current_app.config["SERVICE"], version=__version__)


def show_readiness() -> Response:
    """Say whether both stores answer, and for the books service whether a read model is in use. Without one the service
    is ready all the same, because queries read MariaDB. Raises Unavailable within a second, naming the store that does
    not answer.
    """
    states = check_stores(with_read_model=current_app.config["SERVICE"] == "books")
    if "down" in states.values():
        raise Unavailable("A store does not answer.", members=states)
    return jsonify(states)


def show_metrics() -> Response:
    """Give the metrics of all workers. Raises NotAuthenticated for a caller who may not see them."""
    _check_metrics_access()
    metrics.describe_service(current_app.config["SERVICE"])
    return Response(metrics.metrics_text(), content_type="text/plain; version=0.0.4; charset=utf-8")


def lead_to_docs() -> Response:
    """Lead whoever opens the bare address of the service to its documents."""
    return Response(status=302, headers={"Location": "/docs"})


def show_openapi() -> Response:
    """Give the OpenAPI document."""
    return jsonify(openapi_document())


def openapi_document() -> dict[str, Any]:
    """Give the OpenAPI document without the 422 that flask-openapi3 adds where a route declares none, and with an empty
    `security`, which flask-openapi3 leaves out, where a route needs no token.
    """
    app: Any = current_app
    document: dict[str, Any] = app.api_doc
    for path in document["paths"].values():
        for operation in path.values():
            operation.setdefault("security", [])
            if "application/json" in operation["responses"].get("422", {}).get("content", {}):
                del operation["responses"]["422"]
    return document


def _check_metrics_access() -> None:
    expected = settings().metrics_token
    if expected is None:
        local = ipaddress.ip_address(request.remote_addr or "0.0.0.0").is_loopback  # noqa: S104 - no listening
        if not local or _was_passed_on():
            raise NotAuthenticated("Metrics are for this machine only: METRICS_TOKEN is not set.")
        return
    given = request.headers.get("Authorization", "")
    if not hmac.compare_digest(given.encode(), f"Bearer {expected.get_secret_value()}".encode()):
        raise NotAuthenticated("The metrics need the token of METRICS_TOKEN.")


def _was_passed_on() -> bool:
    # A proxy on this machine asks for others. Without these headers nginx still tells itself by HTTP/1.0, its default.
    environ = request.environ
    return environ["SERVER_PROTOCOL"] == "HTTP/1.0" or any(name.startswith(PROXY_HEADERS) for name in environ)
