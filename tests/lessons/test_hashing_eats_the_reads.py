"""The lesson hashing_eats_the_reads in its short form."""

import pytest

from lessons.hashing_eats_the_reads.experiment import run
from lessons.place import Place


@pytest.mark.alone
def test_a_bulkhead_takes_the_p95_of_reads_to_a_fifth_or_less_and_log_ins_still_succeed(place: Place) -> None:
    figures = run(place, short=True).figures
    assert figures["mistake_reads_p95_ms"] >= 5 * figures["cure_reads_p95_ms"]
    assert figures["cure_logins"] > 0
