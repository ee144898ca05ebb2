"""Comparisons dealt out of recordings: in the order of time, A B B A, from shifting starts; and their counts."""

import json
import resource
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from analysis.compare.__main__ import main as compare_main
from analysis.compare.holm import LEVEL
from analysis.compare.judging import SAME, SLOWER
from analysis.compare.pairs import BROKEN_MOST, FEWEST_PAIRS
from analysis.compare.validity import FAILED_APART, FAILED_MOST, FEW_FAILED
from analysis.records.comparison import PlannedBlock
from load.run.blocks import FORMS, GAP_S, SATURATING, WARM_S
from tests.error_rates.compare import BEGIN, DOCUMENT, END, FILE, count, judge, main, write_table
from tests.error_rates.dealing import deal_both, deal_same, list_starts, name_side, read_stream
from tests.error_rates.neighbour import MEAN_S, draw_times
from tests.support.made_comparisons import Compared, plan_blocks, write_comparison
from tests.support.recordings import ADD, LIST, ONE

SECONDS = 12
SLOW = {LIST: 1.3, ONE: 1.3, ADD: 1.3}


def write_stream(folder: Path, side: str, blocks: int, **made: object) -> Path:
    """A recording that loads one side alone."""
    planned: list[PlannedBlock] = [replace(block, side=side) for block in plan_blocks(blocks // 2, SECONDS)]
    write_comparison(folder, replace(Compared(**made), odd={"blocks": tuple(planned)}))  # type: ignore[arg-type]
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A stream of A with 48 blocks, and one of a slower B."""
    made = tmp_path_factory.mktemp("streams")
    return write_stream(made / "a", "a", 48), write_stream(made / "b", "b", 48, cost=1.3, slow=SLOW)


def test_blocks_are_dealt_in_their_order_a_b_b_a_from_shifting_starts(folders: tuple[Path, Path]) -> None:
    stream = read_stream(folders[0], "a", 10)
    dealt = deal_same(stream, pairs=10, least=9)
    assert len(dealt) >= 9
    for each in dealt:
        assert "".join(block.side for block in each.blocks) == "abba" * 5
        assert [block.pair for block in each.blocks] == [place // 2 for place in range(20)]
        starts = [block.start for block in each.blocks]
        assert starts == sorted(starts)
    firsts = [each.blocks[0].start for each in dealt]
    steps = {later - earlier for earlier, later in pairwise(firsts)}
    assert len(steps) == 1 and (steps.pop() // (SECONDS + 3)) % 2 == 1  # each block is dealt to either side


def test_the_same_build_is_not_told_apart_from_itself(folders: tuple[Path, Path]) -> None:
    found = count([judge(each, 0.10) for each in deal_same(read_stream(folders[0], "a", 10), 10, 9)])
    assert found["verdicts"][SAME] == found["comparisons"] >= 9
    assert (found["naive"], found["slower_endpoints"]) == (0, {})


def test_a_slower_build_is_found_in_each_and_its_endpoints_are_counted(folders: tuple[Path, Path]) -> None:
    dealt = deal_both(read_stream(folders[0], "a", 10), read_stream(folders[1], "b", 10), 12, 9)
    found = count([judge(each, 0.10) for each in dealt])
    assert found["verdicts"][SLOWER] == found["naive"] == found["comparisons"] >= 9
    assert set(found["slower_endpoints"]) == {"GET /api/books", "GET /api/books/{isbn}", "POST /api/books"}
    assert [(block.pair, block.side) for block in dealt[0].blocks[:2]] == [(0, "a"), (1, "a")]


def test_a_drift_misleads_the_naive_comparison_and_not_the_pairs(folders: tuple[Path, Path]) -> None:
    stream = read_stream(folders[0], "a", 10)
    (whole, *_) = deal_same(stream, 10, 1)
    assert not whole.is_naively_different
    assert replace(whole, naive=(10.0, 11.5)).is_naively_different
    assert replace(whole, naive=(11.5, 10.0)).is_naively_different


@pytest.mark.parametrize(("length", "needed", "least"), [(240, 20, 40), (144, 68, 40), (24, 20, 5), (20, 20, 1)])
def test_starts_give_as_many_comparisons_as_wanted(length: int, needed: int, least: int) -> None:
    starts = list_starts(length, needed, least)
    assert len(starts) >= least and max(starts) + needed <= length
    assert len({start % 2 for start in starts}) == min(2, len(starts))


def test_the_begin_of_longer_blocks_is_taken(folders: tuple[Path, Path]) -> None:
    short, whole = read_stream(folders[0], "a", 10).blocks, read_stream(folders[0], "a", SECONDS).blocks
    assert [(block.start, block.end - block.start) for block in short] == [(block.start, 10) for block in whole]
    assert all(0.7 * one.requests < other.requests < one.requests for one, other in zip(whole, short, strict=True))


def test_too_short_a_stream_says_so(folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--name", "short", "--a", str(folders[0])]) == 3
    assert "48 blocks are too few for 40 comparisons of 24; record a longer stream" in capsys.readouterr().err
    assert main(["--name", "full", "--full", "--a", str(folders[0])]) == 3
    assert "has blocks of side A that are shorter than 20 s" in capsys.readouterr().err
    assert main(["--name", "none", "--a", str(folders[1])]) == 3
    assert "has no blocks of side A" in capsys.readouterr().err


def test_the_command_prints_what_it_counted(folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--name", "made up", "--a", str(folders[0]), "--least", "9"]) == 0
    found = json.loads(capsys.readouterr().out)["made up"]
    assert (found["comparisons"], found["apart"]) == (9, 2), "48 blocks hold two comparisons of 24 side by side"


def test_what_comparisons_said_that_were_run_is_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = [tmp_path / name for name in ("same", "slower", "unfair")]
    cases = Compared(seconds=10), Compared(seconds=10, cost=1.3, slow=SLOW), Compared(seconds=10, wrong=3)
    for folder, case in zip(folders, cases, strict=True):
        write_comparison(folder, case)
        compare_main([str(folder)])
    capsys.readouterr()
    assert main(["--name", "run", "--run", *map(str, folders)]) == 0
    found = json.loads(capsys.readouterr().out)["run"]
    assert found["verdicts"] == {"SLOWER": 1, "FASTER": 0, "SAME": 1, "CANNOT TELL": 0, "INVALID": 1}
    assert (found["comparisons"], found["apart"], found["naive"]) == (3, 3, 1)
    assert found["slower_endpoints"] == {"GET /api/books": 1, "GET /api/books/{isbn}": 1, "POST /api/books": 1}
    assert main(["--name", "run", "--within", "0.2", "--run", str(folders[0])]) == 3
    assert "is no comparison of the quick form within 0.2" in capsys.readouterr().err
    (folders[0] / "compare.json").unlink()
    assert main(["--name", "run", "--run", str(folders[0])]) == 3
    assert "compare.json" in capsys.readouterr().err


def test_the_neighbour_comes_and_goes_for_as_long_as_it_is_asked() -> None:
    times = list(draw_times(1800))
    assert sum(seconds for _, seconds in times) == pytest.approx(1800)
    assert [is_busy for is_busy, _ in times[:4]] == [False, True, False, True]
    assert 0.4 < sum(seconds for is_busy, seconds in times if is_busy) / 1800 < 0.6


def test_the_neighbour_burns_a_core_in_its_time() -> None:
    seconds = 4.0
    busy = sum(lasts for is_busy, lasts in draw_times(seconds) if is_busy)
    assert busy > 1
    before = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    subprocess.run([sys.executable, "-m", "tests.error_rates.neighbour", str(seconds)], check=True, timeout=60)
    burnt = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]) - before
    assert burnt > busy / 4  # what else runs here takes its share


def test_sides_are_dealt_in_turn() -> None:
    assert "".join(name_side(place) for place in range(8)) == "abbaabba"


def test_the_document_gives_the_forms_as_they_are() -> None:
    text = " ".join(DOCUMENT.read_text(encoding="utf-8").split())
    full, quick = FORMS["full"], FORMS["quick"]
    assert f"The full form has {full.pairs} pairs of blocks of {full.seconds} s" in text
    assert f"the quick one {quick.pairs} pairs of {quick.seconds} s" in text


def test_the_document_gives_the_limits_as_they_are() -> None:
    text = " ".join(DOCUMENT.read_text(encoding="utf-8").split())
    for words in (
        f"{WARM_S} s of warm-up that do not count, and {GAP_S} s without load",
        f"With `--saturate` {SATURATING} users do not think",
        f"fewer than {FEWEST_PAIRS} pairs, or fewer than {100 * (1 - BROKEN_MOST):.0f} % of them",
        f"a side failed or refused over {100 * FAILED_MOST:.0f} % of its requests",
        f"differs by over {100 * FAILED_APART:.0f} percentage points, and is more than {FEW_FAILED} requests",
        f"a chance of {200 * LEVEL:.0f} % at most",
        f"rests for random times, {MEAN_S:.0f} s each on average",
    ):
        assert words in text, words


def test_the_table_of_the_document_is_that_of_its_data() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    found = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    assert BEGIN + write_table(found) + END in text
