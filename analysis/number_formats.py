"""Puts numbers into words: `show_` for tables, with three digits that count, and `say_` for sentences, with two.

Both set thousands apart and never use powers of ten. A count is a whole number and keeps all its digits.
"""

import math
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from analysis.findings import Figure

DIGITS = 3  # of tables and figures: as the latencies are recorded
SAID_DIGITS = 2  # of sentences
MOST_DIGITS = 6
NOTHING = "–"  # noqa: RUF001  a dash where there is no number


def show_number(value: Any) -> str:
    """A whole number as it is, another with three digits that count; text stays text, None is a dash."""
    if value is None:
        return NOTHING
    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    return show_float(float(value))


def show_float(value: float) -> str:
    """Three digits that count, but none that the value does not have; never in powers of ten."""
    return f"{value:,.{count_decimals(value, DIGITS)}f}" if math.isfinite(value) else NOTHING


def count_decimals(value: float, digits: int) -> int:
    """How many decimals a value has when so many of its digits count."""
    near = float(f"{value:.{digits}g}")
    wanted = digits - 1 - math.floor(math.log10(abs(near))) if near else 0
    known = len(f"{Decimal(repr(value)):f}".rstrip("0").partition(".")[2])
    return min(6, max(0, wanted), known)


def say_number(value: float, unit: str = "", *, beside: float | None = None) -> str:
    """A number with its unit, for a sentence: a whole number as it is, another with two digits that count.

    More digits are said where two would hide on which side of `beside` the value is, as of an objective.
    """
    if isinstance(value, int):
        return f"{value:,} {unit}".rstrip()
    value = float(value)  # of numpy too
    for digits in range(SAID_DIGITS, MOST_DIGITS + 1):
        near = float(f"{value:.{digits}g}")
        if beside is None or value == beside or (near != beside and (near > beside) == (value > beside)):
            break
    return f"{near:,.{count_decimals(value, digits)}f} {unit}".rstrip()


def say_share(share: float, *, beside: float = 1.0) -> str:
    """A share of 1 as per cent, for a sentence; it says 100 % only of all."""
    return say_number(round(100 * float(share), 9), "%", beside=100 * beside)


def say_count(count: int, noun: str, plural: str = "") -> str:
    """`1 answer`, `1,234 answers`."""
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def say_range(low: float, high: float, *, beside: float | None = None) -> str:
    """`2.2 to 2.5`: the ends of an interval, for a sentence; their digits tell on which side of `beside` each is."""
    return f"{say_number(low, beside=beside)} to {say_number(high, beside=beside)}"


def show_share(value: float | int | None) -> str:
    """A share of 1 as per cent."""
    return NOTHING if value is None else f"{show_float(float(value) * 100)} %"


def show_figure(figure: Figure) -> str:
    """The value of a figure with its unit; a broken number without a unit is a share."""
    if isinstance(figure.value, float) and not figure.unit:
        return show_share(figure.value)
    text = show_number(figure.value)
    return text if figure.value is None or not figure.unit else f"{text} {figure.unit}"


def show_interval(figure: Figure) -> str:
    """The interval of a figure, "" without one."""
    if figure.low is None or figure.high is None:
        return ""
    show = show_share if isinstance(figure.value, float) and not figure.unit else show_number
    return f"{show(float(figure.low))} to {show(float(figure.high))}"


def write_exactly(value: Any) -> str:
    """A value with all its digits, for programs; "" for None."""
    if value is None or isinstance(value, str):
        return value or ""
    return repr(value) if isinstance(value, bool | int) else repr(float(value))


def show_clock(seconds: float) -> str:
    """Seconds since the load began as m:ss, from an hour on as h:mm:ss."""
    whole = math.floor(seconds)
    minutes, rest = divmod(whole, 60)
    return f"{minutes}:{rest:02}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def show_moment(epoch: float) -> str:
    """A moment as date and time of day, in UTC so that it is the same wherever it is written."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
