"""The document of the full run says what its numbers say, and the numbers are those of the records."""

import json

import pytest

from analysis.records.results_folder import ServerSample, Worker
from tests.documents.full_run import BEGIN, DOCUMENT, END, FILE, count_cores, cut_samples, find_most, write_figures
from tests.documents.verdict_controls import replace_between
from tests.support.recordings import START


def test_the_document_of_the_full_run_is_that_of_its_numbers() -> None:
    text, found = DOCUMENT.read_text(), json.loads(FILE.read_text())
    assert text == replace_between(text, BEGIN, END, write_figures(found)), "run python -m tests.documents.full_run"


def take(second: int, cpu_s: float, in_use: float) -> ServerSample:
    """A sample of the books service, whose two workers have used so much processor time together."""
    workers = {pid: Worker(cpu_s / 2, 1, 1, 1) for pid in ("1", "2")}
    return ServerSample(START + second, "books", values={"db_pool_in_use": in_use}, workers=workers)


def test_cores_and_the_most_that_was_in_use_are_those_of_the_samples_in_the_span() -> None:
    samples = [take(0, 0, 9), take(10, 3, 2), take(20, 8, 4), take(30, 99, 9)]
    samples.append(ServerSample(START + 15, "auth", values={"db_pool_in_use": 7}))
    mine = cut_samples(samples, "books", (START + 10, START + 30))
    assert count_cores(mine) == pytest.approx(0.5)
    assert find_most(mine, "db_pool_in_use") == 4
