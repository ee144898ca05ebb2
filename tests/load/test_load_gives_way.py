"""A load that has no descriptor or port left blames itself, and no service."""

import csv
import socket
import subprocess
import sys
from pathlib import Path

from analysis.records.results_folder import NOT_SENT
from tests.support.own_users import run_user
from tests.support.records_of_load import add_accounts, count_answers, read_rows, read_totals
from tests.support.stacks import PROJECT, Stack

POOR = """
import os
import resource
from locust.exception import StopUser
from load.run.hooks import install_hooks
from load.users.reads import one_book
from load.users.user import LibraryUser

def live(user):
    if user.seen:
        raise StopUser
    user.seen = "", 0
    held, limits = [], resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (400, limits[1]))
    try:
        while len(held) < 400:
            held.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        one_book(user)
    finally:
        for each in held:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)

install_hooks()

class PoorUser(LibraryUser):
    tasks = [live]
"""
LACKING = """
import errno
from geventhttpclient.useragent import CompatRequest
from load.client.locust_client import LoadGaveWay, raise_own_lack

for number in (errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ECONNREFUSED, errno.ENETUNREACH):
    for host in ("127.0.0.1", "localhost"):
        problem = OSError(number, "")
        problem.request = CompatRequest(f"http://{host}:1/")  # as the library does
        try:
            raise_own_lack(problem)
        except LoadGaveWay:
            print(errno.errorcode[number], host)
"""
SEARCHED = f"""
import csv
import sys
from pathlib import Path
from analysis.plan.scenario_files import read_plan
from analysis.records.tail import Tail
from load.run.search_shape import find_invalid

folder = Path(sys.argv[1])
with (folder / "break_point_seconds.csv").open("w", newline="") as file:
    csv.writer(file).writerow([1000, "{NOT_SENT}", 0, 0, 0, 0, "3.000000"])
tail = Tail(folder, "break_point", [""])
tail.look()
plan = read_plan(Path("scenarios/break_point.conf"))
for begin in (1000, 1001):
    print([reason for reason in find_invalid(plan, tail, (begin, begin + 1)) if "descriptor" in reason])
"""


def test_a_request_that_the_load_has_no_descriptor_for_is_its_own_exception_and_no_failure_of_the_service(
    stack: Stack, ready: Path, tmp_path: Path
) -> None:
    folder = add_accounts(tmp_path, ready)
    run_user(folder, stack, POOR, "-u", "1", "-t", "2s")
    with open(folder / "run_exceptions.csv", newline="", encoding="utf-8") as file:
        raised = [(row["Count"], row["Message"]) for row in csv.DictReader(file)]
    assert raised == [("1", "this process has no descriptor left for a connection: see ulimit -n")]
    rows = read_rows(folder)
    assert read_totals(folder) == count_answers(rows) == {}
    assert sum(row.busy_s for row in rows if row.endpoint == NOT_SENT) == 1


def test_a_lack_of_descriptors_or_ports_is_told_from_a_service_that_cannot_be_reached() -> None:
    command = [sys.executable, "-c", LACKING]
    ran = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=True)
    is_one = len({found[4] for found in socket.getaddrinfo("localhost", None, type=socket.SOCK_STREAM)}) == 1
    both = [f"{number} {host}" for number in ("EMFILE", "ENFILE") for host in ("127.0.0.1", "localhost")]
    ports = ["EADDRNOTAVAIL 127.0.0.1", *(["EADDRNOTAVAIL localhost"] if is_one else [])]
    assert ran.stdout.splitlines() == both + ports


def test_a_step_of_a_search_in_which_requests_could_not_be_sent_says_nothing_of_the_services(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SEARCHED, str(tmp_path)]
    ran = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.splitlines() == ["['the load had no descriptor or port left for 3 requests']", "[]"]
