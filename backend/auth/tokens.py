"""Tokens: JWTs that the auth service signs and both services check by themselves, without asking a store."""

import logging
import re
import time
import uuid
from functools import lru_cache
from typing import Any

import jwt

from backend.config import settings
from backend.errors import NotAuthenticated

log = logging.getLogger(__name__)

ALGORITHM = "HS256"
ISSUER = "libros-auth"
AUDIENCE = "libros"
LONGEST_TOKEN = 4096
LONGEST_SKEW_S = 5  # between the clocks of the services' hosts; none for the end of a token
TOLD_SKEW_S = 1  # from which on it is told: clocks that NTP keeps differ by less
TELL_SKEW_EVERY_S = 60.0
LATEST = 253_402_300_799  # the end of the year 9999: a later time is no time

# What the services' own tokens say, and no other is taken, whoever has signed it: what is in a token goes into the keys
# of Redis, into SQL and into answers.
ID = re.compile(r"[0-9a-f]{32}")
TEXT_CLAIMS = {
    "iss": re.compile(re.escape(ISSUER)),
    "aud": re.compile(re.escape(AUDIENCE)),
    "sub": re.compile(r"[1-9][0-9]{0,9}"),  # users.id
    "username": re.compile(r"[ -~]{1,50}"),  # users.username, which an older row may hold in another form than new ones
    "sid": ID,
    "jti": ID,
    "token_use": re.compile(r"access|refresh"),
}
TIME_CLAIMS = ("iat", "exp")
OPTIONS: Any = {
    "require": [*TEXT_CLAIMS, *TIME_CLAIMS],
    **dict.fromkeys(("verify_exp", "verify_iat", "verify_nbf"), False),  # looked at below
}


class Pace:
    """Lets something happen once in a while."""

    def __init__(self, every_s: float) -> None:
        """Take the seconds that must pass between two times."""
        self._every_s = every_s
        self._next = 0.0

    def allows(self) -> bool:
        """Say whether it may happen now."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + self._every_s
        return True


_paces = {"refused": Pace(TELL_SKEW_EVERY_S), "accepted": Pace(TELL_SKEW_EVERY_S)}


def read_bearer(header: str) -> str:
    """Give the token of an Authorization header. Raises NotAuthenticated unless there is exactly one."""
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token or "," in token:
        raise NotAuthenticated
    return token.strip()


def read_token(token: str, *uses: str, verify_exp: bool = True) -> dict[str, Any]:
    """Give the claims of a well-signed, complete token of one of these uses, `access` and `refresh`.

    Raises NotAuthenticated for any other, and with `verify_exp` for one that is over.
    """
    claims = _verify(token)
    if claims["token_use"] not in uses or (verify_exp and claims["exp"] <= time.time()):
        raise NotAuthenticated
    return claims


def sign_pair(user_id: str, username: str, sid: str, refresh_jti: str, left_s: int) -> dict[str, Any]:
    """Give an access and a refresh token of a session, as the log-in answers them; neither outlives its `left_s`."""
    ttl = min(settings().access_token_ttl, left_s)
    refresh_ttl = min(settings().refresh_token_ttl, left_s)
    owner = {"sub": user_id, "username": username, "sid": sid}
    return {
        "access_token": _sign(owner | {"jti": new_id(), "token_use": "access"}, ttl),
        "refresh_token": _sign(owner | {"jti": refresh_jti, "token_use": "refresh"}, refresh_ttl),
        "token_type": "Bearer",
        "expires_in": ttl,
    }


def new_id() -> str:
    """Give a name that nobody can guess, for a session or a token."""
    return uuid.uuid4().hex


def _sign(claims: dict[str, Any], ttl: int) -> str:
    now = int(time.time())
    claims = claims | {"iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + ttl}
    return jwt.encode(claims, settings().jwt_secret.get_secret_value(), algorithm=ALGORITHM)


@lru_cache(maxsize=1024)  # by the very bytes, and only what was found good; the time is looked at on each use
def _verify(token: str) -> dict[str, Any]:
    if len(token) > LONGEST_TOKEN:
        raise NotAuthenticated
    try:
        claims: dict[str, Any] = jwt.decode(
            token, settings().jwt_secret.get_secret_value(), algorithms=[ALGORITHM], issuer=ISSUER, audience=AUDIENCE,
            options=OPTIONS,
        )  # fmt: skip
    # Hostile tokens make the library raise these too: a deep header, claims that are no object.
    except (jwt.PyJWTError, RecursionError, ValueError, OverflowError, TypeError):
        raise NotAuthenticated from None
    if not _has_form(claims):
        raise NotAuthenticated
    _refuse_early(claims)
    return claims


def _has_form(claims: dict[str, Any]) -> bool:
    for name, form in TEXT_CLAIMS.items():
        if not isinstance(claims[name], str) or not form.fullmatch(claims[name]):
            return False
    begins = claims["iat"], claims.get("nbf", 0)
    for moment in (*begins, claims["exp"]):
        if type(moment) is not int or moment > LATEST:  # True is no time
            return False
    return bool(min(begins) >= 0)


def _refuse_early(claims: dict[str, Any]) -> None:
    """Refuse a token of the future, but for as much as two hosts' clocks may differ, and tell that they do."""
    ahead_s = max(claims["iat"], claims.get("nbf", 0)) - time.time()
    outcome = "refused" if ahead_s > LONGEST_SKEW_S else "accepted"
    if ahead_s > TOLD_SKEW_S and _paces[outcome].allows():
        log.warning(
            "clock skew: a token is %.1f s ahead of this host's clock, and %s: set the clocks of the services' hosts",
            ahead_s, outcome,
        )  # fmt: skip
    if outcome == "refused":
        raise NotAuthenticated
