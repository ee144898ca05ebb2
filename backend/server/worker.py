"""The Gunicorn worker of both services: gthread's, with a main loop that answers and refuses plain reads. It also tells
how long a request waited for its thread, ends when all threads are stuck, serves what its port has accepted before it
stops, and refuses in the services' own form what Gunicorn refuses by itself.

Of gthread (Gunicorn 27) it knows: `get_thread_pool` makes what serves the connections, `wsgi` answers a request,
`set_accept_enabled(False)` comes when the worker stops, `accept` takes one connection and counts it in `nr_conns`,
and STOP_KEEPALIVE_LINGER is how long a stopping worker waits for the next request on kept-alive connections.
"""

import json
import logging
import socket
import struct
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from gunicorn.http import errors
from gunicorn.workers import gthread

from backend.server.main_loop import MainLoop
from backend.server.watchdog import TimedPool, watch

log = logging.getLogger(__name__)

WAITED = "libros.waited_s"  # in the WSGI environ
STUCK_S = 10.0  # all threads busy and none that finished: no request may last that long
BLOCKED_S = 5  # one read or write that the client holds up: the connection is given up

gthread.STOP_KEEPALIVE_LINGER = 5.0  # seconds: longer than most users think, so that a reload interrupts few of them

REFUSALS = {
    errors.LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    errors.LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    errors.ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
}
OWN_FAULTS = (errors.InvalidResponseHeader, errors.InvalidResponseHeaderName)


class Worker(MainLoop):
    """Serves requests in threads."""

    wsgi: Callable[[dict[str, Any], Any], Any]

    def get_thread_pool(self) -> TimedPool:
        """Give the threads that serve requests."""
        return TimedPool(self.cfg.threads)

    def run(self) -> None:
        """Serve until told to stop."""
        app, pool = self.wsgi, self.tpool
        self.answer_here(app)

        def serve(environ: dict[str, Any], start_response: Any) -> Any:
            environ[WAITED] = pool.waited_s()
            return app(environ, start_response)

        self.wsgi = serve
        watch(pool, STUCK_S)
        for listener in self.sockets:  # its connections inherit it
            for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                listener.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", BLOCKED_S, 0))
        super().run()

    def set_accept_enabled(self, enabled: bool) -> None:
        """Begin or cease to take connections. A worker that stops takes those that wait and lets go of the port, which
        would accept more for nobody until the worker has ended, and then reset them.
        """
        super().set_accept_enabled(enabled)
        if enabled or self.alive:
            return
        self.renew_used()
        while self.sockets:
            listener, before = self.sockets.pop(), -1
            while self.nr_conns > before:
                before = self.nr_conns
                self.accept(listener)
            listener.close()

    def handle_quit(self, sig: int, frame: Any) -> None:
        """End at once, not by way of gthread's: that takes a lock which the interrupted main loop may hold."""
        super(gthread.ThreadWorker, self).handle_quit(sig, frame)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Refuse what is no HTTP request, and close the connection."""
        if not isinstance(exc, errors.ParseException) or isinstance(exc, OWN_FAULTS):
            super().handle_error(req, client, addr, exc)
            return
        log.info("no HTTP request: %s", type(exc).__name__)
        try:
            client.sendall(write_refusal(REFUSALS.get(type(exc), HTTPStatus.BAD_REQUEST)))
        except OSError:  # it has gone
            return


def write_refusal(status: HTTPStatus) -> bytes:
    """Give the whole answer, with a problem document as RFC 9457 has it."""
    detail = "The request is no HTTP request that this service takes."
    body = json.dumps({"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail})
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}",
        "Connection: close",
        "Content-Type: application/problem+json",
        "X-Content-Type-Options: nosniff",
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join((*head, "", body)).encode()
