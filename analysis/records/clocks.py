"""Puts the samples of the services on the client's clock."""

from collections.abc import Sequence
from statistics import median

from analysis.records.results_folder import SERVICES, ServerSample

MOST_APART_S = 1.0  # between the clocks of machines that share the stores: a token of the future is told from then on
CLOCK_SLACK_S = 0.1  # by which a sample may leave its exchange after the shift is taken out: less than a clock step


def measure_shift(samples: Sequence[ServerSample]) -> dict[str, float]:
    """By how many seconds the clock of each source of samples is ahead of the client's.

    The median over the quicker half of its samples: the middle of an exchange is known to half its length
    (RFC 5905, section 8, the on-wire protocol).
    """
    shifts = {}
    for source in sorted({sample.source for sample in samples if sample.service in SERVICES}):
        timed = [sample for sample in samples if sample.source == source and sample.server_at is not None]
        if timed:
            usual = median(sample.took for sample in timed)
            shifts[source] = median((s.server_at or 0.0) - s.at for s in timed if s.took <= usual)
    return shifts


def place_sample(sample: ServerSample, shifts: dict[str, float]) -> float:
    """When a sample was true, on the client's clock: the server's time without its shift.

    When that lies outside the exchange, a clock was set in mid-run: then it is the middle of the exchange.
    """
    if sample.server_at is None or sample.source not in shifts:
        return sample.at
    moment = sample.server_at - shifts[sample.source]
    return moment if abs(moment - sample.at) <= sample.took / 2 + CLOCK_SLACK_S else sample.at
