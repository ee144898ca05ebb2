"""Wait until all machines of a run have joined, before its first scenario; and let them leave after its last one.

Between the two, the master of each scenario is who they ask.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
from locust.exception import RPCError

from load.client.refusal import BROKEN, Refused
from load.client.script import Arguments, count_of, run
from load.machines.build import describe_build
from load.machines.door import Decide, Door, Machine, Send, refuse
from load.machines.messages import Message, Server, receive
from load.machines.proof import VARIABLE

JOIN_S = 900.0
LEAVE_S = 15.0
LISTEN_S = 5.0  # in which a machine that waits asks again
SILENT_S = 15.0  # a machine that waits asks again every second or two


class Muster:
    """The machines that have joined a run, `wanted` of them in the end."""

    def __init__(self, wanted: int) -> None:
        """Begin without any."""
        self.wanted = wanted
        self.machines: dict[str, Machine] = {}
        self.heard_at: dict[str, float] = {}
        self.joined_at = 0.0  # when the last one did
        self.left: set[str] = set()

    def join(self, _client_id: str, machine: Machine) -> dict[str, Any]:
        """Note a machine, unless there are enough; two of the same name are told apart by a number."""
        self._forget_silent()
        if machine.id not in self.machines:
            if len(self.machines) >= self.wanted and not self.is_complete:
                return {
                    "do": "wait",
                    "words": "enough machines have joined; one of them may have ended",
                }
            if len(self.machines) >= self.wanted:
                more = self.wanted + 1
                return refuse(f"{self.wanted} machines have joined already: begin the run with --machines {more}")
            self.machines[machine.id] = machine._replace(name=self._name(machine.name))
            self.joined_at = time.monotonic()
            count = f"{len(self.machines)} of {self.wanted}"
            words = f"{machine.processes} process{'es' if machine.processes > 1 else ''}"
            print(f"{count} machines have joined: {self.machines[machine.id].name} with {words}", flush=True)
        self.heard_at[machine.id] = time.monotonic()
        return {"do": "wait", "words": "has joined; waiting for the first scenario"}

    def _name(self, name: str) -> str:
        taken = {machine.name for machine in self.machines.values()}
        names = (f"{name}{f'-{number}' if number > 1 else ''}" for number in range(1, self.wanted + 2))
        return next(each for each in names if each not in taken)

    def _forget_silent(self) -> None:
        """Forget the machines that have ended since they joined: they may join again."""
        for gone in [each for each, at in self.heard_at.items() if time.monotonic() - at > SILENT_S]:
            print(f"{self.machines[gone].name} does not ask any more: it has to join again", flush=True)
            del self.machines[gone], self.heard_at[gone]

    def leave(self, _client_id: str, machine: Machine) -> dict[str, Any]:
        """Let a machine leave."""
        self.left.add(machine.id)
        return {"do": "leave"}

    @property
    def is_complete(self) -> bool:
        """Whether all that are wanted have joined, and have asked since the last one did: none has ended."""
        self._forget_silent()
        return len(self.machines) == self.wanted and min(self.heard_at.values()) >= self.joined_at


def listen(
    bind: str, port: int, open_door: Callable[[Send], Door], is_done: Callable[[], bool], seconds: float
) -> bool:
    """Answer machines at a door until that is done, and tell whether it was within so many seconds; raises Refused."""
    try:
        server = Server(bind, port)
    except RPCError as problem:
        raise Refused(f"cannot listen at {bind}:{port}: {problem}; is another run the master there?", BROKEN) from None
    door = open_door(lambda client_id, kind, data: server.send_to_client(Message(kind, data, client_id)))
    until = time.monotonic() + seconds
    try:
        while not is_done() and time.monotonic() < until:
            if found := receive(server, 1):
                door.receive(found[0], found[1].type, found[1].data)
        gevent.sleep(0.2)  # for the last answer
    finally:
        server.close(linger=1000)
    return is_done()


def answer_machines(options: argparse.Namespace, decide: Decide, is_done: Callable[[], bool], seconds: float) -> bool:
    """Answer the machines that know the secret as listen() does."""
    secret, build = os.environ.get(VARIABLE, ""), describe_build(Path())
    return listen(options.bind, options.port, lambda send: Door(secret, build, send, decide), is_done, seconds)


def gather(options: argparse.Namespace) -> int:
    """Wait for the machines, write them into run.json, and return 0; raises Refused."""
    path = options.out / "run.json"
    facts = json.loads(path.read_text(encoding="utf-8"))
    muster = Muster(options.machines)
    if not answer_machines(options, muster.join, lambda: muster.is_complete, JOIN_S):
        count = f"{len(muster.machines)} of {options.machines}"
        raise Refused(f"{count} machines have joined within {JOIN_S / 60:.0f} minutes", BROKEN)
    facts["machines"] = [machine._asdict() for machine in muster.machines.values()]
    facts["own_processes"] = options.own
    facts["processes"] = sum(machine.processes for machine in muster.machines.values())
    path.write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


def dismiss(options: argparse.Namespace) -> int:
    """Let the machines of run.json leave, for as long as that takes at most, and return 0.

    A run that was interrupted before all had joined has none there: whoever asks may leave.
    """
    facts = json.loads((options.out / "run.json").read_text(encoding="utf-8"))
    known = {machine["id"] for machine in facts.get("machines", [])}
    muster = Muster(len(known))
    seconds = LEAVE_S if known else LISTEN_S
    answer_machines(options, muster.leave, lambda: bool(known) and muster.left >= known, seconds)
    return 0


def main() -> int:
    """Read the options, gather or dismiss, and return the exit code."""
    parser = Arguments(description=__doc__)
    parser.add_argument("step", choices=("gather", "dismiss"))
    parser.add_argument("out", type=Path, help="the results folder")
    parser.add_argument("--machines", type=count_of, default=1, help="how many are to join")
    parser.add_argument("--own", type=int, default=0, help="processes of the machine that leads, which is one of them")
    parser.add_argument("--bind", required=True, help="the address to listen at")
    parser.add_argument("--port", type=count_of, required=True)
    options = parser.parse_args()
    steps = {"gather": gather, "dismiss": dismiss}
    return run("run_all_tests.sh", lambda: steps[options.step](options))


if __name__ == "__main__":
    sys.exit(main())
