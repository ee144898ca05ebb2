"""Reads the scenario files: Locust's configuration files, with the mix and the objectives as options of their own."""

import math
import re
from pathlib import Path

from analysis.plan.plan import MOST_ACCOUNTS, UNITS, Plan, Stage
from analysis.plan.thresholds import LIMITS, OBJECTIVES, Threshold

SEARCHING = "break_point"  # the scenario whose locustfile has the shape of a search
SECONDS_IN = {"h": 3600, "m": 60, "s": 1}
SEARCHED = {  # the limits that a search cannot do with less of
    "search-first": 10.0, "search-most": 10.0, "search-seconds": 1.0, "search-growth": 1.05, "step-ramp-ratio": 0.01,
    "step-settle-seconds": 0.0, "step-measure-seconds": 1.0, "step-parts": 1.0, "step-bad-parts": 1.0,
    "pool-seconds": 0.01,
}  # fmt: skip
WHOLE = ("search-first", "search-most", "step-parts", "step-bad-parts")
AT_LEAST = (("search-most", "search-first"), ("step-measure-seconds", "step-parts"), ("step-parts", "step-bad-parts"))


class PlanError(Exception):
    """A scenario file that cannot be read as a plan; the message names the file and the key."""


def scenario_path(folder: Path, profile: str, name: str) -> Path:
    """Where the scenario file of a profile (`full` or `quick`) stands below the project folder."""
    return folder / "scenarios" / ("quick" if profile == "quick" else "") / f"{name}.conf"


