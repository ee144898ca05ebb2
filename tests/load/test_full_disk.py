"""What a load records while its disk is full: no write without its line, no line glued to another, and all goes on."""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from analysis.records.gaps import Gaps
from analysis.records.raw_files import read_ledger, read_server
from tests.support.records_of_load import (
    add_accounts,
    count_answers,
    read_generator_rows,
    read_rows,
    remove_books,
    wait_for_lines,
    write_run_file,
)
from tests.support.scripts import choose_environment, locust_command
from tests.support.small_disk import EACH, LIMITS, SAMPLES, SECONDS
from tests.support.stacks import PROJECT, Stack

FULL_S = 3.0


def test_a_disk_that_fills_up_at_any_byte_costs_a_line_and_no_write_outcome_or_sample(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.support.small_disk", str(tmp_path)]
    ran = subprocess.run(command, check=False, cwd=PROJECT, capture_output=True, text=True, timeout=50)
    assert ran.returncode == 0, ran.stderr
    sent = {int(limit): numbers for limit, numbers in json.loads(ran.stdout).items()}
    assert any(len(numbers) < SECONDS * EACH for numbers in sent.values()), "no disk was full"
    assert all(numbers == [*range(1, len(numbers) + 1)] for numbers in sent.values()), (
        "a write that was not sent counts"
    )
    for limit in LIMITS:
        gaps = Gaps()
        writes = read_ledger(tmp_path, str(limit), gaps)
        assert [(write.n, outcome is not None) for write, outcome in writes] == [(n, True) for n in sent[limit]], limit
        assert [each.at for each in read_server(tmp_path, str(limit), gaps)] == [*map(float, range(SAMPLES))], limit
        assert all(count <= 1 for count in gaps.damaged.values()), gaps
    said = [line for line in ran.stderr.splitlines() if "cannot be written" in line]
    assert len(said) == len(set(said)) <= len(LIMITS)


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux limits the files of another process")
def test_a_load_whose_disk_was_full_for_some_seconds_is_recorded_on(stack: Stack, ready: Path, tmp_path: Path) -> None:
    folder = add_accounts(tmp_path, ready)
    write_run_file(folder, stack)
    shown = ("--headless", "--only-summary", "--stop-timeout", "10", "--record", "run")
    command = locust_command("locustfile.py", *shown, "-u", "5", "-r", "5", "-t", "12s")
    running = subprocess.Popen(command, cwd=folder, env=choose_environment(stack), stderr=subprocess.PIPE, text=True)
    try:
        wait_for_lines(folder / "run_generator.csv", 4)
        limits = psutil.Process(running.pid)
        limits.rlimit(psutil.RLIMIT_FSIZE, (1, psutil.RLIM_INFINITY))
        time.sleep(FULL_S)
        limits.rlimit(psutil.RLIMIT_FSIZE, (psutil.RLIM_INFINITY, psutil.RLIM_INFINITY))
        free = time.time()
        _, said = running.communicate(timeout=40)
    finally:
        running.kill()
    assert read_generator_rows(folder)[-1]["at"] > free + 2
    rows = read_rows(folder)
    assert count_answers(rows).total() > 0
    assert {*range(min(row.second for row in rows), int(free) + 2)} <= {row.second for row in rows}
    assert [line for line in said.splitlines() if "cannot be written" in line or "written again" in line][2:] == []
    assert "run_generator.csv: File too large" in said and "what the load records is written again" in said
    remove_books(folder, stack)
