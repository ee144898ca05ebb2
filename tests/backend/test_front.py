"""The front of deploy/nginx.conf: it lets everything through that the services take, and refuses in their form."""

import resource
import selectors
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import requests

from stack.ports import find_free_ports
from tests.support.clients import Client, check_problem, make_credentials, register, send_raw, sign_in
from tests.support.front import run_front
from tests.support.shelf import make_book
from tests.support.stacks import Stack

HOST = b"Host: a\r\nConnection: close\r\n"
LOGIN = b"POST /login HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
REFUSED = {
    "no HTTP": (b"\x16\x03\x01\x02\r\n\r\n", 400),
    "an unknown version": (b"GET /health HTTP/9.9\r\n" + HOST + b"\r\n", 400),
    "no host": (b"GET /health HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
    "an unknown transfer encoding": (LOGIN + b"Transfer-Encoding: x\r\n\r\n", 400),
    "both lengths": (LOGIN + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "two authorizations": (b"GET /me HTTP/1.1\r\n" + HOST + b"Authorization: Bearer a\r\n" * 2 + b"\r\n", 400),
    "a page of the front's own": (b"GET /-/503 HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    "TRACE": (b"TRACE /health HTTP/1.1\r\n" + HOST + b"\r\n", 405),
    "a body that is announced too long": (LOGIN + b"Content-Length: 16385\r\n\r\n", 413),
    "a body that gets too long": (LOGIN + b"Transfer-Encoding: chunked\r\n\r\n4001\r\n" + b"a" * 16385, 413),
    "an address of 50 KB": (b"GET /" + b"a" * 50_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
    "a header of 50 KB": (b"GET /health HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 50_000 + b"\r\n\r\n", 431),
}


@pytest.fixture(scope="module")
def front(stack: Stack) -> Iterator[dict[str, str]]:
    """The addresses of both services behind a front."""
    ports = {name: int(stack[f"{name.upper()}_URL"].rpartition(":")[2]) for name in ("auth", "books")}
    with run_front(ports) as own:
        yield {name: f"http://127.0.0.1:{port}" for name, port in own.items()}


def test_the_services_are_used_through_the_front_as_without_it(front: dict[str, str]) -> None:
    token = sign_in(front["auth"], register(front["auth"]))["access_token"]
    with Client(front["books"], token) as books:
        book = make_book()
        added = books.post("/api/books", json=book, headers={"X-Request-ID": "mine-1"})
        assert (added.status_code, added.headers["X-Request-ID"]) == (201, "mine-1")
        path = added.headers["Location"]
        assert books.get(path, headers={"If-None-Match": '"1"'}).status_code == 304
        assert books.patch(path, json={"stock": 7}, headers={"If-Match": '"3"'}).status_code == 412
        assert books.delete(path).status_code == 204
        longest = b'{"isbn": "' + b"1" * (16384 - 12) + b'"}'
        check_problem(books.post("/api/books", data=longest, headers={"Content-Type": "application/json"}), 422)
        assert books.get("/swagger/js/swagger-ui-bundle.js").headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(("request_", "status"), REFUSED.values(), ids=REFUSED.keys())
def test_what_the_front_refuses_itself_has_the_form_of_the_services(
    front: dict[str, str], request_: bytes, status: int
) -> None:
    found, headers, body = send_raw(front["auth"], request_)
    answer = requests.Response()
    answer.status_code, answer._content = found, body
    answer.headers.update(headers)
    check_problem(answer, status)
    assert ("allow" in headers) is (status == 405)


@pytest.mark.parametrize("path", ["/metrics", "//metrics", "/%6detrics", "/docs/../metrics", "/metrics?a=b"])
def test_the_front_lets_nobody_see_the_metrics(stack: Stack, front: dict[str, str], path: str) -> None:
    bearer = f"Authorization: Bearer {stack['METRICS_TOKEN']}\r\n".encode()
    asked = b"GET %s HTTP/1.1\r\n" % path.encode() + HOST + bearer + b"\r\n"
    assert send_raw(front["auth"], asked)[0] == 404
    assert path != "/metrics" or send_raw(stack["AUTH_URL"], asked)[0] == 200


def test_a_service_that_is_not_there_is_503_at_once_in_the_form_of_the_services() -> None:
    auth, books = find_free_ports(2)
    with run_front({"auth": auth, "books": books}) as own:
        for port in own.values():
            check_problem(requests.get(f"http://127.0.0.1:{port}/health", timeout=2), 503)
        login = {name: value for name, value in make_credentials().items() if name != "email"}
        check_problem(requests.post(f"http://127.0.0.1:{own['auth']}/login", json=login, timeout=2), 503)


@pytest.mark.parametrize("length", [8_000, 30_000])
def test_a_long_token_is_refused_by_the_service_and_not_by_the_front(front: dict[str, str], length: int) -> None:
    with Client(front["auth"], "a" * length) as client:
        check_problem(client.get("/me"), 401)


def test_a_thousand_connections_of_one_address_are_all_served(front: dict[str, str]) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, most), most))
    port = int(front["auth"].rpartition(":")[2])
    with ExitStack() as opened, selectors.DefaultSelector() as answered:
        for _ in range(1000):
            connection = opened.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
            answered.register(connection, selectors.EVENT_READ)
        for each in list(answered.get_map().values()):
            assert isinstance(each.fileobj, socket.socket)
            each.fileobj.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
        for each in list(answered.get_map().values()):
            assert isinstance(each.fileobj, socket.socket)
            assert each.fileobj.recv(4096).startswith((b"HTTP/1.1 200", b"HTTP/1.1 503"))
