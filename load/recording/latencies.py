"""Writes the latencies of right answers as HDR histograms, one for each second and endpoint, into a standard log."""

from collections import defaultdict
from pathlib import Path

from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogWriter

from analysis.records.results_folder import DIGITS, HIGHEST_US, LOWEST_US

US_IN_MS = 1000.0


class LatencyLog:
    """NAME.hlog, and the latencies that are not in it yet."""

    def __init__(self, path: Path) -> None:
        """Begin the file."""
        self._file = open(path, "x", encoding="utf-8")  # noqa: SIM115  closed by close()
        self._log = HistogramLogWriter(self._file)
        self._log.output_comment("[latencies in microseconds, the maximum of a line in milliseconds]")
        self._log.output_log_format_version()
        self._log.output_legend()
        self._latencies: dict[int, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))

    def note(self, endpoint: str, seconds: float, end: float) -> None:
        """Take the latency of an answer that came at `end`."""
        self._latencies[int(end)][endpoint].append(seconds)

    def write(self, before: float) -> None:
        """Write the histograms of the seconds before that moment."""
        for second in sorted(second for second in self._latencies if second < before):
            for endpoint, latencies in self._latencies.pop(second).items():
                # The library reads tags, but does not write them.
                self._file.write(f"Tag={endpoint},")
                self._log.output_interval_histogram(make_histogram(latencies), second, second + 1, US_IN_MS)
        self._file.flush()

    def close(self) -> None:
        """Write what is left."""
        self.write(float("inf"))
        self._file.close()


def make_histogram(latencies: list[float]) -> HdrHistogram:
    """Return the histogram of latencies in seconds."""
    histogram = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
    for seconds in latencies:
        histogram.record_value(min(max(round(seconds * 1_000_000), LOWEST_US), HIGHEST_US))
    return histogram
