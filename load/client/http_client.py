"""How all but the virtual users (these use load/users/send.py) talk to the services: a 503 is tried again."""

import os
import re
import time
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from load.client.addresses import SERVICES
from load.client.refusal import BROKEN, Refused

# What comes of reading the JSON of an answer that is not as the contract says: no JSON, other fields, an infinite
# number, or more nesting than the json module takes.
MALFORMED = (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError)
PATIENCE = 60.0  # seconds that a 503 is tried again
TIMEOUTS = (5.0, 30.0)  # seconds to connect, and to wait for an answer


def open_http(connections: int = 10) -> requests.Session:
    """Return a client that ignores the proxy settings and the .netrc of this machine.

    It believes the CAs in the file that REQUESTS_CA_BUNDLE names, else the usual ones. It keeps up to so many
    connections to a service. Requests beyond that open connections that are not kept, with a warning. Raises Refused.
    """
    http = requests.Session()
    http.trust_env = False
    http.verify = find_cas() or True
    http.mount("http://", HTTPAdapter(pool_maxsize=connections))
    http.mount("https://", HTTPAdapter(pool_maxsize=connections))
    return http


def find_cas() -> str:
    """Return the file that REQUESTS_CA_BUNDLE names, "" where it is not set; raises Refused where there is none."""
    path = os.environ.get("REQUESTS_CA_BUNDLE", "")
    if path and not (os.path.isabs(path) and os.path.exists(path)):
        raise Refused(f"REQUESTS_CA_BUNDLE is {path}: it must be the whole path of the file with a CA's certificate")
    return path


def refuse_untrusted(url: str, problem: requests.RequestException) -> None:
    """Raise Refused where a request failed because the certificate at `url` is not believed."""
    if "CERTIFICATE_VERIFY_FAILED" in str(problem):
        advice = "name the file of its CA in REQUESTS_CA_BUNDLE"
        raise Refused(f"{url} shows a certificate that is not believed: {advice}", BROKEN) from None


def check_service(url: str, service: str) -> None:
    """Raise Refused unless `url` answers /health as "auth" or "books"."""
    advice = f"start the services, or give another address (a host, or {service.upper()}_URL)"
    try:
        answer = open_http().get(f"{url}/health", timeout=5, allow_redirects=False)
    except requests.Timeout:
        raise Refused(f"{url} does not answer within 5 s; {advice}", BROKEN) from None
    except requests.RequestException as problem:
        refuse_untrusted(url, problem)
        raise Refused(f"nothing answers at {url}; {advice}", BROKEN) from None
    if name_service(answer) != service:
        raise Refused(f"{url} is something else than the {service} service; {advice}", BROKEN)


def name_service(answer: requests.Response) -> str | None:
    """Return "auth" or "books" when an answer to /health is that of the healthy service, else None."""
    try:
        health = answer.json()
    except MALFORMED:
        return None
    is_healthy = isinstance(health, dict) and health.get("status") == "ok"
    return next((name for name in SERVICES if is_healthy and health.get("service") == name), None)


def ask(http: requests.Session, method: str, url: str, **parts: Any) -> requests.Response:
    """Send a request, again for up to a minute while the answer is 503, and return the last answer.

    Raises RequestException.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        response = http.request(method, url, timeout=TIMEOUTS, allow_redirects=False, **parts)
        wait = response.headers.get("Retry-After", "")
        pause = max(1, int(wait)) if re.fullmatch(r"[0-9]{1,9}", wait) else 1
        if response.status_code != 503 or time.monotonic() + pause > deadline:
            return response
        time.sleep(pause)


def explain(response: requests.Response) -> str:
    """Return in words the status of an answer and what its problem document says."""
    try:
        problem = response.json()
        wrong = [f"{field['field']}: {field['message']}" for field in problem.get("errors", [])]
        return f"{response.status_code} {'; '.join([problem['detail'], *wrong])}"
    except MALFORMED:
        return f"{response.status_code} {response.reason}"


def bearer(token: str) -> dict[str, str]:
    """Return the header that presents a token."""
    return {"Authorization": f"Bearer {token}"}
