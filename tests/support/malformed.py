"""Requests that are no proper HTTP, as bytes: what a service must refuse before anything else looks at it."""

import json
import re
import socket
from typing import NamedTuple
from urllib.parse import urlsplit

HOST = b"Host: 127.0.0.1\r\n"
JSON = b"Content-Type: application/json\r\n"
CHUNKED = HOST + JSON + b"Transfer-Encoding: chunked\r\n"
BODY_PATHS = {"auth": b"/login", "books": b"/api/books"}


def get(path: bytes = b"/health", headers: bytes = HOST) -> bytes:
    """Return a GET with these headers."""
    return b"GET " + path + b" HTTP/1.1\r\n" + headers + b"\r\n"


def post(headers: bytes, body: bytes) -> bytes:
    """Return a POST with these headers and that body; `PATH` stands for a path that takes a body."""
    return b"POST PATH HTTP/1.1\r\n" + headers + b"\r\n" + body


REFUSED = {
    "nothing known": b"\x00\x01\x02\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\r\n\r\n",
    "a mark of byte order": b"\xef\xbb\xbf" + get(),
    "no version": b"GET /health\r\n\r\n",
    "HTTP/9.9": b"GET /health HTTP/9.9\r\n" + HOST + b"\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a proxy's line": b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n" + get(),
    "a long method": b"A" * 100 + b" / HTTP/1.1\r\n" + HOST + b"\r\n",
    "a method with a sign": b"G@T / HTTP/1.1\r\n" + HOST + b"\r\n",
    "a long path": get(b"/" + b"a" * 9000),
    "a bracket in the address": get(b"http://[::1/health"),
    "200 headers": get(headers=HOST + b"".join(b"A%d: b\r\n" % number for number in range(200))),
    "a header of 40 KB": get(headers=HOST + b"X: " + b"a" * 40000 + b"\r\n"),
    "a header without a colon": get(headers=HOST + b"abc\r\n"),
    "a space before the colon": get(headers=HOST + b"A : b\r\n"),
    "a folded header": get(headers=HOST + b"A: b\r\n c\r\n"),
    "a NUL in a header": get(headers=HOST + b"A: b\x00c\r\n"),
    "a lone CR in a header": get(headers=HOST + b"A: b\rc\r\n"),
    "two hosts": get(headers=HOST + HOST),
    "an expectation unknown": post(HOST + JSON + b"Expect: tea\r\nContent-Length: 2\r\n", b"{}"),
    "a transfer coding unknown": post(HOST + JSON + b"Transfer-Encoding: x\r\n", b"{}"),
    "chunked twice": post(CHUNKED + b"Transfer-Encoding: chunked\r\n", b"2\r\n{}\r\n0\r\n\r\n"),
    "chunked and a length": post(CHUNKED + b"Content-Length: 3\r\n", b"2\r\n{}\r\n0\r\n\r\n"),
    "two lengths": post(HOST + JSON + b"Content-Length: 2\r\nContent-Length: 2\r\n", b"{}"),
    "a length with a comma": post(HOST + JSON + b"Content-Length: 2, 2\r\n", b"{}"),
    "a length below nothing": post(HOST + JSON + b"Content-Length: -1\r\n", b"{}"),
    "a length with a plus": post(HOST + JSON + b"Content-Length: +2\r\n", b"{}"),
    "a length in Arabic digits": post(HOST + JSON + b"Content-Length: \xd9\xa2\r\n", b"{}"),
    "a length of 4,000 digits": post(HOST + JSON + b"Content-Length: " + b"9" * 4000 + b"\r\n", b"{}"),
    "a length of 5,000 digits": post(HOST + JSON + b"Content-Length: " + b"9" * 5000 + b"\r\n", b"{}"),
    "a chunk's size that is none": post(CHUNKED, b"zz\r\n{}\r\n0\r\n\r\n"),
    "a chunk's size below nothing": post(CHUNKED, b"-2\r\n{}\r\n0\r\n\r\n"),
    "a chunk's size of 5,000 digits": post(CHUNKED, b"f" * 5000 + b"\r\n{}\r\n0\r\n\r\n"),
    "a chunk that goes on": post(CHUNKED, b"2\r\n{}xx0\r\n\r\n"),
    "a chunk that ends early": post(CHUNKED, b"ff\r\n{}"),
    "a trailer without a colon": post(CHUNKED, b"2\r\n{}\r\n0\r\nbad trailer\r\n\r\n"),
}
HARMLESS = {  # odd, and answered by a service as any other request, whatever the status
    "a script's name": get(headers=HOST + b"SCRIPT_NAME: /x\r\nScript-Name: /x\r\n"),
    "a path's name": get(headers=HOST + b"PATH_INFO: /x\r\nPath-Info: /x\r\n"),
    "schemes that differ": get(headers=HOST + b"X-Forwarded-Proto: https\r\nX-Forwarded-Ssl: off\r\n"),
    "a whole address": get(b"http://evil.example/health"),
    "two slashes and a bracket": get(b"//[health"),
    "no host": get(headers=b""),
    "a host that is none": get(b"/nothing", headers=b'Host: a b:99999"><\xff\r\n'),
    "a method unknown": b"FOO /health HTTP/1.1\r\n" + HOST + b"\r\n",
    "a tunnel": b"CONNECT evil.example:443 HTTP/1.1\r\n" + HOST + b"\r\n",
    "an asterisk": b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
    "an upgrade": get(headers=HOST + b"Connection: Upgrade\r\nUpgrade: h2c\r\n"),
    "a body cut short": post(HOST + JSON + b"Content-Length: 20\r\n", b"{}"),
    "an extension of a chunk": post(CHUNKED, b"2;a=b\r\n{}\r\n0\r\n\r\n"),
    "two codings": post(HOST + JSON + b"Transfer-Encoding: gzip, chunked\r\n", b"2\r\n{}\r\n0\r\n\r\n"),
    "a range beyond all": get(b"/openapi.json", HOST + b"Range: bytes=0-" + b"9" * 5000 + b"\r\n"),
    "a token of odd bytes": get(b"/metrics", HOST + b"Authorization: Bearer \xff\xed\xa0\x80\r\n"),
    "a charset unknown": post(HOST + b"Content-Type: application/json; charset=\xff\r\nContent-Length: 2\r\n", b"{}"),
    "a path out of the folder": get(b"/swagger/..%2f..%2f..%2fetc/passwd%00"),
}


