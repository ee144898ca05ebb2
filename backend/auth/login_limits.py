"""The limit on failed log-ins of one account: ten in five minutes.

Before the password is compared, a try reserves one of the failures that are left, so that guesses sent at once cannot
slip through together. When the try ends, its reservation becomes a failure or is given back.
"""

import hashlib
import uuid
from typing import Any

from backend.errors import TooManyFailures, Unavailable
from backend.stores.redis_connection import Part
from backend.stores.redis_store import Script, ask_once, ask_script, redis_errors

MOST_FAILURES = 10
WINDOW_S = 300
LONGEST_TRY_S = 6  # longer than any request: a reservation whose try never ended in Redis is void after it
ALL_RESERVED = -1

# KEYS: failures of the account by their time, reservations by the time at which each is void.
# ARGV: window, most failures, longest try, a name for this try. The time is that of Redis: hosts' clocks differ. Where
# its clock was set back, failures that lie ahead count from now on, and a reservation that lies too far ahead is void.
# Gives 0 with a reservation made, the seconds until the oldest failure ages out, or ALL_RESERVED. The first write needs
# memory: a full Redis refuses it there, before the password is hashed in vain, but lets any later one pass.
BEGIN = Script(f"""
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
for _, early in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf')) do
  redis.call('ZADD', KEYS[1], now, early)
end
local failures = redis.call('ZRANGEBYSCORE', KEYS[1], now - ARGV[1], '+inf', 'WITHSCORES')
local left = ARGV[2] - #failures / 2
if left <= 0 then return math.max(1, math.ceil(failures[2] + ARGV[1] - now)) end
if #redis.call('ZRANGEBYSCORE', KEYS[2], now, now + ARGV[3]) >= left then return {ALL_RESERVED} end
redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[4])
redis.call('EXPIRE', KEYS[2], ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
return 0
""")
# KEYS: as above. ARGV: the try, 1 if the password was wrong, window. Gives 0 when the reservation was void.
END = Script("""
if redis.call('ZREM', KEYS[2], ARGV[1]) == 0 then return 0 end
if ARGV[2] == '1' then
  local time = redis.call('TIME')
  redis.call('ZADD', KEYS[1], time[1] + time[2] / 1000000, ARGV[1])
  redis.call('EXPIRE', KEYS[1], ARGV[3])
end
return 1
""")


def begin_try(account: str) -> str:
    """Reserve a failure for a try against `account`, a user id or a name that no account has; give the try's own name.

    Raises TooManyFailures with the seconds until the oldest failure ages out; Unavailable when tries under way have
    reserved all failures that are left, and without Redis.
    """
    attempt = uuid.uuid4().hex
    wait = _run(BEGIN, account, WINDOW_S, MOST_FAILURES, LONGEST_TRY_S, attempt)
    if wait == ALL_RESERVED:
        raise Unavailable("Too many log-ins of this account at once.")
    if wait:
        raise TooManyFailures(int(wait))
    return attempt


def end_try(account: str, attempt: str, *, failed: bool) -> None:
    """Give the reservation of a try back, or with `failed` make it a failure; only then is the caller told the outcome.

    Raises Unavailable when the reservation was void, and without Redis.
    """
    if not _run(END, account, attempt, int(failed), WINDOW_S):
        raise Unavailable("The log-in took too long.")


def _run(script: Script, account: str, *arguments: Part) -> Any:
    digest = hashlib.sha256(account.encode()).hexdigest()
    with redis_errors():
        return ask_script(script, [f"failures:{digest}", f"tries:{digest}"], arguments, ask_once)
