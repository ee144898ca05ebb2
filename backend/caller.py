"""Who sent a request: the claims of an access token, and whether its session lives.

The entries of sessions in Redis are those of backend/auth/sessions.py.
"""

from dataclasses import dataclass
from typing import Any

from backend.errors import NotAuthenticated


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

    @property
    def sessions_key(self) -> str:
        """Name the set of the user's sessions in Redis."""
        return f"sessions_of:{self.claims['sub']}"

    def confirm(self, entry: bytes | None) -> None:
        """Take what LIVE_SESSION gives for the two keys. Raises NotAuthenticated when the session does not live."""
        user_id, _, rest = (entry or b"").decode().partition(":")
        if user_id != self.user_id:
            raise NotAuthenticated("This session has ended.")
        self.email = rest.partition(":")[2]
        self.seen = True
