"""The master of a load that several machines make: it lets them in, gives them what they need, keeps their records."""

import json
import logging
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import gevent
from locust.env import Environment
from locust.runners import STATE_MISSING, STATE_STOPPED, STATE_STOPPING, MasterRunner

from analysis.records.results_folder import MACHINES
from load.client.accounts import read_accounts, split_accounts
from load.client.refusal import BROKEN, Refused
from load.client.service_metrics import find_token
from load.client.target import Target
from load.machines.archive import Archive
from load.machines.build import describe_build
from load.machines.clock import CLOCK, OFFSET
from load.machines.door import PREPARED, Door, Machine, refuse
from load.machines.files import CONFIG, FILE, SESSIONS, USERS, cut
from load.machines.messages import Message, receive
from load.machines.pieces import ADDED, ENDED, KEPT, WHOLE
from load.machines.processes import Processes
from load.machines.proof import VARIABLE, make_nonce, read_name
from load.machines.share import Share

GIVEN = {"users_file": USERS, "sessions_file": SESSIONS, "config": CONFIG}
MOST_SEED = 1_000_000
COME_S = 120.0  # in which all machines come to a scenario
HOME_S = 60.0  # in which their records come home at its end
LOOK_EVERY_S = 1.0
RESERVED, OF_ACCOUNTS = 2, 20  # accounts that a machine logs in and out itself; one in so many is kept for that
log = logging.getLogger(__name__)


