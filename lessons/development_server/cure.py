"""The same service under Gunicorn: processes that share the work, each with a few threads."""

import subprocess
import sys

from lessons.development_server.mistake import app

WORKERS, THREADS = 2, 64  # a worker for each core; many threads, because each waits for MariaDB most of its time

COMMAND = (
    "gunicorn",
    "--workers", str(WORKERS),
    "--threads", str(THREADS),
    "--worker-class", "gthread",
    "--keep-alive", "75",  # seconds, longer than a user thinks: else clients meet connections that are being closed
    "--no-control-socket",
)  # fmt: skip

__all__ = ["app"]

if __name__ == "__main__":
    sys.exit(subprocess.call([sys.executable, "-m", *COMMAND, "lessons.development_server.cure:app"]))
