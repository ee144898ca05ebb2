"""The answer to a query, before it becomes HTTP."""

import json
from typing import Any, NamedTuple

ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)  # json.dumps() makes one for each text


class Answer(NamedTuple):
    """JSON; where it has one, its entity tag; and the version of the catalogue that it was made from."""

    json: bytes
    etag: str = ""
    catalogue_version: str = ""

    def headers(self) -> list[tuple[str, str]]:
        """Give the headers that say what the answer was made from; a 304 has them too."""
        return [("ETag", f'"{self.etag}"'), ("Catalogue-Version", self.catalogue_version)] if self.etag else []


def to_json(body: Any) -> str:
    """Write JSON without spare spaces."""
    return ENCODER.encode(body)