class RawAnswer(NamedTuple):
    """An answer as it came; status 0 when the connection was closed without one."""

    status: int
    headers: dict[str, str]
    body: bytes


def send_bytes(url: str, request: bytes, seconds: float = 5) -> RawAnswer:
    """Send bytes and nothing more to the service at `url`; return the first answer that is no mere `100 Continue`."""
    target = urlsplit(url)
    address = str(target.hostname), int(target.port or 80)
    received = b""
    with socket.create_connection(address, timeout=seconds) as connection:
        try:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65536):
                received += piece
        except (ConnectionResetError, BrokenPipeError):
            pass  # the service need not read on what it has refused
    return read_answer(received)


def read_answer(received: bytes) -> RawAnswer:
    """Take the first answer apart."""
    received = received.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    head, _, body = received.partition(b"\r\n\r\n")
    status = re.match(rb"HTTP/1\.[01] ([0-9]{3}) ", head)
    lines = [line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:]]
    headers = {name.strip().lower(): value.strip() for name, _, value in lines}
    return RawAnswer(int(status[1]) if status else 0, headers, body)


def check_is_problem(answer: RawAnswer) -> None:
    """Assert that the answer is a refusal of the 4xx kind as every other one."""
    assert 400 <= answer.status < 500, answer
    assert answer.headers["content-type"] == "application/problem+json", answer
    assert answer.headers["x-content-type-options"] == "nosniff", answer
    problem = json.loads(answer.body[: int(answer.headers["content-length"])])
    assert problem["status"] == answer.status
    assert all(problem[member] for member in ("type", "title", "detail"))
