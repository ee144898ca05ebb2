"""Look before the load: find the two services, ask their health and metrics, and write down what will run where.

In two steps, because the services may have to be started between them: `begin` finds scenario files and addresses and
begins run.json, `complete` adds what the services say of themselves, and refuses a load beside another one.
"""

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from analysis.plan.plan import MOST_ACCOUNTS, ON_DEMAND, SCENARIOS, Plan, plan_to_dict
from analysis.plan.scenario_files import PlanError, read_plan, scenario_path
from load.client.accounts import read_accounts
from load.client.refusal import BROKEN, INTERRUPTED, WRONG_USE, Refused
from load.client.script import Arguments, count_of
from load.client.service_machines import OPTION, find_machines, list_sampled, read_metrics_urls
from load.client.service_metrics import find_token, read_stack, refuse_other_load
from load.client.target import Target, choose_target, read_target
from load.machines.build import read_commit
from load.run.machine import describe_machine, is_this_machine
from load.run.service_agreement import refuse_disagreement
from load.run.service_facts import read_services


def find_files(options: argparse.Namespace) -> list[Path]:
    """Return the files of the scenarios: the user's own, or the project's where there is none.

    Raises Refused when the user's folder has none at all, or a file of no scenario.
    """
    own = {path.stem: path for path in options.own.glob("*.conf")} if options.own else {}
    if strange := sorted(own.keys() - {*SCENARIOS, *ON_DEMAND}):
        known = ", ".join(SCENARIOS + ON_DEMAND)
        raise Refused(f"{own[strange[0]]} is no file of a scenario; there are {known}", WRONG_USE)
    if options.own and not own.keys() & set(options.scenarios):
        names = ", ".join(f"{name}.conf" for name in options.scenarios)
        raise Refused(f"--scenarios {options.own} has none of {names}; copy one from scenarios/", WRONG_USE)
    return [own.get(name, scenario_path(Path(), options.profile, name)) for name in options.scenarios]


def read_plans(folder: Path, files: list[Path]) -> list[Plan]:
    """Return the plans of the scenario files; raises Refused, which names the file that is wrong."""
    try:
        plans = [read_plan(file) for file in files]
    except PlanError as error:
        raise Refused(str(error), BROKEN) from None
    for plan in plans:
        if not (folder / plan.locustfile).is_file():
            raise Refused(f"scenario {plan.name}: its locustfile {plan.locustfile} is missing", BROKEN)
    return plans


def begin_run(options: argparse.Namespace) -> list[str]:
    """Begin run.json with what is to run where, and return what run_all_tests.sh needs of it; raises Refused.

    The first line holds what was found at the addresses, whose they are ("stack" or "other"), the addresses of the two
    services, and how many accounts its users share at most. Each other line is a scenario file.
    """
    target, given = read_target(options)
    files = find_files(options)
    plans = read_plans(Path(), files)
    urls = read_metrics_urls(options.metrics_url)
    found = choose_target(target, given)
    services: dict[str, dict[str, Any]] = {name: {"url": url} for name, url in target._asdict().items()}
    for name, machines in find_machines(urls).items():
        services[name]["machines"] = machines
    write_run(
        options.out,
        {
            "run": options.out.name,
            "profile": options.profile,
            "services": services,
            "processes": options.processes,
            "scenario_files": [str(file) for file in files],
            "plan": [plan_to_dict(plan) for plan in plans],
        },
        "x",
    )
    whose = "stack" if found == "absent" or read_stack([*target, *urls.values()]) else "other"
    shared = max(plan.shared_accounts or MOST_ACCOUNTS for plan in plans)
    return [" ".join([found, whose, *target, str(shared)]), *map(str, files)]


def complete_run(out: Path) -> None:
    """Add to run.json what only services that run can tell, but no secret; raises Refused."""
    run = json.loads((out / "run.json").read_text(encoding="utf-8"))
    target = Target(**{name: service["url"] for name, service in run["services"].items()})
    token = find_token(target)
    sampled = list_sampled(run["services"])
    machines = [each for each in sampled if each.machine]
    run |= {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "services": read_services(run["services"], token),
        "target_is_this_machine": any(map(is_this_machine, [each.url for each in machines] or [target.auth])),
        "accounts": len(read_accounts(Path("users.csv"))),
        "machine": describe_machine(),
        "commit": read_commit(Path()),
    }
    if machines:
        refuse_disagreement(run["services"], token)
    refuse_other_load(target, token, [(each.service, each.url) for each in sampled])
    write_run(out, run, "w")


def write_run(out: Path, run: dict[str, Any], mode: str) -> None:
    """Write run.json; raises Refused when it cannot be, as with mode "x" when the folder is another run's."""
    try:
        with open(out / "run.json", mode, encoding="utf-8") as file:
            file.write(json.dumps(run, indent=2, ensure_ascii=False) + "\n")
    except OSError as problem:
        raise Refused(f"{out}/run.json cannot be written: {problem.strerror}", BROKEN) from None


def read_options() -> argparse.Namespace:
    """Return the options; all but the step and the folder belong to the first step, and run.json keeps them."""
    parser = Arguments(description=__doc__)
    parser.add_argument("step", choices=("begin", "complete"))
    parser.add_argument("out", type=Path, help="the results folder")
    parser.add_argument("--profile", choices=("full", "quick"), default="full")
    parser.add_argument("--scenarios", type=lambda text: text.split(), default=list(SCENARIOS))
    parser.add_argument("--own", type=Path)
    parser.add_argument("--host", default="")
    parser.add_argument("--auth-url", default="")
    parser.add_argument("--books-url", default="")
    parser.add_argument(OPTION, action="append", default=[])
    parser.add_argument("--processes", type=count_of, default=1)
    return parser.parse_args()


def main() -> int:
    """Do one step of the pre-flight and return the exit code; one line on standard error when it is refused."""
    options = read_options()
    try:
        if options.step == "begin":
            print(*begin_run(options), sep="\n")
        else:
            complete_run(options.out)
    except Refused as problem:
        print(f"run_all_tests.sh: {problem}", file=sys.stderr)
        return problem.exit_code
    except KeyboardInterrupt:  # run_all_tests.sh says so
        return INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
