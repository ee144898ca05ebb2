"""Tells the outcome of a step of the smoke walk: right, wrong, shed so that it can be sent again, or unknown."""

from typing import NamedTuple

from load.users.send import Answer, body_of, expect
from load.users.smoke_steps import Step

RIGHT, WRONG, SHED, UNKNOWN = "right", "wrong", "shed", "unknown"
LONGEST_WAIT_S, SHORTEST_WAIT_S = 5.0, 0.1
PROBLEM = {"type", "title", "status", "detail"}
# Words of a 503 to a request that may have been carried out nevertheless.
IN_DOUBT = (b"outcome of this write is unknown", b"store of sessions cannot be reached")


class Outcome(NamedTuple):
    """What became of a step, and for how many seconds to wait before it may be sent again."""

    kind: str
    wait_s: float = 0.0


def judge_answer(answer: Answer, step: Step) -> Outcome:
    """Return the outcome of a step whose answer is not right."""
    wait = answer.headers.get("Retry-After") or ""
    if answer.status_code not in (429, 503) or answer.status_code == step.status or not wait.isdigit():
        return Outcome(WRONG)
    if step.method != "GET" and any(words in (answer.content or b"") for words in IN_DOUBT):
        return Outcome(UNKNOWN)
    return Outcome(SHED, min(max(float(wait), SHORTEST_WAIT_S), LONGEST_WAIT_S))


def check_form(answer: Answer, status: int, identity: str) -> None:
    """Raise RequestFailed unless the answer has the status, and the form that every answer with it has."""
    if answer.status_code != status:
        body_of(answer, status)
    expect(answer.headers.get("X-Request-ID") == identity, "X-Request-ID not echoed")
    expect(answer.headers.get("X-Content-Type-Options") == "nosniff", "no X-Content-Type-Options: nosniff")
    if status in (204, 304):
        expect(not answer.content, f"{status} with a body")
    if status >= 400:
        problem = body_of(answer, status)
        expect(answer.headers.get("Content-Type") == "application/problem+json", "an error that is no problem+json")
        expect(set(problem) >= PROBLEM and problem["status"] == status, "not the fields of a problem document")
    if status == 401:
        expect(answer.headers.get("WWW-Authenticate") == "Bearer", "401 without WWW-Authenticate: Bearer")
    if status == 405:
        expect(bool(answer.headers.get("Allow")), "405 without Allow")
    if status == 422:
        expect(all(set(one) == {"field", "message"} for one in problem["errors"]), "422 without the fields at fault")
    if status == 429:
        expect((answer.headers.get("Retry-After") or "").isdigit(), "429 without Retry-After")
