"""The processes that make a load on other machines: which have come, which are lost, whose record is home.

NAME_machines.jsonl says when each of that befell them, and how their clocks went.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from load.machines.door import Machine


class Processes:
    """Those of one scenario, by the names that Locust's messages have; `part_of` gives the part of their files."""

    def __init__(self, path: Path, machines: list[Machine], part_of: Callable[[str], str]) -> None:
        """Begin without any; `path` is the file."""
        self._path, self._machines, self._part_of = path, machines, part_of
        self._machine_of: dict[str, int] = {}
        self._prepared: set[str] = set()
        self._lost: set[str] = set()
        self._whole: set[str] = set()

    def __iter__(self) -> Any:
        return iter(list(self._machine_of))

    def part_of(self, name: str) -> str:
        """Return the part of the files of a process."""
        return self._part_of(name)

    def have_come_from(self, machine: int) -> bool:
        """Tell whether a process of a machine has been seen."""
        return machine in self._machine_of.values()

    def see(self, name: str, machine: int) -> None:
        """Note a process of a machine, once."""
        if name not in self._machine_of:
            self._machine_of[name] = machine
            self._note("came", name)

    def note_prepared(self, name: str) -> None:
        """Note that the load can begin in a process."""
        self._prepared.add(name)

    def note_offset(self, name: str, offset_s: float, error_s: float) -> None:
        """Note how far the master's clock is ahead of that of a process."""
        self._note("clock", name, offset_s=offset_s, error_s=error_s)

    def note_alive(self, name: str, *, is_alive: bool) -> None:
        """Note a process that is lost, or that is back."""
        if is_alive == (name in self._lost):
            self._lost ^= {name}
            self._note("back" if is_alive else "lost", name)

    def note_whole(self, name: str) -> None:
        """Note that all of a process's record is home, once."""
        if name not in self._whole:
            self._whole.add(name)
            self._note("whole", name)

    def _note(self, event: str, name: str, **more: float) -> None:
        machine = self._machines[self._machine_of[name]].name
        line = {"at": round(time.time(), 6), "event": event, "machine": machine, "part": self._part_of(name), **more}
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def list_unprepared(self) -> list[str]:
        """Return the names of the machines with fewer processes that are prepared than they said."""
        count = [0] * len(self._machines)
        for name in self._prepared:
            count[self._machine_of[name]] += 1
        return [machine.name for machine, done in zip(self._machines, count, strict=True) if done < machine.processes]

    def is_waited_for(self) -> bool:
        """Tell whether the record of a process that lives is not home yet."""
        return any(name not in self._whole and name not in self._lost for name in self._machine_of)

    def list_one_of_each_machine(self) -> list[str]:
        """Return a process of each machine, of those that live."""
        alive = {machine: name for name, machine in self._machine_of.items() if name not in self._lost}
        return list(alive.values())
