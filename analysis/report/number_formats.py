"""Words numbers for people: three digits that count, thousands apart, shares as per cent, moments as minutes."""

import math
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from analysis.findings import Figure

DIGITS = 3  # as the latencies are recorded
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
    if not math.isfinite(value):
        return NOTHING
    if value == 0:
        return "0"
    near = float(f"{value:.{DIGITS}g}")
    decimals = min(6, max(0, DIGITS - 1 - math.floor(math.log10(abs(near)))))
    known = len(f"{Decimal(repr(value)):f}".rstrip("0").partition(".")[2])
    return f"{value:,.{min(decimals, known)}f}"


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
