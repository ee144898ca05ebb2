"""The master's side of joining: it asks a machine for its proof, looks at what it runs, and says what it is to do.

A machine says HELLO with a nonce, and gets a NONCE with the master's proof over its own: it runs what it is given. It
sends its description with a PROOF over the master's nonce, and gets an ANSWER: "refused", "wait", "load" or "leave".
"""

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from load.machines.build import say_differences
from load.machines.proof import is_proved, make_nonce, prove

HELLO, NONCE, PROOF, ANSWER = "machine_hello", "machine_nonce", "machine_proof", "machine_answer"
PREPARED = "machine_prepared"  # by each of its processes
MACHINE, MASTER = "machine", "master"  # what a proof of either is over, beside the nonce of the other
LONGEST_NAME, MOST_PROCESSES, MOST_WAITING = 64, 99, 1000
log = logging.getLogger(__name__)


class Machine(NamedTuple):
    """A machine that has joined: a number of its own, how people call it, and how many processes make its load."""

    id: str
    name: str
    processes: int
    build: Mapping[str, str]


Send = Callable[[str, str, dict[str, Any]], None]
Decide = Callable[[str, Machine], dict[str, Any]]


class Door:
    """Lets machines in; `send` sends a message to one of them, `decide` says what one that is proved is to do."""

    def __init__(self, secret: str, build: Mapping[str, str], send: Send, decide: Decide) -> None:
        """Open it."""
        self._secret, self._build, self._send, self._decide = secret, build, send, decide
        self._nonces: dict[str, str] = {}

    def receive(self, client_id: str, kind: str, data: Any) -> bool:
        """Answer a message, and tell whether it was one of those that join."""
        if kind == HELLO:
            if len(self._nonces) >= MOST_WAITING:
                self._nonces.clear()  # those who said hello and nothing else
            self._nonces[client_id] = make_nonce()
            theirs = data.get("nonce") if isinstance(data, dict) else None
            own = prove(self._secret, MASTER, theirs) if isinstance(theirs, str) else ""
            self._send(client_id, NONCE, {"nonce": self._nonces[client_id], "proof": own})
        elif kind == PROOF:
            self._send(client_id, ANSWER, self._answer(client_id, data))
        return kind in (HELLO, PROOF)

    def _answer(self, client_id: str, data: Any) -> dict[str, Any]:
        nonce = self._nonces.pop(client_id, "")
        text, proof = (data.get("machine"), data.get("proof")) if isinstance(data, dict) else (None, None)
        if not (nonce and isinstance(text, str) and is_proved(proof, self._secret, MACHINE, nonce, text)):
            log.warning("a machine with another secret is refused")
            return refuse("its secret is not that of this run: type the line that the master has shown")
        try:
            machine = read_machine(text)
        except (ValueError, KeyError, TypeError, AttributeError):
            return refuse("it does not say what it is as this project does: take the same commit")
        if words := say_differences(self._build, machine.build):
            log.warning("machine %s is refused: %s", machine.name, words)
            return refuse(f"{words}: take the same as the master")
        return self._decide(client_id, machine)


def refuse(because: str) -> dict[str, Any]:
    """Return the answer that refuses a machine."""
    return {"do": "refused", "because": because}


def read_machine(text: str) -> Machine:
    """Return the machine that a description is of; raises ValueError and others when it is of none."""
    machine = Machine(**json.loads(text))
    if not (0 < len(machine.name) <= LONGEST_NAME and machine.name.isprintable()):
        raise ValueError("no name")
    if type(machine.processes) is not int or not 1 <= machine.processes <= MOST_PROCESSES:
        raise ValueError("no number of processes")
    return machine
