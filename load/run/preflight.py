"""Look before the load: find the two services, ask their health and metrics, and write down what will run where."""

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
from prometheus_client.parser import text_string_to_metric_families

from analysis.plan.plan import SCENARIOS, Plan, plan_to_dict
from analysis.plan.scenario_files import PlanError, read_plan, scenario_path
from load.client.accounts import read_accounts
from load.client.script import INTERRUPTED, Arguments, count_of
from load.client.service_metrics import BROKEN, find_token, read_metrics, read_stack, refuse_other_load
from load.client.services import WRONG_USE, Refused, open_http
from load.client.target import TIMEOUT_S, Target, choose_target, read_target
from load.run.machine import describe_machine, is_this_machine, read_commit


def read_service(name: str, url: str, token: str) -> dict[str, Any]:
    """Address, version and settings of a service, from /health and /metrics; raises Refused when it refuses."""
    try:
        version = open_http().get(f"{url}/health", timeout=TIMEOUT_S).json()["version"]
    except (requests.RequestException, ValueError, KeyError, TypeError):
        raise Refused(f"{url} gave no health within {TIMEOUT_S:g} s; see its log", BROKEN) from None
    families = text_string_to_metric_families(read_metrics(name, url, token))
    labels = {sample.name: sample.labels for family in families for sample in family.samples}
    return {
        "url": url,
        "version": version,
        "settings": labels.get("service_info", {}),
        "stores": labels.get("stores_info", {}),  # the books service knows them
    }


def find_files(options: argparse.Namespace) -> list[Path]:
    """The files of the scenarios: the user's own, else the project's; raises Refused when he has none of them."""
    own = {path.stem: path for path in options.own.glob("*.conf")} if options.own else {}
    if strange := sorted(own.keys() - set(SCENARIOS)):
        known = ", ".join(SCENARIOS)
        raise Refused(f"{own[strange[0]]} is no file of a scenario; there are {known}", WRONG_USE)
    if options.own and not own.keys() & set(options.scenarios):
        names = ", ".join(f"{name}.conf" for name in options.scenarios)
        raise Refused(f"--scenarios {options.own} has none of {names}; copy one from scenarios/", WRONG_USE)
    return [own.get(name, scenario_path(Path(), options.profile, name)) for name in options.scenarios]


def read_plans(folder: Path, files: list[Path]) -> list[Plan]:
    """The plans of the scenario files; raises Refused naming the file that is wrong."""
    try:
        plans = [read_plan(file) for file in files]
    except PlanError as error:
        raise Refused(str(error), BROKEN) from None
    for plan in plans:
        if not (folder / plan.locustfile).is_file():
            raise Refused(f"scenario {plan.name}: its locustfile {plan.locustfile} is missing", BROKEN)
    return plans


def describe_run(options: argparse.Namespace, target: Target) -> dict[str, Any]:
    """Everything that run.json holds; raises Refused. No secret is in it."""
    folder = Path()
    token = find_token(target)
    files = find_files(options)
    return {
        "run": options.out.name,
        "profile": options.profile,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "services": {name: read_service(name, url, token) for name, url in target._asdict().items()},
        "target_is_this_machine": is_this_machine(target.auth),
        "processes": options.processes,
        "accounts": len(read_accounts(Path("users.csv"))),
        "machine": describe_machine(),
        "commit": read_commit(folder),
        "scenario_files": [str(file) for file in files],
        "plan": [plan_to_dict(plan) for plan in read_plans(folder, files)],
    }


def write_run(out: Path, run: dict[str, Any]) -> None:
    """Write run.json, whole and for the first time; raises Refused when the folder is another run's."""
    try:
        with open(out / "run.json", "x", encoding="utf-8") as file:
            file.write(json.dumps(run, indent=2, ensure_ascii=False) + "\n")
    except OSError as problem:
        raise Refused(f"{out}/run.json cannot be written: {problem.strerror}", BROKEN) from None


def read_options() -> argparse.Namespace:
    parser = Arguments(description=__doc__)
    parser.add_argument("step", choices=("plan", "target", "token", "record"))
    parser.add_argument("--profile", choices=("full", "quick"), default="full")
    parser.add_argument("--scenarios", type=lambda text: text.split(), default=list(SCENARIOS))
    parser.add_argument("--own", type=Path)
    parser.add_argument("--host", default="")
    parser.add_argument("--auth-url", default="")
    parser.add_argument("--books-url", default="")
    parser.add_argument("--processes", type=count_of, default=1)
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


def main() -> int:
    """Do one step of the pre-flight and return the exit code; one line on standard error when it is refused."""
    options = read_options()
    try:
        if options.step == "plan":
            files = find_files(options)
            read_plans(Path(), files)
            print(*files, sep="\n")
        elif options.step == "target":
            target, given = read_target(options)
            chosen = choose_target(target, given)
            print(chosen, "stack" if chosen == "absent" or read_stack(target) else "other", *target)
        elif options.step == "token":
            print(find_token(read_target(options)[0]))
        else:
            target, _ = read_target(options)
            run = describe_run(options, target)
            refuse_other_load(target, find_token(target))
            write_run(options.out, run)
    except Refused as problem:
        print(f"run_all_tests.sh: {problem}", file=sys.stderr)
        return problem.exit_code
    except KeyboardInterrupt:  # run_all_tests.sh says so
        return INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
