"""Names every threshold of the verdicts, with its usual value; a scenario file can give another value.

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
    "reads-p99-ms": Threshold(
        None, "99 % of the reads are to be answered within these ms; if not given, 3 times the p95 objective"
    ),
    "writes-p99-ms": Threshold(
        None, "99 % of the writes are to be answered within these ms; if not given, 3 times the p95 objective"
    ),
    "login-p99-ms": Threshold(
        None, "99 % of the log-ins are to be answered within these ms; if not given, 1.5 times the p95 objective"
    ),
    "longest-ms": Threshold(5500.0, "every answer is to come within these ms, which the services guarantee"),
    "dead-seconds": Threshold(
        3.0, "fails from so many dead seconds in a row on: requests wait, and no right answer comes"
    ),
    "dead-ratio": Threshold(0.01, "fails from such a share of dead seconds on", is_share=True),
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
    "off-plan-seconds": Threshold(2.0, "seconds by which they may leave the plan, where that is more than the ratio"),
    "mix-confidence": Threshold(
        0.999, "confidence of the binomial interval of the planned share of writes", is_share=True
    ),
    "generator-cpu": Threshold(0.8, "share of one core that a process of the load may use"),
    "generator-stall-ms": Threshold(500.0, "ms for which the event loop of the load may stop once"),
    "generator-lag-p99-ms": Threshold(
        20.0, "ms by which the event loop of the load may lag in all but 1 % of the time"
    ),
    "balance-ratio": Threshold(0.02, "by which user-seconds may differ from request- and think-seconds", is_share=True),
    "balance-seconds": Threshold(3.0, "a plateau of fewer seconds is too short for that comparison"),
    "missing-ratio": Threshold(0.05, "share of the seconds that may be without a server sample", is_share=True),
    "missing-seconds": Threshold(3.0, "seconds in a row that may be without a server sample"),
    "unrecorded-ratio": Threshold(0.01, "by which two counts of the same requests may differ", is_share=True),
    "few-answers": Threshold(20.0, "with fewer answers, a 95th percentile is only the slowest of them"),
    "endpoint-answers": Threshold(100.0, "from so many answers on, an endpoint is judged alone"),
    "warm-up-seconds": Threshold(5.0, "seconds after the ramp that baseline and soak leave out"),
    "drift-confidence": Threshold(0.99, "confidence of the intervals of baseline and stages", is_share=True),
    "return-noise-ms": Threshold(5.0, "ms by which the p95 may rise in the stages whatever the factor"),
    "drift-noise-ms": Threshold(5.0, "baseline: a p95 that rose by fewer ms passes where the interval cannot tell"),
    "growth-confidence": Threshold(0.99, "confidence of all intervals of a soak together", True),
    "normal-factor": Threshold(2.0, "after a spike, the p95 of a second is normal up to so many times that before it"),
    "normal-ms": Threshold(20.0, "after a spike, the p95 of a second is normal up to so many ms"),
    "bad-seconds": Threshold(2.0, "so many seconds that are not normal, close together, make a bad moment"),
    "bad-window-seconds": Threshold(5.0, "seconds within which they must lie to make a bad moment"),
    "normal-seconds": Threshold(5.0, "so many good seconds must follow the last bad moment"),
    "search-first": Threshold(100.0, "break_point: users of the first step"),
    "search-most": Threshold(5000.0, "break_point: users of the largest step"),
    "search-seconds": Threshold(2400.0, "break_point: no step begins that would end later"),
    "search-growth": Threshold(1.5, "break_point: a step has so many times the users of the last, until one breaks"),
    "search-width": Threshold(0.1, "break_point: by which holding and breaking step may differ at last", is_share=True),
    "step-ramp-ratio": Threshold(0.1, "break_point: share of a step's users that come within a second", is_share=True),
    "step-settle-seconds": Threshold(10.0, "break_point: seconds after the ramp of a step that are not measured"),
    "step-measure-seconds": Threshold(60.0, "break_point: seconds of a step that are measured"),
    "step-parts": Threshold(3.0, "break_point: equal parts of the measured seconds, each judged by itself"),
    "step-bad-parts": Threshold(2.0, "break_point: a step is broken when so many of its parts are bad"),
    "step-failed-ratio": Threshold(
        0.01, "break_point: share of the requests of a group that may fail or be refused", is_share=True
    ),
    "step-chance": Threshold(
        0.05, "break_point: and more than by chance, that is in such a share of steps", is_share=True
    ),
    "step-asked-ratio": Threshold(
        0.9, "break_point: share of what its users would ask for at their think time that a step must bring", True
    ),
    "step-login-answers": Threshold(40.0, "break_point: log-ins are judged over a whole step, from so many on"),
    "pool-seconds": Threshold(5.0, "arrivals: the pool has as many users as arrive in so many seconds"),
    "pool-ramp-seconds": Threshold(5.0, "arrivals: seconds in which the pool fills, before the first arrival"),
    "late-p99-ms": Threshold(20.0, "arrivals: ms by which all actions but 1 % may begin after they are due"),
    "hiccup-ratio": Threshold(
        0.15, "share of the seconds after the last bad moment that may be bad by themselves; one may", is_share=True
    ),
}
