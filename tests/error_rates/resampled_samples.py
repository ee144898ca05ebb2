"""Moves the samples of the services in blocks of seconds; courses that matter keep their level or go on rising.

What only rises is added up anew from its increments. What may grow (memory, descriptors, threads, connections, keys)
keeps the level as recorded, a running median over 31 samples, and only what is left of that level moves with its
block: growth is neither destroyed nor made. Of a course that rises faster than it jumps nothing is
left. A worker process is there when it was there.
"""

import json
from collections import defaultdict
from typing import Any

import numpy as np

OF_LEVEL = ("rss", "own_fds", "threads", "clients", "db_connections", "redis_keys", "redis_memory_bytes")
AROUND = 15  # samples before and after the one whose level is asked
Sample = dict[str, Any]
Key = tuple[str, str, str]  # service, process id or "", quantity
Course = dict[int, float]  # by the number of the sample


def move_samples(lines: list[str], sources: dict[int, int]) -> list[str]:
    """The lines of NAME_server.jsonl of a new run: each second shows that of `sources`, else itself."""
    samples = sorted((json.loads(line) for line in lines), key=lambda sample: float(sample["at"]))
    by_second: dict[int, list[int]] = defaultdict(list)
    for number, sample in enumerate(samples):
        by_second[int(sample["at"])].append(number)
    mover = Mover(samples)
    moved = []
    for second in sorted(by_second.keys() | sources.keys()):
        origin = sources.get(second, second)
        moved += [mover.move(number, second - origin) for number in by_second.get(origin, [])]
    return [json.dumps(sample) + "\n" for sample in moved]


class Mover:
    """The courses of all quantities of a recording, and how far those that only rise have come in the new one."""

    def __init__(self, samples: list[Sample]) -> None:
        """Take in a recording, in the order of time."""
        self.samples = samples
        self.courses: dict[Key, Course] = defaultdict(dict)
        for number, sample in enumerate(samples):
            for key, value in list_values(sample).items():
                self.courses[key][number] = value
        self.at = np.array([sample["at"] for sample in samples])
        self.levels = {key: find_levels(course) for key, course in self.courses.items() if key[2] in OF_LEVEL}
        self.moments = {key: self.at[list(self.courses[key])] for key in self.levels}
        self.rises = {key: find_rises(course) for key, course in self.courses.items() if only_rises(key[2])}
        self.risen = {key: next(iter(self.courses[key].values())) for key in self.rises}

    def move(self, number: int, by: int) -> Sample:
        """A sample so many seconds later; to be asked in the order of the new run."""
        old = self.samples[number]
        new: Sample = {**old, "at": old["at"] + by}
        if old.get("server_at") is not None:
            new["server_at"] = old["server_at"] + by
        service = str(old["service"])
        if "values" in old:
            new["values"] = {name: self.value((service, "", name), number, by) for name in old["values"]}
        if old.get("workers"):
            new["workers"] = {pid: self.worker(service, pid, number, by) for pid in self.alive(service, number, by)}
        return new

    def alive(self, service: str, number: int, by: int) -> list[str]:
        """The processes that were there at that time; not those that the recorded sample alone leaves out."""
        at, found = self.samples[number]["at"], []
        for owner, pid, quantity in self.courses:
            if owner != service or not pid or quantity != "rss":
                continue
            numbers = list(self.courses[owner, pid, quantity])
            first, last = self.at[numbers[0]], self.at[numbers[-1]]
            left_out = first <= at <= last and number not in self.courses[owner, pid, quantity]
            if first - 0.5 <= at + by <= last + 0.5 and not left_out:
                found.append(pid)
        return found

    def worker(self, service: str, pid: str, number: int, by: int) -> dict[str, float]:
        """The values of a process; its descriptors are its own and those of clients."""
        mine = {key[2]: self.value(key, number, by) for key in self.courses if key[:2] == (service, pid)}
        mine["fds"] = mine.pop("own_fds") + mine.get("clients", 0.0)
        return mine

    def value(self, key: Key, number: int, by: int) -> float:
        """A quantity of a sample that is moved by so many seconds."""
        course = self.courses[key]
        if key in self.rises:
            self.risen[key] += self.rises[key].get(number, 0.0)
            return self.risen[key]
        if key not in self.levels or by == 0:
            return course.get(number, 0.0)
        left = course[number] - self.levels[key][number] if number in course else 0.0
        return max(0.0, self.level_at(key, float(self.at[number]) + by) + left)

    def level_at(self, key: Key, at: float) -> float:
        """The level of a course in the sample that was nearest to a moment."""
        nearest = int(np.argmin(np.abs(self.moments[key] - at)))
        return list(self.levels[key].values())[nearest]


def only_rises(quantity: str) -> bool:
    """Whether a quantity is a counter."""
    return quantity == "cpu_s" or quantity.endswith("_total")


def list_values(sample: Sample) -> dict[Key, float]:
    """All values of a sample; the descriptors of a process without those of clients."""
    service = str(sample["service"])
    found: dict[Key, float] = {(service, "", name): value for name, value in sample.get("values", {}).items()}
    for pid, worker in (sample.get("workers") or {}).items():
        mine = {**worker, "own_fds": worker["fds"] - worker.get("clients", 0.0)}
        del mine["fds"]
        found.update({(service, pid, name): value for name, value in mine.items()})
    return found


def find_levels(course: Course) -> Course:
    """The running median of a course, one of its own values, so that whole numbers stay whole.

    Near the ends its window is as short on the one side as on the other: else a line would leave its own level.
    """
    values = list(course.values())
    levels = []
    for place in range(len(values)):
        reach = min(AROUND, place, len(values) - 1 - place)
        levels.append(sorted(values[place - reach : place + reach + 1])[reach])
    return dict(zip(course, levels, strict=True))


def find_rises(course: Course) -> Course:
    """By how much a counter rose since the sample before; a fall begins anew at 0."""
    numbers, values = list(course), list(course.values())
    return {
        number: after - before if after >= before else after
        for number, before, after in zip(numbers[1:], values, values[1:], strict=False)
    }
