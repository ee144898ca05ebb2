"""A run whose load other machines make: over a network of namespaces, with all that can go wrong between them."""

import json
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from analysis.records.results_folder import MACHINES, find_parts, part_path
from tests.support.namespaces import Machine, make_network, needs_root
from tests.support.read_models import LONG
from tests.support.relay import run_relay
from tests.support.runs import Runner, copy_project, end_of, is_loaded, read_summary, wait_for
from tests.support.stacks import Stack

pytestmark = [needs_root, pytest.mark.alone]
IN_FULL = pytest.mark.skipif(not LONG, reason="long form only")
RECORDS = (".hlog", "_seconds.csv", "_generator.csv", "_ledger.jsonl", "_failure_samples.jsonl")
SECRET = secrets.token_urlsafe(12)


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory, stack: Stack) -> Iterator[Runner]:
    """The project on the machine that leads."""
    made = copy_project(tmp_path_factory.mktemp("leading") / "project", stack, accounts=80)
    yield made
    assert made.processes() == []


@pytest.fixture(scope="module")
def joining(tmp_path_factory: pytest.TempPathFactory, runner: Runner) -> Iterator[Path]:
    """The project on the other machines, without accounts and settings."""
    folder = tmp_path_factory.mktemp("joining") / "project"
    shutil.copytree(runner.folder, folder, ignore=shutil.ignore_patterns("__pycache__", "users.csv", ".env", "*.json"))
    yield folder


class Network:
    """The services at an address that the machines reach, and those machines."""

    def __init__(self, address: str, machines: list[Machine], urls: list[str], joining: Path, kept: Path) -> None:
        self.address, self.machines, self.urls = address, machines, urls
        self.project, self._kept = joining, kept

    def join(self, number: int, *options: str, secret: str = SECRET, **settings: str) -> "subprocess.Popen[str]":
        """Have a machine join."""
        command = ["./join_load.sh", self.address, "--name", f"load-{number}", "--keep", *options]
        folder = self.folder_of(number)
        folder.mkdir(exist_ok=True)
        given = {"LOAD_SECRET": secret, "TMPDIR": str(folder), "VIRTUAL_ENV": sys.prefix, **settings}
        return self.machines[number].start(command, self.project, given)

    def folder_of(self, number: int) -> Path:
        """Where a machine keeps its copies."""
        return self._kept / str(number)


@pytest.fixture
def network(tmp_path: Path, stack: Stack, joining: Path) -> Iterator[Network]:
    """Two machines, and relays to the services on a network with them."""
    with ExitStack() as opened:
        address, machines = opened.enter_context(make_network(2))
        ports = [urlsplit(stack[f"{name}_URL"]).port or 0 for name in ("AUTH", "BOOKS")]
        auth, books = (opened.enter_context(run_relay(address, ("127.0.0.1", port))) for port in ports)
        yield Network(address, machines, ["--auth-url", auth.url, "--books-url", books.url], joining, tmp_path)


