"""Sends a request of a virtual user, and checks its answer."""

import json
import re
from collections.abc import Callable
from typing import Any

import gevent
from locust.exception import StopUser

from analysis.records.failures import SHED, UNANSWERED
from load.client.http_client import MALFORMED
from load.client.locust_client import LoadGaveWay, raise_own_lack, say_break
from load.recording.request_failed import RequestFailed
from load.users.user import LibraryUser

Answer = Any  # Locust's response
LACKING_S = 1.0  # after a request that could not be sent: users who do not think would try again at once


def send(user: LibraryUser, method: str, url: str, name: str, check: Callable[[Answer], Any], **parts: Any) -> Any:
    """Send one request, listed under `name`, and return what `check` returns of its answer.

    When `check` raises RequestFailed, or no answer comes, the request has failed: return None. Raises LoadGaveWay for a
    request that was not sent because this process lacks what a connection needs; it counts as not sent.
    """
    if user.is_over:
        raise StopUser
    context = {**user.note_write(method, url, parts), **user.take_due()}
    with user.client.request(method, url, name=name, catch_response=True, context=context, **parts) as answer:
        try:
            if broken := answer.request_meta["exception"]:
                raise_own_lack(broken)
                raise RequestFailed(say_break(broken), UNANSWERED)
            result = check(answer)
        except LoadGaveWay:
            user.note_not_sent(context)
            gevent.sleep(LACKING_S)
            raise
        except RequestFailed as problem:
            answer.failure(problem)
            return None
        except MALFORMED as problem:
            answer.failure(RequestFailed(f"{answer.status_code} with a malformed answer: {type(problem).__name__}"))
            return None
        answer.success()
        return result


def expect(holds: bool, words: str) -> None:
    """Raise RequestFailed with these words unless it holds."""
    if not holds:
        raise RequestFailed(words)


def body_of(answer: Answer, status: int) -> Any:
    """Return the JSON of an answer, None when it is empty; raises RequestFailed when it has another status."""
    if answer.status_code != status:
        raise explain_status(answer, status)
    return json.loads(answer.content) if answer.content else None


def explain_status(answer: Answer, status: int) -> RequestFailed:
    """Return what to raise for an answer that should have had `status`; 429 or 503 with Retry-After is a refusal."""
    if answer.status_code in (429, 503):
        if (answer.headers.get("Retry-After") or "").isdigit():
            return RequestFailed(str(answer.status_code), SHED)
        return RequestFailed(f"{answer.status_code} without Retry-After")
    found = re.search(rb'"detail": ?"([^"]{1,100})', answer.content or b"")
    detail = found[1].decode("ascii", "replace") if found else "no detail"
    # Without ISBNs and the like, so that one kind of failure is one line in the list of failures.
    return RequestFailed(f"{answer.status_code} instead of {status}: {re.sub('[0-9]{5,}', '#', detail)}")
