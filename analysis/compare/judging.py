"""Judges the ratios of pairs: SLOWER, FASTER, SAME or CANNOT TELL for each measure, and for the whole comparison."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.compare.holm import LEVEL, share_level
from analysis.compare.pairs import (
    ALL,
    COST,
    FEWEST_PAIRS,
    LOGIN_COST,
    MEAN,
    P50,
    P95,
    RATE,
    Measure,
    Pair,
    Ratios,
    list_endpoints,
    take_ratios,
)
from analysis.compare.sign_flips import Values, find_interval, find_p, least_p

SLOWER, FASTER, SAME, CANNOT_TELL, INVALID = "SLOWER", "FASTER", "SAME", "CANNOT TELL", "INVALID"
DIFFERS = "DIFFERS"  # of a measure of two finished runs: by more than each run's own noise
FAMILY = (COST, P50, RATE)  # of all endpoints together
SATURATED = (RATE,)  # at the limit the answers a second decide: latency follows from them, by Little's law
SHOWN = (P95, MEAN, LOGIN_COST)  # and not judged
SHOWN_OF_ENDPOINTS = (P95, MEAN, RATE)


@dataclass(frozen=True)
class Finding:
    """What was found of a measure: a typical value of each side, and the ratio of B to A with its interval.

    The interval is of the `level` at which its family judges it, as is the p; `verdict` is None where it is not judged.
    `count` says how many pairs it has, or of two finished runs how many blocks of time. An end of the interval is None
    where there are too few to know it.
    """

    scope: str
    measure: Measure
    count: int
    a: float | None = None
    b: float | None = None
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    level: float = LEVEL
    verdict: str | None = None


def judge_pairs(pairs: Sequence[Pair], within: float, saturate: bool = False) -> list[Finding]:
    """Every measure of all endpoints together, then of each endpoint; `within` is how far from 1 is still the same."""
    judged = SATURATED if saturate else FAMILY
    shown = tuple(measure for measure in (*FAMILY, *SHOWN) if measure not in judged)
    findings = judge_family([take_ratios(pairs, ALL, measure) for measure in judged], within)
    findings += [measure_ratios(take_ratios(pairs, ALL, measure)) for measure in shown]
    medians = [take_ratios(pairs, endpoint, P50) for endpoint in list_endpoints(pairs)]
    many = [ratios for ratios in medians if len(ratios.a) >= FEWEST_PAIRS]
    found = [measure_ratios(ratios) for ratios in many] if saturate else judge_family(many, within)
    for finding in found:
        rest = [measure_ratios(take_ratios(pairs, finding.scope, measure)) for measure in SHOWN_OF_ENDPOINTS]
        findings += [finding, *rest]
    return [finding for finding in findings if finding.count]


def judge_family(family: Sequence[Ratios], within: float) -> list[Finding]:
    """The findings of a family with their verdicts, after Holm's correction."""
    ps = [find_p(log_ratios(ratios)) if ratios.a else 1.0 for ratios in family]
    measured = [measure_ratios(*each) for each in zip(family, share_level(ps), strict=True)]
    return [replace(finding, verdict=decide(finding, within)) for finding in measured]


def measure_ratios(ratios: Ratios, level: float = LEVEL) -> Finding:
    """The typical ratio of a measure (the geometric mean of the pairs' ratios), its interval and its p; no verdict."""
    if not ratios.a:
        return Finding(ratios.scope, ratios.measure, 0)
    differences = log_ratios(ratios)
    low, high = np.exp(find_interval(differences, level))
    return Finding(
        ratios.scope,
        ratios.measure,
        len(differences),
        a=float(np.exp(np.log(ratios.a).mean())),
        b=float(np.exp(np.log(ratios.b).mean())),
        ratio=float(np.exp(differences.mean())),
        low=float(low) if low > 0 else None,
        high=float(high) if np.isfinite(high) else None,
        p=find_p(differences),
        level=level,
    )


def log_ratios(ratios: Ratios) -> Values:
    """The logarithm of B / A in each pair: twice as slow and half as slow are as far from 0."""
    return np.asarray(np.log(ratios.b) - np.log(ratios.a), dtype=np.float64)


def decide(finding: Finding, within: float) -> str:
    """SAME inside the band; else SLOWER or FASTER where the interval is without 1; else CANNOT TELL.

    The band goes from 1 / (1 + within) to 1 + within, so that the verdict does not depend on which side is called A.
    """
    if finding.low and finding.high and 1 / (1 + within) <= finding.low and finding.high <= 1 + within:
        return SAME
    if finding.p is None or finding.ratio is None or finding.p > finding.level:
        return CANNOT_TELL
    return FASTER if (finding.ratio > 1) == finding.measure.more else SLOWER


def list_worse(findings: Sequence[Finding], within: float, saturate: bool = False) -> list[Finding]:
    """The measures of ALL that are not judged, and yet worse on B by more than the band in their whole interval.

    At the limit latency follows from the answers a second, so it is none of them.
    """
    shown = [finding for finding in findings if finding.scope == ALL and not finding.verdict and not saturate]
    return [finding for finding in shown if finding.low and finding.low > 1 + within]


def conclude(findings: Sequence[Finding], worse: Sequence[Finding] = ()) -> str:
    """The verdict of all: SLOWER where anything is, then FASTER, then SAME where all measures of ALL are the same.

    An endpoint can make it SLOWER, and nothing else: that some endpoint is faster does not say that the whole is.
    With a measure of list_worse it is neither FASTER nor SAME.
    """
    judged = [finding for finding in findings if finding.verdict]
    together = [finding.verdict for finding in judged if finding.scope == ALL]
    if any(finding.verdict == SLOWER for finding in judged):
        return SLOWER
    if worse:
        return CANNOT_TELL
    if FASTER in together:
        return FASTER
    return SAME if together and set(together) == {SAME} else CANNOT_TELL


def is_blind(findings: Sequence[Finding], scope_is_all: bool) -> bool:
    """Whether a family has so few pairs that no difference, however large, could be significant alone."""
    family = [finding for finding in findings if finding.verdict and (finding.scope == ALL) == scope_is_all]
    return bool(family) and all(least_p(finding.count) > LEVEL / len(family) for finding in family)
