#!/usr/bin/env python3
"""Join the load of another machine: prove the secret, take what it gives, and make a share of each scenario's load."""

import argparse
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from socket import gethostname
from types import FrameType
from typing import Any, NamedTuple
from uuid import uuid4

import gevent
from locust.exception import RPCError

from load.client.refusal import BROKEN, Refused
from load.client.script import Arguments, count_of, run
from load.machines.build import describe_build
from load.machines.door import ANSWER, HELLO, LONGEST_NAME, MACHINE, MASTER, MOST_PROCESSES, NONCE, PROOF
from load.machines.files import CONFIG, FILE, SESSIONS, USERS, Files
from load.machines.messages import Client, Message
from load.machines.proof import VARIABLE, is_proved, make_nonce, prove
from load.machines.share import VARIABLE as SHARE
from load.machines.worker import FOLDER, WHOLE_RECORD
from load.machines.worker import NONCE as NONCE_VARIABLE
from stack.programs import SIGNALS, started

PORT = 5557  # Locust's own
ANSWER_S = 3.0
PATIENCE_S = 900.0  # without an answer: the master may be reading back and removing a scenario's books
PAUSE_S = 1.0
told: list[int] = []  # signals that have asked this process to end
GIVEN = (USERS, SESSIONS, CONFIG)
LOCUST_ENDS_S = 90.0


class Patience(NamedTuple):
    """For how many seconds a machine bears that the master gives no answer: until its first one, and after that."""

    first_s: float
    then_s: float


@dataclass(frozen=True)
class Master:
    """Where the master is, and the secret of its run."""

    host: str
    port: int
    secret: str


def ask(master: Master, machine: dict[str, Any], files: Files) -> dict[str, Any] | None:
    """Say hello, prove the secret, and return the master's answer; None when nothing comes for ANSWER_S.

    The files that it gives before its answer are taken. Raises Refused when it does not know the secret, but answers.
    """
    own, is_known = make_nonce(), False
    client = Client(master.host, master.port, f"{machine['id']}.{uuid4().hex}")
    try:
        client.send(Message(HELLO, {"nonce": own}, machine["id"]))
        while message := listen(client):
            if message.type == NONCE:
                is_known = is_proved(message.data.get("proof"), master.secret, MASTER, own)
                text = json.dumps(machine)
                proof = prove(master.secret, MACHINE, message.data["nonce"], text)
                client.send(Message(PROOF, {"machine": text, "proof": proof}, machine["id"]))
            elif message.type == FILE and is_known:
                files.take(message.data)
            elif message.type == ANSWER:
                answer: dict[str, Any] = message.data
                if not is_known and answer["do"] != "refused":
                    raise Refused(f"{master.host}:{master.port} does not know the secret of this run", BROKEN)
                return answer
    except RPCError:
        time.sleep(PAUSE_S)
    finally:
        client.close(linger=0)
    return None


def listen(client: Any) -> Any:
    """Return the master's next message, None when none comes.

    Each has ANSWER_S anew: a master that has the proof counts on its answer being heard, and files may take a while.
    """
    with gevent.Timeout(ANSWER_S, False):
        return client.recv()
    return None


def serve_run(master: Master, machine: dict[str, Any], folder: Path, *, keeps: bool, patience: Patience) -> bool:
    """Make this machine's share of every scenario of one run, and return whether all records came home.

    Raises Refused when the master lets this machine not in, or does not answer for longer than the patience.
    """
    wait_s = patience.first_s
    said, heard_at, is_whole = "", time.monotonic(), True
    while True:
        end_if_told()
        given = folder / "given"
        given.mkdir(mode=0o700, exist_ok=True)
        files = Files(given, GIVEN)
        answer = ask(master, machine, files)
        if answer is None:
            if time.monotonic() - heard_at > wait_s:
                raise Refused(f"{master.host}:{master.port} has not answered for {wait_s / 60:.0f} minutes", BROKEN)
            said = tell("waiting for the master", said)
            continue
        heard_at, wait_s = time.monotonic(), patience.then_s
        if answer["do"] == "refused":
            raise Refused(f"the master refuses this machine: {answer['because']}", BROKEN)
        if answer["do"] == "leave":
            return is_whole
        if answer["do"] == "wait" or files.whole != set(GIVEN):
            said = tell(answer.get("words", ""), said)
            time.sleep(PAUSE_S)
            continue
        said = tell(f"makes its share of {answer['scenario']}, as machine {answer['share'].split()[0]}", said)
        kept = folder / answer["scenario"]
        if kept.exists():  # of a run before
            kept = Path(tempfile.mkdtemp(prefix=f"{answer['scenario']}.", dir=folder))
        given.rename(kept)
        came_home = make_load(master, machine, answer, kept)
        if came_home and not keeps:
            shutil.rmtree(kept)
        is_whole = is_whole and came_home
        heard_at = time.monotonic()


