"""The kinds of failed requests, and the texts that tell them apart in NAME_failures.csv: written and read only here."""

import re
from typing import Literal

Kind = Literal["wrong", "unanswered", "shed"]  # as the columns of NAME_seconds.csv, where they are explained
WRONG: Kind = "wrong"
UNANSWERED: Kind = "unanswered"
SHED: Kind = "shed"
BEGINNINGS: dict[Kind, str] = {WRONG: "", UNANSWERED: "no answer: ", SHED: "shed: "}


def make_text(kind: Kind, words: str) -> str:
    """Return the text under which Locust lists a failed request."""
    return BEGINNINGS[kind] + words


def kind_of_text(text: str) -> Kind:
    """Return the kind of the failures that are listed under a text; only a 503 or a 429 can be a refusal."""
    if re.match(BEGINNINGS[SHED] + r"(503|429)\b", text):
        return SHED
    return UNANSWERED if text.startswith(BEGINNINGS[UNANSWERED]) else WRONG


def bare_text(text: str) -> str:
    """Return a text as Locust lists it without the name of the class that Locust may put around it."""
    quoted = re.fullmatch(r"CatchResponseError\((['\"])(.*)\1\)", text, re.DOTALL)
    return quoted[2] if quoted else text
