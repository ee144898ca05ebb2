"""Collects what is missing or damaged in the files of a scenario, in words and by count; and what a number must be."""

import json
from collections import Counter
from pathlib import Path
from typing import Any, NoReturn

LARGEST = 1e15  # more microseconds, bytes or seconds than any record can have


class Gaps(list[str]):
    """The gaps in words; beside them the names of the files that are missing, and for each other file how many lines it
    has and how many are damaged. `unsent` writes may have been done, but the line that says what they were is gone.
    """

    def __init__(self) -> None:
        """Begin without any."""
        super().__init__()
        self.missing: list[str] = []
        self.lines: Counter[str] = Counter()
        self.damaged: Counter[str] = Counter()
        self.unsent = 0

    def miss(self, path: Path) -> None:
        """Note a file that is not there."""
        self.missing.append(path.name)
        self.append(f"{path.name} is missing")

    def damage(self, path: Path, line: int | None = None, lines: int = 1) -> None:
        """Note a line that is cut off or cannot be, so many lines from that place on, or a whole file."""
        self.damaged[path.name] += lines
        place = f" from line {line} on" if lines > 1 else f" in line {line}" if line else ""
        self.append(f"{path.name} is cut off or damaged{place}")


def whole(text: str) -> int:
    """A whole number of 0 or more; raises ValueError."""
    return int(amount(int(text)))


def amount(value: Any) -> float:
    """A number of 0 or more, no NaN and not infinite, of text or of a number; raises ValueError or TypeError."""
    if isinstance(value, bool):
        raise TypeError("no number")
    try:
        number = float(value)
    except OverflowError:  # a whole number of hundreds of digits
        raise ValueError("too many digits") from None
    if not 0 <= number <= LARGEST:  # NaN is in no interval
        raise ValueError(f"{value} cannot be")
    return number


def read_json(text: str) -> Any:
    """The value of a JSON text without NaN and Infinity, which JSON does not have; raises ValueError.

    Refused too is text that no report could be written with (half of a surrogate pair), and nesting without end.
    """
    try:
        value = STRICT.decode(text)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()  # UnicodeEncodeError is a ValueError
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} cannot be")


STRICT = json.JSONDecoder(parse_constant=_refuse)


def check_time(moment: float, near: tuple[float, float] | None) -> None:
    """Raise ValueError for a moment that is outside a span, where one is known."""
    if near and not near[0] <= moment <= near[1]:
        raise ValueError(f"{moment} is far from the load")


def check_types(line: dict[str, Any], types: dict[str, type | tuple[type, ...]]) -> None:
    """Raise TypeError unless each value that is there has one of its types; a bool is no number."""
    for name, kinds in types.items():
        if name in line and (not isinstance(line[name], kinds) or isinstance(line[name], bool)):
            raise TypeError(f"{name} cannot be {line[name]!r}")


def check_amounts(numbers: dict[str, Any], optional: bool = True) -> None:
    """Raise ValueError or TypeError unless each is a number of 0 or more; None is allowed where it is optional."""
    for value in numbers.values():
        if isinstance(value, str):
            raise TypeError("text where a number belongs")
        if not (value is None and optional):
            amount(value)
