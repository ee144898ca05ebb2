"""What a search reads of its own recording while it runs."""

from pathlib import Path

from analysis.records.results_folder import LATE, RAW
from analysis.records.tail import Tail
from tests.support.recordings import ADD, LIST, START, write_latencies


def test_latencies_from_the_sending_on_and_late_begins_are_not_judged(tmp_path: Path) -> None:
    answers = [(0, LIST, 20.0), (0, ADD, 300.0)]
    write_latencies(tmp_path / "break_point.hlog", [*answers, (0, f"{RAW}{LIST}", 1.0), (0, LATE, 0.1)])
    tail = Tail(tmp_path, "break_point", [""])
    tail.look()
    found = tail.latencies((START, START + 1))
    assert found.answers == 2
    p95 = found.of_groups("writes").percentile(0.95)
    assert p95 is not None and round(p95) == 300
