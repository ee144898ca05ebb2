"""The sessions of the accounts that a load's users share: begun once, and refreshed as long as the process lives."""

import logging
import math
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import gevent
from gevent.lock import RLock

from load.client.accounts import Account
from load.client.refusal import Refused
from load.client.sessions import Session, Sessions, is_due, read_sessions
from load.client.sign_in import AT_A_TIME, CannotSignIn, ensure_sessions

MOST_AT_A_TIME = 32  # refreshes
ROUND_TRIP_S = 0.25  # within which a refresh is answered, also over a slow network
URGENT_S = 10.0  # a token with less time left than that, or than a sixth of its life, is refreshed before a start
log = logging.getLogger(__name__)


class SharedSessions:
    """The sessions of one auth service. Their owner, a master or the only process, refreshes them, and keeps them in a
    file, from which worker processes read them.
    """

    def __init__(
        self, auth_url: str, accounts: list[Account], path: Path, is_owner: bool, is_loading: Callable[[], bool]
    ) -> None:
        """Begin without a session; `path` is the file that keeps them, `is_loading` tells whether there are users."""
        self.auth_url, self.accounts, self._path, self._is_owner = auth_url, accounts, path, is_owner
        self._is_loading = is_loading
        self._sessions: Sessions = {}
        self._failures: Counter[str] = Counter()  # of each username, since its session was last renewed
        self._working = RLock()  # no session is refreshed twice
        self._keeper: gevent.Greenlet | None = None

    def token(self, number: int) -> str:
        """Return an access token for user `number`; users share the accounts in turn."""
        return self._sessions[self.accounts[number % len(self.accounts)].username]["access_token"]

    def begin(self, label: str, tell: Callable[[int, int], None]) -> None:
        """Give every account a live session, and keep it alive from now on; raises Refused.

        With a label the terminal shows the progress; `tell` gets the number of accounts that are done, and of all.
        """
        if self._is_owner:
            with self._working:
                self._sessions, _ = ensure_sessions(self.auth_url, self.accounts, self._path, label=label, tell=tell)
                self._refresh(is_due, len(self.accounts), MOST_AT_A_TIME)  # the first may be due before the last begins
        else:
            self._take_up()
        self._keeper = self._keeper or gevent.spawn(self._keep)

    def freshen(self) -> None:
        """Refresh the tokens that would expire soon after a start, many at a time; raises Refused."""
        if self._is_owner:
            self._refresh(is_urgent, len(self.accounts), MOST_AT_A_TIME)
        else:
            self._take_up()

    def end(self) -> None:
        """Stop refreshing."""
        if self._keeper:
            self._keeper.kill()

    def _take_up(self) -> None:
        """Read the sessions from the owner's file; raises Refused when one is missing."""
        sessions = read_sessions(self._path).get(self.auth_url, {})
        if missing := [one.username for one in self.accounts if one.username not in sessions]:
            raise Refused(f"{self._path} has no session of {missing[0]}; run: python -m load.client.sign_in", 1)
        self._sessions = sessions

    def _refresh(self, is_wanted: Callable[[Session], bool], most: int, at_a_time: int) -> None:
        """Renew the sessions of up to `most` accounts; those that failed before come last, so that they keep no other
        from its turn. Raises Refused when an account fails; the others are renewed then too.
        """
        with self._working:
            wanted = [one for one in self.accounts if is_wanted(self._sessions[one.username])]
            wanted = sorted(wanted, key=lambda one: self._failures[one.username])[:most]
            if wanted:
                self._renew(wanted, at_a_time)

    def _renew(self, accounts: list[Account], at_a_time: int) -> None:
        try:
            self._take_over(ensure_sessions(self.auth_url, accounts, self._path, at_a_time, label="")[0])
        except CannotSignIn as problem:
            self._failures.update(list(problem.failed))
            self._take_over(problem.sessions)
            raise

    def _take_over(self, renewed: Sessions) -> None:
        self._sessions |= renewed
        for username in renewed:
            del self._failures[username]

    def _keep(self) -> NoReturn:
        """Refresh what comes due (owner), or read what the owner has refreshed (worker processes), for ever."""
        pause, batch, at_a_time = plan_refreshes(len(self.accounts), self._shortest_life())
        seen, said, spent = 0, "", 0.0
        while True:
            gevent.sleep(max(pause - spent, 0.01))
            began = time.monotonic()
            try:
                if not self._is_owner:
                    seen, before = self._path.stat().st_mtime_ns, seen
                    if seen != before:
                        self._take_up()
                elif self._is_loading():
                    self._refresh(is_due, batch, at_a_time)
                else:
                    self._refresh(is_due, len(self.accounts), MOST_AT_A_TIME)
                said, spent = "", time.monotonic() - began
            except (Refused, OSError) as problem:
                if str(problem) != said:
                    log.warning("the sessions cannot be carried on, trying again: %s", problem)
                # A whole pause follows, because others may want the service, or its lock.
                said, spent = str(problem), 0.0

    def _shortest_life(self) -> float:
        return min(self._sessions[one.username]["lifetime"] for one in self.accounts)


def is_urgent(session: Session) -> bool:
    """Tell whether a token would expire soon after a start."""
    return time.time() > session["expires_at"] - min(URGENT_S, session["lifetime"] / 6)


def plan_refreshes(accounts: int, lifetime: float) -> tuple[float, int, int]:
    """Return for a load the seconds between two batches of refreshes, the size of a batch, and how many run at a time.

    All tokens come due at the same time, with a third of their life left. The batches are small, because the load must
    not feel them, and just large enough to be done within half of that third.
    """
    pause = min(5.0, lifetime / 20)
    batch = math.ceil(accounts * pause * 6 / lifetime)
    return pause, batch, min(MOST_AT_A_TIME, max(AT_A_TIME, math.ceil(batch * ROUND_TRIP_S / pause)))
