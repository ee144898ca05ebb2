"""Keeps Locust's client from hiding what the services do: it sends each request once, and shows each answer as it came.

FastHttpUser is made to get through. A load test has to see what does not get through, so this takes out of Locust 2.47
and geventhttpclient 2.6 what repeats, follows, or adds something by itself.
"""

import select
import zlib
from collections.abc import Callable
from typing import Any

import brotli  # type: ignore[import-untyped]
from gevent.monkey import get_original
from geventhttpclient import client
from geventhttpclient._parser import HTTPParseError
from geventhttpclient.connectionpool import ConnectionPool
from locust.contrib.fasthttp import FastResponse, LocustUserAgent

on_idle_closed: list[Callable[[], None]] = []  # called for each kept connection that was found closed before its use
_poll = get_original("select", "poll")
_decode = FastResponse._content


class BodyCutOff(HTTPParseError):
    """The connection was closed before the whole body had come, or the body is not framed as its headers say."""


class BodyBroken(HTTPParseError):
    """The body came whole and cannot be decoded as its Content-Encoding says."""


def patch_client() -> None:
    """Put our own code in the place of the libraries'; once, before there are users."""
    client._may_retry_after_send_error = never_again
    ConnectionPool._is_socket_alive = is_open  # type: ignore[method-assign]
    FastResponse._content = read_body  # type: ignore[method-assign]
    LocustUserAgent._verify_status = accept_status  # type: ignore[method-assign]
    LocustUserAgent.redirect_response_codes = frozenset()  # a redirect is an answer, and a wrong one


def never_again(method: str) -> bool:
    """Tell that no request may be sent again.

    The library sends GET, HEAD, OPTIONS, PUT and DELETE up to 12 times when a connection closes without an answer, and
    Locust counts one request, whatever its max_retries. So a service that drops every tenth request would look whole,
    and a DELETE that was carried out before its answer was lost would come back as 404.
    """
    return False


def is_open(self: ConnectionPool, sock: Any) -> bool:
    """Tell whether a kept connection can be used: one that the service has closed meanwhile is counted, not used.

    poll(), not select() as in the library: select() knows no descriptor above 1,023, so that a process with over 500
    users would open a new connection for almost every request.
    """
    if sock.fileno() < 0:
        return False
    look = _poll()
    look.register(sock.fileno(), select.POLLIN)
    if not look.poll(0):
        return True
    for note in on_idle_closed:
        note()
    return False


def read_body(answer: FastResponse) -> bytes | None:
    """Return the decoded body; raises BodyCutOff, BodyBroken, or what the connection raised.

    What Locust does not expect would end the user's task, and the request would be counted nowhere.
    """
    try:
        content: bytes | None = _decode(answer)  # type: ignore[no-untyped-call]  # Locust's
    except HTTPParseError as problem:
        raise BodyCutOff(str(problem)) from problem
    except (ValueError, zlib.error, brotli.error) as problem:
        raise BodyBroken(str(problem)) from problem
    return content


def accept_status(self: LocustUserAgent, status_code: int, url: Any = None) -> None:
    """Take an answer of any status as an answer.

    Locust would make an error of 400 and above, and decode the body as UTF-8 for the words of that error: a body that
    is none would end the user's task.
    """


def say_break(problem: BaseException) -> str:
    """Return the name of what broke a request; a time-out comes wrapped in words about repeats that do not happen."""
    return type(getattr(problem, "original", None) or problem).__name__


def keep_no_cookies(user: Any) -> None:
    """Send nothing but what the load has written: no cookie that an earlier answer has set."""
    user.client.client.cookiejar = None
