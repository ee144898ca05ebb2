"""No password and no token is found again in logs, process list, results or Redis; each search is seen to find one
that a careless build leaves there.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.backend import test_http_headers as headers
from tests.support.canaries import dump_redis, find_in, read_logs, send_canaries, watch_command_lines
from tests.support.clients import Account, Client
from tests.support.scripts import prepare_accounts, run_locust
from tests.support.stacks import PROJECT, Stack
from tests.support.weak_builds import Change, Services, list_own, run_build

CARELESS: tuple[Change, ...] = (
    (
        "def _finish(response: Response) -> Response:\n",
        "def _finish(response: Response) -> Response:\n"
        "    if response.status_code != 413:\n"
        "        log.info('%s %s', request.headers.get('Authorization'), request.get_data())\n",
    ),
    ('    response.headers.add("X-Content-Type-Options", "nosniff")\n', ""),
    ('Cache_Control="no-store"', 'X="x"'),
    ("""{refresh_jti}:{user['email']}\"""", """{refresh_jti}:{user['email']} {pair['refresh_token']}\""""),
)
FLOW = """
from locust import constant
from load.run.hooks import install_hooks
from load.users.session_flow import session_flow
from load.users.user import LibraryUser

install_hooks()

class FlowUser(LibraryUser):
    tasks = [session_flow]
    wait_time = constant(0.1)
"""
CARELESS_FLOW = (
    FLOW
    + """
def name_by_token(user):
    user.client.get(user.books, name=str(user.bearer()), headers=user.bearer())

FlowUser.tasks = [name_by_token]
"""
)


@pytest.fixture(scope="module")
def careless(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Both services without what keeps secrets out of logs, caches and Redis."""
    with run_build(stack, tmp_path_factory.mktemp("careless") / "build", *CARELESS) as services:
        yield services


def find_in_logs(services: Services) -> list[str]:
    """Send canaries and return those that stand in the logs of the services and of their stores."""
    sent, last = send_canaries(services)
    return find_in(read_logs(services, last), sent)


def find_in_redis(stack: Stack, services: Services) -> list[str]:
    """Send canaries and return those that stand in Redis."""
    sent, _ = send_canaries(services)
    with redis.Redis.from_url(stack["REDIS_URL"]) as store:
        return find_in(dump_redis(store), sent)


def test_no_password_and_no_token_stands_in_a_log(stack: Stack) -> None:
    assert find_in_logs(list_own(stack)) == []


def test_the_search_finds_what_a_careless_build_logs(careless: Services) -> None:
    assert len(find_in_logs(careless)) >= 10


def test_no_password_and_no_token_stands_in_redis(stack: Stack) -> None:
    assert find_in_redis(stack, list_own(stack)) == []


def test_the_search_finds_the_refresh_token_that_a_careless_build_keeps_in_redis(
    stack: Stack, careless: Services
) -> None:
    assert len(find_in_redis(stack, careless)) == 2


def test_the_tests_of_headers_fail_where_none_are_set(careless: Services, stack: Stack, account: Account) -> None:
    with Client(careless.auth) as auth:
        with pytest.raises(KeyError, match="cache-control"):
            headers.test_answers_with_tokens_are_not_stored(auth, account)
        with pytest.raises(KeyError, match="x-content-type-options"):
            headers.test_every_answer_says_nosniff([auth.get("/health")])


@pytest.fixture(scope="module")
def ready(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[bytes]]:
    """A folder with accounts, made, registered and signed in, and the command lines that were seen meanwhile."""
    folder = tmp_path_factory.mktemp("ready")
    with watch_command_lines() as lines:
        prepare_accounts(folder, stack, 6)
    return folder, lines


def read_secrets(folder: Path) -> list[str]:
    """Return the passwords in users.csv, and what every token begins with."""
    return [line.split(",")[2] for line in (folder / "users.csv").read_text().splitlines()[1:]] + ["eyJ"]


def run_load(stack: Stack, folder: Path, locustfile: str) -> list[bytes]:
    """Run a short load in `folder`, with everything that it can write; return the command lines seen meanwhile."""
    (folder / "flow.py").write_text(locustfile)
    files = "--html", "run.html", "--csv-full-history", "--logfile", "run.log"
    with watch_command_lines() as lines:
        where = {"PYTHONPATH": str(PROJECT)}
        run_locust(
            str(folder / "flow.py"), "-u", "2", "-r", "2", "-t", "3s", *files, folder=folder, stack=stack, **where
        )
    return lines


def list_results(folder: Path) -> list[bytes]:
    """Return what a load has written in `folder`."""
    results = [path for path in folder.iterdir() if path.name.startswith("run")]
    assert len(results) >= 6
    return [path.read_bytes() for path in results]


def test_no_password_and_no_token_stands_in_results_or_the_process_list(
    stack: Stack, ready: tuple[Path, list[bytes]]
) -> None:
    folder, lines = ready
    lines = lines + run_load(stack, folder, FLOW)
    for program in (b"create_users_csv.py", b"register_users.py", b"load.client.sign_in", b"locust"):
        assert any(program in line for line in lines)
    assert b"/login" in b"".join(list_results(folder))
    assert find_in([*list_results(folder), *lines], read_secrets(folder)) == []


def test_the_search_finds_a_token_that_a_careless_load_writes(stack: Stack, ready: tuple[Path, list[bytes]]) -> None:
    run_load(stack, ready[0], CARELESS_FLOW)
    assert find_in(list_results(ready[0]), read_secrets(ready[0])) == ["eyJ"]


def test_the_search_finds_a_password_on_a_command_line() -> None:
    with watch_command_lines() as lines:
        subprocess.run([sys.executable, "-c", "import time; time.sleep(0.2)", "Canary-password"], check=True)
    assert find_in(lines, ["Canary-password"]) == ["Canary-password"]
