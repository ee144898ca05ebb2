"""Sessions: issue, check, rotate and revoke tokens, which are JWTs that hold while their session is in Redis.

Redis holds one entry per live session, `session:<sid>` = `<user id>:<jti of its refresh token>:<email>`, and per user
the sorted set `sessions_of:<user id>` of session ids by the time of their end. No token itself is stored.
"""

import time
import uuid
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jwt

from backend.config import settings
from backend.errors import NotAuthenticated
from backend.redis_connection import Part
from backend.redis_store import Script, ask, ask_once, ask_script, redis_errors

ALGORITHM = "HS256"
ISSUER = "libros-auth"
AUDIENCE = "libros"
TEXT_CLAIMS = ("iss", "aud", "sub", "username", "sid", "jti", "token_use")
TIME_CLAIMS = ("iat", "exp")
LONGEST_TOKEN = 4096

# KEYS: session, sessions of the user. ARGV: value, sid, now, time to live. Ended sessions leave the user's set.
OPEN = Script("""
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[4])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[3])
redis.call('ZADD', KEYS[2], ARGV[3] + ARGV[4], ARGV[2])
redis.call('EXPIRE', KEYS[2], ARGV[4])
""")
# KEYS: as above. ARGV: user and token expected, user and new token, sid, now, time to live. A refresh token that was
# used before ends the whole session (RFC 9700, section 4.14.2).
ROTATE = Script("""
local value = redis.call('GET', KEYS[1])
if not value or string.sub(value, 1, #ARGV[1]) ~= ARGV[1] then
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[2], ARGV[3])
  return 0
end
redis.call('SET', KEYS[1], ARGV[2] .. string.sub(value, #ARGV[1] + 1), 'EX', ARGV[5])
redis.call('ZADD', KEYS[2], ARGV[4] + ARGV[5], ARGV[3])
redis.call('EXPIRE', KEYS[2], ARGV[5])
return 1
""")
# KEYS: as above. ARGV: sid.
CLOSE = Script("""
redis.call('ZREM', KEYS[2], ARGV[1])
return redis.call('DEL', KEYS[1])
""")
# KEYS: sessions of the user.
CLOSE_ALL = Script("""
for _, sid in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do redis.call('DEL', 'session:' .. sid) end
return redis.call('DEL', KEYS[1])
""")


@dataclass
class Caller:
    """Who sent a request: claims whose signature and time hold, and whether Redis said that the session lives."""

    claims: dict[str, Any]
    email: str = ""
    seen: bool = False

    @property
    def user_id(self) -> str:
        """Give the id of the user."""
        return str(self.claims["sub"])

    @property
    def user(self) -> dict[str, Any]:
        """Give `{id, username, email}`, known once the session was seen."""
        return {"id": int(self.user_id), "username": self.claims["username"], "email": self.email}

    @property
    def session_key(self) -> str:
        """Name the entry of the session in Redis."""
        return f"session:{self.claims['sid']}"

    def confirm(self, entry: bytes | None) -> None:
        """Take what Redis holds under `session_key`. Raises NotAuthenticated when the session does not live."""
        user_id, _, rest = (entry or b"").decode().partition(":")
        if user_id != self.user_id:
            raise NotAuthenticated("This session has ended.")
        self.email = rest.partition(":")[2]
        self.seen = True

    def look_up(self) -> None:
        """Ask Redis for the session. Raises as confirm(), and Unavailable without Redis: nobody passes unseen."""
        with redis_errors():
            entry = ask("GET", self.session_key)
        self.confirm(entry)


def identify(token: str) -> Caller:
    """Give the caller with this access token, whose session has yet to be looked up. Raises NotAuthenticated."""
    return Caller(_decode(token, "access"))


def start_session(user: dict[str, Any]) -> dict[str, Any]:
    """Open a session of the user `{id, username, email}` and give its first pair of tokens, as the log-in answers.

    Raises Unavailable without Redis.
    """
    sid, refresh_jti = _new_id(), _new_id()
    pair = _sign_pair(str(user["id"]), user["username"], sid, refresh_jti)
    entry = f"{user['id']}:{refresh_jti}:{user['email']}"
    with redis_errors():
        _run(OPEN, _keys(sid, user["id"]), entry, sid, int(time.time()), _session_ttl())
    return pair


