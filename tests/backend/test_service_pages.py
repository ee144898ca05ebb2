"""The pages that every service has: health, ready, metrics, its OpenAPI document and its Swagger UI."""

import re
from collections.abc import Iterator
from functools import partial
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from backend import __version__
from tests.support.clients import Client, check_problem
from tests.support.read_models import wait_until
from tests.support.stacks import Stack

SERVICES = [("auth", "AUTH_URL"), ("books", "BOOKS_URL")]
PAGES = {("/health", "get"), ("/ready", "get"), ("/metrics", "get"), ("/openapi.json", "get"), ("/docs", "get")}
ROUTES = {
    "auth": {
        ("/register", "post"),
        ("/login", "post"),
        ("/refresh", "post"),
        ("/logout", "post"),
        ("/logout/all", "post"),
        ("/me", "get"),
        ("/token/status", "get"),
    },
    "books": {
        ("/api/books", "get"),
        ("/api/books", "post"),
        ("/api/books/{isbn}", "get"),
        ("/api/books/{isbn}", "patch"),
        ("/api/books/{isbn}", "delete"),
    },
}


@pytest.fixture(params=SERVICES, ids=["auth", "books"])
def service(stack: Stack, request: pytest.FixtureRequest) -> Iterator[tuple[str, Client]]:
    """The name of a service and a client of it without a token."""
    name, key = request.param
    with Client(stack[key]) as client:
        yield name, client


