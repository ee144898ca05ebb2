"""--metrics-url: addresses and their names, machines that may not run together, and runs over two of each service."""

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest

from load.client.accounts import Account
from load.client.refusal import BROKEN, WRONG_USE, Refused
from load.client.service_machines import Sampled, find_machines, list_sampled, read_metrics_urls
from load.run.machine_trial import try_machines
from load.run.service_agreement import refuse_clocks, refuse_disagreement, refuse_pools
from load.run.service_facts import read_services
from stack.ports import find_free_ports
from tests.support.balancer import run_balancer
from tests.support.books_services import list_workers
from tests.support.clients import Client, register, sign_in
from tests.support.read_models import LONG, connect_to_redis, wait_until_standing
from tests.support.runs import Runner, copy_project, end_of, is_loaded, read_summary, wait_for
from tests.support.stacks import Stack, connect_to_mariadb, start_stack
from tests.support.weak_builds import Change, Services, list_own, run_build, shift_clock

SECRET = "another-secret-0123456789-abcdefghij-XYZ"
A, B = "http://10.0.0.7:5001", "http://10.0.0.8:5001"
OTHER_VERSION: Change = ("backend/__init__.py", '__version__ = "', '__version__ = "9')
OTHER_USERS: Change = ("password_hash FROM users WHERE username", "password_hash FROM users WHERE FALSE AND username")
OTHER_BOOKS: Change = (
    "answer or _get_live_book(caller, isbn,",
    'answer or _get_live_book(caller, "" if fresh else isbn,',
)


