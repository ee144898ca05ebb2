"""Keeps Locust's client from hiding what the services do: it sends each request once, and shows each answer unchanged.

FastHttpUser is made to get an answer. A load test has to see where there is none. So this replaces what Locust 2.47 and
geventhttpclient 2.6 do by themselves: to send again, to follow redirects, to turn answers into errors.
"""

import errno
import select
import socket
import zlib
from collections.abc import Callable
from functools import cache
from typing import Any

import brotli  # type: ignore[import-untyped]
from gevent.monkey import get_original
from geventhttpclient import client
from geventhttpclient._parser import HTTPParseError
from geventhttpclient.connectionpool import ConnectionPool
from locust.contrib.fasthttp import FastResponse, LocustUserAgent

OWN_LACKS = {
    errno.EMFILE: "this process has no descriptor left for a connection: see ulimit -n",
    errno.ENFILE: "this machine has no descriptor left for a connection",
    errno.EADDRNOTAVAIL: "this machine has no port left for a connection",
}
on_idle_closed: list[Callable[[], None]] = []  # called for each idle connection that was found closed before its use
_poll = get_original("select", "poll")
_decode = FastResponse._content


class LoadGaveWay(Exception):
    """The load could not send a request, through no fault of the services: Locust lists it in NAME_exceptions.csv."""


class BodyCutOff(HTTPParseError):
    """The connection was closed before the whole body had come, or the body does not end as its headers say."""


class BodyBroken(HTTPParseError):
    """The whole body came, but it cannot be decoded as its Content-Encoding says."""


def patch_client() -> None:
    """Put our own code in the place of the libraries'; once, before there are users."""
    client._may_retry_after_send_error = never_again
    ConnectionPool._is_socket_alive = is_open  # type: ignore[method-assign]
    FastResponse._content = read_body  # type: ignore[method-assign]
    LocustUserAgent._verify_status = accept_status  # type: ignore[method-assign]
    LocustUserAgent.redirect_response_codes = frozenset()  # a redirect is an answer, and a wrong one


def never_again(method: str) -> bool:
    """Tell that no request may be sent again.

    The library sends GET, HEAD, OPTIONS, PUT and DELETE up to 12 times when a connection closes without an answer,
    whatever Locust's max_retries, and Locust counts one request. So a service that drops every tenth request would
    look faultless, and a DELETE whose answer was lost after it was done would get a 404.
    """
    return False


def is_open(self: ConnectionPool, sock: Any) -> bool:
    """Tell whether an idle connection can be used; a connection that the service has closed is counted, and not used.

    This calls poll() instead of the library's select(), which knows no descriptor above 1,023: a process with more
    than 500 users would open a new connection for almost every request.
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

    An exception that Locust does not expect would end the user's task, and the request would not be counted.
    """
    try:
        content: bytes | None = _decode(answer)  # type: ignore[no-untyped-call]  # Locust's
    except HTTPParseError as problem:
        raise BodyCutOff(str(problem)) from problem
    except (ValueError, zlib.error, brotli.error) as problem:
        raise BodyBroken(str(problem)) from problem
    return content


def accept_status(self: LocustUserAgent, status_code: int, url: Any = None) -> None:
    """Accept an answer of any status.

    Locust would raise an error for 400 and above, and decode the body as UTF-8 for its words: a body that is not UTF-8
    would end the user's task.
    """


def raise_own_lack(problem: BaseException) -> None:
    """Raise LoadGaveWay when a request broke because this process, or its machine, had nothing left to connect with.

    Of a name with several addresses the library tells the error of the first. Where that is one of IPv6, on a machine
    without, it is EADDRNOTAVAIL too, whatever the others said: then the service may be to blame, and nothing is raised.
    """
    cause: Any = getattr(problem, "original", None) or problem
    number = cause.errno if isinstance(cause, OSError) else None
    if number in OWN_LACKS and (number != errno.EADDRNOTAVAIL or has_one_address(cause.request.url_split.host)):
        raise LoadGaveWay(OWN_LACKS[number])


@cache
def has_one_address(host: str) -> bool:
    """Tell whether a name stands for one address, as an address itself does; raises OSError."""
    return len({found[4] for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}) == 1


def say_break(problem: BaseException) -> str:
    """Return the name of the exception that broke a request; a time-out comes wrapped in one about retries."""
    return type(getattr(problem, "original", None) or problem).__name__


def keep_no_cookies(user: Any) -> None:
    """Have a user send no cookie that an earlier answer has set."""
    user.client.client.cookiejar = None
