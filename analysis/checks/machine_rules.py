"""Says whether the machines that made a load stayed to its end, kept one clock, and sent all of their records home."""

from collections import defaultdict
from itertools import pairwise

from analysis.checks.evidence import Evidence
from analysis.findings import VALIDITY, Check, Figure, make_check
from analysis.number_formats import say_number
from analysis.records.results_folder import MACHINES, MachineEvent

MOST_S = 0.05  # by which a clock may have moved against the master's, beside what the measurements may be wrong


def judge_machines(evidence: Evidence) -> list[Check]:
    """INVALID when a machine was lost, its record is not whole, or its clock was set; nothing without machines."""
    if not evidence.run.machines:
        return []
    source = f"{evidence.plan.name}{MACHINES}"
    return [
        judge_losses(evidence.machines, evidence.curve.started, source),
        judge_records(evidence.machines, evidence.run.parts, source),
        judge_clocks(evidence.machines, source),
    ]


def judge_losses(events: list[MachineEvent], started: float, source: str) -> Check:
    """INVALID when a process of a machine gave no sign of life for some seconds, by name and by when."""
    lost = [event for event in events if event.event == "lost"]
    words = [
        f"A process of machine {event.machine} (part {event.part}) was lost {event.at - started:,.0f} s into the load."
        for event in lost
    ]
    figure = Figure("processes of machines lost", len(lost), "", source)
    return make_check("no machine of the load was lost", VALIDITY, " ".join(words), figure)


def judge_records(events: list[MachineEvent], parts: list[str], source: str) -> Check:
    """INVALID when the record of a process did not come home whole."""
    whole = {event.part for event in events if event.event == "whole"}
    names = {event.part: event.machine for event in events}
    missing = [part for part in parts[1:] if part not in whole]
    words = [f"machine {names[part]} (part {part})" if part in names else f"part {part}" for part in missing]
    reason = f"The record did not come home whole from {', '.join(words)}." if words else ""
    figure = Figure("records that came home whole", len(whole), "", source)
    return make_check("the records of all machines came home", VALIDITY, reason, figure)


def judge_clocks(events: list[MachineEvent], source: str) -> Check:
    """INVALID when a clock moved further against the master's between two measurements than a clock drifts."""
    readings: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for event in events:
        if event.offset_s is not None and event.error_s is not None:
            readings[event.machine, event.part].append((event.offset_s, event.error_s))
    steps = {
        machine: abs(later - earlier)
        for (machine, _), found in readings.items()
        for (earlier, error), (later, more) in pairwise(found)
        if abs(later - earlier) > MOST_S + error + more
    }
    words = [f"The clock of machine {name} was set by {say_number(1000 * step, 'ms')}." for name, step in steps.items()]
    drifts = [max(found)[0] - min(found)[0] for found in readings.values()]
    figure = Figure("largest drift of a clock", round(1000 * max(drifts, default=0.0), 1), "ms", source)
    return make_check("the clocks of all machines kept step", VALIDITY, " ".join(words), figure)
