"""The parts of a load of several machines: proofs, builds, files in pieces, records that come home, and clocks."""

import json
import os
import random
import secrets
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from load.machines.archive import ENDINGS, Archive
from load.machines.build import describe_build, say_differences
from load.machines.clock import Clock
from load.machines.door import Door, Machine
from load.machines.files import PIECE, Files, cut
from load.machines.pieces import ADDED, AGAIN_S, MOST_UNCONFIRMED, Pieces
from load.machines.proof import make_nonce, name_process, prove, read_name
from load.machines.share import Share
from stack.ports import find_free_ports
from tests.support.compare_runs import commit_all, run_git
from tests.support.stacks import PROJECT

SECRET = "the-secret-of-a-test"
BUILD = describe_build(PROJECT)


def test_the_name_of_a_process_is_taken_only_from_a_machine_that_knows_secret_and_nonce() -> None:
    nonces = {0: make_nonce(), 1: make_nonce()}
    name = f"host_{name_process(1, nonces[1], SECRET)}"
    assert read_name(name, nonces, SECRET) == 1
    number, unique, proof = name.rpartition("_")[2].split(".")
    others = [f"host_0.{unique}.{proof}", f"host_{number}.{make_nonce()}.{proof}", f"host_{number}.{unique}.{'0' * 32}"]
    others += ["host_1", "host_1..", "host_2.a.b", "", f"host_{number}.{unique}", f"host_ä.{unique}.é", "host_-1.a.b"]
    assert [read_name(other, nonces, SECRET) for other in others] == [None] * len(others)
    assert read_name(f"host_{name_process(1, nonces[1], 'guessed')}", nonces, SECRET) is None
    assert read_name(f"host_{name_process(1, nonces[0], SECRET)}", nonces, SECRET) is None


def test_a_file_that_only_lies_there_makes_no_other_build(tmp_path: Path) -> None:
    run_git(tmp_path, "init", "--quiet")
    (tmp_path / "one.py").write_text("")
    commit_all(tmp_path)
    build = describe_build(tmp_path)
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "run.json").write_text("{}")
    assert describe_build(tmp_path) == build and build["commit"] == run_git(tmp_path, "rev-parse", "HEAD").strip()
    (tmp_path / "one.py").write_text("changed = True\n")
    assert say_differences(describe_build(tmp_path), build).startswith("the code of the load is ")


KEEP = """
import sys
from argparse import Namespace
from pathlib import Path
import locust
from locust.env import Environment
from locust.rpc import Message
from load.machines.master import Master
from load.machines.proof import name_process

folder, secret = Path(sys.argv[1]), sys.argv[2]
environment = Environment(parsed_options=Namespace(record=str(folder / "soak")))
environment.create_master_runner("127.0.0.1", int(sys.argv[3]))
master = Master(environment)
master._nonces[0] = "1"
name = "host_" + name_process(0, "1", secret)
for ending in ("_ledger.jsonl", "_ledger.jsonl", ".hlog"):
    print(master.lets_in(name, Message("record_added", {"file": ending, "at": 0, "piece": b"whole"}, name)))
environment.runner.quit()
"""


