"""What is no proper HTTP is refused like any other bad request, also where Gunicorn itself or its parser refuses it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.clients import LEAKS, register, sign_in
from tests.support.malformed import BODY_PATHS, HARMLESS, HOST, REFUSED, RawAnswer, check_is_problem, send_bytes
from tests.support.stacks import Stack
from tests.support.weak_builds import Change, list_own, run_build

Send = Callable[[str, bytes], RawAnswer]
GUNICORN_AS_IT_COMES: tuple[Change, ...] = (
    ('worker_class = "backend.server.worker.Worker"', 'worker_class = "gthread"'),
    ("except (ParseException, OSError):", "except ZeroDivisionError:"),
)
ANSWERED_BY_GUNICORN = ("a transfer coding unknown", "two hosts", "200 headers", "a long path")
RAISED_IN_THE_SERVICE = ("a chunk's size that is none", "a chunk that goes on", "a trailer without a colon")


@pytest.fixture(scope="module")
def send(stack: Stack) -> Send:
    """A function that sends bytes to a service; to that of the books with a good token after the host."""
    token = sign_in(stack["AUTH_URL"], register(stack["AUTH_URL"]))["access_token"]
    signed_in = HOST + f"Authorization: Bearer {token}\r\n".encode()

    def send_to(service: str, request: bytes) -> RawAnswer:
        request = request.replace(b"PATH", BODY_PATHS[service])
        return send_bytes(getattr(list_own(stack), service), request.replace(HOST, signed_in, service == "books"))

    return send_to


@pytest.mark.parametrize("service", ["auth", "books"])
@pytest.mark.parametrize("request_bytes", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_http_is_refused_as_a_problem(send: Send, service: str, request_bytes: bytes) -> None:
    answer = send(service, request_bytes)
    check_is_problem(answer)
    assert not [leak for leak in LEAKS if leak.encode() in answer.body]


@pytest.mark.parametrize("service", ["auth", "books"])
@pytest.mark.parametrize("request_bytes", HARMLESS.values(), ids=HARMLESS.keys())
def test_what_is_odd_but_harmless_breaks_nothing(send: Send, service: str, request_bytes: bytes) -> None:
    answer = send(service, request_bytes)
    assert 200 <= answer.status < 500, answer
    assert answer.headers["x-content-type-options"] == "nosniff"
    if answer.status >= 400:
        check_is_problem(answer)


def test_the_check_fails_where_gunicorn_answers_by_itself(stack: Stack, tmp_path: Path) -> None:
    with run_build(stack, tmp_path / "build", *GUNICORN_AS_IT_COMES, only="auth") as weak:
        for name in (*ANSWERED_BY_GUNICORN, *RAISED_IN_THE_SERVICE):
            with pytest.raises((AssertionError, KeyError)):
                check_is_problem(send_bytes(weak.auth, REFUSED[name].replace(b"PATH", b"/login")))
