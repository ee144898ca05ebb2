"""Sends files in pieces small enough that no event loop stalls over one, and puts them together again."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FILE = "machine_file"
USERS, SESSIONS, CONFIG = "users.csv", "sessions.json", "scenario.conf"  # what a machine is given
PIECE = 32 * 1024  # bytes


def cut(name: str, content: bytes) -> Iterator[dict[str, Any]]:
    """Yield the messages that a file is sent with; an empty file is one of them."""
    for at in range(0, max(1, len(content)), PIECE):
        piece = content[at : at + PIECE]
        yield {"file": name, "at": at, "piece": piece, "last": at + PIECE >= len(content)}


class Files:
    """The files that arrive in a folder, for their owner's eyes alone; `names` are those that may."""

    def __init__(self, folder: Path, names: tuple[str, ...]) -> None:
        """Begin without any."""
        self._folder, self._names = folder, names
        self._pieces: dict[str, bytes] = {}
        self.whole: set[str] = set()

    def take(self, data: dict[str, Any]) -> None:
        """Take a piece; with the last one the file takes the place of that before, as a whole."""
        name, before = data["file"], self._pieces.pop(data["file"], b"")
        if name not in self._names or data["at"] not in (0, len(before)):
            return
        content = (before if data["at"] else b"") + data["piece"]
        if not data["last"]:
            self._pieces[name] = content
            return
        draft = self._folder / f".{name}"
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
        os.replace(draft, self._folder / name)
        self.whole.add(name)
