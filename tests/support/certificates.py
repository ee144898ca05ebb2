"""Makes a CA and a certificate for this machine, as TLS needs them, with the openssl of the machine."""

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

NAMES = "subjectAltName=DNS:localhost,IP:127.0.0.1"
CA = ("basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign")


class Certificates(NamedTuple):
    """The files of a CA's certificate, and of a certificate that it has signed with its key."""

    ca: Path
    certificate: Path
    key: Path


def make_certificates(folder: Path, names: str = NAMES) -> Certificates:
    """Make a CA and a certificate of it for `names`, in a folder; both are good for a day."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    ca, ca_key = folder / "ca.pem", folder / "ca.key"
    made = Certificates(ca, folder / "server.pem", folder / "server.key")
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"]
    request = ["openssl", "req", "-x509", *curve, "-config", "/dev/null"]
    for command in (
        [*request, "-subj", "/CN=CA of the tests", *extend(*CA), "-keyout", ca_key, "-out", ca],
        [*request, "-subj", "/CN=server", *extend("basicConstraints=CA:FALSE", names), "-CA", ca, "-CAkey", ca_key,
         "-keyout", made.key, "-out", made.certificate],
    ):  # fmt: skip
        subprocess.run([str(part) for part in command], check=True, capture_output=True, timeout=30)
    return made


def extend(*extensions: str) -> list[str]:
    """Return the options for these extensions of a certificate."""
    return [option for extension in extensions for option in ("-addext", extension)]
