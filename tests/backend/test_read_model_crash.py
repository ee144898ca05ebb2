"""Books processes end at any moment under writes: nothing acknowledged is lost, nothing is applied twice."""

import itertools
import random
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from tests.support.beside import repeat_beside
from tests.support.books_services import list_workers
from tests.support.clients import Client
from tests.support.projector_runs import check_verified
from tests.support.read_models import LONG, find_miscounts
from tests.support.sole_writer import SoleWriter, read_state
from tests.support.stacks import start_stack

KILLS = 200 if LONG else 15
BOOTED_S = 1.0  # the age at which a worker serves for sure
REAPED_S = 10.0  # within which a master has seen the end of a worker for sure


def write_at_random(writers: list[SoleWriter], numbers: Iterator[int], seed: str) -> Callable[[], None]:
    """Return a step that adds, changes or deletes one of these writers' books, and reads what it has written."""
    chance = random.Random(seed)

    def step() -> None:
        writer, number = chance.choice(writers), next(numbers)
        there = any(state.number is not None for state in writer.ledger.states)
        if not there or chance.random() < 0.1:
            answer = writer.create(number, key=secrets.token_hex(8))
        elif chance.random() < 0.75:
            answer = writer.change(number)
        else:
            answer = writer.delete()
        if answer is not None and answer.ok and chance.random() < 0.5:
            read_own_write(writer)

    return step


def read_own_write(writer: SoleWriter) -> None:
    """Assert that a write which was acknowledged is read, unless the worker is killed over it."""
    try:
        seen = writer.read()
    except requests.RequestException:
        return
    writer.ledger.check_read(seen.json()["stock"] if seen.ok else None)


def kill_a_worker(master: int, chance: random.Random) -> None:
    """Kill one worker that serves, at a random moment, and wait until its master has seen it: none is killed twice."""
    time.sleep(chance.uniform(0.02, 0.3))
    for _ in range(200):
        serving = [each for each in list_workers(master) if time.time() - each.create_time() > BOOTED_S]
        if serving:
            worker = chance.choice(serving)
            worker.kill()
            worker.wait(REAPED_S)
            return
        time.sleep(0.1)
    pytest.fail("no worker lives that long")


def test_killed_workers_lose_nothing_that_was_acknowledged(
    model_settings: dict[str, str], model_books: Client, token: str
) -> None:
    stack = start_stack(model_settings)
    log = Path(model_settings["STACK_DIR"]) / "books.log"
    killed = log.read_text().count("was sent SIGKILL")
    seed, numbers = secrets.randbelow(2**32), itertools.count(1)
    print(f"seed {seed}")
    writers = [SoleWriter(stack["BOOKS_URL"], token, secrets.token_hex(4)) for _ in range(40)]
    steps = [write_at_random(writers[place::8], numbers, f"{seed} {place}") for place in range(8)]
    chance = random.Random(seed)
    with repeat_beside(*steps):
        for _ in range(KILLS):
            kill_a_worker(int(stack["BOOKS_PID"]), chance)
    check_verified(stack)
    assert find_miscounts(stack) == {}
    for writer in writers:
        writer.ledger.settle(read_state(stack, writer.isbn))
    doubts = sum(writer.ledger.unknown for writer in writers)
    print(f"{sum(writer.ledger.acknowledged for writer in writers)} acknowledged, {doubts} in doubt")
    assert doubts >= KILLS / 2  # else the kills met no write
    assert log.read_text().count("was sent SIGKILL") == killed + KILLS
