"""A program that is started is ended, even where an interrupt arrives while it starts."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.programs import SIGNALS, started

SLEEP = ["sleep", "60"]
END_S = 10


def interrupt_parent() -> None:
    """Run in the new process, while subprocess.Popen of its parent still waits for it."""
    os.kill(os.getppid(), signal.SIGINT)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """An interrupt raises KeyboardInterrupt, and each test gives back the handlers that it found."""
    before = [signal.getsignal(number) for number in SIGNALS]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    found = [signal.getsignal(number) for number in SIGNALS]
    yield
    after = [signal.getsignal(number) for number in SIGNALS]
    for number, handler in zip(SIGNALS, before, strict=True):
        signal.signal(number, handler)
    assert after == found


class Ends:
    """Ends programs, and notes their pids."""

    def __init__(self) -> None:
        """Begin without any."""
        self.pids: list[int] = []

    def __call__(self, process: "subprocess.Popen[bytes]") -> None:
        """End a program, and wait for it."""
        self.pids.append(process.pid)
        process.terminate()
        process.wait(END_S)


@pytest.fixture
def ends() -> Ends:
    """What ends the programs of a test."""
    return Ends()


def test_an_interrupt_while_a_program_starts_ends_it(ends: Ends) -> None:
    with pytest.raises(KeyboardInterrupt), started(SLEEP, ends, preexec_fn=interrupt_parent):
        pytest.fail("the block began in spite of the interrupt")
    (pid,) = ends.pids
    assert not Path(f"/proc/{pid}").exists()


def test_an_interrupt_in_the_block_ends_the_program(ends: Ends) -> None:
    with pytest.raises(KeyboardInterrupt), started(SLEEP, ends):
        os.kill(os.getpid(), signal.SIGINT)
    assert len(ends.pids) == 1


def test_a_second_interrupt_does_not_break_the_end_off(ends: Ends) -> None:
    def end_slowly(process: "subprocess.Popen[bytes]") -> None:
        os.kill(os.getpid(), signal.SIGINT)
        ends(process)

    with pytest.raises(KeyboardInterrupt), started(SLEEP, end_slowly):
        os.kill(os.getpid(), signal.SIGINT)
    assert len(ends.pids) == 1


def test_a_program_that_cannot_be_started_is_not_ended(ends: Ends) -> None:
    with pytest.raises(FileNotFoundError), started(["./no-such-program"], ends):
        pytest.fail("there is no such program")
    assert ends.pids == []


def test_a_program_ignores_what_this_process_ignores_and_nothing_more(ends: Ends) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with started(SLEEP, ends) as process:
            status = Path(f"/proc/{process.pid}/status").read_text()
    finally:
        signal.signal(signal.SIGHUP, before)
    (ignored,) = (int(line.split()[1], 16) for line in status.splitlines() if line.startswith("SigIgn"))
    assert {number for number in SIGNALS if ignored >> (number - 1) & 1} == {signal.SIGHUP}
