"""Starts programs so that an interrupt of this process, as by Ctrl-C, ends them too, and breaks no end off."""

import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # that ask a process to end


@contextmanager
def started(
    command: Sequence[str], end: Callable[["subprocess.Popen[Any]"], None], **options: Any
) -> Iterator["subprocess.Popen[Any]"]:
    """Start a program in a session of its own for a `with` block, with the options of subprocess.Popen.

    However the block ends, also by an interrupt while the program starts, `end` is called with it, undisturbed.
    """
    process = None
    try:
        with postponed():
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, **options)
        yield process
    finally:
        if process is not None:
            with undisturbed():
                end(process)


@contextmanager
def postponed() -> Iterator[None]:
    """Let SIGNALS act at the end of a `with` block that starts a program, when its pid is known.

    Those that are ignored stay so, also for the program.
    """
    came: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        came.append(number)

    heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, note) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for postponed_signal in came:
            signal.raise_signal(postponed_signal)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Ignore SIGNALS in a `with` block that tidies up."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
