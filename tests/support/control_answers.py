"""Controls of the rules about what the services guarantee, and of those about how good an answer is."""

from dataclasses import replace

from analysis.checks.objectives import ASKS_FOR
from analysis.findings import FAIL, INCONCLUSIVE
from analysis.plan.plan import SCENARIOS, Stage
from tests.support.control_cases import Control
from tests.support.made_runs import (
    Break,
    Slow,
    books,
    change_samples,
    forget_worker,
    lines,
    load,
    objectives,
    replace_worker,
    services,
    settings,
    shorten,
    unanswered_writes,
)
from tests.support.recordings import ADD, CHANGE, LIST, LOGIN, ONE, usual_latency
from tests.support.service_machines import on_machine, on_two_machines
from tests.support.written_books import ISBNS

WRONG, INTERNAL = "every answer kept the contract", "no answer was a 500"
SHED, ANSWERED = ("few requests were refused",), ("requests were answered",)
LATE, STOOD = ("no answer took too long",), ("the services never stood still",)
STEADY, SHARE, NORMAL = ("p95 is steady",), ("reads came from the read model",), ("normal after the spike",)
GROWS, KIB = ("memory of books 4001: no growth",), 1024
UNSURE = ("auth 3001", "books 4001")  # that end higher than they began, as the seed has it
READ = "GET /api/books/{isbn}"
ISBN = ISBNS[7]
WITH_LOGINS = {LIST: 46, ONE: 44, LOGIN: 10, ADD: 3, CHANGE: 5}

R_WRONG, R_WRITES, R_WORKERS = "wrong answers", "acknowledged writes", "worker processes"
R_P95, R_P99, R_LONGEST, R_SHED, R_ANSWERED = "p95", "p99", "longest answer", "refusals", "requests without an answer"
R_DEAD, R_ASKED, R_FEW = "standstills", "a question without an objective", "too few answers"
R_DRIFT, R_RETURN, R_SHARE = "baseline: drift", "stages: return", "read_heavy: read model"
R_SOAK = "soak"
R_PARTS, R_RECOVERY = "spike: before, in and after it", "spike: recovery"


def refuse(every: int, *seconds: range) -> Break:
    """Every so many requests are refused in some seconds."""
    return load(
        kind_at=lambda second, number: (
            "shed" if number % every == 0 and any(second in each for each in seconds) else "right"
        )
    )


def slow_seconds(ms: float, seconds: range) -> Break:
    """Every answer of some seconds takes so long."""
    return load(latency=lambda second, *rest: ms if second in seconds else usual_latency(second, *rest))


def odd(kind: str, *numbers: int) -> Break:
    """Some requests end otherwise."""
    return load(kinds=lambda number: kind if number in numbers else "right")


def slow(every: int, ms: float, *groups: str, **where: float | str) -> Break:
    """Every so many answers of some groups take so long."""
    return load(Slow(every, ms, groups or ("reads", "writes", "login"), **where))  # type: ignore[arg-type]


FAILURE = lines(
    "_failures.csv", lambda found: [line.replace("3 items instead of 20", "500 instead of 200") for line in found]
)

PROMISES = (
    Control(R_WRONG, "baseline", "one answer is wrong", (odd("wrong", 100),), (WRONG,), FAIL),
    Control(R_WRONG, "spike", "one answer is a 500", (odd("wrong", 1000), FAILURE), (WRONG, INTERNAL), FAIL,
            "one answer is a 503", (odd("shed", 1000),)),
    Control(R_WRITES, "write_heavy", "a book is lost", (books(lambda found: found.pop(ISBN)),),
            ("no acknowledged write is lost",), FAIL, "every book is there", (books(),)),
    Control(R_WRITES, "write_heavy", "a price is 4.51, sent 4.50",
            (books(lambda found: found[ISBN].update(price="4.51")),),
            ("every acknowledged write is as sent",), FAIL,
            "the price is 4.5", (books(lambda found: found[ISBN].update(price="4.5")),)),
    Control(R_WRITES, "write_heavy", "a version is 3 after two writes",
            (books(lambda found: found[ISBN].update(version=3)),),
            ("no acknowledged write is doubled",), FAIL, "the version is 2",
            (books(lambda found: found[ISBN].update(version=2)),)),
    Control(R_WRITES, "read_heavy", "a book is lost", (books(lambda found: found.pop(ISBN)),),
            ("no acknowledged write is lost",), FAIL, "every book is there", (books(lambda _: None),)),
    *(
        Control(R_WORKERS, name, "a process of the books service was replaced", (change_samples(replace_worker, 12),),
                ("the books service kept its worker processes",), FAIL,
                "one sample leaves a process out", (change_samples(forget_worker, 12, 13),))
        for name in SCENARIOS
    ),
    Control(R_WORKERS, "baseline", "a process of one of two machines of the books service was replaced",
            (on_two_machines(), on_machine("books-2", replace_worker, 12)),
            ("the books service on books-2 kept its worker processes",), FAIL,
            "one sample leaves a process out", (on_two_machines(), on_machine("books-2", forget_worker, 12, 13))),
)  # fmt: skip