@contextmanager
def lead(runner: Runner, network: Network, out: Path, name: str, *options: str) -> Iterator["subprocess.Popen[str]"]:
    """Start a run of one scenario that two machines are to join."""
    shutil.copytree(runner.folder / "scenarios", network.project / "scenarios", dirs_exist_ok=True)
    process = runner.start(
        "--only", name, *network.urls, "--machines", "2", "--bind", network.address, "--out", str(out), *options,
        LOAD_SECRET=SECRET, VIRTUAL_ENV=sys.prefix,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.terminate()
        end_of(process, 90)
        # What a machine wrote in its last second, before it was killed, nobody knows of.
        remove = [sys.executable, "remove_leftovers.py", *runner.urls]
        subprocess.run(remove, cwd=runner.folder, check=True, capture_output=True, timeout=60)


def end_all(*joined: "subprocess.Popen[str]") -> list[tuple[int, str]]:
    return [end_of(process, 60) for process in joined]


def read_events(out: Path, name: str, event: str) -> list[dict[str, Any]]:
    lines = (out / f"{name}{MACHINES}").read_text().splitlines()
    return [line for line in map(json.loads, lines) if line["event"] == event]


def read_scenario(out: Path) -> tuple[str, str]:
    (scenario,) = read_summary(out)["scenarios"]
    return scenario["verdict"], "; ".join(scenario["reasons"])


def is_valid(out: Path) -> bool:
    """Whether the question was asked properly, and no answer was wrong; there may be few."""
    return read_scenario(out)[0] in ("PASS", "INCONCLUSIVE")


def test_two_machines_make_one_load_and_their_records_come_home_whole(
    runner: Runner, network: Network, tmp_path: Path
) -> None:
    runner.plan("smoke", locustfile="locustfile_write_heavy.py")
    out = tmp_path / "results"
    with lead(runner, network, out, "smoke") as run:
        joined = [network.join(0, "--processes", "2"), network.join(1)]
        _, said = end_of(run)
        ends = end_all(*joined)
    assert is_valid(out), said
    assert [end[0] for end in ends] == [0, 0], ends
    assert SECRET in said and "2 of 2 machines have joined" in said
    facts = json.loads((out / "run.json").read_text())
    assert sorted(machine["name"] for machine in facts["machines"]) == ["load-0", "load-1"]
    assert facts["processes"] == 3 and SECRET not in json.dumps(facts)
    copies = {
        path.name.removeprefix("record"): path.read_bytes()
        for number in (0, 1)
        for path in network.folder_of(number).rglob("record_*")
    }
    for ending in RECORDS:
        for part, path in find_parts(out, "smoke", ending).items():
            if part != "master":
                assert copies.pop(f"_{part}{ending}") == path.read_bytes()
    assert copies == {}
    for number in (0, 1):
        assert not [*network.folder_of(number).rglob("users.csv"), *network.folder_of(number).rglob("sessions.json")]


@contextmanager
def loaded(
    runner: Runner, network: Network, out: Path, name: str = "baseline", **of_second: str
) -> Iterator[tuple["subprocess.Popen[str]", list["subprocess.Popen[str]"]]]:
    """Have two machines make a load, and hand over once it has its users; `of_second` are settings of the second."""
    with lead(runner, network, out, name) as run:
        joined = [network.join(0), network.join(1, **of_second)]
        wait_for(lambda: is_loaded(out, name) or run.poll() is not None)
        try:
            yield run, joined
        finally:
            for process in joined:
                process.terminate()
                end_of(process, 90)


def find_worker(network: Network, number: int) -> psutil.Process:
    """The process of Locust that makes a machine's load."""
    folder = str(network.folder_of(number))
    found = [each for each in psutil.process_iter() if folder in " ".join(read_command(each))]
    return max(found, key=lambda each: each.pid)  # the child


def read_command(process: psutil.Process) -> list[str]:
    try:
        words = process.cmdline()
    except psutil.Error:
        return []
    return words if "locust" in words else []


def test_a_machine_that_is_lost_is_named(runner: Runner, network: Network, tmp_path: Path) -> None:
    runner.plan("baseline", run_time="12s")
    out = tmp_path / "results"
    with loaded(runner, network, out) as (run, joined):
        find_worker(network, 1).kill()
        end_of(run)
        (first, _), (second, said) = end_all(*joined)
    verdict, reasons = read_scenario(out)
    assert verdict == "INVALID"
    assert "machine load-1 (part" in reasons and "was lost" in reasons and "load-0" not in reasons
    assert "did not come home whole from machine load-1" in reasons
    assert (first, second) == (0, 3) and "lacks a part of the record" in said, said
    assert (out / f"baseline_{read_events(out, 'baseline', 'lost')[0]['part']}_seconds.csv").stat().st_size > 0


@IN_FULL
def test_a_ledger_line_that_does_not_come_home_is_told_by_its_machine(
    runner: Runner, network: Network, tmp_path: Path
) -> None:
    runner.plan("baseline", locustfile="locustfile_write_heavy.py", run_time="12s")
    out = tmp_path / "results"
    with loaded(runner, network, out) as (run, joined):
        (part,) = [each["part"] for each in read_events(out, "baseline", "came") if each["machine"] == "load-1"]
        home = part_path(out, "baseline", part, "_ledger.jsonl")
        wait_for(lambda: home.read_bytes().count(b"\n") > 3)
        lose_line(home)
        end_of(run)
        (first, _), (second, said) = end_all(*joined)
    verdict, reasons = read_scenario(out)
    assert verdict == "INVALID"
    assert f"did not come home whole from machine load-1 (part {part})." in reasons and "was lost" not in reasons
    assert (first, second) == (0, 3) and "lacks a part of the record" in said, said
    (kept,) = network.folder_of(1).rglob(f"record_{part}_ledger.jsonl")
    assert kept.read_bytes().count(b"\n") == home.read_bytes().count(b"\n") + 1


def lose_line(path: Path) -> None:
    """Take the second line out of a file that another process adds to."""
    first, _, *others = path.read_bytes().splitlines(keepends=True)
    with path.open("r+b") as file:
        file.write(b"".join([first, *others]))
        file.truncate()


@IN_FULL
def test_a_machine_whose_master_is_killed_ends_with_its_record_and_without_a_secret(
    runner: Runner, network: Network, tmp_path: Path
) -> None:
    runner.plan("baseline", run_time="60s")
    mark = tmp_path / "mark"
    # From the mark on its clock runs 300 times as fast, so that its patience of a quarter of an hour is soon over.
    fast = f"return 300 * (time.time() - os.path.getmtime({str(mark)!r})) if os.path.exists({str(mark)!r}) else 0"
    changed = shift_clock(tmp_path, f"import os; {fast}", "monotonic")
    with loaded(runner, network, tmp_path / "results", VIRTUAL_ENV=changed) as (run, joined):
        for process in (psutil.Process(run.pid), *psutil.Process(run.pid).children(recursive=True)):
            process.kill()
        killed = time.time()
        wait_for(lambda: list(network.folder_of(1).rglob("*.whole.json")), 240)
        mark.touch()
        code, said = end_of(joined[1])
    (kept,) = network.folder_of(1).glob("*/baseline")
    assert code == 3 and f"the master lacks a part of the record, which is kept with a log: {kept}" in said, said
    assert "5557 has not answered for 15 minutes" in said, said
    (seconds,) = kept.glob("record_*_seconds.csv")
    assert read_seconds(seconds)[-1] > killed + 5, "it goes on until it misses the master"
    files = [path for number in (0, 1) for path in network.folder_of(number).rglob("*") if path.is_file()]
    assert not {path.name for path in files} & {"users.csv", "sessions.json"}
    assert not [path for path in files if b"eyJ" in path.read_bytes()], "a token"


@IN_FULL
def test_a_cable_pulled_for_five_seconds_is_seen_and_no_record_is_lost(
    runner: Runner, network: Network, tmp_path: Path
) -> None:
    runner.plan("baseline", run_time="15s")
    out = tmp_path / "results"
    with loaded(runner, network, out) as (run, joined):
        network.machines[1].pull_cable()
        time.sleep(5)
        network.machines[1].plug_in()
        end_of(run)
        ends = end_all(*joined)
    verdict, reasons = read_scenario(out)
    assert verdict == "INVALID" and "machine load-1 (part" in reasons and "was lost" in reasons
    assert "did not come home" not in reasons
    assert [code for code, _ in ends] == [0, 0], ends
    assert [event["machine"] for event in read_events(out, "baseline", "back")] == ["load-1"]


@IN_FULL
@pytest.mark.parametrize("shift", ["3", "-3"])
def test_a_clock_that_is_wrong_is_taken_out(shift: str, runner: Runner, network: Network, tmp_path: Path) -> None:
    runner.plan("smoke")
    out = tmp_path / "results"
    with loaded(runner, network, out, "smoke", VIRTUAL_ENV=shift_clock(tmp_path, f"return {shift}")) as (run, joined):
        _, said = end_of(run)
        end_all(*joined)
    assert is_valid(out), said
    seconds = {part: read_seconds(path) for part, path in find_parts(out, "smoke", "_seconds.csv").items()}
    assert abs(seconds["0"][0] - seconds["1"][0]) <= 1 and abs(seconds["0"][-1] - seconds["1"][-1]) <= 1
    offsets = [event["offset_s"] for event in read_events(out, "smoke", "clock") if event["machine"] == "load-1"]
    assert all(abs(offset + float(shift)) < 0.2 for offset in offsets) and len(offsets) >= 2


@IN_FULL
def test_a_clock_that_is_set_in_mid_load_makes_the_scenario_invalid(
    runner: Runner, network: Network, tmp_path: Path
) -> None:
    runner.plan("baseline", run_time="8s")
    out, mark = tmp_path / "results", tmp_path / "set"
    changed = shift_clock(tmp_path, f"return 0.5 if __import__('os').path.exists({str(mark)!r}) else 0")
    with loaded(runner, network, out, VIRTUAL_ENV=changed) as (run, joined):
        mark.touch()
        end_of(run)
        end_all(*joined)
    verdict, reasons = read_scenario(out)
    assert verdict == "INVALID" and "The clock of machine load-1 was set by" in reasons


def shift_clock(folder: Path, body: str, clock: str = "time") -> str:
    """Return an environment whose Python has a clock that is wrong by so many seconds, and no other that is wrong.

    join_load.sh takes no PYTHONPATH, so the environment's Python sets it.
    """
    (folder / "shifted" / "bin").mkdir(parents=True)
    (folder / "shifted" / "sitecustomize.py").write_text(
        f"import time\n_true = time.{clock}\ndef shift():\n    {body}\ntime.{clock} = lambda: _true() + shift()\n"
    )
    python = folder / "shifted" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={folder}/shifted exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    return str(folder / "shifted")


def read_seconds(path: Path) -> list[int]:
    """The seconds with right answers, in order."""
    rows = [line.split(",") for line in path.read_text().splitlines()[1:]]
    return sorted({int(row[0]) for row in rows if "|" in row[1] and row[2] != "0"})


@IN_FULL
def test_a_slow_network_that_stalls_loses_nothing(runner: Runner, network: Network, tmp_path: Path) -> None:
    runner.plan("smoke", locustfile="locustfile_write_heavy.py", run_time="10s")
    out = tmp_path / "results"
    with run_relay(network.address, (network.address, 5557)) as relay, lead(runner, network, out, "smoke") as run:
        relay.delay_s = 0.05
        joined = [network.join(number, "--port", str(relay.port)) for number in (0, 1)]
        wait_for(lambda: is_loaded(out, "smoke") or run.poll() is not None)
        for seconds in (0.2, 0.5, 1.0):
            relay.stall(seconds)
            time.sleep(0.5)
        _, said = end_of(run)
        ends = end_all(*joined)
    assert is_valid(out) and [end[0] for end in ends] == [0, 0], (said, ends)
    assert len(read_events(out, "smoke", "whole")) == 2


def test_a_machine_with_another_secret_gets_nothing(runner: Runner, network: Network, tmp_path: Path) -> None:
    runner.plan("smoke", run_time="10s")
    out = tmp_path / "results"
    with loaded(runner, network, out, "smoke") as (run, joined):
        stranger = network.join(0, "--name", "stranger", secret="guessed-at-random")
        code, said = end_of(stranger)
        heard = listen_as_a_stranger(network)
        _, told = end_of(run)
        end_all(*joined)
    assert code == 3 and "its secret is not that of this run" in said
    assert is_valid(out), told
    assert {kind for kind, _ in heard} == {"machine_nonce", "machine_answer", "quit"}
    tokens = json.loads((runner.folder / "sessions.json").read_text())
    names = [name for sessions in tokens.values() for name in sessions]
    sent = repr(heard)
    assert names and not any(name in sent for name in names) and "eyJ" not in sent


LISTEN = """
import json, sys
import locust, gevent
from locust.rpc import Message
from locust.rpc.zmqrpc import Client

client = Client(sys.argv[1], 5557, "stranger_1.2.3")
for kind, data in (
    ("client_ready", locust.__version__), ("locustfile", {"version": locust.__version__}), ("machine_hello", {}),
    ("machine_proof", {"machine": "{}", "proof": "0" * 64}), ("machine_clock", {"number": 1}),
    ("record_added", {"file": "_ledger.jsonl", "at": 0, "piece": b"x"}), ("heartbeat", {"state": "ready"}),
):
    client.send(Message(kind, data, "stranger_1.2.3"))
heard = []
with gevent.Timeout(2, False):
    while True:
        message = client.recv()
        heard.append([message.type, repr(message.data)])
print(json.dumps(heard))
"""


def listen_as_a_stranger(network: Network) -> list[list[str]]:
    """Say all that a worker or a machine says first, and return what the master answers within two seconds."""
    command = [sys.executable, "-c", LISTEN, network.address]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    heard: list[list[str]] = json.loads(ran.stdout)
    return heard