def refresh_session(token: str) -> dict[str, Any]:
    """Take a refresh token, which works once, for a new pair.

    Raises NotAuthenticated when it is not valid or was used before, which also ends its session; Unavailable
    without Redis.
    """
    claims = _decode(token, "refresh")
    sid, user_id, refresh_jti = claims["sid"], claims["sub"], _new_id()
    with redis_errors():
        rotated = _run(
            ROTATE, _keys(sid, user_id), f"{user_id}:{claims['jti']}:", f"{user_id}:{refresh_jti}:", sid,
            int(time.time()), _session_ttl(),
        )  # fmt: skip
    if not rotated:
        raise NotAuthenticated("This session has ended.")
    return _sign_pair(user_id, claims["username"], sid, refresh_jti)


def end_session(token: str) -> None:
    """End the session of an access or refresh token. Raises NotAuthenticated when it has ended before."""
    claims = _decode(token, "access", "refresh")
    with redis_errors():
        ended = _run(CLOSE, _keys(claims["sid"], claims["sub"]), claims["sid"])
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
    claims = _decode(token, "access", verify_exp=False)
    if claims["exp"] <= time.time():
        return {"active": False, "reason": "expired"}
    try:
        Caller(claims).look_up()
    except NotAuthenticated:
        return {"active": False, "reason": "revoked"}
    return {"active": True} | {name: claims[name] for name in ("sub", "username", "sid", "jti", "iat", "exp")}


def _decode(token: str, *uses: str, verify_exp: bool = True) -> dict[str, Any]:
    claims = _verify(token)
    if claims["token_use"] not in uses or (verify_exp and claims["exp"] <= time.time()):
        raise NotAuthenticated
    return claims


@lru_cache(maxsize=1024)  # by the very bytes, and only what was found good; the time is looked at on each use
def _verify(token: str) -> dict[str, Any]:
    if len(token) > LONGEST_TOKEN:
        raise NotAuthenticated
    try:
        claims: dict[str, Any] = jwt.decode(
            token, settings().jwt_secret.get_secret_value(), algorithms=[ALGORITHM], issuer=ISSUER, audience=AUDIENCE,
            options={"require": [*TEXT_CLAIMS, *TIME_CLAIMS], "verify_exp": False},
        )  # fmt: skip
    # Hostile tokens make the library raise these too: a deep header, an infinite or textual time.
    except (jwt.PyJWTError, RecursionError, ValueError, OverflowError, TypeError):
        raise NotAuthenticated from None
    texts = all(isinstance(claims[name], str) for name in TEXT_CLAIMS)
    times = all(type(claims[name]) is int for name in TIME_CLAIMS)
    if not texts or not times:
        raise NotAuthenticated
    return claims


def _sign_pair(user_id: str, username: str, sid: str, refresh_jti: str) -> dict[str, Any]:
    ttl = settings().access_token_ttl
    owner = {"sub": user_id, "username": username, "sid": sid}
    return {
        "access_token": _sign(owner | {"jti": _new_id(), "token_use": "access"}, ttl),
        "refresh_token": _sign(owner | {"jti": refresh_jti, "token_use": "refresh"}, settings().refresh_token_ttl),
        "token_type": "Bearer",
        "expires_in": ttl,
    }


def _sign(claims: dict[str, Any], ttl: int) -> str:
    now = int(time.time())
    claims = claims | {"iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + ttl}
    return jwt.encode(claims, settings().jwt_secret.get_secret_value(), algorithm=ALGORITHM)


def _session_ttl() -> int:
    return max(settings().refresh_token_ttl, settings().access_token_ttl)


def _run(script: Script, keys: list[str], *arguments: Part) -> Any:
    return ask_script(script, keys, arguments, ask_once)  # a rotation that is sent twice would end its session


def _keys(sid: str, user_id: str | int) -> list[str]:
    return [f"session:{sid}", f"sessions_of:{user_id}"]


def _new_id() -> str:
    return uuid.uuid4().hex
