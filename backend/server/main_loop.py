"""The main loop of a worker, gthread's: it answers plain reads by itself where the app has a fast path, and refuses
them at once while others wait too long.

Of gthread (Gunicorn 27) it knows: `poller` tells what is ready, `on_client_socket_readable` comes when there is
something to read on one of `keepalived_conns`, which are in the order of their time-outs, `murder_keepalived` closes
those whose time is over, and `method_queue` lets the loop do what a thread asks for.
"""

import selectors
import socket
import sys
import time
from collections import deque
from functools import partial
from typing import Any, Protocol

from gunicorn.workers import gthread

from backend.background import be_in_background
from backend.server.shedding import LONGEST_QUEUE_S, refuse_read
from backend.server.watchdog import TimedPool
from backend.stores.redis_store import be_quick

LONGEST_READ = 8192  # bytes
TURN_S = 0.0005  # for which a thread may keep the interpreter's lock: the loop asks for it four times a read


class Answerer(Protocol):
    """A fast path, as an app has it."""

    def answer(self, request: bytes, arrived: float) -> bytes:
        """Give the whole answer to what has come at this time.perf_counter(); nothing to leave it to a thread."""


class MainLoop(gthread.ThreadWorker):  # type: ignore[misc]  # Gunicorn ships no types
    """A gthread worker whose main loop serves plain reads."""

    tpool: TimedPool
    keepalived_conns: deque[Any]
    fast_path: Answerer | None = None
    ready_at = 0.0  # the time.perf_counter() at which what is served now was ready

    def answer_here(self, app: Any) -> None:
        """Answer by the app's fast path from now on, if it has one, and nobody else is to see its requests."""
        own = [self.cfg.settings[name] for name in ("pre_request", "post_request")]
        seen = self.cfg.is_ssl or self.cfg.max_requests or self.cfg.accesslog or self.cfg.syslog or self.cfg.statsd_host
        if seen or any(hook.get() is not hook.default for hook in own) or "wsgi_app" in getattr(app, "__dict__", {}):
            return
        self.fast_path = getattr(app, "fast_path", None)
        sys.setswitchinterval(TURN_S)
        be_quick()
        be_in_background()  # the fast path tells by itself what is wrong

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Serve what is ready: first the port and what threads have done, so that no stream of reads holds them up."""
        ready = sorted(self.poller.select(timeout), key=is_client)
        self.ready_at = time.perf_counter()
        for key, _ in ready:
            key.data(key.fileobj)

    def on_client_socket_readable(self, conn: Any, client: Any) -> None:
        """Answer or refuse here what has come on a kept-alive connection, or let a thread serve it."""
        if not self.alive or not self.serve_here(conn):
            super().on_client_socket_readable(conn, client)

    def serve_here(self, conn: Any) -> bool:
        """Answer what has come on a kept-alive connection if it is a plain read, or refuse it while others wait too
        long; say whether that was done.
        """
        behind = self.is_behind()
        if not behind and not self.fast_path:
            return False
        try:
            request = conn.sock.recv(LONGEST_READ)
        except OSError:  # the client has gone: a thread will see it too, and close the connection
            return False
        answer = b""
        if behind:
            answer = refuse_read(request)
        elif self.fast_path:
            answer = self.fast_path.answer(request, self.ready_at)
        if not answer:
            conn.parser.unreader.unread(request)
            return False
        self.send(conn, answer)
        return True

    def is_behind(self) -> bool:
        """Say whether a request waits too long: for a thread, or for its turn here."""
        return self.tpool.longest_wait_s() >= LONGEST_QUEUE_S or time.perf_counter() - self.ready_at >= LONGEST_QUEUE_S

    def send(self, conn: Any, answer: bytes) -> None:
        """Send an answer as far as its client takes it at once, and let a thread send the rest."""
        try:
            sent = conn.sock.send(answer)
        except BlockingIOError:
            sent = 0
        except OSError:  # as above
            return
        conn.used = True
        if sent < len(answer):
            self.poller.unregister(conn.sock)
            self.keepalived_conns.remove(conn)
            rest = self.tpool.submit(send_rest, conn.sock, answer[sent:])
            rest.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, conn, done))

    def murder_keepalived(self, force: bool = False) -> None:
        """Close the connections that nobody has used for so long. One that was used here stands where it stood before,
        since to find it among all takes time: its turn to be closed is when it has another one.
        """
        now, waiting = time.monotonic(), self.keepalived_conns
        while self.alive and not force and waiting and waiting[0].timeout <= now and getattr(waiting[0], "used", False):
            conn = waiting.popleft()
            conn.used = False
            conn.set_timeout()
            waiting.append(conn)
        super().murder_keepalived(force)

    def renew_used(self) -> None:
        """Give the connections that were used here their whole time again, for a worker that stops and gives none a
        second turn: it would close one right after its last answer, when the time from an earlier one is over.
        """
        for conn in self.keepalived_conns:
            if getattr(conn, "used", False):
                conn.used = False
                conn.set_timeout()
        self.keepalived_conns = deque(sorted(self.keepalived_conns, key=lambda conn: conn.timeout))


def is_client(event: tuple[selectors.SelectorKey, int]) -> bool:
    """Say whether what is ready is a connection of a client."""
    return isinstance(event[0].data, partial)


def send_rest(sock: socket.socket, rest: bytes) -> bool:
    """Send what is left of an answer; its connection goes on. Raises OSError when the client stands still."""
    sock.setblocking(True)
    sock.sendall(rest)
    return True
