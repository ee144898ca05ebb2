"""Where the two services are, whether they answer as themselves, and how the scripts talk to them."""

import io
import ipaddress
import os
import re
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from dotenv import dotenv_values
from requests.adapters import HTTPAdapter

WRONG_USE = 64  # EX_USAGE of sysexits.h: what was asked for cannot be done as asked
NO_SERVICE = 3
PATIENCE = 60.0  # seconds that a 503 is tried again
TIMEOUTS = (5.0, 30.0)  # seconds to connect, and to wait for an answer
SERVICES = {"auth": "5000", "books": "5001"}


class Refused(Exception):
    """Something the user has to put right: one line to show, and the exit code that goes with it."""

    def __init__(self, message: str, exit_code: int = WRONG_USE) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def setting(name: str, default: str = "") -> str:
    """Return a variable of the environment, else of .env in this folder, else `default`; raises Refused."""
    return os.environ.get(name) or read_env_file(Path(".env")).get(name) or default


def read_env_file(path: Path, *, interpolate: bool = True) -> dict[str, str | None]:
    """Return the values in a file like .env, none if it is missing; raises Refused, which shows nothing of them.

    backend/env_file.py looks at .env in the same way for the services.
    """
    try:
        content = path.read_bytes()
        fault = content.find(b"\0")
        text = content.decode("utf-8-sig")
    except FileNotFoundError:
        return {}
    except OSError as problem:
        raise Refused(f"{path} cannot be read: {problem.strerror}") from None
    except UnicodeDecodeError as problem:
        fault = problem.start
    if fault >= 0:
        line = content.count(b"\n", 0, fault) + 1
        raise Refused(f"{path} line {line} is no text in UTF-8; save the file in that encoding")
    return dotenv_values(stream=io.StringIO(text), interpolate=interpolate)


def service_url(service: str, host: str = "") -> str:
    """Return the address of "auth" or "books": AUTH_URL or BOOKS_URL, else its port on `host`.

    `host` is "H" or "http://H", a name or an address, without a port; empty for this machine, whose ports
    are AUTH_PORT and BOOKS_PORT if set. Raises Refused.
    """
    variable = f"{service.upper()}_URL"
    if url := setting(variable):
        return check_url(url, variable)
    name = name_of(host or "127.0.0.1")
    port = SERVICES[service]
    if name in ("127.0.0.1", "localhost", "[::1]"):
        port = setting(f"{service.upper()}_PORT", port)
        if not port.isdigit() or not 0 < int(port) < 65536:
            raise Refused(f"{service.upper()}_PORT is '{port}': it must be a port from 1 to 65535")
    return f"http://{name}:{port}"


def check_url(url: str, called: str) -> str:
    """Return the address of a service without a slash at its end; raises Refused, which says what it is called."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
        usable = usable and parts.path in ("", "/") and not parts.query and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise Refused(f"{called}, {url!r}, must be like http://HOST:PORT")
    return url.rstrip("/")


def name_of(host: str) -> str:
    """Return the name or address in "H" or "http://H", in brackets for IPv6; raises Refused."""
    bare = re.sub(r"^http://", "", host.strip(), flags=re.IGNORECASE).rstrip("/").strip("[]")
    if ":" in bare or re.fullmatch(r"[0-9.]+", bare):
        try:
            address = ipaddress.ip_address(bare)
        except ValueError:
            address = None
        if address:
            return f"[{address}]" if address.version == 6 else str(address)
    elif re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", bare):
        return bare
    raise Refused(
        f"host '{host}' must be a name or an address, like http://203.0.113.7, for ports 5000 and 5001;"
        " for anything else set AUTH_URL and BOOKS_URL"
    )


def open_http(connections: int = 10) -> requests.Session:
    """Return a client that no proxy setting or .netrc of this machine can redirect or sign in.

    It keeps so many connections to a service: one more at a time is opened for one request, and told in a warning.
    """
    http = requests.Session()
    http.trust_env = False
    http.mount("http://", HTTPAdapter(pool_maxsize=connections))
    http.mount("https://", HTTPAdapter(pool_maxsize=connections))
    return http


def check_service(url: str, service: str) -> None:
    """Raise Refused unless `url` answers /health as "auth" or "books"."""
    advice = f"start the services, or give another address (a host, or {service.upper()}_URL)"
    try:
        response = open_http().get(f"{url}/health", timeout=5, allow_redirects=False)
        health = response.json()
    except requests.JSONDecodeError:
        health = None
    except requests.Timeout:
        raise Refused(f"{url} does not answer within 5 s; {advice}", NO_SERVICE) from None
    except requests.RequestException:
        raise Refused(f"nothing answers at {url}; {advice}", NO_SERVICE) from None
    if not isinstance(health, dict) or (health.get("status"), health.get("service")) != ("ok", service):
        raise Refused(f"{url} is something else than the {service} service; {advice}", NO_SERVICE)


def ask(http: requests.Session, method: str, url: str, **parts: Any) -> requests.Response:
    """Send a request, again while the answer is 503, and return the last answer; raises RequestException."""
    deadline = time.monotonic() + PATIENCE
    while True:
        response = http.request(method, url, timeout=TIMEOUTS, allow_redirects=False, **parts)
        wait = response.headers.get("Retry-After", "")
        pause = max(1, int(wait)) if re.fullmatch(r"[0-9]{1,9}", wait) else 1
        if response.status_code != 503 or time.monotonic() + pause > deadline:
            return response
        time.sleep(pause)


def explain(response: requests.Response) -> str:
    """Return the status of an answer and what its problem document says."""
    try:
        problem = response.json()
        wrong = [f"{field['field']}: {field['message']}" for field in problem.get("errors", [])]
        return f"{response.status_code} {'; '.join([problem['detail'], *wrong])}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"{response.status_code} {response.reason}"
