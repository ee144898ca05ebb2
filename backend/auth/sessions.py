"""Sessions: open, see, rotate and end them. A token holds while its session is in Redis.

Redis holds one entry per live session, `session:<sid>` = `<user id>:<jti of its refresh token>:<email>`, and per user
the sorted set `sessions_of:<user id>` of session ids by the time at which each ends, however often it is refreshed. A
session lives while both name it: where Redis loses either, by eviction or by hand, it has ended, so that no log-out
everywhere can miss it. No token itself is stored. All times are by Redis' clock, since those of hosts differ.
"""

import time
from typing import Any

from backend.auth.tokens import new_id, read_token, sign_pair
from backend.caller import Caller
from backend.config import settings
from backend.errors import NotAuthenticated, Unavailable
from backend.stores.live_sessions import LIVE_SESSION, look_up
from backend.stores.redis_connection import Part
from backend.stores.redis_store import Script, ask_once, ask_script, redis_errors

PERHAPS_TAKEN = "The refresh token may have been taken all the same: if the next try answers 401, sign in again."

# KEYS: as above. ARGV: value, sid, time to the first refresh, longest life. Ended sessions leave the user's set.
OPEN = Script("""
local now = redis.call('TIME')[1]
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
redis.call('ZADD', KEYS[2], now + ARGV[4], ARGV[2])
redis.call('EXPIRE', KEYS[2], ARGV[4])
""")
# KEYS: as above. ARGV: user and token expected, user and new token, sid, time to the next refresh. A refresh token that
# was used before ends the whole session (RFC 9700, section 4.14.2). Gives the seconds that are left of the session, 0
# when it has ended.
ROTATE = Script("""
local value = redis.call('GET', KEYS[1])
local left = (redis.call('ZSCORE', KEYS[2], ARGV[3]) or 0) - redis.call('TIME')[1]
if not value or left < 1 or string.sub(value, 1, #ARGV[1]) ~= ARGV[1] then
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[2], ARGV[3])
  return 0
end
redis.call('SET', KEYS[1], ARGV[2] .. string.sub(value, #ARGV[1] + 1), 'EX', math.min(ARGV[4], left))
return left
""")
# KEYS: as above. ARGV: sid, user and token expected. Gives 0 when the session had ended, or the token was used before.
CLOSE = Script(
    LIVE_SESSION
    + """
local value = live_session(KEYS[1], KEYS[2])
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
return value and string.sub(value, 1, #ARGV[2]) == ARGV[2] and 1 or 0
"""
)
# KEYS: sessions of the user.
CLOSE_ALL = Script("""
for _, sid in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do redis.call('DEL', 'session:' .. sid) end
return redis.call('DEL', KEYS[1])
""")


def identify(token: str) -> Caller:
    """Give the caller with this access token, whose session has yet to be looked up. Raises NotAuthenticated."""
    return Caller(read_token(token, "access"))


def start_session(user: dict[str, Any]) -> dict[str, Any]:
    """Open a session of the user `{id, username, email}` and give its first pair of tokens, as the log-in answers.

    Raises Unavailable without Redis.
    """
    sid, refresh_jti, longest = new_id(), new_id(), settings().session_ttl
    pair = sign_pair(str(user["id"]), user["username"], sid, refresh_jti, longest)
    entry = f"{user['id']}:{refresh_jti}:{user['email']}"
    with redis_errors():
        _run(OPEN, _keys(sid, user["id"]), entry, sid, min(_idle_ttl(), longest), longest)
    return pair


def refresh_session(token: str) -> dict[str, Any]:
    """Take a refresh token, which works once, for a new pair.

    Raises NotAuthenticated when it is not valid or was used before, which also ends its session; Unavailable
    without an answer of Redis, which may have taken the token all the same.
    """
    claims = read_token(token, "refresh")
    sid, user_id, refresh_jti = claims["sid"], claims["sub"], new_id()
    entry, renewed = (f"{user_id}:{jti}:" for jti in (claims["jti"], refresh_jti))
    try:
        with redis_errors():
            left_s = _run(ROTATE, _keys(sid, user_id), entry, renewed, sid, _idle_ttl())
    except Unavailable as error:
        raise Unavailable(f"{error.detail} {PERHAPS_TAKEN}") from error
    if not left_s:
        raise NotAuthenticated("This session has ended.")
    return sign_pair(user_id, claims["username"], sid, refresh_jti, left_s)


def end_session(token: str) -> None:
    """End the session of an access or refresh token.

    Raises NotAuthenticated when it has ended before, or the refresh token was used before, which ends it too.
    """
    claims = read_token(token, "access", "refresh")
    sid, user_id = claims["sid"], claims["sub"]
    is_access = claims["token_use"] == "access"  # noqa: S105 - a kind of token
    entry = f"{user_id}:" if is_access else f"{user_id}:{claims['jti']}:"
    with redis_errors():
        ended = _run(CLOSE, _keys(sid, user_id), sid, entry)
    if not ended:
        raise NotAuthenticated("This session has ended.")


def end_all_sessions(user_id: str) -> None:
    """End every session of a user."""
    with redis_errors():
        _run(CLOSE_ALL, [f"sessions_of:{user_id}"])


def token_status(token: str) -> dict[str, Any]:
    """Say whether a well-signed, complete access token is active, and else why not.

    Raises NotAuthenticated for anything else.
    """
    claims = read_token(token, "access", verify_exp=False)
    if claims["exp"] <= time.time():
        return {"active": False, "reason": "expired"}
    try:
        look_up(Caller(claims))
    except NotAuthenticated:
        return {"active": False, "reason": "revoked"}
    return {"active": True} | {name: claims[name] for name in ("sub", "username", "sid", "jti", "iat", "exp")}


def _idle_ttl() -> int:
    """Give the seconds after which a session ends unless it is refreshed: no token of it holds any longer."""
    return max(settings().refresh_token_ttl, settings().access_token_ttl)


def _run(script: Script, keys: list[str], *arguments: Part) -> Any:
    return ask_script(script, keys, arguments, ask_once)  # a rotation that is sent twice would end its session


def _keys(sid: str, user_id: str | int) -> list[str]:
    return [f"session:{sid}", f"sessions_of:{user_id}"]