class Other(NamedTuple):
    """A second machine of which one service is otherwise, and what is said of it."""

    only: str
    words: str
    changes: tuple[Change, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    workers: str = "1"

    def __str__(self) -> str:
        return f"{self.only}: {self.words[:60]}"


DIFFERENT = (
    Other("books", r"the machines differ in version: .* \(books on books-2\)", (OTHER_VERSION,)),
    Other(
        "books",
        r"differ in read_model: redis \(books on books-1\), sql \(books on books-2\)",
        settings=(("READ_MODEL", "sql"),),
    ),
    Other(
        "auth",
        r"differ in bcrypt_rounds: 4 \(auth on auth-1\), 5 \(auth on auth-2\)",
        settings=(("BCRYPT_ROUNDS", "5"),),
    ),
    Other("books", r"the clock of books on books-2 is 3\.0 s ahead of that of .* \(at most 1 s\)", (shift_clock(3),)),
    Other("auth", r"the clock of .* is 3\.0 s ahead of that of auth on auth-2", (shift_clock(-3),)),
    Other(
        "books",
        r"may open 1\d\d connections, 20 \(auth on auth-1\) .* and MariaDB allows 151",
        settings=(("DB_POOL_SIZE", "32"),),
        workers="3",
    ),
)
APART = (
    Other(
        "books",
        "books on books-2 .* does not take a token of auth on auth-1 .*JWT_SECRET",
        settings=(("JWT_SECRET", SECRET),),
    ),
    Other(
        "auth",
        "auth on auth-2 .* does not take a token of auth on auth-1 .*JWT_SECRET",
        settings=(("JWT_SECRET", SECRET),),
    ),
    Other("books", "books on books-2 .* no such session; REDIS_URL", settings=(("REDIS_URL", "/1"),)),
    Other("auth", "auth on auth-2 .* no such session; REDIS_URL", settings=(("REDIS_URL", "/1"),)),
    Other("auth", "auth on auth-2 .* does not log in an account .* DB_HOST and DB_NAME", (OTHER_USERS,)),
    Other("books", "books on books-2 .* does not have a book that books on books-1 .* DB_HOST", (OTHER_BOOKS,)),
    Other(
        "auth", r"differ in ACCESS_TOKEN_TTL: 900 s \(auth on auth-1\), 60 s", settings=(("ACCESS_TOKEN_TTL", "60"),)
    ),
    Other("auth", "differ in REFRESH_TOKEN_TTL: 604800 s .*, 9000 s", settings=(("REFRESH_TOKEN_TTL", "9000"),)),
)
# In the short form one of those that the same lines of code find.
ALIKE = () if LONG else (DIFFERENT[2], DIFFERENT[4], APART[2], APART[5])


@pytest.fixture(scope="module")
def own(own_settings: dict[str, str]) -> Stack:
    """A stack whose catalogue no other test has added to."""
    return start_stack(own_settings)


@pytest.fixture(scope="module")
def b(own: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """The second machine."""
    with run_build(own, tmp_path_factory.mktemp("machine") / "b", workers="2") as services:
        wait_until_books_are_named(own, services)
        yield services


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory, own: Stack) -> Iterator[Runner]:
    """A copy of the project."""
    made = copy_project(tmp_path_factory.mktemp("runs") / "project", own)
    yield made
    assert made.processes() == []


def wait_until_books_are_named(own: Stack, services: Services) -> None:
    """Wait until the read model stands, by when the stores are known."""
    token = sign_in(own["AUTH_URL"], register(own["AUTH_URL"]))["access_token"]
    with Client(services.books, token) as client:
        wait_until_standing(client)


def name_machines(own: Stack, b: Services) -> list[str]:
    """The options for both machines of both services."""
    a = list_own(own)
    named = {"auth-1": a.auth, "auth-2": b.auth, "books-1": a.books, "books-2": b.books}
    return [word for name, url in named.items() for word in ("--metrics-url", f"{name}={url}")]


@contextmanager
def run_other(own: Stack, b: Services, folder: Path, other: Other) -> Iterator[Services]:
    """Run the service of the second machine that is otherwise, and give the machine."""
    settings = dict(other.settings)
    if "REDIS_URL" in settings:  # another database of the same Redis
        settings["REDIS_URL"] = re.sub("/0$", settings["REDIS_URL"], own["REDIS_URL"])
    with run_build(own, folder, *other.changes, only=other.only, workers=other.workers, **settings) as services:
        yield b._replace(auth=services.auth) if other.only == "auth" else b._replace(books=services.books)


def describe(own: Stack, b: Services) -> dict[str, Any]:
    """The services as run.json has them in the beginning."""
    a = list_own(own)
    auth = {"auth-1": {"url": a.auth}, "auth-2": {"url": b.auth}}
    books = {"books-1": {"url": a.books}, "books-2": {"url": b.books}}
    return {"auth": {"url": a.auth, "machines": auth}, "books": {"url": a.books, "machines": books}}


def refuse(own: Stack, services: Services) -> str:
    """What machines of the stack and these services are refused with, by what they say of themselves."""
    said = read_services(describe(own, services), own["METRICS_TOKEN"])
    with pytest.raises(Refused) as refusal:
        refuse_disagreement(said, own["METRICS_TOKEN"])
    assert refusal.value.exit_code == BROKEN
    return str(refusal.value)


def refuse_trial(own: Stack, services: Services) -> str:
    """What these machines are refused with when they are tried."""
    with pytest.raises(Refused) as refusal:
        try_machines(describe(own, services), make_account(own))
    assert refusal.value.exit_code == BROKEN
    return str(refusal.value)


def make_account(own: Stack) -> Account:
    """Register an account, as the load knows it."""
    account = register(own["AUTH_URL"])
    return Account(account.username, account.email, account.password)


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["x"], "--metrics-url 'x' has no name; give NAME=URL, like books-2=http://10.0.0.7:5001"),
        ([A], f"--metrics-url '{A}' has no name"),
        ([f"={A}"], "a NAME has 1 to 40 letters, digits"),
        ([f"a b={A}"], "a NAME has 1 to 40 letters, digits"),
        ([f"-a={A}"], "a NAME has 1 to 40 letters, digits"),
        ([f"{'a' * 41}={A}"], "a NAME has 1 to 40 letters, digits"),
        ([f"bücher={A}"], "a NAME has 1 to 40 letters, digits"),
        (["a="], "the address of --metrics-url a, '', must be like http://HOST:PORT"),
        (["a=10.0.0.7:5001"], "the address of --metrics-url a, '10.0.0.7:5001', must be like http://HOST:PORT"),
        (["a=ftp://10.0.0.7"], "must be like http://HOST:PORT"),
        ([f"a={A}/metrics"], "must be like http://HOST:PORT"),
        ([f"a={A}", f"a={B}"], "--metrics-url gives a twice"),
        ([f"a={A}", f"b={A}/"], f"--metrics-url gives {A} twice"),
    ],
)
def test_an_option_that_is_wrong_is_refused_with_what_would_be_right(texts: list[str], words: str) -> None:
    with pytest.raises(Refused) as refusal:
        read_metrics_urls(texts)
    assert words in str(refusal.value)
    assert refusal.value.exit_code == WRONG_USE


def test_names_and_addresses_are_taken_as_they_are() -> None:
    assert read_metrics_urls([f"books-2={A}", f"Books_3.eu={B}/"]) == {"books-2": A, "Books_3.eu": B}
    assert read_metrics_urls([]) == {}


def test_the_service_of_an_address_is_told_by_itself(own: Stack) -> None:
    found = find_machines({"m1": own["BOOKS_URL"], "m2": own["AUTH_URL"]})
    assert found == {"books": {"m1": {"url": own["BOOKS_URL"]}}, "auth": {"m2": {"url": own["AUTH_URL"]}}}


