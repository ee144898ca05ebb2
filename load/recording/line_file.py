"""A file of whole lines, also when its disk is full for a while."""

import errno
import os
from pathlib import Path


class LineFile:
    """A new file, and the lines that are not in it yet.

    A disk that fills up takes the beginning of a line, and says so by a count only (write(2)). That line is written
    again later, as a line of its own.
    """

    def __init__(self, path: Path) -> None:
        """Begin the file; raises OSError."""
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
        self._waiting: list[str] = []
        self._is_cut = False  # the file ends within a line

    def add(self, line: str) -> None:
        """Have a line wait for the next write()."""
        self._waiting.append(line)

    def write(self, *lines: str) -> None:
        """Write the lines that wait, then these. Raises OSError: then the first ones wait on, and these do not."""
        self._waiting += lines
        try:
            while self._waiting:
                self._write_on()
        except OSError:
            del self._waiting[len(self._waiting) - min(len(lines), len(self._waiting)) :]
            raise

    def _write_on(self) -> None:
        start = "\n" * self._is_cut
        data = (start + "\n".join((*self._waiting, ""))).encode()
        count = os.write(self._file, data)
        if not count:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        del self._waiting[: data[len(start) : count + 1].count(b"\n")]  # a line is whole without its end, too
        self._is_cut = data[count - 1 : count] != b"\n"

    def close(self) -> None:
        """Write what waits, and close the file; raises OSError."""
        try:
            self.write()
        finally:
            os.close(self._file)