class Master:
    """One scenario's master."""

    def __init__(self, environment: Environment) -> None:
        """Open the door to the machines that run.json has, which stands beside the record."""
        options: Any = environment.parsed_options
        self._runner: Any = environment.runner
        self._options, self._secret = options, os.environ.get(VARIABLE, "")
        prefix = Path(options.record)
        self._scenario, self._run = prefix.name, json.loads((prefix.parent / "run.json").read_text(encoding="utf-8"))
        self.machines = [Machine(**machine) for machine in self._run["machines"]]
        self._archive = Archive(prefix)
        path = prefix.parent / f"{prefix.name}{MACHINES}"
        self._processes = Processes(path, self.machines, lambda name: str(self._runner.get_worker_index(name)))
        self._nonces: dict[int, str] = {}
        self._seed, self._is_ready = secrets.randbelow(MOST_SEED), False
        self._strangers: set[str] = set()
        self._is_stuck = False
        self._door = Door(self._secret, describe_build(Path()), self._send, self._decide)
        self._takers: dict[str, Callable[[str, dict[str, Any]], None]] = {
            PREPARED: lambda name, _: self._processes.note_prepared(name),
            OFFSET: lambda name, data: self._processes.note_offset(name, data["offset_s"], data["error_s"]),
            CLOCK: self._tell_time,
            ADDED: self._keep,
            ENDED: self._compare,
        }

    def _send(self, to: str, kind: str, data: dict[str, Any]) -> None:
        self._runner.server.send_to_client(Message(kind, data, to))

    def _decide(self, name: str, machine: Machine) -> dict[str, Any]:
        """Return what a machine that has proved itself is to do, and give it its files if that is to make the load."""
        numbers, of = {each.id: number for number, each in enumerate(self.machines)}, len(self.machines)
        if machine.id not in numbers:
            return refuse("this run has begun without it")
        if not self._is_ready:
            return {"do": "wait", "words": "the master prepares the load"}
        number = numbers[machine.id]
        if self._processes.have_come_from(number):
            return {"do": "wait", "words": "waiting for the next scenario"}
        for option, file in GIVEN.items():
            self._send_file(name, file, Path(getattr(self._options, option)))
        urls = {service: told["url"] for service, told in self._run["services"].items()}
        return {
            "do": "load",
            "scenario": self._scenario,
            "nonce": self._nonces.setdefault(number, make_nonce()),
            "share": str(Share(number, of, self._seed)),
            "urls": urls,
            "metrics_token": find_token(Target(**urls)),  # the smoke asks for /metrics
        }

    def _send_file(self, to: str, name: str, path: Path) -> None:
        for piece in cut(name, path.read_bytes()):
            self._send(to, FILE, piece)

    def lets_in(self, name: str, message: Any) -> bool:
        """Take a message that is about machines, and tell whether Locust may have another: none of a stranger."""
        if self._door.receive(name, message.type, message.data):
            return False
        machine = read_name(name, self._nonces, self._secret)
        if machine is None:
            self._send_away(name)
            return False
        self._processes.see(name, machine)
        if take := self._takers.get(message.type):
            self._take(take, name, message.data)
        return take is None

    def _take(self, take: Callable[[str, dict[str, Any]], None], name: str, data: dict[str, Any]) -> None:
        """Take a message. What cannot be written is not confirmed, and the record is not whole then."""
        try:
            take(name, data)
        except OSError as problem:
            if not self._is_stuck:
                log.error("a record cannot be kept: %s", problem)
            self._is_stuck = True

    def _send_away(self, name: str) -> None:
        if name not in self._strangers:
            self._strangers.add(name)
            log.warning("a process that has not proved itself is sent away: %s", name[:80])
        self._send(name, "quit", {})

    def _tell_time(self, name: str, data: dict[str, Any]) -> None:
        self._send(name, CLOCK, {"number": data["number"], "at": time.time()})

    def _keep(self, name: str, data: dict[str, Any]) -> None:
        size = self._archive.add(self._processes.part_of(name), data)
        if size is not None:
            self._send(name, KEPT, {"file": data["file"], "size": size})

    def _compare(self, name: str, data: dict[str, Any]) -> None:
        missing = self._archive.find_missing(self._processes.part_of(name), data["files"])
        if not missing:
            self._processes.note_whole(name)
        self._send(name, WHOLE, {"missing": missing})

    def await_processes(self) -> None:
        """Let the machines begin, and wait until the load can begin in all their processes; raises Refused."""
        if self._options.search == "arrivals":
            raise Refused("search = arrivals cannot be shared by machines; search for users, or leave --machines out")
        self._check_accounts()
        self._is_ready = True
        until = time.monotonic() + COME_S
        while unprepared := ", ".join(self._processes.list_unprepared()):
            if time.monotonic() > until:
                raise Refused(f"machine {unprepared} has not come within {COME_S:.0f} s; see its terminal", BROKEN)
            gevent.sleep(0.1)
        self._options.expect_workers = sum(machine.processes for machine in self.machines)
        gevent.spawn(self._look)

    def _check_accounts(self) -> None:
        """Raise Refused when there are too few accounts for each machine to have its own."""
        accounts, wanted = read_accounts(Path(self._options.users_file)), RESERVED * len(self.machines)
        if len(split_accounts(accounts)[1]) < wanted:
            raise Refused(
                f"{self._options.users_file} has {len(accounts)} accounts, too few for {len(self.machines)} machines;"
                f" make more: python create_users_csv.py --count {OF_ACCOUNTS * wanted} --force"
            )

    def _look(self) -> NoReturn:
        """Note processes that are lost, and send on the sessions that were refreshed, for ever."""
        sessions, seen = Path(self._options.sessions_file), 0
        while True:
            gevent.sleep(LOOK_EVERY_S)
            self._look_for_lost()
            seen, before = sessions.stat().st_mtime_ns, seen
            if before not in (0, seen):
                for name in self._processes.list_one_of_each_machine():
                    self._send_file(name, SESSIONS, sessions)

    def _look_for_lost(self) -> None:
        if self._runner.state in (STATE_STOPPING, STATE_STOPPED):
            return
        for name in self._processes:
            worker = self._runner.clients.get(name)
            self._processes.note_alive(name, is_alive=worker is not None and worker.state != STATE_MISSING)

    def await_records(self) -> None:
        """Take what the processes still send, until the record of each that lives is home.

        Locust's own listener has ended by then.
        """
        until = time.monotonic() + HOME_S
        while self._processes.is_waited_for() and time.monotonic() < until:
            if found := receive(self._runner.server, LOOK_EVERY_S):
                self.lets_in(*found)


_masters: dict[Environment, Master] = {}


def patch_master() -> None:
    """Have a master's messages looked at before Locust acts on them."""
    handle = MasterRunner.handle_message

    def handle_message(self: Any, client_id: str, msg: Any) -> None:
        master, options = _masters.get(self.environment), self.environment.parsed_options
        is_closed = master is None and options and options.machines  # a message may come before the door is open
        if not is_closed and (master is None or master.lets_in(client_id, msg)):
            handle(self, client_id, msg)

    MasterRunner.handle_message = handle_message  # type: ignore[method-assign]


def open_door(environment: Environment, **_: Any) -> None:
    """In the master of a load of several machines, let them come."""
    options: Any = environment.parsed_options
    if options.machines and isinstance(environment.runner, MasterRunner):
        _masters[environment] = Master(environment)


def await_machines(environment: Environment) -> None:
    """Wait until all machines are there, where there are any; raises Refused."""
    if master := _masters.get(environment):
        master.await_processes()


def await_records(**_: Any) -> None:
    """Wait until the records of all machines are here."""
    for master in _masters.values():
        master.await_records()
