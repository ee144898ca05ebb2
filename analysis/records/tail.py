"""Reads what the processes of a load record while it runs: each look takes the lines that were added since the last."""

import csv
from collections.abc import Sequence
from pathlib import Path

from analysis.records.latencies import DAMAGED, HEADS, Latencies, Piece, join_pieces, read_line, split_tags
from analysis.records.raw_files import generator_row, second_row
from analysis.records.results_folder import GENERATOR, SECONDS, GeneratorRow, SecondRow, part_path

Span = tuple[float, float]


class Tail:
    """The latest seconds of a load, as some of its parts have recorded them; forget() what is not needed any more.

    A line that cannot be read is left out: it is damaged, and will be named when the load is judged.
    """

    def __init__(self, folder: Path, name: str, parts: Sequence[str]) -> None:
        """Begin with all that was recorded so far."""
        self._files = {
            (part, ending): part_path(folder, name, part, ending)
            for part in parts
            for ending in ("_generator.csv", "_seconds.csv", ".hlog")
        }
        self._places = dict.fromkeys(self._files, 0)
        self._names: dict[str, int] = {}
        self._pieces: list[Piece] = []
        self._rows: list[SecondRow] = []
        self._generator: dict[str, list[GeneratorRow]] = {part: [] for part in parts}

    def look(self) -> None:
        """Take what was added."""
        for (part, ending), path in self._files.items():
            for line in self._read_new(part, ending, path):
                try:
                    self._take(part, ending, line)
                except (*DAMAGED, csv.Error):
                    continue

    def _read_new(self, part: str, ending: str, path: Path) -> list[str]:
        try:
            with path.open("rb") as file:
                file.seek(self._places[part, ending])
                whole = file.read().rpartition(b"\n")[0]
        except OSError:  # it has not begun
            return []
        self._places[part, ending] += len(whole) + bool(whole)
        return whole.decode("utf-8", "replace").splitlines()

    def _take(self, part: str, ending: str, line: str) -> None:
        if ending == ".hlog":
            if not line.startswith(HEADS):
                self._pieces.append(read_line(line, self._names))
            return
        (fields,) = csv.reader([line], strict=True)
        if tuple(fields) in (SECONDS, GENERATOR):
            return
        if ending == "_seconds.csv":
            self._rows.append(second_row(fields))
        else:
            self._generator[part].append(generator_row(fields))

    @property
    def whole_until(self) -> float:
        """The second before which every part has told all that had ended by then; 0 while one has told nothing.

        A part writes about itself first, once a second, and then about its requests.
        """
        latest = [rows[-1].at if rows else 0.0 for rows in self._generator.values()]
        return max(0.0, int(min(latest, default=0.0)) - 1.0)

    def rows(self, span: Span) -> list[SecondRow]:
        """What the seconds of a span brought."""
        return [row for row in self._rows if span[0] <= row.second < span[1]]

    def latencies(self, span: Span) -> Latencies:
        """The latencies of a span that are judged."""
        pieces = [piece for piece in self._pieces if span[0] <= piece[0] < span[1]]
        judged, _, _ = split_tags(join_pieces(tuple(self._names), pieces))
        return judged

    def generator(self) -> dict[str, list[GeneratorRow]]:
        """How each part of the load is doing."""
        return self._generator

    def forget(self, before: float) -> None:
        """Forget the seconds before that moment."""
        self._rows = [row for row in self._rows if row.second >= before]
        self._pieces = [piece for piece in self._pieces if piece[0] >= before]
        for part, rows in self._generator.items():
            self._generator[part] = [row for row in rows if row.at >= before] or rows[-1:]
