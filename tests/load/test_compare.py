"""Whole comparisons by compare.sh, with real stacks and very short blocks: their ends, and that they leave nothing."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from analysis.compare.comparison import build_comparison
from analysis.records.counts import Counts, count_endpoints, count_requests
from analysis.records.gaps import Gaps
from analysis.records.raw_files import read_data, read_seconds
from tests.error_rates.slower_build import make_slower
from tests.support.clients import Client, register, sign_in
from tests.support.compare_runs import make_repository, read_plan_file, run_git, start_compare
from tests.support.read_models import LONG
from tests.support.runs import end_of, wait_for
from tests.support.shelf import make_book
from tests.support.stacks import Stack, read_stack

pytestmark = pytest.mark.alone

LONGEST_S = 500
PAIRS = 6  # fewer are no comparison
IN_FULL = pytest.mark.skipif(not LONG, reason="long form only")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory, stack: Stack) -> Iterator[Path]:
    """A copy of the project as a repository, which each test must leave as it was."""
    yield make_repository(tmp_path_factory.mktemp("compare") / "project", stack)


@pytest.fixture(autouse=True)
def leaves_nothing(repository: Path) -> Iterator[None]:
    """After each test: no worktree, no process and no folder of a stack, and nothing changed in the checkout."""
    yield
    assert len(run_git(repository, "worktree", "list").splitlines()) == 1
    assert not (repository / ".local").exists()
    assert run_git(repository, "status", "--porcelain") == ""
    assert find_processes(repository) == []


def find_processes(repository: Path) -> list[str]:
    """Return the command lines of all processes that work in the copy or were given something of it."""
    found = []
    for process in psutil.process_iter():
        try:
            command = " ".join(process.cmdline())
            if str(repository) in command or process.cwd().startswith(str(repository)):
                found.append(command)
        except psutil.Error:
            continue
    return found


def find_stack(repository: Path, side: str) -> Stack | None:
    """Return the stack.env of a side's private stack, None while it is not up."""
    files = list(repository.glob(f".local/compare.*/{side}/stack.env"))
    return read_stack(files[0]) if files else None


def await_block(out: Path, run: "subprocess.Popen[str]") -> None:
    """Wait until the first block counts."""

    def is_loaded() -> bool:
        assert run.poll() is None, run.communicate()[0]
        blocks = read_plan_file(out)["blocks"] if (out / "plan.json").exists() else []
        return bool(blocks) and time.time() > float(blocks[0]["from"]) + 1

    wait_for(is_loaded, LONGEST_S)


def test_a_commit_against_itself_ends_with_a_result(repository: Path, tmp_path: Path) -> None:
    out = tmp_path / "results"
    options = ["--quick", "--within", "50%", "--out", str(out), "HEAD", "HEAD"]
    code, said = end_of(start_compare(repository, *options, COMPARE_BLOCKS=f"3:{PAIRS}"), LONGEST_S)
    assert code in (0, 2), said
    assert "A and B are the same commit" in said
    assert len(re.findall(r"^block \d+/12, pair \d, [AB]: \d+ right answers, p50 .* ms", said, re.MULTILINE)) == 12, (
        said
    )
    plan = read_plan_file(out)
    assert (plan["complete"], plan["profile"], plan["scenario"], plan["within"]) == (True, "quick", "read_heavy", 0.5)
    assert "".join(block["side"] for block in plan["blocks"]) == "abbaabbaabba"
    assert set(plan["idle_cost"]) == {"a", "b"} and max(plan["idle_cost"].values()) < 0.5, plan["idle_cost"]
    judged = json.loads((out / "compare.json").read_text())
    busy = [reason for reason in judged["reasons"] if "The event loop of the process of the load lagged" in reason]
    assert judged["verdict"] in ("SAME", "CANNOT TELL", "FASTER") or busy == judged["reasons"], judged["reasons"]
    check_mix(out)
    for side in ("a", "b"):
        before, after = read_data(out, side, Gaps()).values()
        assert (before.own, after.own, before.books) == (0, 0, after.books), "its books were read back and removed"


def check_mix(out: Path) -> None:
    """Assert that both blocks of a pair had the same requests of each kind, and a side none outside its blocks.

    Two blocks of different pairs differ by about a quarter of their requests, two of a pair at their edges alone.
    """
    blocks = read_plan_file(out)["blocks"]
    pairs: dict[int, list[dict[str, Counts]]] = {}
    for side in ("a", "b"):
        (rows,) = read_seconds(out, side, Gaps()).values()
        own = [block for block in blocks if block["side"] == side]
        for block in own:
            inside = [row for row in rows if block["from"] <= row.second < block["to"]]
            pairs.setdefault(block["pair"], []).append(count_endpoints(inside))
        idle = [row for row in rows if not any(block["warm_from"] <= row.second <= block["to"] for block in own)]
        assert count_requests(idle).requests == 0
    differing, everything = 0, 0
    for a, b in pairs.values():
        kinds = [(a.get(name, Counts()).requests, b.get(name, Counts()).requests) for name in {*a, *b}]
        differing += sum(abs(of_a - of_b) for of_a, of_b in kinds)
        everything += sum(of_a for of_a, _ in kinds)
    assert differing <= 0.12 * everything, pairs


