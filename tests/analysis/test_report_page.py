"""What report.html shows: verdict and reasons first, every figure with its file, all of it safe, small and alike."""

import csv
import json
import math
import os
import re
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from analysis.findings import Figure, RunReport, ScenarioReport, Table, TimeLine
from analysis.plan.plan import SCENARIOS, Stage
from analysis.plan.scenario_files import read_plan, scenario_path
from analysis.records.results_folder import FAILURE_SAMPLES
from analysis.report.page import SIGNS, write_html
from analysis.report.report import NO_ANSWER, SUMMARIES, build_report
from analysis.report.sections import REASONS_ON_TOP
from analysis.report.tables import show_table
from analysis.summarize import WRITERS
from tests.support.recordings import (
    LIST,
    ONE,
    START,
    Load,
    Services,
    make_plan,
    make_requests,
    ramp_users,
    write_failures,
    write_good_run,
    write_run,
    write_scenario,
    write_server,
)
from tests.support.report_pages import Page
from tests.support.whole_runs import write_whole_run

PROJECT = Path(__file__).resolve().parents[2]
LONG = os.environ.get("LONG_CHECKS") == "1"
MOST_BYTES = 2_000_000
BUSIEST = "busiest process, mean share of a core"
HOSTILE = '"><script>alert(1)</script><img src=http://evil.example/x onerror=alert(2)>&amp;{{ 7*7 }}</title></style>'


def show(folder: Path) -> Page:
    """The page of a run; it is well-formed whatever was recorded."""
    page = Page(write_html(build_report(folder)))
    assert page.faults == []
    return page


