"""Tells the outcome of a step of the smoke walk: right, wrong, shed so that it can be sent again, or unknown."""

from typing import NamedTuple
from urllib.parse import urlsplit

from load.client.http_client import MALFORMED
from load.recording.request_failed import RequestFailed
from load.users.send import Answer, body_of, expect
from load.users.smoke_steps import Step

RIGHT, WRONG, SHED, UNKNOWN = "right", "wrong", "shed", "unknown"
LONGEST_WAIT_S, SHORTEST_WAIT_S = 5.0, 0.1
PROBLEM = {"type", "title", "status", "detail"}
REFUSALS = (429, 503)  # of a request that may be sent again later
PAGES = {"/metrics": "text/plain", "/docs": "text/html"}  # the paths whose right answers are no JSON
# Words of a 503 to a request that may have been carried out nevertheless.
IN_DOUBT = (b"outcome of this write is unknown", b"store of sessions cannot be reached")


class Outcome(NamedTuple):
    """What became of a step, and for how many seconds to wait before it may be sent again."""

    kind: str
    wait_s: float = 0.0


def judge_answer(answer: Answer, step: Step) -> Outcome:
    """Return the outcome of a step whose answer is not right."""
    if answer.status_code not in REFUSALS or answer.status_code == step.status or not is_problem(answer):
        return Outcome(WRONG)
    if step.method != "GET" and any(words in (answer.content or b"") for words in IN_DOUBT):
        return Outcome(UNKNOWN)
    return Outcome(SHED, min(max(float(answer.headers["Retry-After"]), SHORTEST_WAIT_S), LONGEST_WAIT_S))


def check_form(answer: Answer, status: int, identity: str) -> None:
    """Raise RequestFailed unless the answer has the status, and the form that every answer with it has.

    A refusal must have its form whatever the status that was asked for.
    """
    if answer.status_code in REFUSALS:
        check_problem(answer)
    if answer.status_code != status:
        body_of(answer, status)
    expect(answer.headers.get("X-Request-ID") == identity, "X-Request-ID not echoed")
    expect(answer.headers.get("X-Content-Type-Options") == "nosniff", "no X-Content-Type-Options: nosniff")
    if status in (204, 304):
        expect(not answer.content, f"{status} with a body")
    elif status < 400:
        wanted = PAGES.get(urlsplit(answer.request_meta["url"]).path, "application/json")
        media_type = (answer.headers.get("Content-Type") or "").partition(";")[0]
        expect(media_type == wanted, f"{status} that is not {wanted}")
    else:
        check_problem(answer)
    if status == 401:
        expect(answer.headers.get("WWW-Authenticate") == "Bearer", "401 without WWW-Authenticate: Bearer")
    if status == 405:
        expect(bool(answer.headers.get("Allow")), "405 without Allow")
    if status == 422:
        errors = body_of(answer, status).get("errors")
        is_told = bool(errors) and all(set(one) == {"field", "message"} for one in errors)
        expect(is_told, "422 without the fields at fault")


def check_problem(answer: Answer) -> None:
    """Raise RequestFailed unless an error is a problem document of its status, and tells when a refusal may end."""
    status = answer.status_code
    if status in REFUSALS:
        expect((answer.headers.get("Retry-After") or "").isdigit(), f"{status} without Retry-After")
    expect(answer.headers.get("Content-Type") == "application/problem+json", f"{status} that is no problem+json")
    problem = body_of(answer, status)
    expect(set(problem) >= PROBLEM and problem["status"] == status, "not the fields of a problem document")


def is_problem(answer: Answer) -> bool:
    """Tell whether an error is as check_problem() wants it."""
    try:
        check_problem(answer)
    except (RequestFailed, *MALFORMED):
        return False
    return True
