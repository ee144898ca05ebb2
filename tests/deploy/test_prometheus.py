"""The files of deploy/ for Prometheus and Grafana, tried with Debian's Prometheus on the services of a stack."""

import json
import math
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clients import Client, register, sign_in
from tests.support.prometheus import DEPLOY, Prometheus, check, place, run_prometheus
from tests.support.read_models import wait_until_standing
from tests.support.shelf import make_book
from tests.support.stacks import Stack

LONG = os.environ.get("LONG_CHECKS") == "1"
WATCHED_S = 60 if LONG else 20  # read each 5 s: a rate needs two readings, and a rule the rate
BOARD = json.loads((DEPLOY / "grafana.json").read_text())
QUERIES = {
    f"{panel['title']} {target['refId']}": target["expr"] for panel in BOARD["panels"] for target in panel["targets"]
}
NAMES = re.findall(r"- (?:record|alert): (\S+)", (DEPLOY / "rules.yml").read_text())


@pytest.fixture(scope="module")
def prometheus(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that has watched both services for a while, in which they were used."""
    with run_prometheus(tmp_path_factory.mktemp("prometheus"), stack) as running:
        use_services(stack)
        yield running


def use_services(stack: Stack) -> None:
    """Read and write, a little each second."""
    ends = time.monotonic() + WATCHED_S
    token = sign_in(stack["AUTH_URL"], register(stack["AUTH_URL"]))["access_token"]
    with Client(stack["AUTH_URL"], token) as auth, Client(stack["BOOKS_URL"], token) as books:
        wait_until_standing(books)
        while time.monotonic() < ends:
            path = books.post("/api/books", json=make_book()).headers["Location"]
            assert [books.get(path).status_code, auth.get("/me").status_code] == [200, 200]
            assert books.delete(path).status_code == 204
            time.sleep(0.5)


def test_promtool_takes_the_files_and_the_rules_raise_the_alarms_that_they_should(tmp_path: Path, stack: Stack) -> None:
    main = place(tmp_path, stack)
    checked = check("check", "config", main, folder=tmp_path)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    shutil.copy(Path(__file__).with_name("rules_test.yml"), tmp_path)
    tested = check("test", "rules", "rules_test.yml", folder=tmp_path)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_each_rule_is_tried() -> None:
    text = Path(__file__).with_name("rules_test.yml").read_text()
    alerts = [name for name in NAMES if ":" not in name]
    assert len(alerts) >= 5, "none found: this test looks in the wrong place"
    assert [name for name in alerts if f"alertname: {name}\n" not in text] == []


def test_it_reads_the_metrics_of_both_services(prometheus: Prometheus) -> None:
    assert prometheus.targets() == {"auth": "up", "books": "up"}
    assert {each["metric"]["job"] for each in prometheus.ask("job:http_requests:rate1m > 0")} == {"auth", "books"}


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES.keys())
def test_a_query_of_the_dashboard_gives_numbers(prometheus: Prometheus, query: str) -> None:
    series = prometheus.ask(query.replace("$__rate_interval", "1m").replace("$job", ".*"))
    assert series, "nothing"
    assert not any(math.isnan(float(each["value"][1])) for each in series)


def test_every_name_that_the_dashboard_takes_from_the_rules_is_one_of_theirs() -> None:
    used = {name for query in QUERIES.values() for name in re.findall(r"job:\w+:\w+", query)}
    assert used and used <= set(NAMES)


def test_no_alarm_is_raised_while_all_is_well(prometheus: Prometheus) -> None:
    assert prometheus.ask('ALERTS{alertstate="firing"}') == []