def tell(words: str, said: str) -> str:
    """Show where the machine is, unless that was said; return what was said."""
    if words and words != said:
        print(f"join_load.sh: {words}", flush=True)
    return words or said


def make_load(master: Master, machine: dict[str, Any], answer: dict[str, Any], kept: Path) -> bool:
    """Run Locust's workers until the scenario is over; return whether the whole record came home.

    `kept` holds what was given, and then the record; it is named when the master lacks a part of that.
    """
    log = kept / "locust.log"
    command = [sys.executable, "-m", "locust", "--worker", "--config", str(kept / CONFIG)]
    command += ["--master-host", master.host, "--master-port", str(master.port), "--logfile", str(log)]
    command += ["--users-file", str(kept / USERS), "--sessions-file", str(kept / SESSIONS)]
    if machine["processes"] > 1:
        command += ["--processes", str(machine["processes"])]
    services = {f"{name.upper()}_URL": url for name, url in answer["urls"].items()}
    services["METRICS_TOKEN"] = answer["metrics_token"]
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("LOCUST", "GEVENT"))}
    own = {VARIABLE: master.secret, NONCE_VARIABLE: answer["nonce"], SHARE: answer["share"], FOLDER: str(kept)}
    try:
        run_locust(command, {**plain, **services, **own, "HOME": os.devnull}, log)
    finally:
        for name in (USERS, SESSIONS):
            (kept / name).unlink(missing_ok=True)
        words = [json.loads(path.read_text(encoding="utf-8")) for path in kept.glob(f"*{WHOLE_RECORD}")]
        is_whole = len(words) == machine["processes"] and all(word["whole"] for word in words)
        if not is_whole:
            print(f"join_load.sh: the master lacks a part of the record, which is kept with a log: {kept}", flush=True)
    return is_whole


def run_locust(command: list[str], environment: dict[str, str], log: Path) -> None:
    """Run Locust until it ends; whatever ends this script ends it too."""
    with (
        log.open("a", encoding="utf-8") as words,
        started(command, end_locust, env=environment, stdout=words, stderr=words) as process,
    ):
        process.wait()


def end_locust(process: "subprocess.Popen[bytes]") -> None:
    """End Locust and its processes, if it still runs."""
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(LOCUST_ENDS_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)


def join(options: argparse.Namespace) -> int:
    """Serve one run, or with --stay every run, and return 0 when all records came home; raises Refused."""
    secret = os.environ.get(VARIABLE, "")
    if not secret:
        raise Refused(f"{VARIABLE} is not set: type the whole line that the master has shown")
    machine = {
        "id": uuid4().hex, "name": options.name, "processes": options.processes, "build": describe_build(Path()),
    }  # fmt: skip
    master, first_s = Master(options.master, options.port, secret), PATIENCE_S
    while True:
        patience = Patience(first_s, math.inf if options.stay else PATIENCE_S)  # a run that broke off says no farewell
        folder = Path(tempfile.mkdtemp(prefix="libros-load-"))
        try:
            is_whole = serve_run(master, machine, folder, keeps=options.keep, patience=patience)
        finally:
            shutil.rmtree(folder / "given", ignore_errors=True)
            if not os.listdir(folder):
                folder.rmdir()
        if not options.stay:
            return 0 if is_whole else BROKEN
        first_s = math.inf  # nobody listens until the next run begins


def read_options() -> argparse.Namespace:
    """Read the options."""
    parser = Arguments("join_load.sh", description=__doc__)
    parser.add_argument("master", metavar="MASTER", help="the address that the master has shown")
    parser.add_argument("--processes", type=count_of, default=1, help="processes that make the load here (1)")
    parser.add_argument(
        "--name", default=gethostname()[:LONGEST_NAME], help="what reports call this machine (its host name)"
    )
    parser.add_argument("--port", type=count_of, default=PORT, help=f"the master's port ({PORT})")
    parser.add_argument("--stay", action="store_true", help="when a run is over, wait for the next")
    parser.add_argument("--keep", action="store_true", help="keep this machine's copies of the records")
    options = parser.parse_args()
    if options.processes > MOST_PROCESSES:
        parser.error(f"--processes {options.processes}: at most {MOST_PROCESSES}")
    return options


def hear_signals() -> None:
    """End in order by each signal that asks for it, unless that is ignored: a terminal of ssh may close, too."""
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, end)


def end(number: int, _: FrameType | None) -> None:
    """Note a signal, and end."""
    told.append(number)
    end_if_told()


def end_if_told() -> None:
    """End if a signal has asked for it: what its handler raises is lost while Python runs a destructor, as ZeroMQ's."""
    if told:
        raise KeyboardInterrupt if told[0] == signal.SIGINT else SystemExit(128 + told[0])


def main() -> int:
    """Read the options, join, and return the exit code."""
    options = read_options()
    hear_signals()
    return run("join_load.sh", lambda: join(options), "to join again")


if __name__ == "__main__":
    sys.exit(main())
