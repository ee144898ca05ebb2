"""How machines join a load that another leads, what they do for its master and for nobody else, and how they end."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgpack
import pytest
import zmq

from load.machines.files import CONFIG, SESSIONS, USERS, cut
from load.machines.proof import make_nonce, prove
from stack.ports import find_free_ports
from tests.support.read_models import LONG, wait_until
from tests.support.stacks import PROJECT

SECRET = "the-secret-of-a-test"


@contextmanager
def mustering(folder: Path, machines: int) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """Wait for machines at a port of loopback, as run_all_tests.sh does; `folder` is that of the results."""
    (port,) = find_free_ports(1)
    (folder / "run.json").write_text('{"processes": 1}')
    options = ["gather", str(folder), "--machines", str(machines), "--bind", "127.0.0.1", "--port", str(port)]
    process = start("load.machines.muster", *options, LOAD_SECRET=SECRET)
    try:
        yield process, port
    finally:
        process.terminate()
        process.communicate(timeout=30)


def start(module: str, *options: str, project: Path = PROJECT, **settings: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", module, *options], cwd=project, env={**os.environ, **settings}, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def join(
    port: int, name: str, secret: str = SECRET, project: Path = PROJECT, **settings: str
) -> "subprocess.Popen[str]":
    """Have a machine join."""
    options = ["127.0.0.1", "--port", str(port), "--name", name, "--processes", "2"]
    return start("load.machines.join", *options, project=project, LOAD_SECRET=secret, **settings)


def end_of(process: "subprocess.Popen[str]") -> tuple[int, str]:
    said, _ = process.communicate(timeout=60)
    return process.returncode, said


def is_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def gather_two(leading: "subprocess.Popen[str]", port: int) -> tuple[int, str]:
    """Have two machines of one name join, until the one that waits for them has ended; return how it did."""
    joined = [join(port, "load-1"), join(port, "load-1")]
    end = end_of(leading)
    for process in joined:
        process.terminate()
        process.communicate(timeout=30)
    return end


def test_machines_join_by_their_proof_and_have_names_of_their_own(tmp_path: Path) -> None:
    with mustering(tmp_path, 2) as (leading, port):
        code, said = gather_two(leading, port)
    assert code == 0 and "2 of 2 machines have joined" in said, said
    facts = json.loads((tmp_path / "run.json").read_text())
    assert [machine["name"] for machine in facts["machines"]] == ["load-1", "load-1-2"] and facts["processes"] == 4


def test_a_machine_that_ends_before_the_run_begins_is_not_waited_for(tmp_path: Path) -> None:
    with mustering(tmp_path, 2) as (leading, port):
        first = join(port, "load-1")
        assert leading.stdout and "1 of 2 machines" in leading.stdout.readline()
        first.terminate()
        first.communicate(timeout=30)
        code, said = gather_two(leading, port)
    assert code == 0 and "load-1 does not ask any more: it has to join again" in said, said
    facts = json.loads((tmp_path / "run.json").read_text())
    assert sorted(machine["name"] for machine in facts["machines"]) == ["load-1", "load-1-2"]


def test_a_machine_that_joined_may_leave_when_the_run_is_interrupted_before_all_have(tmp_path: Path) -> None:
    with mustering(tmp_path, 2) as (leading, port):
        machine = join(port, "load-1")
        assert leading.stdout and "1 of 2 machines" in leading.stdout.readline()
        leading.terminate()
        leading.communicate(timeout=30)
    options = ["dismiss", str(tmp_path), "--bind", "127.0.0.1", "--port", str(port)]
    dismissing = start("load.machines.muster", *options, LOAD_SECRET=SECRET)
    assert end_of(machine)[0] == 0
    assert end_of(dismissing)[0] == 0


@pytest.mark.parametrize("secret", ["guessed", SECRET + "x"])
def test_a_machine_with_another_secret_is_refused(secret: str, tmp_path: Path) -> None:
    with mustering(tmp_path, 1) as (_, port):
        code, said = end_of(join(port, "load-1", secret))
    assert code == 3 and "its secret is not that of this run: type the line that the master has shown" in said


def test_a_machine_without_a_secret_is_told_what_to_type() -> None:
    code, said = end_of(join(1, "load-1", ""))
    assert code == 64 and "LOAD_SECRET is not set: type the whole line" in said


def test_a_machine_with_other_scenario_files_is_refused_by_what_differs(tmp_path: Path) -> None:
    for part in ("load", "analysis", "stack", "scenarios"):
        shutil.copytree(PROJECT / part, tmp_path / "other" / part, ignore=shutil.ignore_patterns("__pycache__"))
    for path in PROJECT.glob("*.py"):
        shutil.copy(path, tmp_path / "other")
    (tmp_path / "other" / "scenarios" / "soak.conf").write_text("users = 3")
    with mustering(tmp_path, 1) as (_, port):
        code, said = end_of(join(port, "load-1", project=tmp_path / "other"))
    assert code == 3 and "the scenario files is" in said and "the code of the load" not in said, said


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with mustering(tmp_path, 1) as (_, port):
        wait_until(lambda: is_taken(port), 30, "the master listens")
        options = ["gather", str(tmp_path), "--bind", "127.0.0.1", "--port", str(port)]
        code, said = end_of(start("load.machines.muster", *options, LOAD_SECRET=SECRET))
    assert code == 3 and f"cannot listen at 127.0.0.1:{port}" in said and "another run" in said


@pytest.mark.parametrize("frames", [[], [b"x"], [b"\xff\xfe"], [b"x", b"y", b"z"], [b""], [b"\x93\x01\x02\x03"]])
def test_what_is_no_message_is_passed_over(frames: list[bytes], tmp_path: Path) -> None:
    with mustering(tmp_path, 1) as (leading, port):
        context = zmq.Context()
        stranger = context.socket(zmq.DEALER)
        stranger.connect(f"tcp://127.0.0.1:{port}")
        stranger.send_multipart([*frames, b"garbage"][: max(1, len(frames))])
        joined = join(port, "load-1")
        code, said = end_of(leading)
        joined.terminate()
        joined.communicate(timeout=30)
        context.destroy(linger=0)
    assert code == 0, said


class Leader:
    """Answers machines at a port of loopback with messages of the test's choice, and proves a secret if it has one."""

    def __init__(self, *answers: tuple[str, dict[str, Any]], secret: str = "") -> None:
        self.answers, self._secret, self._context = answers, secret, zmq.Context()
        self.pause_s = 0.0  # before each message
        self._socket = self._context.socket(zmq.ROUTER)
        self.port = self._socket.bind_to_random_port("tcp://127.0.0.1")

    def lead(self, is_done: Callable[[], object], seconds: float = 60) -> None:
        """Answer until that is done."""
        until = time.monotonic() + seconds
        while not is_done():
            assert time.monotonic() < until, "it never came to that"
            if self._socket.poll(100):
                sender, frame = self._socket.recv_multipart()
                for kind, data in self._answer(*msgpack.unpackb(frame)[:2]):
                    time.sleep(self.pause_s)
                    self._socket.send_multipart([sender, msgpack.packb((kind, data, "leader"))])

    def _answer(self, kind: str, data: Any) -> Sequence[tuple[str, dict[str, Any]]]:
        if kind == "machine_hello":
            proof = prove(self._secret, "master", data["nonce"]) if self._secret else data["nonce"]
            return [("machine_nonce", {"nonce": make_nonce(), "proof": proof})]
        return self.answers if kind == "machine_proof" else []

    def close(self) -> None:
        self._context.destroy(linger=0)