@cache
def whole_run(folder: Path) -> Page:
    """The page of a run of all seven scenarios; a service leaks descriptors in one, one is shed from, one errs."""
    plans = {plan.name: plan for plan in write_whole_run(folder)}
    write_server(folder, plans["soak"], Services(growth={"fds": 3.0}))
    kinds = {"spike": lambda n: "shed" if n % 40 == 0 else "right", "smoke": lambda n: "wrong" if n == 9 else "right"}
    for name, kind in kinds.items():
        write_scenario(folder, plans[name], kinds=kind)
    return show(folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the run of all seven scenarios."""
    return tmp_path_factory.mktemp("whole")


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    """Its page."""
    return whole_run(folder)


def read_csv(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def count(folder: Path, name: str, *columns: str, seconds: range = range(10**6)) -> int:
    """The sum of some columns of NAME_seconds.csv over the requests of some seconds."""
    rows = [row for row in read_csv(folder / f"{name}_seconds.csv") if not row["endpoint"].startswith("(")]
    return sum(int(row[column]) for row in rows for column in columns if int(row["second"]) - START in seconds)


def rank_times(name: str, share: float) -> float:
    """A percentile of the times (ms) of a made-up scenario, by sorting them."""
    plan = make_plan(Stage(50, 30, 25), name=name, share=0.08)
    times = sorted(ms for _, _, ms, kind in make_requests(Load(plan)) if kind == "right")
    return times[math.ceil(share * len(times)) - 1]


def test_ten_figures_are_those_that_the_named_files_give(folder: Path, page: Page) -> None:
    history = [row for row in read_csv(folder / "stages_stats_history.csv") if row["Name"] == "Aggregated"]
    ledger = [json.loads(line) for line in (folder / "write_heavy_ledger.jsonl").read_text().splitlines()]
    outcomes = Counter(line["outcome"] for line in ledger if "outcome" in line)
    cpu = [float(row["cpu"]) for row in read_csv(folder / "soak_generator.csv")]
    before = json.loads((folder / "smoke_data.jsonl").read_text().splitlines()[0])
    kinds, spike = ("right", "wrong", "unanswered", "shed"), range(20, 40)
    shed, sent = count(folder, "spike", "shed", seconds=spike), count(folder, "spike", *kinds, seconds=spike)
    raw = {
        ("baseline", "requests", "baseline_seconds.csv"): count(folder, "baseline", *kinds),
        ("stages", "users", "stages_stats_history.csv"): max(int(row["User Count"]) for row in history),
        ("stages", "seconds", "stages_stats_history.csv"): len(history),
        ("read_heavy", "p50 of all answers", "read_heavy.hlog"): rank_times("read_heavy", 0.5),
        ("read_heavy", "p95 of all answers", "read_heavy.hlog"): rank_times("read_heavy", 0.95),
        ("read_heavy", "p99 of all answers", "read_heavy.hlog"): rank_times("read_heavy", 0.99),
        ("soak", "requests a second", "soak_seconds.csv"): count(folder, "soak", *kinds) / 150,
        ("smoke", "errors", "smoke_seconds.csv"): count(folder, "smoke", "wrong", "unanswered"),
        ("spike", "requests in the spike", "spike_seconds.csv"): sent,
        ("spike", "shed share in the spike", "spike_seconds.csv"): shed / sent,
        ("write_heavy", "acknowledged", "write_heavy_ledger.jsonl"): outcomes["acknowledged"],
        ("write_heavy", "of unknown outcome", "write_heavy_ledger.jsonl"): outcomes["unknown"],
        ("soak", BUSIEST, "soak_generator.csv", "the generator had processor time to spare"): sum(cpu) / len(cpu),
        ("smoke", "books before it", "smoke_data.jsonl", "the data was as when the run began"): before["books"],
    }
    for key, value in raw.items():
        assert value > 0, key
        assert page.figure(*key) == pytest.approx(value, rel=0.01), key
    cells = page.find("td", data_scenario="soak", data_row="own descriptors", data_figure="slope a minute")
    assert sorted(float(cell.attributes["data-value"]) for cell in cells) == pytest.approx([0] * 5 + [3.0], rel=0.1)


def test_every_figure_picture_and_table_names_files_that_are_there(folder: Path, page: Page) -> None:
    figures, pictures, tables = page.find("data", "td"), page.find("svg"), page.find("table")
    marked = [tag for tag in figures if "data-figure" in tag.attributes]
    results = [table for table in tables if table.attributes.get("class") not in ("answers", "checks")]
    assert (len(marked) > 300, len(pictures) > 20, len(results) > 7) == (True, True, True)
    for tag in [*marked, *pictures, *results]:
        names = tag.attributes["data-source"].split(", ")
        assert [name for name in names if not (folder / name).is_file()] == [], tag.attributes
    named = " ".join(tag.text for tag in page.find("code"))
    assert [name for tag in marked for name in tag.attributes["data-source"].split(", ") if name not in named] == []


def test_shown_numbers_are_short_and_close_to_the_exact_ones(page: Page) -> None:
    for tag in [tag for tag in page.find("data", "td") if "data-figure" in tag.attributes]:
        exact = tag.attributes["data-value"]
        shown = re.match(r"-?[\d,]*\.?\d*", tag.text.strip())
        assert shown, tag
        if exact and shown[0]:
            number = float(shown[0].replace(",", "")) / (100 if tag.text.strip().endswith(" %") else 1)
            assert number == pytest.approx(float(exact), rel=0.006), tag
            assert len(re.sub(r"[-,.]", "", shown[0]).lstrip("0")) <= 3 or "." not in shown[0], tag


def test_the_verdict_comes_first_then_its_reasons_the_worst_first(tmp_path: Path) -> None:
    plans = [make_plan(name=name) for name in ("smoke", "baseline", "read_heavy", "soak")]
    write_run(tmp_path, *plans, codes={plan.name: 0 for plan in plans[:3]})
    write_scenario(tmp_path, plans[0], users=[0, *[33] * 29])
    write_scenario(tmp_path, plans[1], kinds=lambda n: "wrong" if n == 9 else "right")
    write_scenario(tmp_path, plans[2])
    page = show(tmp_path)
    (title,) = page.find("h1")
    assert " ".join(title.text.split()).startswith("✗ FAIL ")
    top = page.text(id="top")
    places = [top.index(words) for words in ("FAIL", "PARTIAL", "baseline", "smoke", "soak")]
    assert places == sorted(places)
    assert top.index("1 request failed") < top.index("The load had 33 users")
    assert f"{NO_ANSWER} 478 answers" in page.text(id="smoke")
    assert [tag.text.split()[0] for tag in page.find("h2")][-4:] == ["smoke", "baseline", "read_heavy", "soak"]


def test_when_there_are_many_reasons_the_top_has_the_worst_of_each_scenario(tmp_path: Path) -> None:
    plans = [make_plan(name=name) for name in SCENARIOS]
    write_run(tmp_path, *plans)
    for plan in plans:
        write_scenario(tmp_path, plan, users=[0, *[33] * 29], kinds=lambda n: "wrong" if n == 9 else "right")
    page = show(tmp_path)
    (reasons,) = page.find("ul", aria_label="reasons, the worst first")[:1]
    assert reasons.text.count("1 request failed") == len(SCENARIOS) > REASONS_ON_TOP
    assert reasons.text.count("and 1 more") == len(SCENARIOS) - 1  # the spike cannot be judged at all
    assert NO_ANSWER not in page.text(id="baseline")  # it is FAIL, not INVALID
    assert "33 users" not in reasons.text and "had 33 users" in page.text(id="baseline")


def test_every_verdict_is_a_word_and_a_sign(page: Page) -> None:
    badges = [tag for tag in page.find("span") if "badge" in tag.attributes.get("class", "").split()]
    words = {" ".join(tag.text.split()) for tag in badges}
    assert words <= {f"{sign} {verdict or 'not judged'}" for verdict, sign in SIGNS.items()}
    assert {"✓ PASS", "✗ FAIL", "· not judged"} <= words
    assert len(set(SIGNS.values())) == len(SIGNS)


def test_the_answers_have_a_row_a_scenario_that_links_to_its_section(page: Page) -> None:
    links = [tag.attributes["href"] for tag in page.find("a") if tag.inside[-4:] == ("table", "tbody", "tr", "th")]
    assert links == [f"#{name}" for name in SCENARIOS]
    anchors = [tag.attributes["id"] for tag in page.tags if "id" in tag.attributes]
    assert len(anchors) == len(set(anchors))
    targets = {tag.attributes["href"] for tag in page.find("a") if tag.attributes["href"].startswith("#")}
    assert targets <= {f"#{anchor}" for anchor in anchors}


def test_a_killed_run_says_partial_and_shows_dashes_for_what_did_not_run(tmp_path: Path, page: Page) -> None:
    plans = [make_plan(name="smoke"), make_plan(Stage(20, 60, 10), name="read_heavy"), make_plan(name="soak")]
    write_run(tmp_path, *plans, codes={"smoke": 0})
    write_scenario(tmp_path, plans[0])
    write_scenario(tmp_path, plans[1], users=ramp_users(plans[1])[:31])
    for ending in ("_stats.csv", "_requests.json", "_read_back.json", "_failures.csv", "_exceptions.csv"):
        (tmp_path / f"read_heavy{ending}").unlink()
    killed = show(tmp_path)
    assert "PARTIAL: not every planned scenario ran to its end" in killed.text(id="top")
    assert "(PARTIAL)" in killed.find("title")[0].text
    assert killed.figure("read_heavy", "seconds", "read_heavy_stats_history.csv") == 31
    cells = killed.find("data", data_scenario="soak")
    assert (len(cells), {tag.text for tag in cells}) == (9, {"–"})  # noqa: RUF001  the dash that is shown
    assert "PARTIAL" not in page.text(id="top")


def test_a_crash_is_named(tmp_path: Path) -> None:
    write_good_run(tmp_path, plan := make_plan(name="smoke"))
    write_run(tmp_path, plan, codes={"smoke": 139})
    assert "crashed: smoke" in show(tmp_path).text(id="top")


def test_the_top_says_that_load_and_services_shared_the_machine_and_what_ran_where(tmp_path: Path) -> None:
    write_good_run(tmp_path, plan := make_plan(name="smoke"))
    settings = {"workers": "2", "bcrypt_rounds": "4", "db_tls": "verify", "redis_tls": "off"}
    facts: dict[str, Any] = {
        "started": "2027-01-15T08:00:00+00:00",
        "target_is_this_machine": True,
        "services": {"auth": {"url": "http://books.example:5000", "settings": settings}},
        "machine": {"cpu": "Z80", "cpus": 2, "memory_bytes": 8 * 1024**3, "locust": "2.47.0"},
        "commit": "2af7fd6",
    }
    write_run(tmp_path, plan, **facts)
    page = show(tmp_path)
    for words in (
        "Quick run",
        "2027-01-15 08:00:00 UTC",
        "http://books.example:5000",
        "Z80, 2 cores, 8 GiB",
        "shared one machine",
    ):
        assert words in page.text(id="top"), words
    words = "workers 2, bcrypt cost 4, TLS to MariaDB verify, TLS to Redis off"
    assert words in page.text(id="where") and "2af7fd6" in page.text(id="where")


def test_odd_facts_are_left_out(tmp_path: Path) -> None:
    write_good_run(tmp_path, plan := make_plan(name="smoke"))
    write_run(tmp_path, plan, machine=[1], started=7, processes=1, commit=None, accounts="many")
    assert (
        "Runtest_results_20270115_080000, quick profile Date2027-01-15 08:00:00 UTC Load side1 process This comes from"
        in show(tmp_path).text(id="where")
    )


def spoil(report: RunReport) -> RunReport:
    """The report with hostile words in every place that has words."""
    (one,) = report.scenarios
    lines = tuple(replace(line, name=HOSTILE, group=HOSTILE, unit=HOSTILE, source=HOSTILE) for line in one.time_lines)
    figure = Figure(HOSTILE, HOSTILE, HOSTILE, HOSTILE)
    hostile = replace(
        one,
        name=HOSTILE,
        question=HOSTILE,
        answer=HOSTILE,
        reasons=(HOSTILE,),
        figures=(figure,),
        checks=tuple(
            replace(check, name=HOSTILE, kind=HOSTILE, verdict="FAIL", reason=HOSTILE, figures=(figure,))
            for check in one.checks
        ),
        tables=(Table(HOSTILE, (HOSTILE, HOSTILE), ((HOSTILE, HOSTILE), (1, 2.5)), HOSTILE),),
        time_lines=(*one.time_lines, *lines),
        marks=((0.0, HOSTILE), (9.0, HOSTILE)),
        notes=(HOSTILE,),
    )
    facts = {
        "started": HOSTILE,
        "commit": HOSTILE,
        "services": {HOSTILE: {"url": HOSTILE, "version": HOSTILE, "settings": {"driver": HOSTILE}}},
        "machine": {"cpu": HOSTILE, "kernel": HOSTILE},
    }
    words: dict[str, Any] = {"name": HOSTILE, "profile": HOSTILE, "crashed": (HOSTILE,), "notes": (HOSTILE,)}
    return replace(report, scenarios=(hostile,), facts=facts, complete=False, **words)


def test_hostile_words_in_any_place_stay_words(tmp_path: Path) -> None:
    write_good_run(tmp_path, make_plan(name="smoke"))
    report = build_report(tmp_path)
    usual, spoiled = Page(write_html(report)), Page(write_html(spoil(report)))
    assert spoiled.faults == []
    assert {tag.name for tag in spoiled.tags} <= {tag.name for tag in usual.tags} | {"b", "ul"}
    for name in ("script", "style", "title", "meta"):
        assert len([tag for tag in spoiled.find(name) if "svg" not in tag.inside]) == len(
            [tag for tag in usual.find(name) if "svg" not in tag.inside]
        )
    assert not [name for tag in spoiled.tags for name in tag.attributes if name.startswith("on")]
    assert sum(HOSTILE in tag.text for tag in spoiled.tags) > 30
    assert "49" not in spoiled.text(id="top")


def test_what_a_service_answered_is_shown_as_text(tmp_path: Path) -> None:
    write_good_run(tmp_path, plan := make_plan(name="smoke"))
    write_failures(tmp_path, plan.name, [("GET", "/api/books", "<script>alert(1)</script> & <b>", 1)])
    page = show(tmp_path)
    assert "<script>alert(1)</script> & <b>" in page.text(id="top")
    assert len(page.find("script")) == 1


def test_the_page_asks_nothing_of_any_other_file_or_host(page: Page) -> None:
    loading = ("src", "srcset", "action", "poster", "data", "background", "xlink:href", "formaction", "ping")
    assert not [tag for tag in page.tags if set(tag.attributes) & set(loading)]
    assert not page.find("link", "img", "iframe", "object", "embed", "base", "form")
    addresses = {tag.attributes["href"] for tag in page.tags if "href" in tag.attributes}
    assert not [address for address in addresses if re.search(r"[:\\]|^[/.]|//", address)]
    (style,), (script,) = page.find("style"), page.find("script")
    assert not re.search(r"@import|url\(|@font-face", style.text)
    assert not re.search(r"fetch|XMLHttpRequest|import|WebSocket|sendBeacon|https?:", script.text)
    (policy,) = [tag.attributes["content"] for tag in page.find("meta") if "http-equiv" in tag.attributes]
    assert policy.startswith("default-src 'none';")


def test_headings_are_in_order_and_pictures_have_words(page: Page) -> None:
    levels = [int(tag.name[1]) for tag in page.tags if re.fullmatch("h[1-6]", tag.name)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(below <= above + 1 for above, below in pairwise(levels))
    pictures, titles, words = page.find("svg"), page.find("title"), page.find("desc")
    charts = len(page.find("figure", class_="chart"))
    assert len(pictures) == len(words) == len(titles) - 1
    for picture, name in zip(pictures, words, strict=True):
        assert picture.attributes["aria-labelledby"].split()[1] == name.attributes["id"]
        assert re.search(r"from [\d.,]+ .*to [\d.,]+.*; from \w+", name.text), name.text
    assert charts >= 10 and sum("; highest: " in name.text for name in words) == len(words) - charts


def test_the_same_run_gives_the_same_bytes(folder: Path, page: Page) -> None:
    command = [sys.executable, "-m", "analysis.summarize", str(folder)]
    texts = []
    for seed in ("1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": seed, "TZ": f"UTC{seed}"}
        env.pop("GITHUB_STEP_SUMMARY", None)
        subprocess.run(command, check=False, cwd=PROJECT, env=env, capture_output=True, timeout=120)
        texts.append((folder / "report.html").read_text())
        (folder / "report.html").unlink()
    assert texts == [page.source, page.source]


def make_noise(group: str, name: str, unit: str, seconds: int, seed: int) -> TimeLine:
    """A line that jumps to and fro every second, the worst there is to draw."""
    values = [100.0 + (second * 7919 * seed) % 797 for second in range(seconds)]
    values[seed % seconds], values[(seed + 9) % seconds] = 1000.0, 0.0
    points = tuple((float(second), value) for second, value in enumerate(values))
    return TimeLine(group, name, unit, "soak_server.jsonl", points)


def make_crowd(workers: int) -> RunReport:
    """A full run of an hour of services with so many worker processes, all of them restless."""
    scenarios: list[ScenarioReport] = []
    for name in SCENARIOS:
        plan = read_plan(scenario_path(PROJECT, "full", name))
        seconds = int(plan.seconds)
        lines = [make_noise("latency", f"p{share}", "ms", seconds, share) for share in (50, 95, 99)]
        for group in ("cpu", "in flight", "pool", "generator lag"):
            lines += [make_noise(group, f"books {pid}", "", seconds, pid) for pid in range(4000, 4000 + workers)]
        got = {"users": 9, "seconds": seconds, "requests": 9, "rps": 1.0, "errors": 0, "shed": 0}
        got |= {"p50_ms": 1.0, "p95_ms": 1.0, "p99_ms": 1.0}
        planned = {"users": 9, "seconds": plan.seconds}
        scenario = ScenarioReport(name, "?", "PASS", (), "!", planned, got, (), (), (), tuple(lines), (), (), START)
        scenarios.append(scenario)
    return RunReport("crowd", "full", True, (), "PASS", tuple(scenarios))


@pytest.mark.parametrize("workers", [6, 64])
def test_an_hour_of_restless_lines_stays_under_two_megabytes_and_keeps_their_peaks(workers: int) -> None:
    report = make_crowd(workers)
    text = write_html(report)
    assert 200_000 < len(text.encode()) < MOST_BYTES
    page = Page(text)
    assert page.faults == []
    paths = [tag.attributes["d"] for tag in page.find("path") if "line" in tag.attributes["class"].split()]
    assert len(paths) == sum(len(scenario.time_lines) for scenario in report.scenarios)
    assert {find_span(path) for path in paths} == {(0, 1000)}
    assert "The lowest and the highest value of every " in page.text(id="soak")


def find_span(path: str) -> tuple[int, int]:
    """The highest and the lowest place of a path."""
    heights: list[int] = []
    for _, start, steps in re.findall(r"M(\d+) (\d+)l([-\d ]+)", path):
        at = int(start)
        heights += [at, *(at := at + int(step) for step in re.findall(r"-?\d+", steps)[1::2])]
    return min(heights), max(heights)


@pytest.mark.skipif(not LONG, reason="long form only; makes the recording of a full run")
def test_a_full_run_is_summarized_in_twenty_seconds_into_a_page_under_two_megabytes(tmp_path: Path) -> None:
    plans = [read_plan(scenario_path(PROJECT, "full", name)) for name in SCENARIOS]
    write_run(tmp_path, *plans)
    for plan in plans:
        write_scenario(tmp_path, plan)
    began = time.monotonic()
    text = write_html(build_report(tmp_path))
    assert time.monotonic() - began < 20
    assert len(text.encode()) < MOST_BYTES


def test_a_long_table_is_cut_and_says_where_the_rest_is(tmp_path: Path) -> None:
    write_good_run(tmp_path, make_plan(name="smoke"))
    report = build_report(tmp_path)
    rows = tuple((f"97900000{number:05}", "lost") for number in range(5000))
    table = Table("Ledger", ("ISBN", "finding"), rows, "smoke_ledger.jsonl")
    long = replace(report, scenarios=(replace(report.scenarios[0], tables=(table,)),))
    page = Page(write_html(long))
    assert "summary.json has 4,800 more rows." in page.text(id="smoke")


def list_links(page: Page) -> list[tuple[str, str]]:
    """(words, address) of each link to a file."""
    links = [(tag.text, tag.attributes["href"]) for tag in page.find("a")]
    return [(words, address) for words, address in links if not address.startswith("#")]


def test_every_file_that_is_named_is_a_link_to_it(folder: Path, page: Page) -> None:
    links = list_links(page)
    assert len(links) > 300
    there = {path.name for path in folder.iterdir()} | set(WRITERS)
    assert [(words, address) for words, address in links if words != unquote(address) or words not in there] == []
    named = [name for tag in page.find("code", class_="file") for name in tag.text.split(", ")]
    assert len(named) == len(links)  # so none is without
    assert {words for words, _ in links} >= there - {"report.html"}
    assert set(WRITERS) == set(SUMMARIES)


def test_files_of_several_processes_lead_to_the_list_of_them(tmp_path: Path) -> None:
    plan = make_plan(name="baseline")
    write_good_run(tmp_path, plan)
    write_run(tmp_path, plan, processes=2)
    for ending in (".hlog", "_seconds.csv", "_generator.csv", "_ledger.jsonl"):
        text = (tmp_path / f"baseline{ending}").read_text()
        (tmp_path / f"baseline{ending}").unlink()
        (tmp_path / f"baseline_0{ending}").write_text(text)
        (tmp_path / f"baseline_1{ending}").write_text("".join(text.splitlines(True)[:1]))
    page = show(tmp_path)
    links = {tag.text: tag.attributes["href"] for tag in page.find("a")}
    assert links["baseline_*.hlog"] == "#files-baseline"
    assert {"baseline_0.hlog", "baseline_1.hlog"} <= set(page.text(id="files-baseline").split())


def test_a_file_that_is_not_there_is_no_link(tmp_path: Path) -> None:
    write_good_run(tmp_path, make_plan(name="smoke"))
    (tmp_path / "smoke_generator.csv").unlink()
    assert "smoke_generator.csv" not in {words for words, _ in list_links(show(tmp_path))}


def read_table(page: Page, title: str) -> list[dict[str, str]]:
    """The rows of the tables of that title, as texts by column."""
    rows, heads = [], [tag.text for tag in page.find("th") if "thead" in tag.inside]
    cells = [tag for tag in page.find("td", data_table=title)]
    assert heads
    for row in dict.fromkeys((cell.attributes["data-scenario"], cell.attributes["data-row"]) for cell in cells):
        mine = [cell for cell in cells if (cell.attributes["data-scenario"], cell.attributes["data-row"]) == row]
        rows.append({"": row[1], **{cell.attributes["data-figure"]: cell.attributes["data-value"] for cell in mine}})
    return rows


def test_an_endpoint_has_its_rate_its_latencies_and_then_how_its_requests_ended(tmp_path: Path) -> None:
    made = write_good_run(tmp_path, make_plan(name="baseline"), kinds=lambda n: "wrong" if n == 9 else "right")
    page = show(tmp_path)
    (table,) = [table for table in build_report(tmp_path).scenarios[0].tables if table.title == "Endpoints"]
    latencies = ("p50 ms", "p95 ms", "p99 ms", "mean ms", "longest ms")
    assert table.columns == ("endpoint", "requests/s", *latencies, "right", "wrong", "unanswered", "shed")
    rows = {row[""]: row for row in read_table(page, "Endpoints")}
    assert rows.keys() == {"GET /api/books", "GET /api/books/{isbn}"}
    for endpoint in (LIST, ONE):
        times = [ms for _, name, ms in made if name == endpoint]
        row = rows[endpoint.replace("|", " ")]
        assert float(row["mean ms"]) == pytest.approx(sum(times) / len(times), rel=0.002)
        assert float(row["longest ms"]) == pytest.approx(max(times), rel=0.002)
        sent = int(row["right"]) + int(row["wrong"])
        assert float(row["requests/s"]) == pytest.approx(sent / 30, abs=0.006) and int(row["right"]) == len(times)
        assert "unanswered" not in row and "shed" not in row
    assert "unanswered, shed: 0" in page.text(id="baseline")


@pytest.mark.parametrize("fault", [False, True])
def test_the_table_of_endpoints_is_folded_where_all_is_right(tmp_path: Path, fault: bool) -> None:
    write_good_run(tmp_path, make_plan(name="baseline"), kinds=lambda n: "shed" if fault and n == 9 else "right")
    tables = {table.title: show_table(table) for table in build_report(tmp_path).scenarios[0].tables}
    assert tables["Endpoints"].is_open == fault
    assert tables["Endpoints"].without == (("wrong", "unanswered") if fault else ("wrong", "unanswered", "shed"))
    assert ("Failures" in tables) == fault
    opened = [tag for tag in show(tmp_path).find("details") if "open" in tag.attributes]
    assert len(opened) == (2 if fault else 0)


def test_the_failures_are_listed_by_kind_with_their_moments_and_a_sample_with_its_request_id(tmp_path: Path) -> None:
    write_good_run(tmp_path, make_plan(name="smoke"))
    long = "404 instead of 200: no such book"
    failures = [("GET", "/x", "shed: 503", 2), ("GET", "/x", long, 40), ("POST", "/x", "no answer: TimeoutError", 1)]
    write_failures(tmp_path, "smoke", failures)
    sample = {"at": START + 3.25, "method": "GET", "name": "/x", "text": long, "ms": 7.5, "status": 404}
    later = {**sample, "at": START + 4, "request_id": "later"}
    lines = [later, {**sample, "request_id": "a1b2"}, {**sample, "text": "other", "request_id": "c3"}]
    (tmp_path / f"smoke{FAILURE_SAMPLES}").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (table,) = [table for table in build_report(tmp_path).scenarios[0].tables if table.title == "Failures"]
    assert table.source == f"smoke_failures.csv, smoke{FAILURE_SAMPLES}"
    nothing = (None, None, None, None)
    assert table.rows == (
        ("GET /x", "wrong", long, 40, 0, 5, "a1b2", 3.2, 7.5, 404),
        ("GET /x", "shed", "shed: 503", 2, 0, 5, *nothing),
        ("POST /x", "unanswered", "no answer: TimeoutError", 1, 0, 5, *nothing),
    )
    text = show(tmp_path).text(id="smoke")
    assert text.index(long) < text.index("Figures") and "a1b2" in text


def test_older_lists_of_failures_have_no_moments(tmp_path: Path) -> None:
    write_good_run(tmp_path, make_plan(name="smoke"))
    (tmp_path / "smoke_failures.csv").write_text("Method,Name,Error,Occurrences\nGET,/x,shed: 503,2\n")
    (table,) = [table for table in build_report(tmp_path).scenarios[0].tables if table.title == "Failures"]
    assert table.rows[0][:6] == ("GET /x", "shed", "shed: 503", 2, None, None)
    assert table.source == "smoke_failures.csv"


def test_a_run_that_was_interrupted_before_any_load_says_nothing_of_a_shared_machine(tmp_path: Path) -> None:
    write_run(tmp_path, plan := make_plan(name="smoke"), codes={}, target_is_this_machine=True)
    report = build_report(tmp_path)
    assert (report.notes, report.verdict) == ((), "INCONCLUSIVE")
    assert "shared one machine" not in write_html(report)
    write_scenario(tmp_path, plan)
    assert any("shared one machine" in note for note in build_report(tmp_path).notes)