def read_plan(path: Path) -> Plan:
    """Read a scenario file; raises PlanError with the file, the key and what to write instead."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise PlanError(f"{path}: {error.strerror}; restore it from the repository") from None
    except UnicodeDecodeError:
        raise PlanError(f"{path} is not UTF-8 text; restore it from the repository") from None
    try:
        values = dict(_read_pair(line) for line in lines if line.strip() and not line.lstrip().startswith(("#", ";")))
        limits = _read_thresholds(values, "limit-", LIMITS)
        return Plan(
            name=path.stem,
            question=lines[0].lstrip("# ").strip() if lines and lines[0].startswith("#") else "",
            locustfile=_required(values, "locustfile"),
            stages=_read_stages(values, limits),
            stop_timeout=_number(values, "stop-timeout", "0"),
            write_share=_number(values, "write-share") if "write-share" in values else None,
            objectives=_read_thresholds(values, "objective-", OBJECTIVES),
            limits=limits,
            shared_accounts=_read_count(values, "shared-accounts"),
            arrivals=_number(values, "arrivals") if "arrivals" in values else None,
            search=_read_unit(path.stem, values),
        )
    except PlanError as error:
        raise PlanError(f"{path}: {error}") from None


def _read_pair(line: str) -> tuple[str, str]:
    # Locust also takes `key: value`, `key value` and `--key = value`: then the two would read another plan each.
    found = re.fullmatch(r"\s*(\w[\w-]*)\s*=\s*(.*?)\s*", line)
    if found is None:
        raise PlanError(f"{line.strip()!r} is no setting; write KEY = VALUE")
    return found[1], found[2]


def parse_seconds(text: str) -> float:
    """Seconds of a Locust time such as `90`, `30s`, `5m` or `1h30m`; raises ValueError."""
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    if not re.fullmatch(r"(\d+h)?(\d+m)?(\d+s)?", text) or not text:
        raise ValueError(text)
    return float(sum(int(count) * SECONDS_IN[unit] for count, unit in re.findall(r"(\d+)([hms])", text)))


def _read_stages(values: dict[str, str], limits: dict[str, float]) -> tuple[Stage, ...]:
    if "search" in values:
        return plan_search(values["search"], limits)
    if "stages" in values:
        return parse_stages(_required(values, "stages"))
    text = _required(values, "run-time")
    try:
        seconds = parse_seconds(text)
    except ValueError:
        raise PlanError(f"run-time = {text} is no time; write it like 30s or 5m") from None
    if "arrivals" in values:
        pool = plan_pool(_number(values, "arrivals"), limits)
        return (_checked(Stage(pool[0], seconds, pool[1]), "arrivals and run-time"),)
    stage = Stage(int(_number(values, "users")), seconds, _number(values, "spawn-rate"))
    return (_checked(stage, "users, spawn-rate and run-time"),)


def plan_search(unit: str, limits: dict[str, float]) -> tuple[Stage, ...]:
    """What a search plans: at most the users of its largest load, for at most its seconds; raises PlanError."""
    values = {name: limits.get(name, LIMITS[name].usual or 0.0) for name in SEARCHED}
    for name, least in SEARCHED.items():
        if values[name] < least:
            raise PlanError(f"limit-{name} = {values[name]:g} must be {least:g} or more")
    for name, other in AT_LEAST:
        if values[name] < values[other]:
            raise PlanError(f"limit-{name} = {values[name]:g} must be limit-{other} = {values[other]:g} or more")
    for name in WHOLE:
        if values[name] != int(values[name]):
            raise PlanError(f"limit-{name} = {values[name]:g} must be a whole number")
    step_s = values["step-settle-seconds"] + values["step-measure-seconds"]
    step_s += 1 + math.ceil(1 / values["step-ramp-ratio"])
    if values["search-seconds"] < step_s:
        raise PlanError(f"limit-search-seconds = {values['search-seconds']:g} must be {step_s:g} or more, for one step")
    most = values["search-most"]
    users = plan_pool(most, limits)[0] if unit == "arrivals" else int(most)
    return (Stage(users, values["search-seconds"], values["step-ramp-ratio"] * users),)


def plan_pool(arrivals: float, limits: dict[str, float]) -> tuple[int, float]:
    """The users that an open load has in its pool, and how many come in a second before it begins."""
    seconds, ramp = (limits.get(name, LIMITS[name].usual or 0.0) for name in ("pool-seconds", "pool-ramp-seconds"))
    users = math.ceil(arrivals * seconds) if math.isfinite(arrivals) else 0
    return users, users / max(ramp, 1.0)


def _read_unit(name: str, values: dict[str, str]) -> str | None:
    unit = values.get("search")
    if (name == SEARCHING) != (unit is not None):  # without its shape a search would never end
        raise PlanError(f"search belongs into {SEARCHING}.conf, and only there")
    if unit is not None and "arrivals" in values:
        raise PlanError("search and arrivals exclude each other: write search = arrivals")
    if unit is not None and unit not in UNITS:
        raise PlanError(f"search = {unit} must be {' or '.join(UNITS)}")
    return unit


def parse_stages(text: str) -> tuple[Stage, ...]:
    """The stages of `50:60:25 100:60:25`; raises PlanError."""
    if not text.strip():
        raise PlanError("stages: there is none; write USERS:SECONDS:SPAWN_RATE once for each, 50:60:25 100:60:25")
    return tuple(_parse_stage(word) for word in text.split())


def _parse_stage(word: str) -> Stage:
    try:
        users, seconds, spawn_rate = word.split(":")
        stage = Stage(int(users), float(seconds), float(spawn_rate))
    except ValueError:
        raise PlanError(f"stages: {word!r} is no stage; write USERS:SECONDS:SPAWN_RATE, 50:60:25") from None
    return _checked(stage, f"stages: {word!r}")


def _checked(stage: Stage, where: str) -> Stage:
    if not all(0 < number < math.inf for number in (stage.users, stage.seconds, stage.spawn_rate)):
        raise PlanError(f"{where}: each number must be above 0")
    return stage


def _read_thresholds(values: dict[str, str], prefix: str, known: dict[str, Threshold]) -> dict[str, float]:
    names = [key.removeprefix(prefix) for key in values if key.startswith(prefix)]
    for name in names:
        if name not in known:
            raise PlanError(f"{prefix}{name} is unknown; there are {', '.join(known)}")
    return {name: _threshold(values, prefix + name, known[name]) for name in names}


def _threshold(values: dict[str, str], key: str, threshold: Threshold) -> float:
    number = _number(values, key)
    if not 0 <= number < (1.000001 if threshold.is_share else math.inf):
        raise PlanError(f"{key} = {values[key]} must be {'from 0 to 1' if threshold.is_share else '0 or more'}")
    return number


def _read_count(values: dict[str, str], key: str) -> int | None:
    if key not in values:
        return None
    if not re.fullmatch(r"[1-9][0-9]{0,5}", values[key]) or int(values[key]) > MOST_ACCOUNTS:
        raise PlanError(f"{key} = {values[key]} must be a whole number from 1 to {MOST_ACCOUNTS}")
    return int(values[key])


def _number(values: dict[str, str], key: str, default: str = "") -> float:
    text = _required(values, key) if not default else values.get(key, default)
    try:
        return float(text)
    except ValueError:
        raise PlanError(f"{key} = {text} is no number") from None


def _required(values: dict[str, str], key: str) -> str:
    if not values.get(key):
        raise PlanError(f"{key} is missing")
    return values[key]
