"""Each measurement runs from its command to its tables; and the parts that it stands on."""

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.builds import unpack_build
from benchmarks.commands import read_peak_kb
from benchmarks.memory import read_pss_kb
from benchmarks.peers.packages import PINNED
from benchmarks.service import BARE, serve
from benchmarks.stand import PROJECT, StandError
from benchmarks.table import read_tables
from benchmarks.wrk import Load, Result, run_wrk
from tests.benchmarks.test_benchmarks import find_programs_of, long_form, needs_wrk

pytestmark = pytest.mark.alone

TABLES = {
    "services": ["Services compared", "Services at saturation"],
    "cores": ["Workers and cores"],
    "rebuild": ["Reads beside a rebuild"],
    "generator": ["The generator over a bare one"],
    "memory": ["Memory of the services"],
    "pythons": ["Versions of Python"],
    "spike": ["The spike, before and after"],
    "search": ["What the search and the open model cost"],
    "sizes": ["Sizes of the catalogue", "Rebuild and verify"],
}


@needs_wrk
@long_form
@pytest.mark.parametrize("what", TABLES)
def test_a_measurement_writes_its_tables_and_leaves_nothing_behind(what: str, tmp_path: Path) -> None:
    file, scratch = tmp_path / "tables.json", tmp_path / "scratch"
    scratch.mkdir()
    command = [sys.executable, "-m", "benchmarks", what, "--rounds", "1", "--seconds", "1", "--json", str(file)]
    ran = subprocess.run(
        command, cwd=PROJECT, env={**os.environ, "TMPDIR": str(scratch)}, capture_output=True, text=True,
        timeout=2400, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    tables = read_tables(file)
    assert list(tables) == TABLES[what]
    assert all(table.rows and len(row) == len(table.columns) for table in tables.values() for row in table.rows)
    assert find_programs_of(scratch) == [] and list(scratch.iterdir()) == []


@needs_wrk
def test_clients_that_pause_send_at_a_fixed_rate_and_their_times_are_told(tmp_path: Path) -> None:
    settings = {**os.environ, "BENCHMARK_BOOK": "{}", "DB_USER": "nobody", "JWT_SECRET": secrets.token_urlsafe(48)}
    with serve(BARE, settings, tmp_path) as (url, _):
        result = run_wrk(url, Load(["/book"], clients=4, pause_ms=100), 2, tmp_path)
    assert not result.fault
    assert 10 < result.per_second < 4 / 0.1 * 1.5
    assert 0 < result.p50_ms <= result.p99_ms


def test_the_processor_time_of_an_answer_is_that_of_all_by_their_number() -> None:
    result = Result(9.0, answers=2000).with_costs(0.5, 0.1)
    assert (round(result.cost_us), round(result.redis_us)) == (250, 50)


def test_an_earlier_build_is_unpacked_whole_and_a_commit_that_is_not_there_is_told(tmp_path: Path) -> None:
    build = unpack_build(tmp_path, "HEAD")
    assert os.access(build / "local_stack.sh", os.X_OK) and (build / "requirements.txt").is_file()
    with pytest.raises(StandError, match="commit 0000000 cannot be had"):
        unpack_build(tmp_path, "0000000")


def test_every_package_of_the_peer_is_pinned() -> None:
    lines = [line for line in PINNED.read_text().splitlines() if not line.startswith("#")]
    assert {"fastapi", "uvicorn", "uvloop", "httptools"} <= {line.partition("==")[0] for line in lines}
    assert all("==" in line for line in lines)


def test_the_memory_of_a_process_is_read() -> None:
    assert 0 < read_pss_kb(os.getpid()) <= read_peak_kb(os.getpid())