@pytest.fixture
def leaders() -> Iterator[list[Leader]]:
    made: list[Leader] = []
    yield made
    for leader in made:
        leader.close()


GIVEN = [("machine_file", piece) for name in (USERS, SESSIONS, CONFIG) for piece in cut(name, b"processes = no\n")]
TO_DO: list[dict[str, Any]] = [
    {"do": "load", "scenario": "smoke", "nonce": "1", "share": "0 1 0", "urls": {}, "metrics_token": "told"},
    {"do": "leave"}, {"do": "wait"},
]  # fmt: skip


@pytest.mark.parametrize("to_do", TO_DO, ids=[each["do"] for each in TO_DO])
@pytest.mark.parametrize("secret", ["", "guessed"])
def test_a_machine_does_nothing_for_a_master_that_does_not_know_the_secret(
    secret: str, to_do: dict[str, Any], leaders: list[Leader], tmp_path: Path
) -> None:
    leaders.append(Leader(*GIVEN, ("machine_answer", to_do), secret=secret))
    machine = join(leaders[0].port, "load-1", TMPDIR=str(tmp_path))
    leaders[0].lead(lambda: machine.poll() is not None)
    code, said = end_of(machine)
    assert code == 3 and "does not know the secret of this run" in said, said
    assert list(tmp_path.iterdir()) == [], "what it was given has a place here"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_machine_that_is_ended_keeps_no_secret_and_names_what_the_master_lacks(
    number: signal.Signals, leaders: list[Leader], tmp_path: Path
) -> None:
    waits = [("machine_file", piece) for piece in cut(CONFIG, f"locustfile = {PROJECT}/locustfile.py\n".encode())]
    answer = ("machine_answer", TO_DO[0])
    leaders.append(Leader(*GIVEN, *waits, answer, secret=SECRET))
    heard = signal.signal(number, signal.SIG_DFL)  # under nohup the checks ignore SIGHUP, and so would it
    try:
        machine = join(leaders[0].port, "load-1", TMPDIR=str(tmp_path))
    finally:
        signal.signal(number, heard)
    leaders[0].lead(lambda: list(tmp_path.glob("*/smoke/locust.log")))
    machine.send_signal(number)
    code, said = end_of(machine)
    (kept,) = tmp_path.glob("*/smoke")
    assert code == 128 + number, said
    assert f"the master lacks a part of the record, which is kept with a log: {kept}" in said, said
    assert not {path.name for path in tmp_path.rglob("*")} & {USERS, SESSIONS, "given"}