ANSWERS = (
    Control(R_P95, "read_heavy", "8 % of a frequent read take 101 ms", (slow(12, 101, endpoint=ONE),),
            (f"{READ} p95",), FAIL,
            "99 ms", (slow(12, 99, endpoint=ONE),)),
    Control(R_P95, "read_heavy", "8 % of two rare writes take 202 ms", (slow(12, 202, "writes"),),
            ("2 rare writes together p95",), FAIL, "198 ms", (slow(12, 198, "writes"),)),
    Control(R_P95, "read_heavy", "10 % of the log-ins take 2,020 ms",
            (load(Slow(10, 2020, ("login",)), mix=WITH_LOGINS),), ("POST /login p95",), FAIL,
            "1,980 ms", (load(Slow(10, 1980, ("login",)), mix=WITH_LOGINS),)),
    Control(R_P99, "read_heavy", "2 % of a frequent read take 303 ms", (slow(50, 303, endpoint=ONE),),
            (f"{READ} p99",), FAIL,
            "297 ms", (slow(50, 297, endpoint=ONE),)),
    Control(R_P99, "read_heavy", "3 % of the writes take 606 ms, no objective for p99 is given",
            (slow(30, 606, "writes"), objectives(writes_p99_ms=None)), ("2 rare writes together p99",), FAIL,
            "594 ms", (slow(30, 594, "writes"), objectives(writes_p99_ms=None))),
    Control(R_LONGEST, "read_heavy", "one answer takes 5.6 s", (slow(1000, 5600),), LATE, FAIL, "5.4 s", (slow(1000,
            5400),)),
    Control(R_SHED, "read_heavy", "one request is refused", (odd("shed", 500),), SHED, FAIL,
            "the file allows 1 %", (odd("shed", 500), objectives(shed_ratio=0.01))),
    Control(R_ANSWERED, "read_heavy", "one request has no answer", (odd("unanswered", 500),), ANSWERED, FAIL,
            "the file allows 1 %", (odd("unanswered", 500), objectives(error_ratio=0.01))),
    Control(R_DEAD, "stages", "3 dead seconds in a row", (load(freezes=((40, 4),)),), STOOD, FAIL,
            "2 in a row", (load(freezes=((40, 3),)),), "full"),
    Control(R_DEAD, "stages", "5 dead seconds of 420", (load(freezes=tuple((at, 2) for at in range(10, 60, 10)),
            seed=1),), STOOD, FAIL,
            "4", (load(freezes=tuple((at, 2) for at in range(10, 50, 10))),), "full"),
    *(
        Control(R_ASKED, name, f"the scenario file has no objective for {groups[0]}",
                (objectives(**{f"{groups[0]}_p95_ms": None}),), (f"{groups[0]} have an objective",), INCONCLUSIVE,
                "the objective is loose", (objectives(**{f"{groups[0]}_p95_ms": 9000}),))
        for name, groups in ASKS_FOR.items()
    ),
    Control(R_FEW, "smoke", "19 answers", (), ("there were answers to judge by",), INCONCLUSIVE,
            replan=shorten(Stage(5, 9, 1))),
    Control(R_FEW, "read_heavy", "18 reads and 18 writes", (), ("2 rare reads together p95",), INCONCLUSIVE,
            replan=lambda plan: replace(plan, stages=(Stage(4, 18, 4),), write_share=0.5)),
    Control(R_FEW, "baseline", "fewer than 100 answers in a third", (), STEADY, INCONCLUSIVE, replan=shorten(Stage(20,
            30, 10))),
    Control(R_FEW, "spike", "there is no time before and after the spike", (), NORMAL, INCONCLUSIVE,
            replan=shorten(Stage(50, 30, 50))),
    Control(R_FEW, "write_heavy", "no write is acknowledged", (unanswered_writes,), ("there were acknowledged writes",),
            INCONCLUSIVE),
    Control(R_DRIFT, "baseline", "p95 rises to 2.5 times", (slow(8, 40, begin=22),), STEADY, FAIL,
            "to 1.4 times", (slow(8, 23, begin=22),)),
    Control(R_DRIFT, "baseline", "p95 of the last third is high because of one second", (slow(2, 250, begin=26,
            end=27),), STEADY,
            INCONCLUSIVE, "p95 rises by less than 5 ms",
            (load(Slow(2, 7, ("reads", "writes"), 26, 27, usual=0.2)),)),
    Control(R_RETURN, "stages", "p95 at 50 users is twice that on the way up", (slow(8, 40, begin=41),),
            ("p95 at 50 users returns with the load",), FAIL, "1.4 times", (slow(8, 22, begin=41),)),
    Control(R_RETURN, "stages", "p95 at 50 users is high because of one second", (slow(1, 90, begin=45, end=46),),
            ("p95 at 50 users returns with the load",), INCONCLUSIVE,
            "p95 rises by less than 5 ms", (slow(1, 20, begin=45, end=46),)),
    Control(R_SHARE, "read_heavy", "1.5 % of the reads do not come from the read model", (services(misses=20),),
            SHARE, FAIL,
            "0.8 %", (services(misses=10),)),
    Control(R_SHARE, "read_heavy", "the read model never stood", (services(misses=1300),), SHARE, FAIL,
            "READ_MODEL=sql", (services(misses=1300), settings(read_model="sql"))),
    Control(R_SHARE, "read_heavy", "nothing says where reads came from",
            (change_samples(lambda sample: sample["values"].pop("read_model_misses_total", None)),), SHARE,
            INCONCLUSIVE,
            "nothing says so in one second",
            (change_samples(lambda sample: sample["values"].pop("read_model_misses_total"), 12, 13),)),
    Control(R_SOAK, "soak", "memory of a worker grows by 640 KiB a minute", (services(growth={"rss": 640 * KIB}),),
            GROWS, FAIL, "400 KiB", (services(growth={"rss": 400 * KIB}),)),
    Control(R_SOAK, "soak", "memory of a worker rises by 600 MB at once and stays",
            (services(memory=lambda second: 6e8 * (second >= 90)),), GROWS, FAIL,
            "for 5 s", (services(memory=lambda second: 6e8 * (90 <= second < 95)),)),
    Control(R_SOAK, "soak", "memory of a worker jumps to and fro by 20 MB", (services(noise=2e7),),
            tuple(f"memory of {owner}: no growth" for owner in UNSURE), INCONCLUSIVE,
            "by 20 KiB", (services(noise=20 * KIB),)),
    Control(R_SOAK, "soak", "a worker opens seven descriptors a minute", (services(growth={"fds": 7.0}),),
            ("own descriptors of books 4001: no growth",), FAIL, "four", (services(growth={"fds": 4.0}),)),
    Control(R_PARTS, "spike", "half of all is refused before the spike", (refuse(2, range(3, 10)),), SHED, FAIL,
            "4 %", (refuse(25, range(0, 10)),)),
    Control(R_PARTS, "spike", "6 % are refused in the spike", (refuse(16, range(10, 30)),), SHED, FAIL,
            "5 %", (refuse(21, range(10, 30)),)),
    Control(R_PARTS, "spike", "one second in six is refused after the spike",
            (refuse(1, *(range(at, at + 1) for at in range(38, 60, 6))),), SHED, FAIL,
            "half of these seconds", (refuse(2, *(range(at, at + 1) for at in range(38, 60, 6))),)),
    Control(R_PARTS, "spike", "8 % of a read take 510 ms in the spike", (slow(12, 510, endpoint=ONE, begin=10,
            end=30),),
            (f"{READ} in the spike p95",), FAIL, "490 ms", (slow(12, 490, endpoint=ONE, begin=10, end=30),)),
    Control(R_RECOVERY, "spike", "all of every fifth second after the spike takes 400 ms",
            (slow_seconds(400, range(35, 60, 5)),), NORMAL, FAIL,
            "of every eighth", (slow_seconds(400, range(38, 60, 8)),)),
    Control(R_RECOVERY, "spike", "a fifth takes 60 ms for 33 s after the spike",
            (slow(5, 60, begin=130, end=163),), NORMAL, FAIL,
            "for 29 s", (slow(5, 60, begin=130, end=159),), "full"),
    Control(R_RECOVERY, "spike", "a fifth takes 60 ms until 3 s before the end", (slow(5, 60, begin=30, end=57),),
            NORMAL,
            INCONCLUSIVE, "for 24 s", (slow(5, 60, begin=30, end=54),)),
)  # fmt: skip
