"""A load on several processes is the same as on one: what is numbered, limited or done once holds over all of them."""

import json
import subprocess
from pathlib import Path

import pytest

from stack.ports import find_free_ports
from tests.support.records_of_load import add_accounts
from tests.support.scripts import choose_environment, locust_command, prepare_accounts, read_lines, run_locust, run_on
from tests.support.stacks import Stack

# Each user looks at one book after the other, and writes down once who it is.
WHO = """
import base64, json, os
from load.run.hooks import install_hooks
from load.users.reads import one_book
from load.users.user import LibraryUser

install_hooks()

class WhoUser(LibraryUser):
    tasks = [one_book]

    def on_start(self):
        claims = self.bearer()["Authorization"].split(".")[1]
        name = json.loads(base64.urlsafe_b64decode(claims + "=="))["username"]
        isbns = [own.isbn for own in self.own_books]
        with open(f"who_{os.getpid()}.jsonl", "a") as file:
            print(json.dumps([os.getpid(), name, isbns, self.load.reserved_isbns]), file=file)
"""
# Each user goes through session flows, and writes down whose sessions are all ended.
FLOWS = """
import os
from load.run.hooks import install_hooks
from load.users import session_flow
from load.users.user import LibraryUser

log_in = session_flow.log_in

def note(user, account):
    print(account.username, user.load.logout_all_slot is not None, file=open(f"flows_{os.getpid()}", "a"))
    return log_in(user, account)

session_flow.log_in = note

install_hooks()

class FlowUser(LibraryUser):
    tasks = [session_flow.session_flow]
    think_time = lambda self: 0.2
"""


@pytest.fixture
def folder(ready: Path, tmp_path: Path) -> Path:
    """A new folder for results, with accounts and sessions."""
    return add_accounts(tmp_path, ready)


@pytest.fixture(scope="module")
def ready(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ten accounts: eight for the users, one for session flows, one whose sessions end everywhere."""
    folder = tmp_path_factory.mktemp("ten")
    prepare_accounts(folder, stack, 10)
    return folder


def test_eight_users_on_four_processes_have_eight_accounts_and_books_of_their_own(
    project: Path, stack: Stack, folder: Path
) -> None:
    (folder / "who.py").write_text(WHO)
    load = ("-u", "8", "-r", "8", "-t", "5s", *run_on(4))
    ran = run_locust(str(folder / "who.py"), *load, folder=folder, stack=stack, PYTHONPATH=str(project))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    users = [json.loads(line) for line in read_lines(folder, "who_*.jsonl")]
    assert len({pid for pid, *_ in users}) == 4
    assert len({name for _, name, *_ in users}) == len(users) == 8
    assert len({isbn for *_, isbns, _ in users for isbn in isbns}) == 24
    seen = sorted(count for *_, count in users)
    # The last user sees all, and none sees fewer than were set aside by so many users.
    assert seen[-1] == 24 and all(count >= 3 * number for number, count in enumerate(seen, start=1))


def test_processes_that_were_started_by_hand_do_not_know_what_all_have_set_aside(
    project: Path, stack: Stack, folder: Path
) -> None:
    (folder / "who.py").write_text(WHO)
    (port,) = find_free_ports(1)
    environment = choose_environment(stack, PYTHONPATH=str(project))
    shown = ("--headless", "-u", "2", "-r", "2", "-t", "5s", "--csv", "run", "--expect-workers", "2")
    ends = (
        (*shown, "--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", str(port)),
        *[("--worker", "--master-port", str(port))] * 2,
    )
    commands = [locust_command(str(folder / "who.py"), *arguments) for arguments in ends]
    with open(folder / "log", "w", encoding="utf-8") as log:
        running = [
            subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            for command in commands
        ]
        try:
            assert [each.wait(60) for each in running] == [0, 0, 0], (folder / "log").read_text()
        finally:
            for each in running:
                each.kill()
    users = [json.loads(line) for line in read_lines(folder, "who_*.jsonl")]
    assert [count for *_, count in users] == [None, None]
    assert len({isbn for *_, isbns, _ in users for isbn in isbns}) == 6


def test_each_twentieth_flow_of_all_processes_ends_all_sessions_of_one_account(
    project: Path, stack: Stack, folder: Path
) -> None:
    (folder / "flows.py").write_text(FLOWS)
    load = ("-u", "4", "-r", "4", "-t", "8s", *run_on(4))
    ran = run_locust(str(folder / "flows.py"), *load, folder=folder, stack=stack, PYTHONPATH=str(project))
    assert ran.returncode == 0, ran.stdout
    flows = [line.split() for line in read_lines(folder, "flows_*")]
    ended = [name for name, everywhere in flows if everywhere == "True"]
    assert len(ended) == len(flows) // 20 > 1
    assert len(set(ended)) == 1 and set(ended).isdisjoint(name for name, everywhere in flows if everywhere != "True")