def test_an_address_at_which_nothing_answers_is_refused() -> None:
    (port,) = find_free_ports(1)
    url = f"http://127.0.0.1:{port}"
    with pytest.raises(
        Refused, match=re.escape(f"--metrics-url m={url}: nothing answers there; it must be")
    ) as refusal:
        find_machines({"m": url})
    assert refusal.value.exit_code == BROKEN


def test_what_is_sampled_are_the_machines_or_else_the_address() -> None:
    services = {"auth": {"url": "http://front"}, "books": {"url": "http://front", "machines": {"m": {"url": A}}}}
    assert list_sampled(services) == [Sampled("auth", "", "http://front"), Sampled("books", "m", A)]
    assert [each.source for each in list_sampled(services)] == ["auth", "books on m"]


def test_machines_that_agree_are_described_each_and_by_what_they_have_in_common(own: Stack, b: Services) -> None:
    said = read_services(describe(own, b), own["METRICS_TOKEN"])
    refuse_disagreement(said, own["METRICS_TOKEN"])
    books = said["books"]
    assert {name: part["settings"]["workers"] for name, part in books["machines"].items()} == {
        "books-1": "4",
        "books-2": "2",
    }
    assert "workers" not in books["settings"] and books["settings"]["read_model"] == "redis"
    assert books["version"] == books["machines"]["books-2"]["version"]
    assert books["stores"] == books["machines"]["books-1"]["stores"] != {}


@pytest.mark.parametrize("other", [each for each in DIFFERENT if each not in ALIKE], ids=str)
def test_machines_that_differ_in_what_must_be_the_same_are_refused_by_name(
    own: Stack, b: Services, tmp_path: Path, other: Other
) -> None:
    with run_other(own, b, tmp_path / "other", other) as machine:
        assert re.search(other.words, refuse(own, machine))


def test_clocks_less_than_a_second_apart_and_pools_below_the_limit_are_taken() -> None:
    refuse_clocks({"auth": 3600.4, "books on a": 3600.0, "books on b": 3599.5})
    refuse_clocks({})
    refuse_pools({"auth": 20, "books on a": 80, "books on b": 50}, 151)
    refuse_pools({"auth": 2000}, None)
    for pooled in (151, 152):
        with pytest.raises(Refused, match="MariaDB allows 151; lower DB_POOL_SIZE"):
            refuse_pools({"auth": pooled - 100, "books": 100}, 151)


def test_machines_that_share_secret_and_stores_pass_the_trial_and_nothing_is_left_of_it(
    own: Stack, b: Services
) -> None:
    account = make_account(own)
    token = sign_in(own["AUTH_URL"], register(own["AUTH_URL"]))["access_token"]
    with Client(own["BOOKS_URL"], token) as client:
        before = client.get("/api/books?limit=1").json()["total"]
        try_machines(describe(own, b), account)
        assert client.get("/api/books?limit=1").json()["total"] == before
        assert client.get("/api/books?author=Nobody").json()["items"] == []


@pytest.mark.parametrize("other", [each for each in APART if each not in ALIKE], ids=str)
def test_machines_that_do_not_share_secret_stores_or_lifetimes_are_refused_by_name(
    own: Stack, b: Services, tmp_path: Path, other: Other
) -> None:
    with run_other(own, b, tmp_path / "other", other) as machine:
        said = refuse_trial(own, machine)
    assert re.search(other.words, said)
    secrets = own["JWT_SECRET"], own["METRICS_TOKEN"], own["REDIS_URL"], "another-secret", "eyJ"
    assert not [secret for secret in secrets if secret in said]


def test_a_trial_leaves_no_session_and_no_book_when_it_is_refused(own: Stack, b: Services, tmp_path: Path) -> None:
    account = register(own["AUTH_URL"])
    with connect_to_mariadb(own) as connection, connection.cursor() as cursor, connect_to_redis(own) as store:
        cursor.execute("SELECT COUNT(*) FROM books")
        before = cursor.fetchall()
        with run_other(own, b, tmp_path / "other", APART[5]) as machine, pytest.raises(Refused, match="have a book"):
            known = Account(account.username, account.email, account.password)
            try_machines(describe(own, machine), known)
        assert store.exists(f"sessions_of:{account.id}") == 0
        cursor.execute("SELECT COUNT(*) FROM books")
        assert cursor.fetchall() == before


def refused(runner: Runner, code: int, *options: str, **settings: str) -> str:
    """The only line of a run that is refused and leaves nothing behind."""
    got, said = runner.run(*runner.urls, *options, **settings)
    assert (got, said.count("\n")) == (code, 1), said
    assert runner.results() == []
    return said


def test_a_run_with_a_wrong_option_is_refused_before_anything_is_started(runner: Runner) -> None:
    assert "has no name" in refused(runner, 64, "--metrics-url", "http://127.0.0.1:5001")
    assert "--metrics-url needs a value" in refused(runner, 64, "--metrics-url")
    assert "nothing answers there" in refused(runner, 3, "--metrics-url", "books-2=http://127.0.0.1:9")


