"""Users: their rows in MariaDB, and the check of a name and password."""

import re
import unicodedata
from typing import Any

from mysql.connector.errors import IntegrityError

from backend.auth.login_limits import begin_try, end_try
from backend.auth.passwords import hash_password, hashing_slots, verify_password
from backend.errors import AlreadyExists, NotAuthenticated, Unavailable
from backend.stores.pool import begin_anew_after_deadlock, reading, writing

USERNAME = r"[A-Za-z0-9_.-]{3,50}"
LONGEST_KEY = 762  # of the column email_key


def email_key(email: str) -> str:
    """Give the key by which addresses are compared, without regard to case and to the form of their characters.

    An `é` is the same as an `e` with an accent behind it, and a full-width letter the same as the letter (Unicode
    Standard, section 3.13, definition D146). The address itself stays as given (RFC 6532, section 3.1).
    """
    # No account has a longer address, and putting thousands of accents into their order takes a tenth of a second.
    if len(email) > LONGEST_KEY:
        return email.casefold()
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFD", email).casefold())
    return unicodedata.normalize("NFKC", folded.casefold())


def register_user(username: str, email: str, password: str) -> dict[str, Any]:
    """Add a user and give `{id, username, email}`.

    Raises AlreadyExists when the name or address is taken, the name without regard to case, the address by its key.
    """
    _refuse_taken(username, email)  # before the costly hash; the unique keys decide in a race
    with hashing_slots().reserve():
        password_hash = hash_password(password)
    try:
        return {"id": _add_user(username, email, password_hash), "username": username, "email": email}
    except IntegrityError:
        _refuse_taken(username, email)
        raise


@begin_anew_after_deadlock
def _add_user(username: str, email: str, password_hash: str) -> int:
    with writing() as cursor:
        cursor.execute(
            "INSERT INTO users (username, email, email_key, password_hash) VALUES (%s, %s, %s, %s)",
            (username, email, email_key(email), password_hash),
        )
        return int(cursor.lastrowid)


def authenticate(name: str, password: str) -> dict[str, Any]:
    """Give `{id, username, email}` of the user with this username or email and password.

    Raises NotAuthenticated, alike for an unknown name and a wrong password; TooManyFailures after ten failures in
    five minutes; Unavailable when a store is down or too many log-ins wait, of all accounts or of this alone.
    """
    # Reserved before anything else, so that a refusal is cheap.
    with hashing_slots().reserve():
        user = _find_for_login(name)
        account = f"id:{user['id']}" if user else f"name:{email_key(name)}"
        attempt = begin_try(account)
        try:
            matches = verify_password(password, user["password_hash"] if user else None)
        except Unavailable:
            end_try(account, attempt, failed=False)
            raise
        end_try(account, attempt, failed=not matches)
    if user is None or not matches:
        raise NotAuthenticated("Wrong name or password.")
    return {"id": user["id"], "username": user["username"], "email": user["email"]}


def _find_for_login(name: str) -> dict[str, Any] | None:
    with reading() as cursor:
        if re.fullmatch(USERNAME, name):
            cursor.execute("SELECT id, username, email, password_hash FROM users WHERE username = %s", (name,))
        else:
            key, older_key = _keys_of(name)
            cursor.execute(
                "SELECT id, username, email, password_hash FROM users WHERE email_key IN (%s, %s)"
                " ORDER BY email_key = %s DESC LIMIT 1",
                (key, older_key, older_key),
            )
        user: dict[str, Any] | None = cursor.fetchone()
    return user


def _refuse_taken(username: str, email: str) -> None:
    with reading() as cursor:
        cursor.execute(
            "SELECT username = %s AS same_name FROM users WHERE username = %s OR email_key IN (%s, %s) LIMIT 1",
            (username, username, *_keys_of(email)),
        )
        taken = cursor.fetchone()
    if taken is not None:
        field = "username" if taken["same_name"] else "email"
        raise AlreadyExists(f"This {field} is taken.", field)


def _keys_of(email: str) -> tuple[str, str]:
    """Give the key of an address, and the key that older rows have, from when it was only case-folded."""
    return email_key(email), email.casefold()
