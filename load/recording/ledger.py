"""Writes the ledger: of every write to the catalogue a line before it is sent, and a line with its outcome."""

import hashlib
import json
import re
import time
from json.encoder import encode_basestring_ascii as quote
from pathlib import Path
from typing import Any

from analysis.records.book_histories import plain_isbn
from analysis.records.results_folder import ACKNOWLEDGED, REFUSED, UNKNOWN
from load.recording.line_file import LineFile

METHODS = ("POST", "PATCH", "DELETE")
NULL = "null"
VERSION = re.compile(rb'"version": ?(\d+)')


class Ledger:
    """NAME_ledger.jsonl. A write is in the file before it is sent; its outcome follows within a second.

    So a kill loses no write, only outcomes of the last second; a write without an outcome counts as unknown.
    """

    def __init__(self, path: Path) -> None:
        """Begin the file."""
        self._file = LineFile(path)
        self._last = 0  # the number of the last write in the file: none is left out
        self._in_flight: dict[int, tuple[str, str]] = {}  # method and ISBN of the writes without an outcome yet
        self._doubts: set[str] = set()  # the ISBNs with a write of unknown outcome, and none acknowledged since

    def note_sent(self, method: str, url: str, parts: dict[str, Any]) -> int | None:
        """Note a write that is about to be sent, and return its number; None for a request that cannot change a book.

        `parts` are those of the request: its "json" and its "headers". A body that is not JSON, or has no ISBN, cannot
        change a book. Raises OSError when the line cannot be written, as on a full disk: then do not send the write.
        """
        body = parts.get("json")
        isbn = body.get("isbn") if method == "POST" and body else url.rpartition("/")[2]
        if method not in METHODS or "data" in parts or (method == "POST" and not (body and isbn)):
            return None
        headers = parts.get("headers", {})
        key, version = headers.get("Idempotency-Key"), headers.get("If-Match", "").strip('"')
        if_match = version if version.isascii() and version.isdigit() else NULL
        sent = json.dumps(body) if body else None  # the bytes that Locust sends
        number = self._last + 1
        # Put together by hand: this is the slowest part of the recording, and an encoder takes 1.5 times as long.
        self._file.write(
            f'{{"at":{time.time():.6f},"n":{number},"isbn":{quote(str(isbn))},"method":"{method}",'
            f'"key":{quote(key) if key else NULL},"if_match":{if_match},'
            f'"digest":{quote(hashlib.sha256(sent.encode()).hexdigest()) if sent else NULL},"fields":{sent or NULL}}}'
        )
        self._last = number
        self._in_flight[number] = method, plain_isbn(str(isbn))
        return number

    def note_outcome(self, number: int, answer: Any) -> None:
        """Note what the answer says of a write; without an answer (None, or status 0) the outcome is unknown."""
        status = (answer.status_code or None) if answer is not None else None
        outcome = self._decide(*self._in_flight.pop(number), status)
        version = version_in(answer) if outcome == ACKNOWLEDGED else None
        self._file.add(
            f'{{"at":{time.time():.6f},"n":{number},"outcome":"{outcome}","status":{status or NULL},'
            f'"version":{version or NULL}}}'
        )

    def _decide(self, method: str, isbn: str, status: int | None) -> str:
        """Return the outcome of a write, and begin or end the doubt about its book.

        A DELETE may get a 404 because an earlier write in doubt was done after all, or late: then it is unknown too.
        """
        outcome = outcome_of(status)
        if outcome == UNKNOWN:
            self._doubts.add(isbn)
        elif outcome == ACKNOWLEDGED:
            self._doubts.discard(isbn)
        elif (method, status) == ("DELETE", 404) and isbn in self._doubts:
            return UNKNOWN
        return outcome

    def write(self, _: float) -> None:
        """Write the outcomes that wait; raises OSError, and they wait on."""
        self._file.write()

    def close(self) -> None:
        """Write what is left; raises OSError."""
        self._file.close()


def outcome_of(status: int | None) -> str:
    """Return what a status says of a write; a 503 may be the answer to a write that was done."""
    if status in (200, 201, 204):
        return ACKNOWLEDGED
    return REFUSED if status and 400 <= status < 500 else UNKNOWN


def version_in(answer: Any) -> int | None:
    """Return the version in the body of an answer, None where there is none."""
    found = VERSION.search(answer.content or b"")
    return int(found[1]) if found else None
