"""Names every threshold of the verdicts in one place, with its usual value; a scenario's file can give another.

In a scenario file they are the options `objective-NAME = VALUE` (what the services are to achieve) and
`limit-NAME = VALUE` (when a question counts as asked properly, and how figures are made).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Threshold:
    """A number a verdict depends on; `usual` is None where it is only judged when the scenario's file names it."""

    usual: float | None
    words: str
    is_share: bool = False  # from 0 to 1


OBJECTIVES = {
    "reads-p95-ms": Threshold(None, "95 % of the reads are to be answered within these ms"),
    "writes-p95-ms": Threshold(None, "95 % of the writes are to be answered within these ms"),
    "login-p95-ms": Threshold(None, "95 % of the log-ins are to be answered within these ms"),
    "reads-p99-ms": Threshold(None, "99 % of the reads, likewise; 3 times the p95 objective if it is not given"),
    "writes-p99-ms": Threshold(None, "99 % of the writes, likewise; 3 times the p95 objective if it is not given"),
    "login-p99-ms": Threshold(None, "99 % of the log-ins, likewise; 1.5 times the p95 objective if it is not given"),
    "longest-ms": Threshold(5500.0, "every answer is to come within these ms: what the services promise"),
    "dead-seconds": Threshold(3.0, "so many seconds in a row in which requests wait and no right answer comes fail,"),
    "dead-ratio": Threshold(0.01, "or such a share of all seconds", is_share=True),
    "error-ratio": Threshold(0.0, "share of requests that may get no answer", is_share=True),
    "shed-ratio": Threshold(0.0, "share of requests that may get 503 or 429; before, in and after a spike alike", True),
    "read-model-share": Threshold(0.99, "read_heavy: share of the catalogue reads from the read model", is_share=True),
    "drift-factor": Threshold(1.5, "baseline: p95 of the last third is at most so many times that of the first"),
    "return-factor": Threshold(1.25, "stages: p95 on the way down is at most so many times that on the way up"),
    "recovery-seconds": Threshold(30.0, "spike: the last bad moment comes within these seconds of its end"),
    "memory-kib-per-minute": Threshold(128.0, "soak: growth of a worker process"),
    "descriptors-per-minute": Threshold(5.0, "soak: growth of a worker's open files, connections of clients left out"),
    "clients-per-minute": Threshold(None, "soak: growth of the connections of clients that a worker holds"),
    "threads-per-minute": Threshold(5.0, "soak: growth of the threads of a worker process"),
    "connections-per-minute": Threshold(5.0, "soak: growth of the connections that MariaDB has"),
    "redis-keys-per-minute": Threshold(None, "soak: growth of the keys in Redis"),
    "p95-ms-per-minute": Threshold(None, "soak: growth of the p95 of all answers but log-ins"),
}
LIMITS = {
    "off-plan-ratio": Threshold(0.05, "by which users or seconds may leave the plan", is_share=True),
    "off-plan-seconds": Threshold(2.0, "or by so many seconds, whichever is larger"),
    "mix-confidence": Threshold(0.999, "of the binomial interval of the planned share of writes", is_share=True),
    "generator-cpu": Threshold(0.8, "share of one core that a process of the load may use"),
    "generator-stall-ms": Threshold(500.0, "for which its event loop may stop once"),
    "generator-lag-p99-ms": Threshold(20.0, "lag of its event loop in all but 1 % of the time"),
    "balance-ratio": Threshold(0.02, "by which user-seconds may differ from request- and think-seconds", is_share=True),
    "balance-seconds": Threshold(3.0, "below so many a plateau is too short for that comparison"),
    "missing-ratio": Threshold(0.05, "share of the seconds that may be without a server sample", is_share=True),
    "missing-seconds": Threshold(3.0, "seconds in a row that may be without one"),
    "unrecorded-ratio": Threshold(0.01, "by which two counts of the same requests may differ", is_share=True),
    "few-answers": Threshold(20.0, "below so many answers a 95th percentile is only the slowest one"),
    "endpoint-answers": Threshold(100.0, "from so many answers on, an endpoint is judged alone"),
    "warm-up-seconds": Threshold(5.0, "after the ramp that baseline and soak leave out"),
    "drift-confidence": Threshold(0.99, "of the intervals of baseline and stages", is_share=True),
    "return-noise-ms": Threshold(5.0, "by which p95 may differ in the stages whatever the factor"),
    "drift-noise-ms": Threshold(5.0, "baseline: p95 that rose by less passes where the interval cannot tell"),
    "growth-confidence": Threshold(0.99, "of all intervals of a soak together, each tells of too much growth", True),
    "normal-factor": Threshold(2.0, "after a spike, the p95 of a second is normal at so many times that before it,"),
    "normal-ms": Threshold(20.0, "or at this;"),
    "bad-seconds": Threshold(2.0, "so many seconds that are not normal make a bad moment"),
    "bad-window-seconds": Threshold(5.0, "when they lie within so many;"),
    "normal-seconds": Threshold(5.0, "so many good seconds must follow the last bad moment,"),
    "hiccup-ratio": Threshold(0.15, "and of all that follow at most this share may be bad by itself", is_share=True),
}
