"""Records with numbers that cannot be: a few lines are left out and named, many make the scenario INVALID."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.findings import INVALID, PASS, ScenarioReport
from analysis.records.gaps import Gaps
from analysis.records.latencies import read_latencies
from analysis.records.locust_files import read_history
from analysis.records.raw_files import read_data, read_generator, read_ledger, read_seconds, read_server
from analysis.records.results_folder import MACHINES
from analysis.records.run import INTERRUPTED, End, RunError, read_run
from analysis.report.report import build_report
from analysis.summarize import WRITERS, write_reports
from tests.support.made_runs import judge_run, machines, make_run, real_plan
from tests.support.read_models import LONG
from tests.support.recordings import START

NAME = "write_heavy"
WHOLE = "what was written down is whole"
MANY_DIGITS = "1" + "0" * 400  # a whole number that no float can hold
NUMBERS = ("nan", "inf", "-inf", "-1", "1e300", "1e16", "", "many", MANY_DIGITS)
ENDLESS = '"' + "x" * 140_000  # more than the csv module takes for one field
DEEP = "[" * 100_000  # more than the json module takes
VALUES = ("NaN", "Infinity", "-1", "1e300", "null", '"many"', "true", "[]", "{}", MANY_DIGITS, DEEP)
FAR = ("180000012", "9000000000", "0")  # a moment with a digit lost, one to come
Damage = Callable[[str], str]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole run that passes."""
    folder = tmp_path_factory.mktemp("good")
    make_run(folder, real_plan(NAME, "full"))
    return folder


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run that passes."""
    folder = tmp_path_factory.mktemp("small")
    make_run(folder, real_plan(NAME, "quick"))
    return folder


@pytest.fixture
def short(small: Path, tmp_path: Path) -> Path:
    """A copy of the short run."""
    return Path(shutil.copytree(small, tmp_path / "short"))


@pytest.fixture
def full(good: Path, tmp_path: Path) -> Path:
    """A copy of the whole run."""
    return Path(shutil.copytree(good, tmp_path / "full"))


@pytest.fixture
def run(request: pytest.FixtureRequest) -> Path:
    """A copy of the whole run; the short form takes the short one, which is read in the same way."""
    return Path(request.getfixturevalue("full" if LONG else "short"))


def put(place: int, value: str) -> Damage:
    """Another value at a place of a line of a CSV file."""

    def change(line: str) -> str:
        parts = line.rstrip("\n").split(",")
        parts[place] = value
        return ",".join(parts) + "\n"

    return change


def set_to(value: str, *keys: str) -> Damage:
    """Another value under a key of a line of JSON, as it stands in the file."""

    def change(line: str) -> str:
        found: Any = json.loads(line)
        inner = found
        for key in keys[:-1]:
            inner = inner[key]
        inner[keys[-1]] = "(here)"
        return json.dumps(found).replace('"(here)"', value) + "\n"

    return change


def damage(path: Path, change: Damage, count: int, which: str = "") -> None:
    """Change so many of the lines that hold a text, spread over the file; the head is left alone."""
    lines = path.read_text().splitlines(keepends=True)
    places = [place for place, line in enumerate(lines) if place and which in line]
    for place in places[:: max(1, len(places) // (count + 1))][1 : count + 1]:
        lines[place] = change(lines[place])
    path.write_text("".join(lines))


def spoke(scenario: ScenarioReport) -> dict[str, str | None]:
    """The checks against PASS with their verdicts."""
    return {check.name: check.verdict for check in scenario.not_passed}


COLUMNS: list[tuple[str, str, Damage]] = [
    *(("_seconds.csv", "(think)", put(6, value)) for value in NUMBERS),
    *(("_seconds.csv", "(think)", put(0, value)) for value in (*NUMBERS, *FAR, "1800000012.5")),
    *(("_seconds.csv", "(think)", put(place, value)) for place in (2, 3, 4, 5) for value in ("-1", "nan", "1.5", "")),
    *((".hlog", "Tag=POST", put(1, value)) for value in (*NUMBERS, *FAR)),
    *((".hlog", "Tag=POST", put(4, value)) for value in ("", "HISTF", "x" * 60)),
    *((".hlog", "Tag=POST", put(0, value)) for value in ("xag=GET|/api/books", "")),
    *(("_generator.csv", "", put(place, value)) for place in range(5) for value in NUMBERS),
    *(("_generator.csv", "", put(0, value)) for value in FAR),
    *(("_generator.csv", "", put(5, value)) for value in ("nan", "-1", "5 -3", "many", ENDLESS, '"', "5,5")),
    *(("_seconds.csv", "(think)", put(1, value)) for value in (ENDLESS, '"')),
    *(("_stats_history.csv", "Aggregated", put(place, value)) for place in (1, 0) for value in NUMBERS),
    *(("_stats_history.csv", "Aggregated", put(0, value)) for value in FAR),
]  # fmt: skip
KEYS: list[tuple[str, str, Damage]] = [
    *(("_server.jsonl", "books", set_to(value, key)) for key in ("at", "took") for value in VALUES),
    *(("_server.jsonl", "books", set_to(value, "at")) for value in FAR),
    *(("_server.jsonl", "books", set_to(value, "server_at")) for value in VALUES if value != "null"),
    *(("_server.jsonl", "books", set_to(value, "values", "redis_keys")) for value in VALUES),
    *(("_server.jsonl", "books", set_to(value, "workers", "4001", "rss")) for value in VALUES),
    *(("_server.jsonl", "books", set_to(value, "workers")) for value in ("null", "5", "[]", '{"4001": 5}')),
    *(("_server.jsonl", "books", set_to(value, "error")) for value in ("5", "null", "{}")),
    *(("_ledger.jsonl", "acknowledged", set_to(value, key)) for key in ("n", "outcome") for value in VALUES),
    *(("_ledger.jsonl", '"stock": 1}', set_to(value, key)) for key in ("n", "method") for value in VALUES),
    *(("_ledger.jsonl", which, set_to(value, "at")) for which in ("outcome", '"stock": 1}') for value in FAR),
    *(("_ledger.jsonl", '"stock": 1}', set_to(value, "isbn")) for value in VALUES if value != '"many"'),
    *(("_ledger.jsonl", '"stock": 1}', set_to(value, "fields")) for value in ("NaN", "-1", '"text"', "[]", "true")),
    *(("_ledger.jsonl", '"stock": 1}', set_to(value, "fields")) for value in ('{"title": "\\ud800"}', DEEP)),
    *(("_ledger.jsonl", '"stock": 1}', set_to(value, "if_match")) for value in ("NaN", "-1", "1.5", '"1"', "{}")),
]  # fmt: skip


CASES = [*COLUMNS, *KEYS]


NEAR = (START - 600.0, START + 900.0)
READERS: dict[str, Callable[[Path, Gaps], object]] = {
    "_seconds.csv": lambda folder, gaps: read_seconds(folder, NAME, gaps, NEAR),
    ".hlog": lambda folder, gaps: read_latencies(folder, NAME, gaps, NEAR),
    "_generator.csv": lambda folder, gaps: read_generator(folder, NAME, gaps, NEAR),
    "_server.jsonl": lambda folder, gaps: read_server(folder, NAME, gaps, NEAR),
    "_ledger.jsonl": lambda folder, gaps: read_ledger(folder, NAME, gaps, NEAR),
    "_stats_history.csv": lambda folder, gaps: read_history(folder / f"{NAME}_stats_history.csv", gaps),
}


@pytest.mark.parametrize("ending", sorted({case[0] for case in CASES}))
def test_each_number_that_cannot_be_is_named(short: Path, ending: str) -> None:
    path = short / f"{NAME}{ending}"
    whole = path.read_bytes()
    unseen = []
    for number, (_, which, change) in enumerate(case for case in CASES if case[0] == ending):
        damage(path, change, 1, which)
        gaps = Gaps()
        READERS[ending](short, gaps)
        if gaps.damaged != {path.name: 1} or not any(gap.startswith(f"{path.name} is cut off") for gap in gaps):
            changed = set(path.read_text().splitlines()) - set(whole.decode().splitlines())
            unseen.append((number, changed, gaps))
        path.write_bytes(whole)
    assert unseen == []


TIMED = ("_server.jsonl", "_generator.csv", "_ledger.jsonl", "_data.jsonl", MACHINES)


@pytest.mark.parametrize("ending", TIMED)
@pytest.mark.parametrize("far", FAR)
def test_a_line_of_a_moment_far_from_the_load_is_damaged_in_every_file(tmp_path: Path, ending: str, far: str) -> None:
    make_run(tmp_path, real_plan(NAME, "quick"), [machines()] if ending == MACHINES else [])
    assert judge_run(tmp_path, NAME).verdict == PASS
    path = tmp_path / f"{NAME}{ending}"
    head, *lines = path.read_text().splitlines(keepends=True)
    change = put(0, far) if ending.endswith(".csv") else set_to(far, "at")
    path.write_text("".join([head, *lines[:-1], change(lines[-1])]))
    assert f"{path.name} is cut off or damaged in line {len(lines) + 1}." in judge_run(tmp_path, NAME).notes


@pytest.mark.parametrize("case", {case[0]: case for case in CASES}.values(), ids=lambda case: str(case[0]))
@pytest.mark.parametrize(("share", "verdict"), [(0.003, PASS), (0.08, INVALID)])
def test_few_damaged_lines_pass_and_many_do_not(
    full: Path, case: tuple[str, str, Damage], share: float, verdict: str
) -> None:
    ending, which, change = case
    path = full / f"{NAME}{ending}"
    damage(path, change, max(1, round(share * path.read_text().count("\n"))), which)
    scenario = judge_run(full, NAME)
    if ending == "_generator.csv" and verdict == PASS:  # a hole in its record is a stall of its event loop
        assert spoke(scenario) == {"the generator's event loop kept pace": INVALID}
        return
    assert (scenario.verdict, spoke(scenario).get(WHOLE)) == (verdict, None if verdict == PASS else verdict)
    assert any(note.startswith(f"{path.name} is cut off or damaged") for note in scenario.notes), scenario.notes


@pytest.mark.parametrize("ending", ["_stats.csv", "_failures.csv", "_exceptions.csv", "_requests.json"])
@pytest.mark.parametrize("left", [None, b"", b'"'])
def test_a_file_of_locust_that_is_missing_or_empty_makes_the_scenario_invalid(
    run: Path, ending: str, left: bytes | None
) -> None:
    path = run / f"{NAME}{ending}"
    path.unlink() if left is None else path.write_bytes(left)
    assert spoke(judge_run(run, NAME)).get(WHOLE) == INVALID


@pytest.mark.parametrize("value", ["NaN", "-1", "1e17", "17", "9000000000", '"soon"', "true", "[]"])
def test_a_stop_that_cannot_be_makes_the_scenario_invalid(run: Path, value: str) -> None:
    (run / f"{NAME}_requests.json").write_text(f'{{"stopped_at": {value}}}')
    assert spoke(judge_run(run, NAME)).get(WHOLE) == INVALID


@pytest.mark.parametrize("value", ["NaN", "-1", "1e300", '"many"', '"0.5"', "true", "[]", MANY_DIGITS])
@pytest.mark.parametrize(
    "key",
    ["reads-p95-ms", "read-model-share", "off-plan-ratio", "seconds", "write_share", "shared_accounts", "processes"],
)
def test_a_plan_with_a_number_that_cannot_be_is_not_summarized(run: Path, key: str, value: str) -> None:
    found = json.loads((run / "run.json").read_text())
    (plan,) = found["plan"]
    places = {"seconds": plan["stages"][0], "write_share": plan, "processes": found, "off-plan-ratio": plan["limits"]}
    places["shared_accounts"] = plan
    places.get(key, plan["objectives"])[key] = "(here)"
    (run / "run.json").write_text(json.dumps(found).replace('"(here)"', value))
    with pytest.raises(RunError, match="cut off or damaged"):
        build_report(run)


@pytest.mark.parametrize("ending", ["_failures.csv", "_exceptions.csv", "_stats.csv", "_stats_history.csv"])
@pytest.mark.parametrize("whole_lines", [0, 1, 300])
def test_a_field_without_end_makes_all_that_follows_damaged(run: Path, ending: str, whole_lines: int) -> None:
    path = run / f"{NAME}{ending}"
    head, *lines = path.read_text().splitlines(keepends=True)
    row = lines[-1] if lines else "1,1,1,1,1,1\n"
    path.write_text("".join([head, *[row] * whole_lines][:whole_lines] + [ENDLESS + "\n"] + [row] * 7))
    scenario = judge_run(run, NAME)
    assert spoke(scenario).get(WHOLE) == INVALID
    assert any(note.startswith(f"{path.name} is cut off or damaged") for note in scenario.notes), scenario.notes


STATE = '{"at": 1, "moment": "after", "books": 5000, "own": 0}\n'
WRONG_STATES = [
    *(("moment", value) for value in (*VALUES, '"later"', '"\\ud800"')),
    *((key, value) for key in ("books", "own") for value in (*VALUES, "2.5")),
    *(("at", value) for value in VALUES),
]


@pytest.mark.parametrize("key", ["at", "moment", "books", "own"])
def test_a_state_of_the_data_that_cannot_be_is_named(tmp_path: Path, key: str) -> None:
    for value in [value for name, value in WRONG_STATES if name == key]:
        (tmp_path / f"{NAME}_data.jsonl").write_text(set_to(value, key)(STATE))
        gaps = Gaps()
        assert (read_data(tmp_path, NAME, gaps), gaps.damaged.total()) == ({}, 1), value[:20]


@pytest.mark.parametrize("content", [DEEP, '{"at": ' + MANY_DIGITS + "}", "[]", "5", "null", '{"isbns": 5}'])
@pytest.mark.parametrize("ending", ["_read_back.json", "_requests.json"])
def test_a_file_of_json_that_cannot_be_makes_the_scenario_invalid(run: Path, ending: str, content: str) -> None:
    (run / f"{NAME}{ending}").write_text(content)
    assert spoke(judge_run(run, NAME)).get(WHOLE) == INVALID


ODD_FACTS = ("null", "5", '"low"', "[]", "[null]", "{}", '{"auth": null, "books": null}', "1.5", MANY_DIGITS)
FACTS: dict[str, str] = {  # run.json with a fact of another form
    "services": '{"services": (here)}',
    "a service": '{"services": {"auth": (here), "books": (here)}}',
    "settings": '{"services": {"auth": {"settings": (here)}, "books": {"settings": (here)}}}',
    "bcrypt cost": '{"services": {"auth": {"settings": {"bcrypt_rounds": (here)}}}}',
    "scenario files": '{"scenario_files": (here)}',
    "machine": '{"machine": (here), "accounts": (here), "commit": (here), "started": (here)}',
    "memory": '{"machine": {"memory_bytes": (here), "cpus": (here)}}',
}


@pytest.mark.parametrize("fact", FACTS)
def test_facts_of_another_form_are_left_out(tmp_path: Path, fact: str) -> None:
    make_run(tmp_path, real_plan("read_heavy", "quick"))
    found = json.loads((tmp_path / "run.json").read_text())
    for value in ODD_FACTS:
        odd = json.loads(FACTS[fact].replace("(here)", value))
        (tmp_path / "run.json").write_text(json.dumps({**found, **odd}))
        report = build_report(tmp_path)
        assert (report.verdict, set(write_reports(tmp_path, report))) == (PASS, set(WRITERS)), value[:20]


@pytest.mark.parametrize("value", ["null", "5", "[]", '"a\\u0000b"', '"\\ud800"', DEEP])
@pytest.mark.parametrize("key", ["name", "question", "run", "profile", "objectives", "users", "limits"])
def test_a_run_whose_names_or_plan_have_another_form_is_not_summarized(short: Path, key: str, value: str) -> None:
    found = json.loads((short / "run.json").read_text())
    (plan,) = found["plan"]
    places = {"run": found, "profile": found, "users": plan["stages"][0]}
    places.get(key, plan)[key] = "(here)"
    (short / "run.json").write_text(json.dumps(found).replace('"(here)"', value))
    if (key, value) == ("users", "5"):
        assert read_run(short).plans[0].users == 5
    elif key in ("question", "run", "profile") and value == '"a\\u0000b"':
        assert set(write_reports(short, build_report(short))) == set(WRITERS)
    else:
        with pytest.raises(RunError, match="cut off or damaged"):
            build_report(short)


HEAD = "scenario,started,ended,exit_code\n"
ENDED, UNTOLD_ENDS = {NAME: End(0)}, dict[str, End]()


@pytest.mark.parametrize(
    ("content", "ends"),
    [
        (f"{HEAD}{NAME},1,2,0\n", ENDED),
        (f"smoke,1,2,0\n{NAME},1,2,0\n", UNTOLD_ENDS),
        (f"{HEAD}{NAME},1,2,²\n", UNTOLD_ENDS),
        (f"{HEAD}{NAME},1,2,{'9' * 5000}\n", UNTOLD_ENDS),
        (f"scenario,started\n{NAME},1\n", UNTOLD_ENDS),
        (f"exit_code\n0\n{INTERRUPTED}\n", UNTOLD_ENDS),
        (f"{HEAD}{NAME},1,2,0\n{NAME}\nsoak,1,{ENDLESS}\n", ENDED),
        (b"\xff\xfe\x00\x80\n", UNTOLD_ENDS),
        (HEAD.encode() + f"{NAME},1,2,0\n".encode() + b"\xff\xfe,\x00\n", ENDED),
        (ENDLESS, UNTOLD_ENDS),
        ("", UNTOLD_ENDS),
        (None, UNTOLD_ENDS),
    ],
)
def test_a_damaged_line_of_an_end_tells_of_no_end(
    short: Path, content: str | bytes | None, ends: dict[str, End]
) -> None:
    path = short / "scenarios.csv"
    path.unlink()
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert read_run(short).ends == ends
    assert judge_run(short, NAME).verdict == (PASS if ends else INVALID)