def test_a_machine_with_another_metrics_token_is_refused_by_name(runner: Runner, own: Stack, tmp_path: Path) -> None:
    with run_build(own, tmp_path / "other", only="books", METRICS_TOKEN="another") as other:
        said = refused(runner, 3, "--metrics-url", f"books-2={other.books}")
    assert f"--metrics-url books-2: {other.books}/metrics does not accept the METRICS_TOKEN given here" in said


def test_a_run_against_machines_with_another_secret_is_refused_before_any_load(
    runner: Runner, own: Stack, tmp_path: Path
) -> None:
    with run_build(own, tmp_path / "other", only="books", JWT_SECRET=SECRET) as other:
        names = ["--metrics-url", f"books-1={own['BOOKS_URL']}", "--metrics-url", f"books-2={other.books}"]
        code, said = runner.run("--only", "smoke", *runner.urls, *names)
    assert code == 3, said
    assert "books on books-2" in said and "JWT_SECRET must be the same on all machines" in said
    assert SECRET not in said and runner.results() == []


@pytest.fixture
def balanced(own: Stack, b: Services) -> Iterator[list[str]]:
    """The options of a run over one address for both machines of each service, which are sampled each."""
    with ExitStack() as running:
        auth = running.enter_context(run_balancer(own["AUTH_URL"], b.auth))
        books = running.enter_context(run_balancer(own["BOOKS_URL"], b.books))
        yield ["--auth-url", auth, "--books-url", books, *name_machines(own, b)]


def test_a_run_behind_one_address_samples_judges_and_shows_each_machine(
    runner: Runner, balanced: list[str], tmp_path: Path
) -> None:
    runner.plan("smoke")
    out = tmp_path / "results"
    code, said = runner.run("--only", "smoke", *balanced, "--out", str(out))
    assert code == 0, said
    sampled: dict[str, int] = {}
    for line in map(json.loads, (out / "smoke_server.jsonl").read_text().splitlines()):
        source = f"{line['service']} {line.get('machine', '')}".strip()
        sampled[source] = sampled.get(source, 0) + ("workers" in line)
    assert set(sampled) == {"auth auth-1", "auth auth-2", "books books-1", "books books-2", "machine"}
    assert all(count >= 6 for source, count in sampled.items() if source != "machine")
    run = json.loads((out / "run.json").read_text())
    assert run["services"]["books"]["url"] == balanced[3] and run["target_is_this_machine"] is True
    assert run["services"]["books"]["machines"]["books-2"]["settings"]["workers"] == "2"
    report = (out / "report.html").read_text()
    for name in ("Auth on auth-1", "Books on books-2", "the books service on books-1 was sampled every second"):
        assert name in report
    assert "The machines of the books service differ in workers (4 on books-1, 2 on books-2)." in report


def test_a_worker_that_ends_on_one_machine_fails_the_run_and_the_machine_is_named(
    runner: Runner, balanced: list[str], b: Services, tmp_path: Path
) -> None:
    runner.plan("smoke", run_time="12s")
    out = tmp_path / "results"
    process = runner.start("--only", "smoke", *balanced, "--out", str(out))
    wait_for(lambda: is_loaded(out, "smoke"))
    worker = list_workers(b.auth_pid)[0]
    os.kill(worker.pid, signal.SIGKILL)
    code, said = end_of(process)
    assert code == 1, said
    reasons = " ".join(read_summary(out)["scenarios"][0]["reasons"])
    assert f"auth on auth-2 {worker.pid} ended (at " in reasons
    assert "auth on auth-1" not in reasons


def test_a_machine_that_falls_silent_makes_the_run_invalid_by_name(
    runner: Runner, own: Stack, balanced: list[str], tmp_path: Path
) -> None:
    """The load goes to the first machine alone, so that it notices nothing of the second."""
    runner.plan("smoke", run_time="12s")
    out = tmp_path / "results"
    with run_build(own, tmp_path / "third", only="books") as third:
        names = [*balanced[4:], "--metrics-url", f"books-3={third.books}"]
        process = runner.start("--only", "smoke", *runner.urls, *names, "--out", str(out))
        wait_for(lambda: is_loaded(out, "smoke") or process.poll() is not None)
        assert process.poll() is None, end_of(process)[1]
        master = psutil.Process(third.books_pid)
        frozen = [master, *list_workers(master.pid)]
        for each in frozen:
            each.suspend()
        try:
            time.sleep(0.1)
            code, said = end_of(process)
        finally:
            for each in frozen:
                each.resume()
    assert code == 2, said
    assert "There is no sample of the books service on books-3 for" in said
