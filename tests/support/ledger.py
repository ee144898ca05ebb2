"""Keeps account of one ISBN that a single writer writes to: every state it may be in after what was answered."""

from collections.abc import Callable
from typing import NamedTuple

import pytest


class State(NamedTuple):
    """What MariaDB may hold: the last version, and the number its book was derived from, None without a book."""

    version: int
    number: int | None


Effect = Callable[[State], State | None]  # of a command that takes effect; None where it is refused


def create(number: int, *, repeated: bool = False) -> Effect:
    """Return the effect of a POST; one that is repeated with its Idempotency-Key may find its own book."""

    def effect(state: State) -> State | None:
        if repeated and state.number == number:
            return state
        return State(state.version + 1, number) if state.number is None else None

    return effect


def change(number: int) -> Effect:
    """Return the effect of a PATCH; one that finds its own values there keeps the version."""

    def effect(state: State) -> State | None:
        if state.number is None or state.number == number:
            return None if state.number is None else state
        return State(state.version + 1, number)

    return effect


def delete(state: State) -> State | None:
    """Give the effect of a DELETE."""
    return None if state.number is None else State(state.version, None)


class Ledger:
    """The states one ISBN may be in. A committed command raises the version by one, a delete keeps it: so with one
    state left, its version is the number of committed creates and changes, and nothing acknowledged is missing.
    """

    def __init__(self) -> None:
        self.states = {State(0, None)}
        self.history: list[str] = []
        self.acknowledged = 0
        self.unknown = 0

    def acknowledge(self, effect: Effect, version: int | None) -> None:
        """Book a success: the command took effect; it answered this version, a delete none."""
        self.acknowledged += 1
        reached = {after for state in self.states if (after := effect(state)) is not None}
        self._narrow({each for each in reached if version in (None, each.version)}, f"acknowledged, version {version}")

    def doubt(self, effect: Effect) -> None:
        """Book a command without an answer, or with 503: it took effect or did not."""
        self.unknown += 1
        reached = {after for state in self.states if (after := effect(state)) is not None}
        self._narrow(self.states | reached, "unknown")

    def refuse(self, effect: Effect) -> None:
        """Book a 404 or 409: the command found a state that it does not fit."""
        self._narrow({state for state in self.states if effect(state) is None}, "refused")

    def check_read(self, seen: int | None) -> None:
        """Assert that a read of the read model, which may not show an unanswered command yet, fits the account."""
        if seen not in {state.number for state in self.states}:
            self._fail(f"read: {seen}")

    def settle(self, state: State) -> None:
        """Assert that what MariaDB holds in the end fits the account."""
        self._narrow(self.states & {state}, f"in the end: {state}")

    def _narrow(self, states: set[State], event: str) -> None:
        self.history.append(f"{event} -> {sorted(states, key=str)}")
        if not states:
            self._fail(event)
        self.states = states

    def _fail(self, event: str) -> None:
        pytest.fail(f"no account of what was answered fits this: {event}; before it: {self.history[-6:]}")
