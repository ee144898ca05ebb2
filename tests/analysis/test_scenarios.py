"""The scenario files as Locust itself reads them, the mixes, and the smoke walk against both OpenAPI documents."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from analysis.plan.thresholds import LIMITS, OBJECTIVES
from tests.support.scripts import choose_environment, locust_command
from tests.support.short_form import pick
from tests.support.stacks import PROJECT, Stack

LOCAL = {
    "objective_reads_p95_ms": 100, "objective_writes_p95_ms": 200, "objective_login_p95_ms": 2000,
    "objective_reads_p99_ms": 300, "objective_writes_p99_ms": 600, "objective_login_p99_ms": 3000,
}  # fmt: skip
SPIKE = {
    "objective_reads_p95_ms": 500, "objective_reads_p99_ms": 1500, "objective_shed_ratio": 0.05,
    "objective_writes_p95_ms": 1000, "objective_login_p95_ms": 5000,
    "objective_recovery_seconds": 30, "limit_generator_lag_p99_ms": 50,
}  # fmt: skip
SMOKE = {"objective_dead_ratio": 1, "limit_generator_lag_p99_ms": 250, "limit_balance_ratio": 0.1}
MINUTES = [50, 100, 200, 300, 200, 100, 50]
PLANS: dict[str, dict[str, Any]] = {
    "scenarios/smoke.conf": {"num_users": 5, "spawn_rate": 1, "run_time": 60, **SMOKE},
    "scenarios/baseline.conf": {
        "num_users": 50, "spawn_rate": 5, "run_time": 300, "write_share": 0.08, **LOCAL, "limit_warm_up_seconds": 20,
    },
    "scenarios/read_heavy.conf": {"num_users": 100, "spawn_rate": 10, "run_time": 300, "write_share": 0.08, **LOCAL},
    "scenarios/write_heavy.conf": {"num_users": 100, "spawn_rate": 10, "run_time": 300, "write_share": 0.75, **LOCAL},
    "scenarios/stages.conf": {"stages": [[users, 60, 25] for users in MINUTES], "write_share": 0.08, **LOCAL},
    "scenarios/soak.conf": {
        "num_users": 150, "spawn_rate": 15, "run_time": 1800, "write_share": 0.08, **LOCAL,
        "objective_clients_per_minute": 5, "limit_warm_up_seconds": 300,
    },
    "scenarios/spike.conf": {
        "stages": [[50, 60, 50], [1000, 70, 95], [50, 120, 95]], "write_share": 0.08, **SPIKE,
    },
    "scenarios/quick/smoke.conf": {"num_users": 5, "spawn_rate": 1, "run_time": 20, **SMOKE},
    "scenarios/quick/baseline.conf": {
        "num_users": 50, "spawn_rate": 10, "run_time": 30, "write_share": 0.08, **LOCAL,
    },
    "scenarios/quick/read_heavy.conf": {
        "num_users": 100, "spawn_rate": 20, "run_time": 30, "write_share": 0.08, **LOCAL,
    },
    "scenarios/quick/write_heavy.conf": {
        "num_users": 100, "spawn_rate": 20, "run_time": 30, "write_share": 0.75, **LOCAL,
    },
    "scenarios/quick/stages.conf": {
        "stages": [[users, 10, 25] for users in (50, 100, 150, 100, 50)], "write_share": 0.08, **LOCAL,
        "objective_return_factor": 1.5,
    },
    "scenarios/quick/soak.conf": {
        "num_users": 100, "spawn_rate": 20, "run_time": 150, "write_share": 0.08, **LOCAL,
        "objective_memory_kib_per_minute": 512, "limit_warm_up_seconds": 30,
    },
    "scenarios/quick/spike.conf": {
        "stages": [[50, 10, 50], [500, 20, 90], [50, 30, 90]], "write_share": 0.08, **SPIKE,
    },
}  # fmt: skip
SEARCH = {
    "search": "users", "write_share": 0.08, "objective_error_ratio": 1, "objective_shed_ratio": 0.01,
    "objective_reads_p95_ms": 100, "objective_writes_p95_ms": 200, "objective_login_p95_ms": 2000,
    "objective_recovery_seconds": 30, "limit_search_most": 5000, "limit_search_growth": 1.5, "limit_search_width": 0.1,
    "limit_step_ramp_ratio": 0.1, "limit_step_settle_seconds": 10, "limit_step_parts": 3, "limit_step_bad_parts": 2,
    "limit_step_failed_ratio": 0.01, "limit_step_chance": 0.05, "limit_step_asked_ratio": 0.9,
    "limit_step_login_answers": 40, "limit_generator_lag_p99_ms": 50, "limit_late_p99_ms": 50,
}  # fmt: skip
PLANS |= {
    "scenarios/break_point.conf": {
        **SEARCH, "limit_search_first": 100, "limit_search_seconds": 2400, "limit_step_measure_seconds": 60,
    },
    "scenarios/quick/break_point.conf": {
        **SEARCH, "limit_search_first": 300, "limit_search_seconds": 600, "limit_step_measure_seconds": 15,
    },
    "scenarios/arrivals.conf": {"arrivals": 100, "run_time": 300, "write_share": 0.08, **LOCAL},
    "scenarios/quick/arrivals.conf": {"arrivals": 50, "run_time": 35, "write_share": 0.08, **LOCAL},
}  # fmt: skip
FILES = {
    "break_point": "locustfile_break_point.py",
    "smoke": "locustfile_smoke.py",
    "write_heavy": "locustfile_write_heavy.py",
    "stages": "locustfile_stages.py",
    "spike": "locustfile_spike.py",
}
WRONG_LINES = [
    "stages = 50:60",
    "stages = 50:60:0",
    "stages = 0:60:10",
    "stages = 5:nan:1",
    "write-share = 1.1",
    "write-share = many",
    "objective-reads-p95-ms = -1",
    "objective-error-ratio = 2",
    "objective-shed-ratio = inf",
    "limit-missing-ratio = 2",
    "limit-normal-seconds = soon",
    "colour = red",
]
PLAN_KEYS = ("num_users", "spawn_rate", "run_time", "stages", "search", "arrivals", "write_share")

# Runs in a process of its own: importing Locust changes the sockets of the process.
READ_SCENARIOS = """
import json, sys
from dataclasses import astuple
from load.run.hooks import install_hooks
from analysis.plan.scenario_files import parse_stages
from locust.argument_parser import get_parser
install_hooks()
plans = {path: vars(get_parser().parse_args(["--config", path])) for path in sys.argv[1:]}
for plan in plans.values():
    plan["stages"] = plan["stages"] and parse_stages(plan["stages"])