IN_A_DESTRUCTOR = """
import os, signal
from load.machines.join import end_if_told, hear_signals
class Gone:
    def __del__(self): os.kill(os.getpid(), signal.{name})
hear_signals()
Gone()
print("went on", flush=True)
end_if_told()
print("did not end")
"""


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGINT", -signal.SIGINT)])
def test_a_signal_that_comes_while_python_runs_a_destructor_is_not_lost(name: str, code: int) -> None:
    program = [sys.executable, "-c", IN_A_DESTRUCTOR.format(name=name)]
    ran = subprocess.run(program, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stdout) == (code, "went on\n"), ran.stderr
    assert "Exception ignored" in ran.stderr


def test_a_machine_loads_with_the_addresses_and_the_metrics_token_of_the_master(
    leaders: list[Leader], tmp_path: Path
) -> None:
    lines = 'from pathlib import Path\nimport os\nPath(__file__).with_suffix(".told").write_text('
    file = tmp_path / "locustfile.py"
    file.write_text(f"{lines}os.environ['BOOKS_URL'] + ' ' + os.environ['METRICS_TOKEN'])\n")
    config = [("machine_file", piece) for piece in cut(CONFIG, f"locustfile = {file}\n".encode())]
    answer = ("machine_answer", {**TO_DO[0], "urls": {"books": "http://127.0.0.1:9"}})
    leaders.append(Leader(*GIVEN, *config, answer, secret=SECRET))
    machine = join(leaders[0].port, "load-1", TMPDIR=str(tmp_path), METRICS_TOKEN="of another time")
    leaders[0].lead(lambda: file.with_suffix(".told").exists())
    machine.terminate()
    machine.communicate(timeout=60)
    assert file.with_suffix(".told").read_text() == "http://127.0.0.1:9 told"