def test_a_side_that_dies_makes_the_comparison_invalid_and_is_named(repository: Path, tmp_path: Path) -> None:
    out = tmp_path / "results"
    run = start_compare(repository, "--quick", "--out", str(out), "HEAD", "HEAD", COMPARE_BLOCKS="2:50")
    try:
        await_block(out, run)
        stack = find_stack(repository, "b")
        assert stack
        os.killpg(int(stack["BOOKS_PID"]), signal.SIGKILL)
        code, said = end_of(run, 120)
    finally:
        run.terminate()
        run.wait(60)
    assert code == 2 and "INVALID" in said, said
    died = read_plan_file(out)["died"]
    assert (died["side"], "books service" in died["why"]) == ("b", True), died
    assert not read_plan_file(out)["complete"]
    reasons = json.loads((out / "compare.json").read_text())["reasons"]
    assert not [reason for reason in reasons if "was lost" in reason], "the load ended with the comparison"


def test_ctrl_c_in_a_block_leaves_nothing_not_even_on_a_host(repository: Path, stack: Stack, tmp_path: Path) -> None:
    out = tmp_path / "results"
    host = f"{stack['AUTH_URL']},{stack['BOOKS_URL']}"
    run = start_compare(repository, "--host-a", host, "--out", str(out), "HEAD", COMPARE_BLOCKS="6:50")
    await_block(out, run)
    time.sleep(7)  # books were added, and a block has ended
    os.killpg(run.pid, signal.SIGINT)
    code, said = end_of(run, 120)
    assert code == 130 and "interrupted" in said, said
    assert f"what was recorded so far is in {out}" in said
    (block,) = read_plan_file(out)["blocks"]
    assert block["to"] <= time.time()
    judged = build_comparison(out)
    assert [reason for _, reason in judged.reasons] == ["Too few pairs are whole: 0 of 1. At least 6 are needed."]
    states = [json.loads(line) for line in (out / "a_data.jsonl").read_text().splitlines()]
    assert [state["moment"] for state in states] == ["before", "after"]
    assert states[0]["books"] == states[1]["books"] and '"method":"POST"' in (out / "a_ledger.jsonl").read_text()


@pytest.mark.parametrize(("begun", "is_heard"), [("lock", True), ("data.new", True), ("data.new", False)])
def test_ctrl_c_while_a_stack_starts_leaves_nothing(repository: Path, begun: str, is_heard: bool) -> None:
    before = {*Path("/tmp").glob("stack.*")}  # noqa: S108  where the installer of MariaDB gets another name for the stack
    run = start_compare(repository, "HEAD", "HEAD")
    wait_for(lambda: list(repository.glob(f".local/compare.*/a/{begun}")))
    if run.stdout and not is_heard:  # as when Ctrl-C has ended the `tee` that it wrote to
        run.stdout.close()
    os.killpg(run.pid, signal.SIGINT)
    code, said = end_of(run, 120)
    assert code == 130, said
    assert list(repository.glob("test_results_*")) == []
    assert {*Path("/tmp").glob("stack.*")} <= before  # noqa: S108  as above


def test_data_sets_of_different_size_are_invalid_and_both_are_named(
    repository: Path, stack: Stack, tmp_path: Path
) -> None:
    out, book = tmp_path / "results", make_book()
    token = sign_in(stack["AUTH_URL"], register(stack["AUTH_URL"]))["access_token"]
    host = f"{stack['AUTH_URL']},{stack['BOOKS_URL']}"
    with Client(stack["BOOKS_URL"], token) as client:
        assert client.post("/api/books", json=book).status_code == 201
        try:
            code, said = end_of(start_compare(repository, "--out", str(out), host, "HEAD"), LONGEST_S)
        finally:
            client.delete(f"/api/books/{book['isbn']}")
    assert code == 2, said
    (a, b) = (json.loads((out / f"{side}_data.jsonl").read_text())["books"] for side in ("a", "b"))
    assert f"The data differ in size: {a:,} books on A, {b:,} on B." in " ".join(said.split())
    assert a == b + 1 and not list(out.glob("*.hlog")), "no load was sent"


@IN_FULL
def test_a_build_that_burns_30_percent_more_processor_time_is_slower(repository: Path, tmp_path: Path) -> None:
    slower = tmp_path / "slower"
    make_slower(slower, "HEAD", 0.3)
    options = ["--quick", "--out", str(tmp_path / "results"), "HEAD", str(slower)]
    code, said = end_of(start_compare(repository, *options, COMPARE_BLOCKS="6:10"), LONGEST_S)
    assert code == 1 and "SLOWER" in said, said
