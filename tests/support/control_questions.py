"""Controls of the rules that say whether a question was asked properly."""

from analysis.findings import INVALID
from tests.support.control_cases import Control
from tests.support.made_runs import (
    Break,
    Edit,
    after_another,
    books,
    data,
    ended,
    generator,
    lines,
    load,
    machines,
    raised,
    real_plan,
    services,
)
from tests.support.recordings import ADD, CHANGE, LIST, ONE, ramp_users
from tests.support.service_machines import on_two_machines, set_clock, silence

RAMP = ramp_users(real_plan("baseline", "quick"))
LOST, CPU = ("no process of the load was lost",), ("the generator had processor time to spare",)
PACE, WHOLE = ("the generator's event loop kept pace",), ("what was written down is whole",)
RECORDED = ("all requests were written down",)
DATA, LEDGER = ("the data was as when the run began",), ("every write is in the ledger",)
LENGTH, END = ("it lasted as long as planned",), ("the load ran to its end",)
USERS, MIX = ("the users were those planned",), ("the mix was the planned one",)
BALANCE, RAISED = ("the books balance (Little's law)",), ("the load side worked",)
READ_BACK = ("every acknowledged write was read back",)
CLOCKS, BOOKS_2 = (
    ("the clocks of the services' machines agree",),
    ("the books service on books-2 was sampled every second",),
)
AUTH, BOOKS = ("the auth service was sampled every second",), ("the books service was sampled every second",)


def without_last(tag: str) -> Edit:
    """Lines without the last that holds a text."""

    def change(found: list[str]) -> list[str]:
        last = max(number for number, line in enumerate(found) if tag in line)
        return found[:last] + found[last + 1 :]

    return change


