"""A WSGI app for the tests of the worker: pages that tell how long they waited for a thread or how many lines
Gunicorn made, sleep, or never end.
"""

import logging
import threading
import time

from flask import Flask, request

app = Flask(__name__)
lines: list[str] = []


class Collector(logging.Handler):
    """Collects the lines of Gunicorn's access log."""

    def emit(self, record: logging.LogRecord) -> None:
        """Collect one."""
        lines.append(record.getMessage())


logging.getLogger("gunicorn.access").addHandler(Collector())


@app.get("/sleep/<float:seconds>")
def sleep(seconds: float) -> str:
    """Answer after some seconds with those that the request had waited before."""
    time.sleep(seconds)
    return str(request.environ["libros.waited_s"])


@app.get("/health")
def show_health() -> str:
    """Answer at once."""
    return "ok"


@app.get("/lines")
def count_lines() -> str:
    """Answer with how many access lines Gunicorn has made for the requests before."""
    return str(len(lines))


@app.get("/never")
def never_answer() -> str:
    """Keep the thread for good."""
    threading.Event().wait()
    return ""


@app.get("/large")
def answer_at_length() -> str:
    """Answer with more than the buffers of a connection hold."""
    return "x" * 20_000_000
