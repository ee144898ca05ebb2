"""The records of all processes at the master: what a process sends is added to the file that it would have written."""

import hashlib
from pathlib import Path
from typing import Any

from analysis.records.results_folder import FAILURE_SAMPLES, part_path

ENDINGS = ("_seconds.csv", "_generator.csv", "_ledger.jsonl", ".hlog", FAILURE_SAMPLES)


class Archive:
    """The files of one scenario's processes; `prefix` is what their names begin with."""

    def __init__(self, prefix: Path) -> None:
        """Begin without any."""
        self._prefix = prefix
        self._sizes: dict[Path, int] = {}

    def add(self, part: str, data: dict[str, Any]) -> int | None:
        """Add a piece to its file if that ends where the piece begins; return the size of the file then.

        None for a file that no record has. Raises OSError when it cannot be written.
        """
        if data["file"] not in ENDINGS:
            return None
        path = self._path(part, data["file"])
        size = self._sizes.get(path, 0)
        if data["at"] == size:
            with open(path, "ab" if path in self._sizes else "xb") as file:
                file.write(data["piece"])
            size = self._sizes[path] = size + len(data["piece"])
        return size

    def find_missing(self, part: str, files: dict[str, list[Any]]) -> list[str]:
        """Return the names of the files of a process that are not as it has them: {ending: [size, SHA-256]}.

        A file to which nothing was ever added is made here.
        """
        files = {ending: told for ending, told in files.items() if ending in ENDINGS}
        paths = {self._path(part, ending): told for ending, told in files.items()}
        for path in paths:
            path.touch()
        return [path.name for path, told in paths.items() if [self._sizes.get(path, 0), digest(path)] != told]

    def _path(self, part: str, ending: str) -> Path:
        return part_path(self._prefix.parent, self._prefix.name, part, ending)


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
