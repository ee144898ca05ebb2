"""The limit on failed log-ins of one account: counted before the password is looked at, so that guesses sent at
once cannot slip through together."""

import hashlib
import time
import uuid

from backend.errors import TooManyFailures
from backend.redis_store import Script, ask, ask_once, ask_script, redis_errors

MOST_FAILURES = 10
WINDOW_S = 300

# KEYS: failures of the account. ARGV: now, window, most, a name for this try. Gives 0, or the seconds to wait.
RESERVE = Script("""
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1] - ARGV[2])
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then
  local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
  return math.max(1, math.ceil(oldest + ARGV[2] - ARGV[1]))
end
redis.call('ZADD', KEYS[1], ARGV[1], ARGV[4])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 0
""")


def begin_try(account: str) -> str:
    """Count a try against `account`, a user id or a name that no account has, and give the try's own name.

    Raises TooManyFailures with the seconds until the oldest failure ages out, Unavailable without Redis.
    """
    attempt = uuid.uuid4().hex
    with redis_errors():
        wait = ask_script(RESERVE, [_key(account)], [str(time.time()), WINDOW_S, MOST_FAILURES, attempt], ask_once)
    if wait:
        raise TooManyFailures(int(wait))
    return attempt


def forgive_try(account: str, attempt: str) -> None:
    """Take back a try that was no failed guess."""
    with redis_errors():
        ask("ZREM", _key(account), attempt)


def _key(account: str) -> str:
    return "failures:" + hashlib.sha256(account.encode()).hexdigest()