def silent_auth(*seconds: int) -> Break:
    """Samples without those of the auth service in some seconds."""
    return lines(
        "_server.jsonl",
        lambda found: [
            line for number, line in enumerate(found) if not ('"auth"' in line and number // 2 - 1 in seconds)
        ],
    )


def add(count: int, text: str) -> Edit:
    """More lines."""
    return lambda found: [*found, *[text + "\n"] * count]


ROW = "1800000012,GET|/api/books,nan,0,0,0,0.1"
SAMPLE = '{"at": 1800000012.5, "service": "books", "values": {"redis_keys": -1}}'
R_END, R_USERS, R_MIX, R_SIDE = (
    "how Locust ended",
    "users and seconds, each plateau by itself",
    "share of writes",
    "the load side itself",
)
R_RECORD, R_DAMAGE, R_PROCESS, R_LOOP = "the record", "damaged lines", "each process of the load", "its event loop"
R_LITTLE, R_SAMPLES, R_DATA = "Little's law, each plateau", "server samples", "the data"
R_ARRIVALS, R_MACHINES = "arrivals, in an open load", "each machine of the load, where there are several"
R_CLOCKS = "clocks of several machines of services"
R_LEDGER, R_BACK = "the ledger", "reading back, in `write_heavy`"

QUESTIONS = (
    Control(R_END, "read_heavy", "Locust ended with code 2", (ended(2),), END, INVALID, "code 0", (ended(0),)),
    Control(R_END, "read_heavy", "Locust was interrupted", (ended("interrupted"),), END, INVALID,
            "code 0", (ended(0),)),
    Control(R_END, "read_heavy", "nothing says how Locust ended", (ended(None),), END, INVALID, "code 0", (ended(0),)),
    Control(R_USERS, "baseline", "47 users of 50", (load(users=[min(n, 47) for n in RAMP]),), USERS, INVALID,
            "48 users", (load(users=[min(n, 48) for n in RAMP]),)),
    Control(R_USERS, "baseline", "3 s too long", (load(users=[*RAMP, 50, 50, 50]),), LENGTH, INVALID,
            "2 s too long", (load(users=[*RAMP, 50, 50]),)),
    Control(R_USERS, "baseline", "3 s too short", (load(users=RAMP[:-3]),), LENGTH, INVALID,
            "2 s too short", (load(users=RAMP[:-2]),)),
    Control(R_MIX, "read_heavy", "12 % writes for 8", (load(mix={LIST: 44, ONE: 44, ADD: 4, CHANGE: 8}),), MIX, INVALID,
            "10 %", (load(mix={LIST: 45, ONE: 45, ADD: 3, CHANGE: 7}),)),
    Control(R_SIDE, "baseline", "one exception", (raised(1),), RAISED, INVALID, "none", (raised(0),)),
    Control(R_RECORD, "read_heavy", "a line of many latencies is missing",
            (lines(".hlog", without_last("Tag=GET|/api/books,")),), RECORDED, INVALID,
            "a line of one latency", (lines(".hlog", without_last("Tag=POST")),)),
    Control(R_DAMAGE, "read_heavy", "2 % of the lines are damaged", (lines("_seconds.csv", add(3, ROW)),), WHOLE,
            INVALID,
            "under 1 %", (lines("_seconds.csv", add(1, ROW)),)),
    Control(R_DAMAGE, "read_heavy", "6 % of the samples are damaged", (lines("_server.jsonl", add(6, SAMPLE)),),
            WHOLE, INVALID,
            "4 %", (lines("_server.jsonl", add(3, SAMPLE)),)),
    Control(R_PROCESS, "baseline", "the process was lost 3 s before the end", (generator(until=27),), LOST, INVALID,
            "2 s before", (generator(until=28),)),
    Control(R_PROCESS, "baseline", "the process left no record of its first 4 s",
            (lines("_generator.csv", lambda found: [found[0], *found[5:]]),), LOST, INVALID,
            "of its first 2 s", (lines("_generator.csv", lambda found: [found[0], *found[3:]]),)),
    Control(R_PROCESS, "baseline", "the clock was set back by 5 s",
            (lines("_generator.csv", lambda found: [*found[:16], *found[11:]]),), LOST, INVALID),
    Control(R_PROCESS, "baseline", "the process used 95 % of a core for 3 s", (generator(cpu=dict.fromkeys((11, 12, 13),
            0.95)),), CPU,
            INVALID, "for 2 s", (generator(cpu=dict.fromkeys((11, 12), 0.95)),)),
    Control(R_LOOP, "smoke", "the loop stalled for 501 ms", (generator(lags={12: [501.0]}),), PACE, INVALID,
            "for 500 ms", (generator(lags={12: [500.0]}),), "full"),
    Control(R_LOOP, "baseline", "the loop lagged 21 ms in 2 % of the time",
            (generator(lags={n: [21.0] for n in range(30)}),), PACE,
            INVALID, "19 ms", (generator(lags={n: [19.0] for n in range(30)}),)),
    Control(R_LOOP, "spike", "the loop lagged 51 ms in 5 % of the time",
            (generator(lags={n: [51.0] for n in range(60)}),), PACE,
            INVALID, "49 ms", (generator(lags={n: [49.0] for n in range(60)}),)),
    Control(R_LITTLE, "baseline", "3 % of the users' time is not accounted for", (load(idle=0.03),), BALANCE, INVALID,
            "1 %", (load(idle=0.01),)),
    Control(R_LITTLE, "read_heavy", "9 of 100 users do nothing", (load(idle=0.09),), BALANCE, INVALID, "1 user",
            (load(idle=0.01),)),
    Control(R_LITTLE, "smoke", "1 of 5 users does nothing", (load(idle=0.2),), BALANCE, INVALID, "9 %",
            (load(idle=0.09),)),
    Control(R_ARRIVALS, "arrivals", "43 arrivals a second for 50", (load(arrivals={"rate": 43}),),
            ("as many actions arrived as planned",), INVALID,
            "47, which chance allows", (load(arrivals={"rate": 47}),)),
    Control(R_ARRIVALS, "arrivals", "one arrival found nobody in the pool", (load(arrivals={"dropped": 1}),),
            ("every arrival found a user",), INVALID, "none", (load(),)),
    Control(R_ARRIVALS, "arrivals", "10 % of the actions began 21 ms late", (load(arrivals={"late_ms": 21}),),
            ("actions began when they were due",), INVALID, "19 ms", (load(arrivals={"late_ms": 19}),)),
    Control(R_MACHINES, "baseline", "a machine was lost after 12 s", (machines(lost_at=12),),
            ("no machine of the load was lost",), INVALID, "none was lost", (machines(),)),
    Control(R_MACHINES, "baseline", "the end of a machine's record did not come home", (machines(whole=False),),
            ("the records of all machines came home",), INVALID, "all came home", (machines(),)),
    Control(R_MACHINES, "baseline", "the clock of a machine was set by 60 ms", (machines(later_s=0.36),),
            ("the clocks of all machines kept step",), INVALID, "by 45 ms", (machines(later_s=0.345),)),
    Control(R_SAMPLES, "baseline", "2 of 30 s without a sample of the books service", (services(missing=range(12,
            14)),), BOOKS,
            INVALID, "1 s", (services(missing=range(12, 13)),)),
    Control(R_SAMPLES, "soak", "4 s in a row without a sample of the books service", (services(missing=range(50,
            54)),), BOOKS,
            INVALID, "3 s", (services(missing=range(50, 53)),)),
    Control(R_SAMPLES, "baseline", "2 of 30 s without a sample of the auth service", (silent_auth(12, 13),), AUTH,
            INVALID,
            "1 s", (silent_auth(12),)),
    Control(R_SAMPLES, "baseline", "one of two machines of the books service without a sample for 2 of 30 s",
            (on_two_machines(), silence("books-2", 12, 14)), BOOKS_2, INVALID,
            "1 s", (on_two_machines(), silence("books-2", 12, 13))),
    Control(R_CLOCKS, "baseline", "the clock of one of four machines is 1.1 s ahead",
            (on_two_machines(), set_clock("books-2", 1.1)), CLOCKS, INVALID,
            "0.9 s", (on_two_machines(), set_clock("books-2", 0.9))),
    Control(R_DATA, "read_heavy", "a book of an earlier load is there", (data(own=1),), DATA, INVALID, "none",
            (data(own=0),)),
    Control(R_DATA, "read_heavy", "5,000 books where the run began with 4,999", (after_another(4999),), DATA, INVALID,
            "5,000", (after_another(5000),)),
    Control(R_DATA, "read_heavy", "a book is gone after the load",
            (lines("_data.jsonl", lambda found: [found[0], found[1].replace('"books": 5000', '"books": 4999')]),),
            DATA, INVALID,
            "a book of the load is left",
            (lines("_data.jsonl", lambda found: [found[0], found[1].replace('5000, "own": 0', '5001, "own": 1')]),)),
    Control(R_DATA, "read_heavy", "nobody looked", (lines("_data.jsonl", lambda _: []),), DATA, INVALID),
    Control(R_DATA, "soak", "nobody could look after the load", (lines("_data.jsonl", lambda found: found[:1]),), DATA,
            INVALID),
    Control(R_LEDGER, "read_heavy", "2 % of the writes are not in the ledger", (lines("_ledger.jsonl",
            lambda found: found[:-2]),), LEDGER,
            INVALID, "one write is not", (lines("_ledger.jsonl", lambda found: found[:-1]),)),
    Control(R_LEDGER, "smoke", "no write is in the ledger",
            (load(mix={LIST: 80, ADD: 20}), lines("_ledger.jsonl", lambda _: [])), LEDGER, INVALID,
            "each is", (load(mix={LIST: 80, ADD: 20}),)),
    Control(R_BACK, "write_heavy", "one ISBN of 40 was not asked for", (books(asked=39),), READ_BACK, INVALID,
            "all 40", (books(asked=40),)),
)  # fmt: skip