print(json.dumps(plans, default=astuple))
"""
READ_LOADS = """
from dataclasses import astuple
import json, locustfile, locustfile_smoke, locustfile_spike, locustfile_stages, locustfile_write_heavy
from analysis.plan.scenario_files import parse_stages
mixes = {file.__name__: {action.__name__: weight for action, weight in file.MIX.items()}
         for file in (locustfile, locustfile_write_heavy)}
shapes = {"stages": locustfile_stages.Stages, "spike": locustfile_spike.Spike}
stages = {name: [astuple(stage) for stage in parse_stages(shape.stages)] for name, shape in shapes.items()}
steps = [[step.service, step.path, step.method.lower(), str(step.status)] for step in locustfile_smoke.STEPS]
print(json.dumps([mixes, stages, steps]))
"""


def run_code(code: str, *arguments: str) -> Any:
    """Run Python code in the project folder and return the JSON it prints."""
    ran = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=PROJECT, env=choose_environment(None), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@pytest.fixture(scope="module")
def scenarios() -> dict[str, dict[str, Any]]:
    """What Locust reads from each scenario file, together with locust.conf."""
    return dict(run_code(READ_SCENARIOS, *PLANS))


@pytest.fixture(scope="module")
def loads() -> tuple[dict[str, dict[str, int]], dict[str, Any], list[list[str]]]:
    """The mixes of actions, the stages of the shapes, and the steps of the smoke walk."""
    mixes, stages, steps = run_code(READ_LOADS)
    return mixes, stages, steps


@pytest.mark.parametrize("path", PLANS)
def test_a_scenario_plans_exactly_its_load(scenarios: dict[str, dict[str, Any]], path: str) -> None:
    found, plan = scenarios[path], PLANS[path]
    assert found["locustfile"] == FILES.get(Path(path).stem, "locustfile.py")
    assert {key: found[key] for key in PLAN_KEYS if found[key] is not None} == {
        key: plan[key] for key in PLAN_KEYS if key in plan
    }
    assert found["headless"] is True
    assert float(found["stop_timeout"]) == 10


@pytest.mark.parametrize("path", PLANS)
def test_a_scenario_has_its_objectives_and_limits(scenarios: dict[str, dict[str, Any]], path: str) -> None:
    names = [key for key in scenarios[path] if key.startswith(("objective_", "limit_"))]
    found = {name: scenarios[path][name] for name in names if scenarios[path][name] is not None}
    shed = 0.05 if path.endswith("spike.conf") else found["objective_shed_ratio"]
    plan = {name: value for name, value in PLANS[path].items() if name in names}
    assert found == {"objective_error_ratio": 0, "objective_shed_ratio": shed, **plan}
    assert shed <= 0.05


def test_every_threshold_of_the_analysis_can_be_given_in_a_scenario(scenarios: dict[str, dict[str, Any]]) -> None:
    wanted = {f"objective_{name}" for name in OBJECTIVES} | {f"limit_{name}" for name in LIMITS}
    found = {key for key in scenarios["scenarios/smoke.conf"] if key.startswith(("objective_", "limit_"))}
    assert found == {name.replace("-", "_") for name in wanted}


def test_no_scenario_is_untested() -> None:
    found = {str(path.relative_to(PROJECT)) for path in (PROJECT / "scenarios").rglob("*.conf")}
    assert found == set(PLANS)


@pytest.mark.parametrize("path", PLANS)
def test_a_scenario_begins_with_the_question_it_asks(path: str) -> None:
    first = (PROJECT / path).read_text().splitlines()[0]
    assert first.startswith("# ") and first.endswith("?")
    assert first == (PROJECT / "scenarios" / Path(path).name).read_text().splitlines()[0]


def test_the_web_page_listens_on_this_machine_only_beside_a_scenario_too(scenarios: dict[str, dict[str, Any]]) -> None:
    assert {found["web_host"] for found in scenarios.values()} == {"127.0.0.1"}
    assert (PROJECT / "locust.conf").read_text() == "web-host = 127.0.0.1\n"


def test_a_shape_without_stages_of_its_own_is_that_of_the_full_scenario(
    scenarios: dict[str, dict[str, Any]], loads: tuple[Any, dict[str, Any], Any]
) -> None:
    for name, stages in loads[1].items():
        assert stages == scenarios[f"scenarios/{name}.conf"]["stages"]


@pytest.mark.parametrize(("locustfile", "share"), [("locustfile", 0.08), ("locustfile_write_heavy", 0.75)])
def test_a_mix_has_the_planned_share_of_writes_and_few_log_ins(
    loads: tuple[dict[str, dict[str, int]], Any, Any], locustfile: str, share: float
) -> None:
    mix = loads[0][locustfile]
    writes = sum(mix[name] for name in ("add_book", "change_book", "delete_book"))
    assert mix["session_flow"] <= 0.005 * sum(mix.values())
    assert writes == share * (sum(mix.values()) - mix["session_flow"])


@pytest.mark.parametrize("service", ["auth", "books"])
def test_the_smoke_walk_has_a_step_for_every_documented_answer(
    stack: Stack, loads: tuple[Any, Any, list[list[str]]], service: str
) -> None:
    document = requests.get(f"{stack[f'{service.upper()}_URL']}/openapi.json", timeout=10).json()
    documented = {
        (path, method, status)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        for status in operation["responses"]
    }
    assert len(documented) >= 25
    unprovokable = {(path, method, status) for path, method, status in documented if status in ("500", "503")}
    pages = ("/health", "/ready", "/metrics", "/openapi.json", "/docs", "/no/such/path")
    walked = {(path, method, status) for at, path, method, status in loads[2] if at == service}
    assert documented - unprovokable - walked == set()
    undocumented = {step for step in walked - documented if step[0] not in pages and step[2] != "405"}
    assert undocumented == set()
    assert {path for path, _, _ in walked} >= set(pages)


@pytest.mark.parametrize("status", [200, 201, 204, 304, 400, 401, 404, 405, 409, 412, 413, 415, 422, 429])
def test_the_smoke_walk_meets_every_status_that_a_client_can_provoke(
    loads: tuple[Any, Any, list[list[str]]], status: int
) -> None:
    assert str(status) in {step[3] for step in loads[2]}


@pytest.mark.parametrize("option", pick(WRONG_LINES, 0, 4, 6, 7, 10, 11))
def test_a_wrong_line_in_a_scenario_is_named_in_one_line(tmp_path: Path, option: str) -> None:
    scenario = tmp_path / "wrong.conf"
    scenario.write_text(f"headless = true\nrun-time = 1s\n{option}\n")
    ran = subprocess.run(
        locust_command("locustfile.py", "--config", str(scenario)),
        cwd=tmp_path, env=choose_environment(None), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.returncode == 2
    assert option.split(" ", maxsplit=1)[0] in ran.stderr
    assert len(ran.stderr.splitlines()) == 1
