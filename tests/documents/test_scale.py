"""The document on more machines says what its numbers say."""

import json

from benchmarks.table import read_tables
from tests.documents.performance import FILE as BENCHMARKS
from tests.documents.scale import (
    BEGIN,
    DOCUMENT,
    END,
    FILE,
    Cost,
    count_cores,
    find_factors,
    read_costs,
    read_first,
    write_parts,
)
from tests.documents.verdict_controls import replace_between


def test_the_document_is_that_of_its_numbers() -> None:
    text, costs = DOCUMENT.read_text(), read_costs(read_tables(BENCHMARKS))
    parts = write_parts(costs, json.loads(FILE.read_text()))
    assert text == replace_between(text, BEGIN, END, parts), "run python -m tests.documents.scale"


def test_cores_are_requests_by_what_each_takes() -> None:
    one = Cost(1000, 100, 50)
    costs = {"one book": one, "list of 50": Cost(1, 300, 150), "write": Cost(1, 200, 100), "log-in": Cost(1, 1e6, 0)}
    crowd = {"log_ins_per_s": 1, "requests_per_s": 1000, "books_cores": 0.4, "auth_cores": 1.0, "redis_cores": 0.05}
    books, log_ins, redis = count_cores(2000, costs, crowd)
    assert [round(cores, 6) for cores in (books, log_ins, redis)] == [0.2, 1.0, 0.1]
    assert [round(each, 6) for each in find_factors(costs, {"users": 2000, "crowd": crowd})] == [2.0, 1.0, 0.5]
    assert read_first("4,338 (4,055-6,047)") == 4338 and read_first("") == 0
