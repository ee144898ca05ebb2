"""What the services need of Redis, looked at when they start: a server that takes writes, and the right to commands."""

import redis

from backend.stores.redis_connection import Part
from backend.stores.redis_run import SCRIPTS_STAY_OUT, ask_info, ask_map, redis_version
from backend.stores.redis_store import ask

OLDEST = (6, 2)  # the first version with ZINTER
KEY = "catalogue:trial"  # of the trials alone
GOOD_POLICY = "noeviction"

# Each command that the services send or their scripts call, in a form that leaves nothing behind when all are allowed.
TRIALS: list[tuple[Part, ...]] = [
    ("PING",), ("EVAL", "return 1", 0), ("EVALSHA", "0" * 40, 0), ("TIME",),
    ("GET", KEY), ("SET", KEY, "1", "PX", 1), ("DEL", KEY), ("EXISTS", KEY), ("EXPIRE", KEY, 1), ("PEXPIRE", KEY, 1),
    ("HSET", KEY, "a", 1), ("HINCRBY", KEY, "a", 1), ("HGET", KEY, "a"), ("HMGET", KEY, "a"), ("HLEN", KEY),
    ("HSCAN", KEY, 0), ("HDEL", KEY, "a"), ("UNLINK", KEY), ("SCAN", 0, "COUNT", 1),
    ("ZADD", KEY, "XX", 0, "a"), ("ZREM", KEY, "a"), ("ZCARD", KEY), ("ZSCORE", KEY, "a"), ("ZINTER", 1, KEY),
    ("ZRANGE", KEY, 0, 0), ("ZRANGEBYLEX", KEY, "-", "+"), ("ZRANGEBYSCORE", KEY, 0, 0), ("ZSCAN", KEY, 0),
    ("ZREMRANGEBYSCORE", KEY, 0, 0),
]  # fmt: skip
MARK_TRIALS: list[tuple[Part, ...]] = [("SCRIPT", "LOAD", "return 1"), ("SCRIPT", "EXISTS", "0" * 40)]


def find_lacks() -> str:
    """Give in words what Redis lacks, empty when it lacks nothing, or cannot be asked now."""
    try:
        return _find_unfit_server() or _find_missing_rights()
    except (redis.RedisError, LookupError, ValueError):
        return ""


def find_risks() -> list[str]:
    """Give in words why Redis may lose what it holds, or bring back what had ended; none where it cannot be asked."""
    try:
        return [words for words in (_find_eviction(), _find_revival()) if words]
    except (redis.RedisError, LookupError):
        return []


def _find_eviction() -> str:
    try:
        policy = _read_policy()
    except redis.ResponseError:
        return "whether it evicts keys cannot be seen: its user may run neither INFO nor CONFIG GET"
    if policy == GOOD_POLICY:
        return ""
    return (
        f"maxmemory-policy is {policy}: where memory is short it evicts keys, which ends sessions and takes the read "
        f"model out of use; set it to {GOOD_POLICY}"
    )


def _find_revival() -> str:
    """Give in words that a crash may bring an older state back; empty where its user may not see whether it does."""
    names = ("save", "appendonly", "appendfsync")
    try:
        snapshots, log, each = (ask_map("CONFIG", "GET", name)[name.encode()].decode() for name in names)
    except (redis.ResponseError, LookupError):
        return ""
    if (log == "yes" and each == "always") or (log == "no" and not snapshots):
        return ""
    return (
        'after a crash it brings back an older state, with sessions that had ended: let it keep nothing (save "" and '
        "appendonly no), or everything (appendonly yes and appendfsync always)"
    )


def _find_unfit_server() -> str:
    if _is_refused("HELLO"):
        return "does not take HELLO: it is older than 6.0, or its user may not run it"
    if ask_map("HELLO")[b"role"] == b"replica":
        return "is a replica, which takes no writes: name its master"
    if redis_version() < OLDEST:
        return "is older than 6.2"
    return ""


def _find_missing_rights() -> str:
    refused = [str(trial[0]) for trial in TRIALS if _is_refused(*trial)]
    if _is_refused("INFO", "server"):
        marks = [" ".join(map(str, trial[:2])) for trial in MARK_TRIALS if _is_refused(*trial)]
        if redis_version()[0] < SCRIPTS_STAY_OUT:
            refused.append("INFO")
        elif marks:
            refused.append(f"INFO, or else {' and '.join(marks)}")
    return f"does not let its user run {', '.join(refused)}" if refused else ""


def _is_refused(*command: Part) -> bool:
    try:
        ask(*command)
    except redis.ResponseError as error:  # others are no refusal: NOSCRIPT, OOM while it is full
        return str(error).startswith("NOPERM") or "unknown command" in str(error)
    return False


def _read_policy() -> str:
    try:
        return ask_info("memory")["maxmemory_policy"]
    except redis.ResponseError:
        return str(ask_map("CONFIG", "GET", "maxmemory-policy")[b"maxmemory-policy"].decode())
