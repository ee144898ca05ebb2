"""What a load generator is to send: it is told on its standard input, in JSON."""

import json
from dataclasses import asdict, dataclass


@dataclass
class Account:
    """An account and its latest session."""

    username: str
    password: str
    token: str = ""


@dataclass
class Plan:
    """The load of one build; rates are requests per second, `clients` send without a pause instead."""

    auth: str
    books: str
    out: str
    accounts: list[Account]
    isbns: list[str]  # of books that are only read
    shelf: list[str]  # ISBNs that only this generator writes to
    mark: str
    reads: float = 0
    writes: float = 0
    logins: float = 0
    clients: int = 0
    write_share: float = 0.25  # of what these clients send
    login_clients: int = 0  # log in without a pause
    retries: int = 0  # a refused request is sent again at once, so many times
    burst: int = 0  # so many reads of each kind at once, a write to each ISBN, and nothing else
    registers: int = 0  # of a taken name, in the burst
    pages: bool = True  # ask /health and /ready too
    seconds: float = 300  # at most
    seed: int = 1

    def to_json(self) -> str:
        """Return one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> "Plan":
        """Read that line."""
        values = json.loads(line)
        return cls(**{**values, "accounts": [Account(**each) for each in values["accounts"]]})
