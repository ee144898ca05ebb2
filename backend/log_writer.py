"""Writes the log's lines to standard error in the background of each process, so that no request waits for the reader.

While the disk is full, or the reader slow or gone, lines wait, up to a bound. Lines beyond the bound are lost, and the
log says how many once it can. A process that is killed loses the lines of its last moment.
"""

import atexit
import logging
import os
import threading
import time

log = logging.getLogger(__name__)

STDERR = 2  # not by way of sys.stderr: its lock, held by a thread that waits, would break the end of the process
INTERVAL_S = 0.1
AFTER_ERROR_S = 1.0
FLUSH_S = 1.0
MOST_LINES = 10_000  # that wait: ten seconds of a worker at its busiest
AT_ONCE = 1000  # lines
LONGEST_LINE = 4096  # characters


class LineWriter:
    """The lines that wait in this process, and the one thread that writes them."""

    def __init__(self) -> None:
        """Begin without lines; the thread begins with the first."""
        self._lines: list[str] = []
        self._rest = b""  # taken from the lines, and not yet by standard error
        self._lost = 0
        self._failing = False
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.RLock()  # a signal's handler may write a line too

    def add(self, *lines: str) -> None:
        """Let whole lines be written, in one piece, within a tenth of a second."""
        if self._thread is None:
            self._start()
        if len(self._lines) < MOST_LINES:
            self._lines.extend(lines)
        else:
            with self._lock:
                self._lost += len(lines)

    def add_at_once(self, text: str) -> None:
        """Let a text of one or more lines be written without delay."""
        self.add(*(f"{line[:LONGEST_LINE]}\n" for line in text.splitlines()))
        self._wake.set()

    def flush(self) -> None:
        """Wait until all lines are written: a second at most, and not at all while writing fails."""
        until = time.monotonic() + FLUSH_S
        self._wake.set()
        while (self._lines or self._rest) and not self._failing and time.monotonic() < until:
            time.sleep(0.002)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._write_for_ever, name="log writer", daemon=True)
                self._thread.start()

    def _write_for_ever(self) -> None:
        while True:
            self._wake.wait(INTERVAL_S)
            self._wake.clear()
            try:
                self._write_waiting()
                self._failing = False
            except Exception:  # later lines are to be written, whatever the error is
                self._failing = True
                time.sleep(AFTER_ERROR_S)

    def _write_waiting(self) -> None:
        while self._rest or self._lines:
            if not self._rest:
                count = min(len(self._lines), AT_ONCE)
                self._rest = "".join(self._lines[:count]).encode(errors="backslashreplace")
                del self._lines[:count]
            self._rest = self._rest[os.write(STDERR, self._rest) :]
        with self._lock:
            lost, self._lost = self._lost, 0
        if lost:
            log.warning("%d lines of the log were lost: standard error took none", lost)


writer = LineWriter()
os.register_at_fork(after_in_child=writer.__init__)  # type: ignore[misc]  # threads do not survive a fork
atexit.register(writer.flush)
