"""Proves that a machine knows the secret of a run without sending it: an HMAC over a nonce that the master has made.

A process of a joined machine proves itself by its name, because Locust tells a master nothing else of a new worker.
"""

import hmac
import secrets
from typing import Any
from uuid import uuid4

VARIABLE = "LOAD_SECRET"
LENGTH = 32  # hexadecimal digits of a proof in a name


def make_secret() -> str:
    """Return a new secret."""
    return secrets.token_urlsafe(18)


def make_nonce() -> str:
    """Return a number that is used once."""
    return secrets.token_hex(16)


def prove(secret: str, *texts: str) -> str:
    """Return the proof of these texts, in hexadecimal digits."""
    return hmac.new(secret.encode(), "\0".join(texts).encode(), "sha256").hexdigest()


def is_proved(proof: Any, secret: str, *texts: str) -> bool:
    """Tell whether a proof of these texts was made with the secret."""
    return isinstance(proof, str) and hmac.compare_digest(proof.encode(), prove(secret, *texts).encode())


def name_process(number: int, nonce: str, secret: str) -> str:
    """Return a new name for a process of machine `number`, which proves that it knows the secret."""
    unique = uuid4().hex
    return f"{number}.{unique}.{prove(secret, nonce, str(number), unique)[:LENGTH]}"


def read_name(client_id: str, nonces: dict[int, str], secret: str) -> int | None:
    """Return the number of the machine whose process has this name in Locust, None for a name without a proof.

    `nonces` has the nonce that each machine was given.
    """
    words = client_id.rpartition("_")[2].split(".")
    if len(words) != 3 or not words[0].isdecimal() or (nonce := nonces.get(int(words[0]))) is None:
        return None
    number, unique, proof = words
    whole = prove(secret, nonce, number, unique)
    return int(number) if hmac.compare_digest(proof.encode(), whole[:LENGTH].encode()) else None