def test_a_record_that_stayed_here_is_not_in_the_way_of_the_next_of_its_scenario(
    leaders: list[Leader], tmp_path: Path
) -> None:
    ends = [("machine_file", piece) for piece in cut(CONFIG, b"locustfile = no_such.py\n")]
    leaders.append(Leader(*GIVEN, *ends, ("machine_answer", TO_DO[0]), secret=SECRET))
    machine = join(leaders[0].port, "load-1", TMPDIR=str(tmp_path))
    leaders[0].lead(lambda: len(list(tmp_path.glob("*/smoke*"))) > 1 or machine.poll() is not None)
    leaders[0].answers = (("machine_answer", {"do": "leave"}),)
    leaders[0].lead(lambda: machine.poll() is not None)
    code, said = end_of(machine)
    assert code == 3 and all(f"which is kept with a log: {path}\n" in said for path in tmp_path.glob("*/smoke*")), said
    assert not {path.name for path in tmp_path.rglob("*")} & {USERS, SESSIONS, "given"}


IMPATIENT = "import sys; from load.machines import join; join.PATIENCE_S = 2.0; sys.exit(join.main())"


@pytest.mark.parametrize("stays", [False, True])
def test_a_machine_that_stays_outlives_a_master_that_ends_without_a_farewell(
    leaders: list[Leader], tmp_path: Path, stays: bool
) -> None:
    leaders.append(Leader(("machine_answer", TO_DO[2]), secret=SECRET))
    options = ["127.0.0.1", "--port", str(leaders[0].port), *(["--stay"] if stays else [])]
    machine = subprocess.Popen(
        [sys.executable, "-c", IMPATIENT, *options], cwd=PROJECT, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, env={**os.environ, "LOAD_SECRET": SECRET, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    until = time.monotonic() + 5
    leaders[0].lead(lambda: time.monotonic() > until or machine.poll() is not None)
    if stays:
        with pytest.raises(subprocess.TimeoutExpired):
            machine.wait(9)  # an asking takes 3 s
        machine.terminate()
        assert end_of(machine)[0] == 128 + signal.SIGTERM
    else:
        code, said = end_of(machine)
        assert code == 3 and "has not answered for 0 minutes" in said, said


def test_a_machine_hears_a_master_whose_messages_all_come_late(leaders: list[Leader], tmp_path: Path) -> None:
    leaders.append(Leader(*GIVEN, ("machine_answer", {"do": "leave"}), secret=SECRET))
    leaders[0].pause_s = 2.0  # the whole conversation takes longer than a machine waits for a message
    machine = join(leaders[0].port, "load-1", TMPDIR=str(tmp_path))
    leaders[0].lead(lambda: machine.poll() is not None)
    assert end_of(machine) == (0, "") and list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not LONG, reason="long form only")
def test_a_machine_looks_a_minute_for_a_master_that_ended_before_the_load(
    leaders: list[Leader], tmp_path: Path
) -> None:
    waits = [("machine_file", piece) for piece in cut(CONFIG, f"locustfile = {PROJECT}/locustfile.py\n".encode())]
    leaders.append(Leader(*GIVEN, *waits, ("machine_answer", TO_DO[0]), secret=SECRET))
    machine = join(leaders[0].port, "load-1", TMPDIR=str(tmp_path))
    leaders[0].lead(lambda: list(tmp_path.glob("*/smoke/locust.log")))
    leaders[0].answers = (("machine_answer", {"do": "leave"}),)
    leaders[0].lead(lambda: machine.poll() is not None, 120)
    code, said = end_of(machine)
    assert code == 3 and "the master lacks a part of the record" in said, said
    assert not {path.name for path in tmp_path.rglob("*")} & {USERS, SESSIONS, "given"}
