"""The OpenAPI documents: valid, and what Swagger UI offers to send works as offered."""

import json
import os
from pathlib import Path

import pytest
import requests
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.support.clients import Client, Json
from tests.support.documented import JSON, Operation, read_operations
from tests.support.front import run_front
from tests.support.npm import NotToBeHadError
from tests.support.redocly import VERSION, find_redocly, lint
from tests.support.stacks import Stack, connect_to_mariadb

LONG = os.environ.get("LONG_CHECKS") == "1"


@pytest.fixture(params=["AUTH_URL", "BOOKS_URL"])
def operations(stack: Stack, request: pytest.FixtureRequest) -> list[Operation]:
    """The operations of a service."""
    return list(read_operations(stack[request.param]))


@pytest.fixture
def example_user(stack: Stack) -> Json:
    """The example of a registration, whose name nobody has."""
    (body,) = [each.body() for each in read_operations(stack["AUTH_URL"]) if each.path == "/register"]
    with connect_to_mariadb(stack) as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM users WHERE username = %s", (body["username"],))
    return dict(body)


def check_answer(operation: Operation, answer: requests.Response) -> None:
    """Assert that an answer is the success that the document promises, with the fields of its example."""
    assert answer.status_code == operation.success, (operation.method, operation.path, answer.text)
    content = operation.described["responses"][str(operation.success)].get("content")
    if content is None:
        assert answer.content == b""
    else:
        assert answer.json().keys() == operation.example_of(content[JSON]).keys()


def test_the_examples_of_the_auth_service_work_as_offered(stack: Stack, example_user: Json) -> None:
    names = {name: example_user[name] for name in ("username", "password")}
    for operation in read_operations(stack["AUTH_URL"]):
        bare = operation.send()
        if not operation.tokens:
            check_answer(operation, bare)
            continue
        assert bare.status_code == 401, operation.path
        for name in operation.tokens:  # each in a session of its own, which some operations end
            pair = requests.post(f"{stack['AUTH_URL']}/login", json=names, timeout=10).json()
            check_answer(operation, operation.send(pair[name]))


def test_the_examples_of_the_books_service_work_as_offered(stack: Stack, pair: Json) -> None:
    sent = list(read_operations(stack["BOOKS_URL"]))
    (added,) = [each.body() for each in sent if each.method == "post"]
    (changed,) = [each.examples("path")["isbn"] for each in sent if each.method == "patch"]
    with Client(stack["BOOKS_URL"], pair["access_token"]) as books:
        books.delete(f"/api/books/{added['isbn']}")
        before = books.get(f"/api/books/{changed}").json()
        try:
            for operation in sent:
                assert operation.tokens == ["access_token"]
                assert operation.send().status_code == 401
                check_answer(operation, operation.send(pair["access_token"]))
        finally:
            books.patch(f"/api/books/{changed}", json={name: before[name] for name in ("price", "stock")})


def test_the_examples_of_queries_are_what_the_first_catalogue_answers(stack: Stack, pair: Json) -> None:
    for operation in read_operations(stack["BOOKS_URL"]):
        if operation.method == "get":
            answer = operation.send(pair["access_token"]).json()
            example = operation.example_of(operation.described["responses"]["200"]["content"][JSON])
            for shown in (example, answer):
                for book in shown.get("items", [shown]):
                    book.pop("version")  # another test may have changed the book and changed it back
            assert answer == example


def test_a_document_is_valid(operations: list[Operation]) -> None:
    document = operations[0].document
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []
    del document["info"]["version"]
    assert len(list(OpenAPIV31SpecValidator(document).iter_errors())) == 1  # it looks


def test_every_example_fits_its_schema_and_no_json_is_without_an_example(operations: list[Operation]) -> None:
    for operation in operations:
        answers = [answer.get("content", {}) for answer in operation.described["responses"].values()]
        for content in [operation.described.get("requestBody", {}).get("content", {}), *answers]:
            for media in content.values():
                schema = media["schema"] | {"components": operation.document["components"]}
                OAS31Validator(schema).validate(operation.example_of(media))
        for parameter in operation.described.get("parameters", []):
            if "example" in parameter:
                OAS31Validator(parameter["schema"]).validate(parameter["example"])


def test_the_example_of_an_error_has_the_status_of_the_error(operations: list[Operation]) -> None:
    for operation in operations:
        for status, answer in operation.described["responses"].items():
            for media in answer.get("content", {}).values():
                assert status < "400" or operation.example_of(media)["status"] == int(status)


def test_every_operation_is_in_one_group_that_is_described(operations: list[Operation]) -> None:
    described = {tag["name"]: tag["description"] for tag in operations[0].document["tags"]}
    used = [tag for operation in operations for tag in operation.described["tags"]]
    assert len(used) == len(operations) and set(used) == set(described)
    assert all(described.values())


def test_an_operation_that_needs_no_token_says_so(stack: Stack) -> None:
    open_to_all = [each.path for each in read_operations(stack["AUTH_URL"]) if each.described["security"] == []]
    assert open_to_all == ["/register", "/login"]


def test_what_is_tried_out_behind_the_front_goes_through_the_front(stack: Stack, pair: Json) -> None:
    ports = {name: int(stack[f"{name.upper()}_URL"].rpartition(":")[2]) for name in ("auth", "books")}
    with run_front(ports) as own:
        (one,) = [each for each in read_operations(f"http://127.0.0.1:{own['auth']}") if each.path == "/me"]
        answer = one.send(pair["access_token"])
        assert (answer.status_code, answer.url) == (200, f"http://127.0.0.1:{own['auth']}/me")
        led = requests.get(f"http://127.0.0.1:{own['books']}/", timeout=10)
        assert (led.status_code, led.url) == (200, f"http://127.0.0.1:{own['books']}/docs")


@pytest.fixture(scope="module")
def redocly(request: pytest.FixtureRequest) -> Path:
    """Redocly's program."""
    if not LONG:
        pytest.skip("long form only")
    try:
        return find_redocly(request.config.cache.mkdir(f"redocly-{VERSION}"))
    except NotToBeHadError as problem:
        pytest.skip(str(problem))


def test_redocly_finds_nothing_to_recommend(redocly: Path, operations: list[Operation], tmp_path: Path) -> None:
    (tmp_path / "openapi.json").write_text(json.dumps(operations[0].document))
    assert lint(redocly, tmp_path / "openapi.json") == []
