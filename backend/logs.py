"""The form of the log lines: each carries the id of its request."""

import logging
from typing import Any

from flask import has_request_context, request


class RequestIdFilter(logging.Filter):
    """Gives each record the id of the request it belongs to, or `-`."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass."""
        record.request_id = request.environ.get("libros.request_id", "-") if has_request_context() else "-"
        return True


# What no line shows need not be looked up (Python's logging HOWTO, section Optimization).
logging._srcfile = None
logging.logThreads = False
logging.logMultiprocessing = False

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(process)d %(levelname)s %(request_id)s %(message)s"}},
    "filters": {"request_id": {"()": RequestIdFilter}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["request_id"]}},
    "root": {"level": "INFO", "handlers": ["stderr"]},
    "loggers": {"gunicorn.error": {"level": "INFO", "handlers": [], "propagate": True}},
}
