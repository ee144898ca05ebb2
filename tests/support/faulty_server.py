"""A front of the services that loses, cuts and garbles answers on its own paths, and counts what reaches it."""

import gzip
import http.client
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

RESET = struct.pack("ii", 1, 0)  # SO_LINGER with no time: closing sends a reset
BODY = b'{"a": 1}' + b" " * 40  # its half is JSON too
ZIPPED = gzip.compress(BODY)
SILENT_S, LATE_S = 3.0, 0.25


def say(*lines: str, body: bytes = b"", status: str = "200 OK") -> bytes:
    """The bytes of an answer."""
    return "\r\n".join((f"HTTP/1.1 {status}", *lines, "", "")).encode() + body


def forge(status: str, body: bytes, *lines: str) -> bytes:
    """The bytes of an answer that the service did not give."""
    return say(f"Content-Length: {len(body)}", *lines, status=status, body=body)


HOP = ("connection", "transfer-encoding")  # headers of one connection
LENGTH, ZIPPED_LENGTH = f"Content-Length: {len(BODY)}", f"Content-Length: {len(ZIPPED)}"
CHUNK = b"%x\r\n%s\r\n" % (len(BODY), BODY)
# Answers by the last part of the path: the bytes, and whether the connection is closed after them.
ANSWERS: dict[str, tuple[bytes, bool]] = {
    "whole": (say(LENGTH, body=BODY), False),
    "idle": (say(LENGTH, body=BODY), True),
    "dropped": (b"", True),
    "half": (say(LENGTH, body=BODY[:20]), True),
    "half-chunked": (say("Transfer-Encoding: chunked", body=CHUNK), True),
    "half-chunk": (say("Transfer-Encoding: chunked", body=CHUNK[:20]), True),
    "half-zipped": (say(ZIPPED_LENGTH, "Content-Encoding: gzip", body=ZIPPED[:-9]), True),
    "half-404": (say(LENGTH, body=BODY[:20], status="404 Not Found"), True),
    "broken-zip": (say(LENGTH, "Content-Encoding: gzip", body=BODY), False),
    "broken-brotli": (say(LENGTH, "Content-Encoding: br", body=BODY), False),
    "unknown-coding": (say(LENGTH, "Content-Encoding: x", body=BODY), False),
    "half-headers": (b"HTTP/1.1 200 OK\r\nContent-Le", True),
    "no-utf8": (say("Content-Length: 2", body=b"\xff\xfe", status="503 No"), False),
    "redirect": (say("Content-Length: 0", "Location: /faults/whole", status="307 There"), False),
    "see-other": (say("Content-Length: 0", "Location: /faults/whole", status="303 There"), False),
    "cookie": (say(LENGTH, "Set-Cookie: a=1; Path=/", body=BODY), False),
}


class FaultyServer(ThreadingHTTPServer):
    """Answers /faults/NAME as ANSWERS say, passes the rest on to a service; `lose` says which answers get lost.

    What `forge` returns, unless it is None, is answered instead of that, and nothing is done; b"" is no answer.
    `latency_s` is added to each answer of /api. The write after a /faults/late gets no answer and is done LATE_S later.
    """

    daemon_threads = True
    request_queue_size = 100

    def __init__(self, url: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behind = urlsplit(url)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.reached: Counter[tuple[str, str]] = Counter()  # by method and path, without what follows "?"
        self.cookies: list[str] = []
        self.connections = 0
        self.lost: list[tuple[str, str]] = []
        self.lose: Callable[[str, str], bool] = lambda method, path: False
        self.forge: Callable[[str, str], bytes | None] = lambda method, path: None
        self.latency_s = 0.0
        self.late_next = False
        self.lock = threading.Lock()

    def handle_error(self, *_: Any) -> None:
        """Say nothing of connections that clients have closed."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: FaultyServer

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.server.lock:
            self.server.connections += 1

    def take(self) -> None:
        """Count a request and answer it."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self.path.partition("?")[0]
        with self.server.lock:
            self.server.reached[self.command, path] += 1
            self.server.cookies += self.headers.get_all("Cookie", [])
            loses = self.server.lose(self.command, path)
            forged = self.server.forge(self.command, path)
            late, self.server.late_next = self.server.late_next and self.command != "GET", False
        name = path.removeprefix("/faults/")
        if forged is not None:
            self.answer(forged, not forged)
        elif late:
            self.close_connection = True
            threading.Timer(LATE_S, self.ask, (body,)).start()
        elif name == path:
            self.pass_on(body, loses)
        elif name == "late":
            self.server.late_next = True
            self.answer(*ANSWERS["whole"])
        elif name == "silent":
            time.sleep(SILENT_S)
            self.close_connection = True
        elif name == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self.close_connection = True
        else:
            self.answer(*ANSWERS[name])

    do_GET = do_HEAD = do_OPTIONS = do_PUT = do_DELETE = do_POST = do_PATCH = take

    def answer(self, said: bytes, closes: bool) -> None:
        """Send an answer, without its body to HEAD."""
        self.wfile.write(said.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if said and self.command == "HEAD" else said)
        self.close_connection = closes

    def pass_on(self, body: bytes, loses: bool) -> None:
        """Let the service do what is asked, and pass its answer back, unless that gets lost."""
        answer, content = self.ask(body)
        if self.path.startswith("/api/"):
            time.sleep(self.server.latency_s)
        if loses:
            self.server.lost.append((self.command, self.path))
            self.close_connection = True
            return
        kept = [f"{name}: {value}" for name, value in answer.getheaders() if name.lower() not in HOP]
        kept += [] if answer.getheader("Content-Length") or not content else [f"Content-Length: {len(content)}"]
        self.answer(say(*kept, body=content, status=f"{answer.status} {answer.reason}"), False)

    def ask(self, body: bytes) -> tuple[http.client.HTTPResponse, bytes]:
        """Let the service do what this connection's last request asks; its answer and the body of that."""
        behind = http.client.HTTPConnection(self.server.behind.netloc, timeout=20)
        behind.request(self.command, self.path, body or None, dict(self.headers))
        answer = behind.getresponse()
        content = answer.read()
        behind.close()
        return answer, content

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def run_faulty_server(url: str) -> Iterator[FaultyServer]:
    """Run the front of a service during the block."""
    server = FaultyServer(url)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join(10)
        with suppress(OSError):
            server.server_close()
