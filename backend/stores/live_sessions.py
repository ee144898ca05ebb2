"""Asks Redis whether the session of a caller lives; its entries are those of backend/auth/sessions.py."""

from backend.caller import Caller
from backend.stores.redis_store import Script, ask_script, redis_errors

# A function for scripts: takes the keys of a session and of its user's sessions, and gives the entry if it lives.
LIVE_SESSION = """
local function live_session(session, sessions)
  return redis.call('ZSCORE', sessions, string.sub(session, #'session:' + 1)) and redis.call('GET', session)
end
"""
# KEYS: session, sessions of the user.
LOOK_UP = Script(LIVE_SESSION + "return live_session(KEYS[1], KEYS[2])")


def look_up(caller: Caller) -> None:
    """Ask Redis for the session of a caller. Raises as confirm(), and Unavailable without Redis."""
    with redis_errors():
        entry = ask_script(LOOK_UP, [caller.session_key, caller.sessions_key], [])
    caller.confirm(entry)
