"""The Gunicorn worker: its threads, watchdog, refusals, access log, and what it measures of itself."""
