"""Tells how a series of a soak grew: its slope, its level, and the words for both."""

from dataclasses import dataclass

import numpy as np

from analysis.checks.growth import LEVEL, SLOPE, Course, Estimate, estimate_growth, measure_course
from analysis.checks.series import Series
from analysis.number_formats import say_number
from analysis.plan.plan import Plan
from analysis.scenarios.soak_series import SHORTEST_S, Quantity

COLUMNS = (
    *("what", "of", "slope a minute", "at least", "at most", "unit", "objective", "detectable from"),
    *("end less begin", "at least so much", "at most so much", "allowed"),
)


@dataclass(frozen=True)
class Growth:
    """How a series grew: a minute, and from its first fifth to its last.

    `edge` has a rise that was too early or too late to know its level.
    """

    quantity: Quantity
    owner: str
    slope: Estimate
    level: Estimate
    minutes: float  # from the middle of the first fifth to that of the last
    edge: str = ""

    @property
    def what(self) -> str:
        """`memory of books 4711`."""
        return f"{self.quantity.words} of {self.owner}"

    @property
    def detectable(self) -> float | None:
        """The least steady growth a minute that its slope or its level would have shown, with 90 %."""
        if self.slope.detectable is None or self.level.detectable is None:
            return None
        return round(min(self.slope.detectable, self.level.detectable / self.minutes), 2)


def measure_series(quantity: Quantity, series: Series) -> Course | None:
    """The course of a series; None when it is too short."""
    points = np.array(series.points, dtype=float).reshape(-1, 2)
    if not len(points) or points[-1, 0] - points[0, 0] < SHORTEST_S:
        return None
    return measure_course(points[:, 0], points[:, 1] * quantity.scale)


def make_growth(plan: Plan, quantity: Quantity, series: Series, course: Course, confidence: float) -> Growth:
    """How a series grew. A level may rise as far as the objective a minute allows in the time between its ends."""
    minutes, between = course.seconds / 60, course.seconds_between / 60
    objective = plan.objective(quantity.objective)
    allowed = None if objective is None else round(objective * between, 2)
    noise = float(course.noise)
    slope = estimate_growth(float(course.slope) / minutes, noise / minutes, SLOPE, confidence, objective)
    level = estimate_growth(float(course.level), noise, LEVEL, confidence, allowed)
    edges = {"last": float(course.late), "first": float(course.early)}
    most = np.inf if allowed is None else allowed
    said = [f"{quantity.say(rise)} in the {edge} seconds" for edge, rise in edges.items() if rise > most]
    return Growth(quantity, series.owner, slope, level, between, " and ".join(said))


def write_row(growth: Growth) -> tuple[object, ...]:
    """The row of a series in the table of growth."""
    slope, level = growth.slope, growth.level
    of_slope = (slope.value, slope.low, slope.high, growth.quantity.unit, slope.objective, growth.detectable)
    of_level = (level.value, level.low, level.high, level.objective)
    return growth.quantity.words, growth.owner, *of_slope, *of_level


def say_growth(growth: Growth) -> str:
    """By how much it grew, and what is allowed: by its slope, or by its level."""
    slope, level, said = growth.slope, growth.level, []
    if slope.exceeds:
        said.append(f"The {growth.what} grew by {say_slope(growth)}.")
    if level.exceeds:
        said.append(f"The {growth.what} ended {say_level(growth)}.")
    return " ".join(said)


def say_doubt(growth: Growth) -> str:
    """Why it cannot be told whether it grew too much; empty when it did not."""
    uneven = f"The values of {growth.what} are too uneven to tell whether they grow"
    if growth.slope.unclear:
        return f"{uneven}. The growth is {say_slope(growth)}."
    if growth.level.unclear:
        return f"{uneven}. The end is {say_level(growth)}."
    return (
        f"The {growth.what} rose too close to an end to tell whether that lasts ({growth.edge})." if growth.edge else ""
    )


def say_slope(growth: Growth) -> str:
    """`9.1 KiB a minute (at least 7.2, objective 5)`."""
    slope, objective = growth.slope, growth.slope.objective or 0.0
    least = say_number(slope.low, beside=objective)
    return f"{growth.quantity.say(slope.value, objective)} a minute (at least {least}, objective {objective:,g})"


def say_level(growth: Growth) -> str:
    """`91 KiB above the beginning (at least 72, allowed 50)`."""
    level, allowed = growth.level, growth.level.objective or 0.0
    least = f"at least {say_number(level.low, beside=allowed)}, allowed {say_number(allowed)}"
    return f"{growth.quantity.say(level.value, allowed)} above the beginning ({least})"
