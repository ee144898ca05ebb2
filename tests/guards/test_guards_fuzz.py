"""A hundred thousand seeded odd requests break neither service, and leave both as they were; a build that stumbles over
one odd value is found out.
"""

from collections.abc import Iterator
from random import Random

import pytest

from tests.support.clients import register, sign_in
from tests.support.fuzz_documents import list_operations, make_from_document
from tests.support.fuzz_mutations import mutate
from tests.support.fuzz_requests import Request, make_good
from tests.support.fuzz_sending import Verdict, interleave, send_all
from tests.support.read_models import LONG, bound
from tests.support.refusals import measure_refusals
from tests.support.stacks import Stack, start_stack
from tests.support.vital_signs import describe, list_worse, read_settled, read_signs, warm_up
from tests.support.weak_builds import Change, Services, list_own, run_build

STACK_SETTINGS = {"AUTH_WORKERS": "1", "BOOKS_WORKERS": "1", "REFRESH_TOKEN_TTL": "86400"}
SEED = 20261124
COUNT = 100_000 if LONG else 1_000
REFUSALS = 2_000 if LONG else 200  # of each kind
# Of the same kind, before anything is measured: the high-water mark of the heap and of the threads' stacks rises with
# the logarithm of what was sent (2 % from 100,000 to 200,000), while no object is kept. What is kept for each
# request, if only 80 bytes, shows in as many requests again.
WARMING = 100_000 if LONG else 400
BLOCK = 2_000  # requests that are made before they are sent
WORSE = bound(0.05)
SEEN = (200, 201, 204, 400, 401, 404, 405, 409, 413, 415, 422)  # statuses without which the fuzz has not got far
SHED_AT_MOST = 0.01
STUMBLES: tuple[Change, ...] = (  # one for each way in which requests are made
    (
        "    if not text.strip() or",
        "    if \"'\" in text or max(text) > '\\uffff':\n        raise KeyError(text)\n    if not text.strip() or",
    ),
    (
        "    metrics.IN_FLIGHT.inc()\n",
        "    metrics.IN_FLIGHT.inc()\n"
        "    if set(environ.get('HTTP_AUTHORIZATION', '')) & set(';:{%'):\n"
        "        raise KeyError\n",
    ),
)
FORGETS_NOTHING: tuple[Change, ...] = (
    ("reason.__traceback__ = reason.__context__ = None", "pass"),
    (
        "def _finish(response: Response) -> Response:\n",
        "def _finish(response: Response) -> Response:\n"
        "    kept = current_app.config.setdefault('KEPT', [])\n"
        "    kept.extend([open('/dev/null')] if response.status_code == 405 and len(kept) < 400 else [])\n",
    ),
)


@pytest.fixture(scope="module")
def own(own_settings: dict[str, str]) -> Stack:
    """A stack that the fuzz may fill with whatever gets in."""
    return start_stack(own_settings)


def make_requests(services: Services, seed: int, count: int) -> Iterator[Request]:
    """Yield `count` requests for that seed: two fifths from the documents, two mutated, one damaged in its bytes."""
    for block in range(0, count, BLOCK):
        yield from make_block(services, seed + block, min(BLOCK, count - block))


def make_block(services: Services, seed: int, count: int) -> Iterator[Request]:
    """Yield some requests as make_requests() does."""
    documented = make_documented(services, seed, count * 2 // 5)
    mutated = make_mutated(seed, count * 2 // 5)
    damaged = make_damaged(seed, count - len(documented) - len(mutated))
    yield from interleave(iter(documented), iter(mutated), iter(damaged))


def make_documented(services: Services, seed: int, count: int) -> list[Request]:
    """Return up to `count` requests that schemathesis makes from the documents of both services, as many of each."""
    operations = [*list_operations("auth", services.auth), *list_operations("books", services.books)]
    each = count // len(operations)
    made = [request for one in operations for request in make_from_document(*one, seed, each)]
    Random(seed).shuffle(made)
    return made


def make_mutated(seed: int, count: int) -> list[Request]:
    """Return good requests with a few things changed."""
    random = Random(seed)
    return [mutate(random, make_good(random)) for _ in range(count)]


def make_damaged(seed: int, count: int) -> list[Request]:
    """Return good requests whose bytes are to be damaged when they are sent."""
    random = Random(seed)
    return [make_good(random)._replace(seed=random.randrange(2**32)) for _ in range(count)]


def test_odd_requests_break_nothing_and_leave_everything_as_it_was(
    own: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    services = list_own(own)
    pair = sign_in(services.auth, register(services.auth))
    warm_up(own, services, pair)  # all threads are to have met what is sent to get them warm
    assert send_all(services, make_requests(services, SEED - 1, WARMING)).faults == []
    warm_up(own, services, pair)
    before = read_signs(own, services)
    verdict = send_all(services, make_requests(services, SEED, COUNT))
    after = read_settled(own, services, before, WORSE)
    with capsys.disabled():
        print(f"\nfuzz: seed {SEED}, {describe_verdict(verdict)}\n      {describe(before, after)}")
    assert verdict.faults == []
    assert sum(verdict.statuses.values()) == COUNT
    assert {status for status in SEEN if not verdict.count(status)} == set()
    assert verdict.count(503) <= SHED_AT_MOST * COUNT
    assert list_worse(before, after, WORSE) == []


def describe_verdict(verdict: Verdict) -> str:
    """Return how often each status was given."""
    counts = {status: verdict.count(status) for status in sorted({status for _, status in verdict.statuses})}
    return f"{sum(counts.values())} requests: " + ", ".join(f"{times} x {status}" for status, times in counts.items())


def test_refusals_leave_nothing_behind(own: Stack) -> None:
    before, after = measure_refusals(own, list_own(own), REFUSALS)
    assert list_worse(before, after, 0.05) == [], describe(before, after)


@pytest.fixture(scope="module")
def weak(own: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Both services, stumbling and never forgetting."""
    with run_build(own, tmp_path_factory.mktemp("weak") / "build", *STUMBLES, *FORGETS_NOTHING) as services:
        yield services


def test_each_part_of_the_fuzz_finds_a_build_that_stumbles_over_an_odd_value(weak: Services) -> None:
    for made in (make_documented(weak, SEED, 120), make_mutated(SEED, 400), make_damaged(SEED, 200)):
        faults = send_all(weak, made).faults
        assert faults
        assert {fault.partition(" by ")[0] for fault in faults} == {"500"}


def test_the_measurement_sees_a_build_that_forgets_nothing(own: Stack, weak: Services) -> None:
    before, after = measure_refusals(own, weak, REFUSALS)
    assert {"memory", "descriptors"} <= set(list_worse(before, after, 0.05)), describe(before, after)


def test_signs_that_have_risen_are_seen() -> None:
    before = {"workers": 2.0, "memory": 100.0, "threads": 40.0}
    assert list_worse(before, {"workers": 2.0, "memory": 104.0, "threads": 40.0}, 0.05) == []
    assert list_worse(before, {"workers": 2.0, "memory": 106.0, "threads": 43.0}, 0.05) == ["memory", "threads"]
    assert list_worse(before, {"workers": 1.0, "memory": 50.0, "threads": 20.0}, 0.05) == ["workers"]
