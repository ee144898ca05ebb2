"""A small HTTP front before a service that sheds, loses or falsifies chosen answers, and passes the others on."""

import http.client
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import urlsplit

HOP_BY_HOP = ("connection", "keep-alive", "transfer-encoding", "server", "date")
IN_DOUBT = "The outcome of this write is unknown: the database did not confirm it."


class Asked(NamedTuple):
    """A request as the front sees it; in the path an ISBN is written {isbn}."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float  # seconds of a monotonic clock


class Answer(NamedTuple):
    """A status, the headers that count, and the body."""

    status: int
    headers: dict[str, str]
    body: bytes


Fate = Callable[[Asked, Callable[[], Answer]], Answer | None]  # None: the connection is closed without an answer


def shed(detail: str = "Too many requests.", wait: str = "0") -> Answer:
    """A refusal as the services give it."""
    problem = {"type": "about:blank", "title": "Service Unavailable", "status": 503, "detail": detail}
    headers = {"Content-Type": "application/problem+json", "X-Content-Type-Options": "nosniff", "Retry-After": wait}
    return Answer(503, headers, json.dumps(problem).encode())


class Server(ThreadingHTTPServer):
    """Takes many connections at once."""

    daemon_threads = True
    request_queue_size = 200


class Front:
    """Passes requests on from a port of its own; `fate` decides what becomes of each."""

    def __init__(self, url: str, fate: Fate) -> None:
        """Listen."""
        self.seen: list[Asked] = []
        self._far = urlsplit(url).netloc
        self._fate = fate
        self._turn = threading.Lock()
        self.server = Server(("127.0.0.1", 0), self._make_handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def _make_handler(front: "Front") -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except OSError:
                    self.close_connection = True

            def __getattr__(self, name: str) -> Any:
                if name.startswith("do_"):
                    return lambda: front.handle(self)
                raise AttributeError(name)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        path = re.sub(r"\b97[89]\d{10}\b", "{isbn}", handler.path.partition("?")[0])
        asked = Asked(handler.command, path, dict(handler.headers.items()), body, time.monotonic())
        with self._turn:  # what is done once is done once
            self.seen.append(asked)
        answer = self._fate(asked, lambda: self._pass_on(handler, body))
        if answer is None:
            handler.close_connection = True
            return
        handler.send_response(answer.status)
        identity = {"X-Request-ID": asked.headers.get("X-Request-ID", "none")}
        for name, value in {**answer.headers, **identity}.items():
            handler.send_header(name, value)
        if answer.status not in (204, 304):
            handler.send_header("Content-Length", str(len(answer.body)))
        handler.end_headers()
        if answer.status not in (204, 304):
            handler.wfile.write(answer.body)

    def _pass_on(self, handler: BaseHTTPRequestHandler, body: bytes) -> Answer:
        far = http.client.HTTPConnection(self._far, timeout=20)
        try:
            kept = {name: value for name, value in handler.headers.items() if name.lower() not in HOP_BY_HOP}
            far.request(handler.command, handler.path, body or None, {**kept, "Accept-Encoding": "identity"})
            answer = far.getresponse()
            given = {n: v for n, v in answer.getheaders() if n.lower() not in (*HOP_BY_HOP, "content-length")}
            return Answer(answer.status, given, answer.read())
        finally:
            far.close()


def pass_all(_: Asked, pass_on: Callable[[], Answer]) -> Answer:
    """Pass a request on."""
    return pass_on()


def once(chosen: Callable[[Asked], bool], fate: Fate, others: Fate = pass_all) -> Fate:
    """Return a fate that the first request that is chosen meets; another one is for the others."""
    turn, met = threading.Lock(), list[Asked]()

    def decide(asked: Asked, pass_on: Callable[[], Answer]) -> Answer | None:
        with turn:
            is_met = not met and chosen(asked)
            if is_met:
                met.append(asked)
        return (fate if is_met else others)(asked, pass_on)

    return decide


@contextmanager
def run_answering_front(url: str, fate: Fate) -> Iterator[Front]:
    """Run a front before the service at `url` during the block."""
    front = Front(url, fate)
    thread = threading.Thread(target=front.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield front
    finally:
        front.server.shutdown()
        front.server.server_close()
        thread.join(10)