def test_a_master_that_cannot_write_a_file_says_so_once_and_takes_the_others(tmp_path: Path) -> None:
    machine = {"id": "1", "name": "load-1", "processes": 1, "build": BUILD}
    (tmp_path / "run.json").write_text(json.dumps({"machines": [machine]}))
    for part in range(-1, 2):
        (tmp_path / f"soak_{part}_ledger.jsonl").mkdir()
    (port,) = find_free_ports(1)
    command = [sys.executable, "-c", KEEP, str(tmp_path), SECRET, str(port)]
    settings = {**os.environ, "LOAD_SECRET": SECRET}
    ran = subprocess.run(command, cwd=PROJECT, env=settings, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0 and ran.stdout.split() == ["False"] * 3, ran.stderr
    assert ran.stderr.count("a record cannot be kept: ") == 1, ran.stderr
    assert [path.read_bytes() for path in tmp_path.glob("soak_*.hlog")] == [b"whole"]


@pytest.mark.parametrize("what", BUILD)
def test_a_machine_that_runs_something_else_is_refused_by_what_differs(what: str) -> None:
    sent: list[dict[str, Any]] = []
    door = Door(SECRET, BUILD, lambda *words: sent.append(words[-1]), lambda *_: {"do": "load"})
    door.receive("a", "machine_hello", {})
    machine = {"id": "1", "name": "load-1", "processes": 1, "build": {**BUILD, what: "other"}}
    text = json.dumps(machine)
    door.receive("a", "machine_proof", {"machine": text, "proof": prove(SECRET, "machine", sent[0]["nonce"], text)})
    because = f"{what} is other, not {BUILD[what]}: take the same as the master"
    assert sent[1] == {"do": "refused", "because": because}


ODD: list[Any] = [None, {}, [], "text", {"machine": 5, "proof": 5}, {"machine": "{}", "proof": None}]


@pytest.mark.parametrize("data", ODD)
def test_a_proof_that_is_none_is_refused(data: Any) -> None:
    sent: list[tuple[str, dict[str, Any]]] = []
    door = Door(SECRET, BUILD, lambda _, kind, found: sent.append((kind, found)), lambda *_: {"do": "load"})
    assert door.receive("a", "machine_hello", None) and door.receive("a", "machine_proof", data)
    assert [kind for kind, _ in sent] == ["machine_nonce", "machine_answer"] and sent[1][1]["do"] == "refused"


@pytest.mark.parametrize(
    "text",
    [
        "5",
        "{}",
        "[]",
        '{"id": "1", "name": "", "processes": 1, "build": {}}',
        '{"id": "1", "name": "a", "processes": 0}',
    ],
)
def test_a_machine_that_says_nothing_of_itself_is_refused_though_it_knows_the_secret(text: str) -> None:
    sent: list[dict[str, Any]] = []
    door = Door(SECRET, BUILD, lambda *words: sent.append(words[-1]), lambda *_: {"do": "load"})
    door.receive("a", "machine_hello", {})
    door.receive("a", "machine_proof", {"machine": text, "proof": prove(SECRET, "machine", sent[0]["nonce"], text)})
    assert sent[1]["do"] == "refused"


def test_a_nonce_is_good_for_one_proof() -> None:
    sent: list[dict[str, Any]] = []
    door = Door(SECRET, BUILD, lambda *words: sent.append(words[-1]), lambda *_: {"do": "load"})
    door.receive("a", "machine_hello", {})
    text = json.dumps({"id": "1", "name": "a", "processes": 1, "build": BUILD})
    proof = {"machine": text, "proof": prove(SECRET, "machine", sent[0]["nonce"], text)}
    for _ in range(2):
        door.receive("a", "machine_proof", proof)
    assert [each.get("do") for each in sent] == [None, "load", "refused"]


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 5 * PIECE + 7])
def test_a_file_arrives_as_it_was_for_its_owner_alone(size: int, tmp_path: Path) -> None:
    content, files = secrets.token_bytes(size), Files(tmp_path, ("users.csv",))
    messages = list(cut("users.csv", content))
    assert all(len(message["piece"]) <= PIECE for message in messages)
    for message in messages:
        assert files.whole == set()
        files.take(message)
    assert (tmp_path / "users.csv").read_bytes() == content and files.whole == {"users.csv"}
    assert (tmp_path / "users.csv").stat().st_mode & 0o777 == 0o600
    for message in cut("../elsewhere", content):
        files.take(message)
    assert os.listdir(tmp_path) == ["users.csv"]


