"""The log: the form of its lines, each with the id of its request, the handler that hands them to the writer, and
Gunicorn's logger without its access line.
"""

import logging
from typing import Any

from flask import has_request_context, request
from gunicorn import glogging

from backend.log_writer import writer


class RequestIdFilter(logging.Filter):
    """Gives each record the id of the request it belongs to, or `-`."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass."""
        record.request_id = request.environ.get("libros.request_id", "-") if has_request_context() else "-"
        return True


class LogHandler(logging.Handler):
    """Hands records to the writer of this process, so that no thread waits for the log's reader."""

    def emit(self, record: logging.LogRecord) -> None:
        """Let a record be written at once. Wait a moment for a critical one, because the process may end after it."""
        try:
            writer.add_at_once(self.format(record))
            if record.levelno >= logging.CRITICAL:
                writer.flush()
        except Exception:  # as in every handler of logging, the code that logs goes on
            self.handleError(record)


class Logger(glogging.Logger):  # type: ignore[misc]  # Gunicorn ships no types
    """Gunicorn's logger, which makes an access line whenever it is given LOGGING, though no handler writes it. Making
    it of all headers and variables takes a tenth of a query. access_log.py writes the line that is read.
    """

    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: Any) -> None:
        """Write the access line, where the command line asks for it."""
        if self.cfg.accesslog or self.cfg.syslog:
            super().access(resp, req, environ, request_time)


# No line shows these, so they need not be looked up (Python's logging HOWTO, section Optimization).
logging._srcfile = None
logging.logThreads = False
logging.logMultiprocessing = False

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(process)d %(levelname)s %(request_id)s %(message)s"}},
    "filters": {"request_id": {"()": RequestIdFilter}},
    "handlers": {"stderr": {"()": LogHandler, "formatter": "line", "filters": ["request_id"]}},
    "root": {"level": "INFO", "handlers": ["stderr"]},
    "loggers": {"gunicorn.error": {"level": "INFO", "handlers": [], "propagate": True}},
}
