"""Sends the record of a joined process home: what was added to its files, with its place, until it is confirmed."""

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from load.machines.files import PIECE

ADDED, KEPT, ENDED, WHOLE = "record_added", "record_kept", "record_ended", "record_whole"
MOST_UNCONFIRMED = 16 * PIECE  # bytes of one file
AGAIN_S = 5.0  # after which what is not confirmed is sent again


class SentFile:
    """One file: how much of it was sent, and how much of that is confirmed."""

    def __init__(self, path: Path) -> None:
        """Begin with nothing sent."""
        self.path, self.sent, self.kept, self._kept_at = path, 0, 0, time.monotonic()

    def confirm(self, size: int) -> None:
        """Note that the master has so many bytes."""
        if size > self.kept:
            self.kept, self._kept_at = size, time.monotonic()

    def read_next(self) -> bytes:
        """Return the next bytes to send, none when all are sent or too many are not confirmed."""
        if self.sent == self.kept:
            self._kept_at = time.monotonic()
        elif time.monotonic() - self._kept_at > AGAIN_S:
            self.sent, self._kept_at = self.kept, time.monotonic()
        if self.sent - self.kept >= MOST_UNCONFIRMED:
            return b""
        with open(self.path, "rb") as file:
            file.seek(self.sent)
            return file.read(PIECE)

    @property
    def is_home(self) -> bool:
        """Whether the master has all of it."""
        return self.kept == self.path.stat().st_size


class Pieces:
    """The files of a process by what their names end with; `send` sends one message to the master."""

    def __init__(self, paths: dict[str, Path], send: Callable[[str, dict[str, Any]], None]) -> None:
        """Begin with nothing sent."""
        self.files = {ending: SentFile(path) for ending, path in paths.items()}
        self._send = send
        self.is_whole = False

    def send_added(self) -> None:
        """Send what was added since the last time, as far as it may be sent now."""
        for ending, file in self.files.items():
            while piece := file.read_next():
                self._send(ADDED, {"file": ending, "at": file.sent, "piece": piece})
                file.sent += len(piece)

    def confirm(self, data: dict[str, Any]) -> None:
        """Take a confirmation of the master."""
        if (file := self.files.get(data["file"])) is not None:
            file.confirm(data["size"])

    def send_end(self) -> None:
        """Say how long each file is, and its digest, so that the master can tell whether it has all of them."""
        digests = {
            ending: [file.path.stat().st_size, hashlib.sha256(file.path.read_bytes()).hexdigest()]
            for ending, file in self.files.items()
        }
        self._send(ENDED, {"files": digests})
