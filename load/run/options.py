"""The options that the scenario files add to Locust's own, and the load shape that reads --stages."""

import argparse
import math
from typing import Any, ClassVar

from locust import LoadTestShape

from analysis.plan.plan import UNITS
from analysis.plan.scenario_files import PlanError, parse_stages
from analysis.plan.thresholds import LIMITS, OBJECTIVES, Threshold
from load.client.script import count_of


def stages_text(text: str) -> str:
    """Return "USERS:SECONDS:SPAWN_RATE ..." unchanged, because a master sends its options as text to its workers.

    Raises ArgumentTypeError for a text that gives no stages.
    """
    try:
        parse_stages(text)
        return text
    except PlanError as problem:
        raise argparse.ArgumentTypeError(str(problem)) from None


def parse_amount(text: str) -> float:
    """Return a number of 0 or more; raises ArgumentTypeError."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of 0 or more")
    return number


def parse_share(text: str) -> float:
    """Return a number from 0 to 1; raises ArgumentTypeError."""
    share = parse_amount(text)
    if share > 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a share from 0 to 1")
    return share


def unit_of_search(text: str) -> str:
    """Return what a search looks for; raises ArgumentTypeError."""
    if text not in UNITS:
        raise argparse.ArgumentTypeError(f"'{text}' is not {' or '.join(UNITS)}")
    return text


def threshold_option(threshold: Threshold) -> tuple[Any, str]:
    """Return the type and the help of the option that changes a threshold."""
    return parse_share if threshold.is_share else parse_amount, threshold.words.replace("%", "%%")


# The load reads the first eight, and a search all. The analysis reads the others in the scenario file.
OPTIONS: dict[str, tuple[Any, str]] = {
    "users-file": (str, "the accounts to sign in (users.csv)"),
    "shared-accounts": (count_of, "how many of the accounts the users share; all of them without it"),
    "sessions-file": (str, "where their sessions are kept (sessions.json)"),
    "record": (str, "write what each second brings to files whose names begin so; read_back.py then removes the books"),
    "stages": (stages_text, "a shaped load: USERS:SECONDS:SPAWN_RATE, once for each stage"),
    "arrivals": (parse_amount, "an open load: so many actions begin in a second, whatever the answers do"),
    "search": (unit_of_search, "what the load looks for the break-point in: users"),
    "machines": (count_of, "how many machines make the load; they join with join_load.sh"),
    "write-share": (parse_share, "planned share of writes among the /api requests, 0 to 1"),
    **{f"objective-{name}": threshold_option(threshold) for name, threshold in OBJECTIVES.items()},
    **{f"limit-{name}": threshold_option(threshold) for name, threshold in LIMITS.items()},
}
DEFAULTS = {"users-file": "users.csv", "sessions-file": "sessions.json"}


def add_options(parser: Any, **_: Any) -> None:
    """Add the options to Locust's parser, on the command line and in --config files, not in the web page."""
    for name, (kind, words) in OPTIONS.items():
        default = DEFAULTS.get(name)
        parser.add_argument(f"--{name}", type=kind, default=default, help=words, include_in_web_ui=False)


class StagesShape(LoadTestShape):
    """Goes through the stages of --stages, or those of the class without that option."""

    abstract = True
    stages: ClassVar[str]
    runner: Any  # set by Locust

    def tick(self) -> tuple[int, float] | None:
        """Return the users and the spawn rate of this moment, None at the end; Locust asks once a second."""
        left = float(self.get_run_time())  # type: ignore[no-untyped-call]  # Locust's
        for stage in parse_stages(self.runner.environment.parsed_options.stages or self.stages):
            if left < stage.seconds:
                return stage.users, stage.spawn_rate
            left -= stage.seconds
        return None
