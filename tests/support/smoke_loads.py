"""Runs short smoke loads through fronts of the services."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.support.answering_front import Asked, Fate, Front, run_answering_front
from tests.support.scripts import run_locust
from tests.support.stacks import Stack


@contextmanager
def run_fronts(stack: Stack, fates: dict[str, Fate]) -> Iterator[tuple[Stack, dict[str, Front]]]:
    """Have services of the stack answer as these fates want; give the stack through their fronts, and the fronts."""
    with ExitStack() as held:
        fronts = {
            service: held.enter_context(run_answering_front(stack[f"{service.upper()}_URL"], fate))
            for service, fate in fates.items()
        }
        yield {**stack, **{f"{service.upper()}_URL": front.url for service, front in fronts.items()}}, fronts


def walk(stack: Stack, folder: Path, fates: dict[str, Fate], *arguments: str) -> dict[str, Front]:
    """Run a smoke load whose services answer as these fates want; the sessions are those of the stack itself."""
    with run_fronts(stack, fates) as (through, fronts):
        ran = run_locust("locustfile_smoke.py", *(arguments or ("-u", "1", "-t", "5s")), folder=folder, stack=through)
    assert "Traceback" not in ran.stderr, ran.stderr
    return fronts


def is_of_a_walk(asked: Asked) -> bool:
    """Tell the requests of a walk from those that sign accounts in beforehand."""
    return "X-Request-ID" in asked.headers