def read_metrics(client: Client, stack: Stack) -> dict[tuple[str, str], float]:
    """Return every sample of /metrics by its name and labels."""
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {stack['METRICS_TOKEN']}"})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    families = text_string_to_metric_families(answer.text)
    return {
        (sample.name, str(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_health_names_the_service_and_its_version(service: tuple[str, Client]) -> None:
    name, client = service
    answer = client.get("/health")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "service": name, "version": __version__}


def test_ready_names_both_stores_and_the_books_service_its_read_model(
    service: tuple[str, Client], books_urls: dict[str, str]
) -> None:
    name, client = service
    expected = {"database": "ok", "redis": "ok"} | ({"read_model": "ok"} if name == "books" else {})

    def is_told(url: str) -> bool:
        answer = requests.get(f"{url}/ready", timeout=10)
        assert answer.status_code == 200
        return bool(answer.json() == expected)

    for url in [client.url] if name == "auth" else [client.url, books_urls["sql"]]:
        wait_until(partial(is_told, url), 30, "the read model of the stack stands")


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer wrong", "Basic YTpi", "Bearer é"])
def test_metrics_ask_for_their_token(service: tuple[str, Client], stack: Stack, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header.encode()}
    check_problem(service[1].get("/metrics", headers=headers), 401)
    longer = {"Authorization": f"Bearer {stack['METRICS_TOKEN']}x"}
    check_problem(service[1].get("/metrics", headers=longer), 401)


def test_an_access_token_does_not_open_the_metrics(service: tuple[str, Client], pair: dict[str, Any]) -> None:
    check_problem(service[1].get("/metrics", headers={"Authorization": f"Bearer {pair['access_token']}"}), 401)


def test_service_info_has_its_labels(service: tuple[str, Client], stack: Stack) -> None:
    client = service[1]
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {stack['METRICS_TOKEN']}"})
    samples = [each for family in text_string_to_metric_families(answer.text) for each in family.samples]
    (labels,) = [each.labels for each in samples if each.name == "service_info"]
    assert set(labels) >= {"version", "bcrypt_rounds", "driver", "pool_size", "read_model", "workers"}
    assert labels["version"] == client.get("/health").json()["version"]
    assert all(labels[name].isdigit() for name in ("bcrypt_rounds", "pool_size", "workers"))
    assert int(labels["workers"]) >= 1
    assert int(labels["threads"]) == 16
    assert labels["read_model"] in ("redis", "sql")
    assert (labels["db_tls"], labels["redis_tls"]) == ("off", "off")
    assert "C extension" in labels["driver"]  # else the driver fell back to its slow form without a word


def test_counters_count_the_requests_of_all_workers(service: tuple[str, Client], stack: Stack) -> None:
    name, client = service
    path = "/me" if name == "auth" else "/api/books"
    before = read_metrics(client, stack)
    for _ in range(40):
        assert requests.get(client.url + path, timeout=10).status_code == 401
    for _ in range(8):
        with Client(client.url) as anyone:
            after = read_metrics(anyone, stack)
        risen = {key: after[key] - before.get(key, 0) for key in after if re.search("_(total|count)$", key[0])}
        assert [key for key in risen if risen[key] == 40 and key[0].endswith(("_total", "_count"))], risen


def find_objects(part: Any) -> Iterator[dict[str, Any]]:
    """Yield every object in a JSON document."""
    if isinstance(part, dict):
        yield part
    for value in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from find_objects(value)


def test_the_openapi_document_is_3_1_and_whole(service: tuple[str, Client]) -> None:
    document = service[1].get("/openapi.json").json()
    assert re.fullmatch(r"3\.1\.\d+", document["openapi"])
    assert document["info"]["title"] and document["info"]["version"] == __version__
    for schema in find_objects(document):
        if schema.get("type") == "string" and "default" in schema:
            assert isinstance(schema["default"], str), schema
            assert len(schema["default"]) >= schema.get("minLength", 0), schema
    for reference in [each["$ref"] for each in find_objects(document) if isinstance(each.get("$ref"), str)]:
        part = document
        for step in reference.removeprefix("#/").split("/"):
            part = part[step.replace("~1", "/").replace("~0", "~")]


def test_the_openapi_document_has_every_route_and_no_other(service: tuple[str, Client]) -> None:
    name, client = service
    paths = client.get("/openapi.json").json()["paths"]
    methods = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
    routes = {(path, method) for path in paths for method in paths[path] if method in methods}
    assert ROUTES[name] <= routes <= ROUTES[name] | PAGES


def test_every_operation_describes_its_success_and_its_errors(service: tuple[str, Client]) -> None:
    name, client = service
    paths = client.get("/openapi.json").json()["paths"]
    for path, method in ROUTES[name]:
        operation = paths[path][method]
        assert all(answer["description"] for answer in operation["responses"].values())
        assert any(status.startswith("2") for status in operation["responses"])
        named = {each["name"] for each in operation.get("parameters", []) if each["in"] == "path"}
        assert named == set(re.findall(r"{(\w+)}", path))
        assert ("requestBody" in operation) == (
            path in ("/register", "/login") or path + method in ("/api/bookspost", "/api/books/{isbn}patch")
        )


def read_page(client: Client) -> requests.Response:
    """Return the HTML page of the Swagger UI."""
    page = client.get("/docs")
    assert page.status_code == 200
    assert page.headers["Content-Type"].startswith("text/html")
    return page


def test_the_docs_and_all_their_parts_come_from_the_service_itself(service: tuple[str, Client]) -> None:
    client = service[1]
    page = read_page(client)
    parts = re.findall(r"""<(?:script|link|img)[^>]*?(?:src|href)\s*=\s*["']?([^"'\s>]+)""", page.text)
    assert any(part.partition("?")[0].endswith(".js") for part in parts)
    assert any(part.partition("?")[0].endswith(".css") for part in parts)
    for part in parts:
        if part.startswith("data:"):
            continue
        address = urljoin(page.url, part)
        assert urlsplit(address).netloc == urlsplit(client.url).netloc, part
        answer = requests.get(address, timeout=10)
        assert answer.status_code == 200, address
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Type"].partition(";")[0] != "text/html", address


def test_the_docs_name_no_outside_host_and_no_validator(service: tuple[str, Client]) -> None:
    page = read_page(service[1])
    own = urlsplit(service[1].url).netloc
    hosts = {urlsplit(url).netloc for url in re.findall(r"""https?://[^"'\s<>)]+""", page.text)}
    assert hosts - {own, "www.w3.org"} == set()
    assert re.search(r"""["']?validatorUrl["']?\s*[:=]\s*(null|""|''|"none"|'none')""", page.text)
    assert "openapi.json" in page.text


def test_the_bare_address_leads_to_the_docs(service: tuple[str, Client], stack: Stack) -> None:
    client = service[1]
    answer = client.get("/")
    assert (answer.status_code, answer.url) == (200, f"{client.url}/docs")
    (led,) = answer.history
    assert (led.status_code, led.headers["Location"], led.content) == (302, "/docs", b"")
    assert led.headers["X-Request-ID"] and led.headers["X-Content-Type-Options"] == "nosniff"
    head = client.request("HEAD", "/", allow_redirects=False)
    assert (head.status_code, head.headers["Location"]) == (302, "/docs")
    samples = read_metrics(client, stack)
    counted = {method: str([("method", method), ("route", "/"), ("status", "302")]) for method in ("GET", "HEAD")}
    assert all(samples["http_request_duration_seconds_count", labels] >= 1 for labels in counted.values())