@pytest.mark.parametrize("lost", [0.0, 0.2, 0.5])
def test_a_record_comes_home_whole_however_many_messages_are_lost(
    lost: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("load.machines.pieces.AGAIN_S", 0.01)
    chance = random.Random(5)
    archive, paths = Archive(tmp_path / "home" / "soak"), {ending: tmp_path / f"own{ending}" for ending in ENDINGS}
    (tmp_path / "home").mkdir()
    for path in paths.values():
        path.touch()
    confirmed: list[dict[str, Any]] = []

    def send(kind: str, data: dict[str, Any]) -> None:
        assert len(data.get("piece", b"")) <= PIECE
        if kind == ADDED and chance.random() >= lost:
            confirmed.append({"file": data["file"], "size": archive.add("3", data)})

    pieces = Pieces(paths, send)
    for _ in range(400):
        for path in paths.values():
            with path.open("ab") as file:
                file.write(secrets.token_bytes(chance.randrange(3000)))
        pieces.send_added()
        while confirmed:
            answer = confirmed.pop()  # also in another order
            if chance.random() >= lost:
                pieces.confirm(answer)
        time.sleep(0.0002)
    until = time.monotonic() + 20
    while not all(file.is_home for file in pieces.files.values()) and time.monotonic() < until:
        pieces.send_added()
        while confirmed:
            pieces.confirm(confirmed.pop(0))
        time.sleep(0.005)
    for ending, path in paths.items():
        assert (tmp_path / "home" / f"soak_3{ending}").read_bytes() == path.read_bytes()
    told: list[dict[str, Any]] = []
    Pieces(paths, lambda _, data: told.append(data)).send_end()
    assert archive.find_missing("3", told[0]["files"]) == []
    with paths["_ledger.jsonl"].open("ab") as file:
        file.write(b"one more\n")
    Pieces(paths, lambda _, data: told.append(data)).send_end()
    assert archive.find_missing("3", told[1]["files"]) == ["soak_3_ledger.jsonl"]


def test_no_more_is_sent_than_may_be_unconfirmed(tmp_path: Path) -> None:
    path = tmp_path / "long"
    path.write_bytes(bytes(3 * MOST_UNCONFIRMED))
    sent: list[int] = []
    pieces = Pieces({".hlog": path}, lambda _, data: sent.append(len(data["piece"])))
    pieces.send_added()
    pieces.send_added()
    assert sum(sent) == MOST_UNCONFIRMED and AGAIN_S > 1
    pieces.confirm({"file": ".hlog", "size": MOST_UNCONFIRMED})
    pieces.send_added()
    assert sum(sent) == 2 * MOST_UNCONFIRMED


def test_an_archive_takes_no_other_files_than_those_of_a_record(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "soak")
    for name in ("/../../elsewhere", ".html", "_read_back.json", ""):
        assert archive.add("0", {"file": name, "at": 0, "piece": b"x"}) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("ahead", "delay"), [(0.0, 0.0), (3.0, 0.01), (-2.5, 0.03)])
def test_a_clock_is_measured_to_half_of_the_shortest_round_trip(ahead: float, delay: float) -> None:
    def ask_master(number: int) -> None:
        time.sleep(delay)
        at = time.time() + ahead
        time.sleep(delay)
        clock.answer({"number": number - 1, "at": at + 9})  # late, and of no use
        clock.answer({"number": number, "at": at})

    clock = Clock(ask_master)
    offset = clock.measure()
    assert offset and abs(offset.seconds - ahead) <= offset.error + 0.002
    assert offset.error >= delay * 0.9


def test_the_shares_of_machines_have_no_item_in_common_and_leave_none_out() -> None:
    items = list(range(301))
    shares = [Share(number, 7, 0).of(items) for number in range(7)]
    assert sorted(item for share in shares for item in share) == items


def test_what_differs_is_said_by_name() -> None:
    machine = Machine("1", "load-1", 1, {**BUILD, "Python": "3.0.0"})
    assert say_differences(BUILD, machine.build) == f"Python is 3.0.0, not {BUILD['Python']}"
    assert say_differences(BUILD, BUILD) == ""
    assert len(say_differences(BUILD, {}).split(", ")) >= len(BUILD)
